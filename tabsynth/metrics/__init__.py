"""Metrics: pure functions of a Comparison."""
