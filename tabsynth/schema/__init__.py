"""The table schema: its model, files, checks, inference and conversion."""
