"""Synthetic tables from private ones, with a truthful verdict attached."""

__version__ = "0.1.0"
