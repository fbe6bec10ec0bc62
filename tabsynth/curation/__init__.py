"""A row-level filter of a synthetic table: which records go, why, and what that changes."""
