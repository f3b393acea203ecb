"""Placeholder docstring until the room is furnished."""
