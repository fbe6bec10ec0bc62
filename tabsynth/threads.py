"""Work on several threads, which nobody waits for once it is stopped."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final, NoReturn, TypeVar

NAME: Final = "tabsynth"
INTERRUPTED: Final = 130

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


def in_threads(
    function: Callable[[Item], Outcome], items: Iterable[Item], *, threads: int | None = None
) -> list[Outcome]:
    """The function of each item, in the order of the items, on as many threads as there are cores.

    An error, Ctrl-C among them, drops what has not begun and does not wait for what has: a thread
    cannot be stopped, and whoever stopped the work wants to go on.

    Args:
        function: of one item.
        items: all of them.
        threads: another number of threads, for work that waits rather than computes; of one, it is
            the caller's own.
    """
    if threads == 1:
        return [function(item) for item in items]
    pool = ThreadPoolExecutor(threads or os.cpu_count(), thread_name_prefix=NAME)
    try:
        found = list(pool.map(function, items))
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
    return found


def interrupted() -> int:
    """Say that Ctrl-C ended a command.

    Returns:
        The exit code that says so, too.
    """
    print("error: interrupted; no result was written", file=sys.stderr)
    return INTERRUPTED


def leave(code: int) -> NoReturn:
    """End the process, also while threads of `in_threads` still work on what was stopped.

    Python itself would wait for them. Files are left to the caller: by now nothing may be half
    written. Threads of others are waited for: libraries end their processes in them. Nor is Python
    asked where Ctrl-C ended the work: where it came while a text was executed, as in a dataclass
    that is being made, Python would end by the signal, whatever the code.
    """
    if code == INTERRUPTED or any(t.name.startswith(NAME) for t in threading.enumerate()):
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)
