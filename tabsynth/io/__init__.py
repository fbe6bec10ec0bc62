"""Reading and writing tables at the edge."""
