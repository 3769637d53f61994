"""The `media.*` procedures."""
