"""The command line: thin. Its names, options and exit codes are a public contract.

The commands themselves stand in `commands/`; here an error becomes a line and an exit code.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any, Final

from tabsynth.commands.groups import Stopped
from tabsynth.commands.tables import app
from tabsynth.errors import TabsynthError
from tabsynth.threads import INTERRUPTED, interrupted, leave

ANYWHERE: Final = ("--debug", "--quiet")
PAIRS: Final = ("--given", "--param", "--shares")
COLUMNS: Final = ("--balance", "--discover", "--protected", "--strata")
TABLES: Final = (".csv", ".csv.gz", ".parquet", ".jsonl")
BUG: Final = 70


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit with its code."""
    leave(_run(list(sys.argv[1:] if arguments is None else arguments)))


def _run(arguments: list[str]) -> int:
    from tabsynth.io.atomic import raise_on_sigterm

    debug = "--debug" in arguments
    anywhere = [a for a in arguments if a in ANYWHERE]
    arguments = [*anywhere, *_spread([a for a in arguments if a not in ANYWHERE])]
    raise_on_sigterm()
    try:
        app(arguments, prog_name="tabsynth")
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else 0 if done.code is None else 1
    except Stopped as stopped:
        if stopped.code == INTERRUPTED:
            return interrupted()
        _forget(sys.stdout, sys.stderr)
        return stopped.code
    except KeyboardInterrupt:
        return interrupted()
    except TabsynthError as error:
        if debug:
            traceback.print_exc()
        if error.where == "standard output":
            _forget(sys.stdout)
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except Exception as error:
        # the message of an unforeseen error may hold a value of a record; so only its kind is shown
        if debug:
            traceback.print_exc()
        print(
            f"error: tabsynth: expected to handle this, got {type(error).__name__}; this is a bug, "
            "please report it (--debug shows where and may show values of your data)",
            file=sys.stderr,
        )
        return BUG
    return 0


def _forget(*streams: Any) -> None:
    """Let what a broken stream still holds go nowhere, or Python complains of it at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        os.dup2(nowhere, stream.fileno())


def _spread(arguments: list[str]) -> list[str]:
    """`--given a=1 b=2` as `--given a=1 --given b=2`; likewise the other options that repeat.

    What can only be the table is left where it is.
    """
    spread: list[str] = []
    current = None
    for argument in arguments:
        if argument.startswith("-"):
            current = argument if argument in PAIRS + COLUMNS else None
            spread.append(argument)
        elif current and spread[-1] != current and _belongs(argument, current):
            spread += [current, argument]
        else:
            spread.append(argument)
    return spread


def _belongs(argument: str, option: str) -> bool:
    if option in PAIRS:
        return "=" in argument
    return not argument.lower().endswith(TABLES) and "://" not in argument


if __name__ == "__main__":
    main()
