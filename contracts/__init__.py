"""What callers and the server agree on: models per procedure, states, formats, plans and the error table."""
