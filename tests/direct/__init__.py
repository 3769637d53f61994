"""Bytes through the server."""
