"""Bias of one table: who is in it, how outcomes differ, what stands in for a protected column."""
