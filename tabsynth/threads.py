"""Work on as many threads as there are cores, which nobody waits for once it is stopped."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import NoReturn, TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


def in_threads(function: Callable[[Item], Outcome], items: Iterable[Item]) -> list[Outcome]:
    """The function of each item, in the order of the items.

    An error, Ctrl-C among them, drops what has not begun and does not wait for what has: a thread
    cannot be stopped, and whoever stopped the work wants to go on.
    """
    pool = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="tabsynth")
    try:
        found = list(pool.map(function, items))
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
    return found


def leave(code: int) -> NoReturn:
    """End the process, also while threads still work on what was stopped.

    Python itself would wait for them. Files are left to the caller: by now nothing may be half
    written.
    """
    others = [t for t in threading.enumerate() if t is not threading.main_thread()]
    if any(not t.daemon for t in others):
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)
