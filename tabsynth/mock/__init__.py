"""Test databases from a schema alone: no record is read."""
