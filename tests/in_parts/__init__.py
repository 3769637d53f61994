"""Uploads in parts, as a client brings them."""
