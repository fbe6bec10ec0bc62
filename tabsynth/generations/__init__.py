"""What becomes of a table when synthesizers learn from what synthesizers drew."""
