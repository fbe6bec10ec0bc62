"""What drivers say when something fails, in our words: theirs can hold SQL, values and users."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import duckdb
import sqlalchemy as sa

from tabsynth.errors import DataError

# by what a driver's message or the error's code has in it: what came, and what to do
_KNOWN: Final = (
    (r"28P01|28000|password authentication failed|no password supplied|\(1045\b|\(1698\b"
     r"|access denied for user .*using password",
     "a user or password that is refused",
     "give them in the URL, the environment or the driver's own file"),
    (r"3D000|\(1049\b|\(1044\b|database .* does not exist", "no such database", "check its name"),
    (r"42501|\(1142\b|\(1143\b|permission denied|attempt to write a readonly",
     "no permission", "have the right to read granted"),
    (r"42P01|42703|\(1146\b|\(1054\b|no such table|no such column",
     "a table or column that is no longer there",
     "make the schema anew with `tabsynth db schema`"),
    (r"name or service not known|could not translate host|getaddrinfo|nodename nor servname"
     r"|failed to resolve host|name resolution",
     "no such host", "check the name of the host"),
    (r"connection refused|\(2003\b|is the server running|timed? ?out|no route to host"
     r"|no such file or directory",
     "a server that does not answer", "check host and port, and that it runs"),
    (r"57P0\d|08\d{3}|\(2013\b|\(2006\b|\(1927\b|server closed the connection|lost connection"
     r"|gone away|terminating connection|connection .*(lost|closed|reset)|broken pipe",
     "a connection that was lost", "see that the server runs, and try again"),
    (r"could not decode|invalid byte sequence|incorrect string value",
     "text of another encoding than it declares", "repair the texts first"),
    (r"not a database|not a valid duckdb|malformed|disk image",
     "a file that is no database or is damaged", "check the path"),
    (r"unable to open database|cannot open file|no such file", "no such file", "check the path"),
    (r"database is locked|conflicting lock|lock on file",
     "a database that another program holds", "let that program close it first"),
)  # fmt: skip


_RAISED: Final[tuple[type[Exception], ...]] = (
    sa.exc.SQLAlchemyError, duckdb.Error, OSError, UnicodeError, OverflowError,
)  # fmt: skip


@contextmanager
def told(
    where: str,
    *,
    expected: str = "a database that can be read",
    also: tuple[type[Exception], ...] = (),
) -> Iterator[None]:
    """Turn what a driver raises inside the block into a `DataError` of one line without secrets.

    Args:
        where: how messages name the place.
        expected: what would have been right.
        also: what it raises besides its own errors.

    Raises:
        DataError: whatever the driver raised; of its own words only the kind is told.
    """
    try:
        yield
    except (*_RAISED, *also) as error:
        got, remedy = explained(error)
        raise DataError(where, expected=expected, got=got, remedy=remedy) from None


def explained(error: BaseException) -> tuple[str, str]:
    """What came and what to do, in words that hold nothing of the driver's message."""
    origin = getattr(error, "orig", None) or error
    if isinstance(origin, TypeError):
        return "options that the driver does not know", "correct what stands after `?`"
    code = getattr(origin, "sqlstate", None) or ""
    text = f"{code} {origin}"
    for pattern, got, remedy in _KNOWN:
        if re.search(pattern, text, re.IGNORECASE):
            return got, remedy
    return (
        f"{type(origin).__name__} from the driver",
        "check the address, and the log of the database",
    )


def gone(where: str, what: str) -> DataError:
    """A table or column that was there when the schema was made."""
    return DataError(
        where, expected=f"the {what} to be there", got="none of that name",
        remedy="check the name, or make the schema anew with `tabsynth db schema`",
    )  # fmt: skip
