"""`python -m tabsynth`."""

from tabsynth.cli import main

main()
