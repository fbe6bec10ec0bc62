"""What a person sees while a command works: on stderr, and nothing when it is quiet."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

TENTHS: Final = 10


class Progress:
    """Lines for steps, and a bar on a terminal or plain lines elsewhere for long counts."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet

    def say(self, line: str) -> None:
        """One step begins."""
        if not self.quiet:
            # in one piece, since threads that say something at once would mix their lines
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    @contextmanager
    def count(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """A function to call with how many more of the total are done."""
        if self.quiet or not sys.stderr.isatty():
            yield self._lines(what, total)
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = (what, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Bar(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(what, total=total)
            yield lambda more: bar.advance(task, more)

    def _lines(self, what: str, total: int) -> Callable[[int], None]:
        """A line at each tenth of the way."""
        done = 0

        def advance(more: int) -> None:
            nonlocal done
            before = done * TENTHS // total
            done += more
            if done * TENTHS // total > before:
                self.say(f"{what}: {done:,} of {total:,}")

        return advance


def in_tenths(say: Callable[[str], object], words: str) -> Callable[[float], None]:
    """A function to call with the share of something that is done; it says each tenth once.

    Tenths that are passed together are all said: so the lines are the same on every way to the end.
    """
    told = 0

    def advance(share: float) -> None:
        nonlocal told
        # sums of shares may end a rounding error below 1
        while told < TENTHS and told + 1 <= share * TENTHS * (1 + 1e-9):
            told += 1
            say(words.format(100 * told // TENTHS))

    return advance
