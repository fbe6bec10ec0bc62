"""Bias of a real table, before anything is trained on it."""
