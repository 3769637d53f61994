"""Files in, facts out: no database, no network."""
