"""Other people's synthesizers under our protocol; the only place that may import their packages."""
