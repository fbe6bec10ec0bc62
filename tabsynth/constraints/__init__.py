"""Constraints between columns: what breaks them, and how synthetic records come to keep them."""
