"""Groups of commands: Ctrl-C and broken streams are taken before typer does, and help is whole."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import typer

from tabsynth.errors import OutputError
from tabsynth.threads import INTERRUPTED

PIPE_CLOSED: Final = 141


class Stopped(Exception):  # noqa: N818 - nothing is wrong
    """Ends a command with a code of ours, where typer would choose 1, which says `leak found`."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(code)


class Commands(typer.core.TyperGroup):
    """A group of commands that ends with a code of ours when it is stopped."""

    def make_context(self, *args: Any, **extra: Any) -> Any:
        """See click."""
        with _stops():
            return super().make_context(*args, **extra)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """See click, which cuts off what is longer than a line; here it goes on in the next one."""
        found = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        said = [(name, c.get_short_help_str(limit=500)) for name, c in found.items() if c]
        with formatter.section("Commands"):
            formatter.write_dl(said)

    def invoke(self, ctx: Any) -> Any:
        """See click."""
        with _stops():
            return super().invoke(ctx)


@contextmanager
def _stops() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise Stopped(INTERRUPTED) from None
    except OSError as error:
        # files name their own errors; so this one is about a stream
        if error.errno == errno.EPIPE:
            raise Stopped(PIPE_CLOSED) from None
        if error.errno == errno.ENOSPC:
            raise OutputError("standard output", expected="room for the results",
                              got="a full disk", remedy="free space") from None  # fmt: skip
        raise
