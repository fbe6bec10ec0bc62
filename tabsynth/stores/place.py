"""Where a table or a database is, and how that is shown without a secret."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from tabsynth.errors import UsageError

# what people write before `://`, and the SQLAlchemy dialect and driver that it stands for
DIALECTS: Final = {
    "sqlite": "sqlite+pysqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
FILES: Final = ("sqlite", "duckdb")
SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")
FILE_URL: Final = re.compile(r"[A-Za-z+]+:///(?P<path>[^?]+)")
SERVER_URL: Final = re.compile(
    r"[A-Za-z+0-9]+://"
    r"(?:(?P<user>[^:@/?#\s]*)(?::(?P<password>[^@/?#\s]*))?@)?"
    r"(?P<host>[A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?:/(?P<database>[^@/?#\s]*))?(?:\?(?P<query>[^@#\s]*))?"
)


@dataclass(frozen=True)
class Place:
    """Where a table is, as a person wrote it; as a text it shows no secret.

    Args:
        text: a path, or a database URL with the table after `#`.
    """

    text: str = field(repr=False)

    def __str__(self) -> str:
        return shown(self.text)

    @property
    def is_table(self) -> bool:
        """Whether it is in a database, and no file."""
        return is_url(self.text)

    @property
    def file(self) -> Path | None:
        """The file that is read; None on a server."""
        return file_of(self.text) if self.is_table else Path(self.text)


def place_of(table: str | Path | Place) -> Place:
    """A place from what Python callers write.

    Raises:
        UsageError: a URL that was made a path and has lost its slashes.
    """
    if isinstance(table, Path) and is_url(table):
        raise UsageError(
            shown(str(table)), expected="a database URL as a text", got="a path",
            remedy="give it as a str",
        )  # fmt: skip
    return table if isinstance(table, Place) else Place(str(table))


def is_url(address: str | Path) -> bool:
    """Whether it names a database and not a file or folder, also where it was made a path."""
    # one slash, since a Path made of a URL has lost the second; two letters, since drives have one
    return SCHEME.match(str(address)) is not None


def split_table(address: str) -> tuple[str, str | None]:
    """The address of a store, and the table that stands after its `#`, if one does."""
    store, mark, table = address.rpartition("#")
    scheme = SCHEME.match(address)
    # an `@` behind the mark is that of a user, whose password has a `#` in it
    torn = scheme is not None and scheme[1].lower().split("+")[0] not in FILES and "@" in table
    if not mark or not table or torn:
        return address if torn else address.removesuffix("#"), None
    return store, unquote(table)


def shown(address: str) -> str:
    """An address as messages may show it: without user, password, options and what is not clear.

    Args:
        address: of a store, or of a table in one.

    Returns:
        Such as `postgresql://host:5432/shop#orders`; `postgresql://...` where the parts cannot be
        told apart, since one of them may be a password. A path is itself.
    """
    scheme = SCHEME.match(address)
    if scheme is None:
        return address
    name = scheme[1].lower().split("+")[0]
    store, table = split_table(address)
    behind = "" if table is None else f"#{table}"
    if name in FILES:
        found = FILE_URL.fullmatch(store.partition("?")[0])
        return f"{name}://..." if found is None else f"{name}:///{found['path']}{behind}"
    found = SERVER_URL.fullmatch(store)
    if name not in DIALECTS or found is None:
        return f"{name}://..."
    port = f":{found['port']}" if found["port"] else ""
    return f"{name}://{found['host']}{port}/{found['database'] or ''}{behind}"


def file_of(address: str) -> Path | None:
    """The file of an SQLite or DuckDB database, None for other addresses."""
    if not is_url(address):
        return None
    found = FILE_URL.fullmatch(split_table(address)[0].partition("?")[0])
    return None if found is None else Path(found["path"])
