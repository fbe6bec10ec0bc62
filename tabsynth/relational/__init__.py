"""A synthetic database judged against real ones: entities, relations, and tables."""
