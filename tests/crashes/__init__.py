"""Processes that die at any call, and what the living make of it."""
