"""How a procedure is called: the endpoint, its dialects, the dispatcher, the caller."""
