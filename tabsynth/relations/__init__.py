"""A model of a whole database: its tables, and how records of one belong to those of others."""
