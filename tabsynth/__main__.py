"""The command `tabsynth`, also as `python -m tabsynth`."""

from __future__ import annotations

from tabsynth.threads import interrupted, leave


def main() -> None:
    """Run a command and exit with its code; Ctrl-C is answered while modules still load, too."""
    try:
        from tabsynth import cli
    except KeyboardInterrupt:
        leave(interrupted())
    cli.main()


if __name__ == "__main__":
    main()
