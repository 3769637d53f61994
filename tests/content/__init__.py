"""Calls that bring bytes, whatever their procedure does with them."""
