"""How fast it is, beside a peer and beside the floor: `python -m bench`, and `python -m bench growth`."""
