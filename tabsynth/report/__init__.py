"""Reports: their data and how they are shown."""
