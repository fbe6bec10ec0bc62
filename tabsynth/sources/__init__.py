"""Tables from what a person knows: distributions, dependencies, simulators."""
