"""Addresses of stores: database URLs and folders, and how they are shown without a secret."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from sqlalchemy.engine import URL

from tabsynth.errors import DataError
from tabsynth.stores.duck import DuckStore
from tabsynth.stores.folder import FolderStore
from tabsynth.stores.protocol import Source
from tabsynth.stores.sql import SqlStore

# what people write before `://`, and the SQLAlchemy dialect and driver that it stands for
DIALECTS: Final = {
    "sqlite": "sqlite+pysqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
FILES: Final = ("sqlite", "duckdb")
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")
_FILE: Final = re.compile(r"[A-Za-z+]+:///(?P<path>[^?]+)")
_SERVER: Final = re.compile(
    r"[A-Za-z+0-9]+://"
    r"(?:(?P<user>[^:@/?#\s]*)(?::(?P<password>[^@/?#\s]*))?@)?"
    r"(?P<host>[A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?:/(?P<database>[^@/?#\s]*))?(?:\?(?P<query>[^#\s]*))?"
)
_EXAMPLES: Final = "such as sqlite:///shop.db, duckdb:///shop.duckdb or postgresql://user@host/db"


def is_url(address: str | Path) -> bool:
    """Whether it names a database and not a file or folder, also where it was made a path."""
    # one slash, since a Path made of a URL has lost the second; two letters, since drives have one
    return _SCHEME.match(str(address)) is not None


def split_table(address: str) -> tuple[str, str | None]:
    """The address of a store, and the table that stands after its `#`, if one does."""
    store, mark, table = address.rpartition("#")
    return (store, unquote(table)) if mark and table else (address.removesuffix("#"), None)


def shown(address: str) -> str:
    """An address as messages may show it: without user, password, options and what is not clear.

    Args:
        address: of a store, or of a table in one.

    Returns:
        Such as `postgresql://host:5432/shop#orders`; `postgresql://...` where the parts cannot be
        told apart, since one of them may be a password. A path is itself.
    """
    scheme = _SCHEME.match(address)
    if scheme is None:
        return address
    name = scheme[1].lower().split("+")[0]
    store, table = split_table(address)
    behind = "" if table is None else f"#{table}"
    if name in FILES:
        found = _FILE.fullmatch(store.partition("?")[0])
        return f"{name}://..." if found is None else f"{name}:///{found['path']}{behind}"
    found = _SERVER.fullmatch(store)
    # an `@` behind the mark is that of a user, whose password has a `#` in it
    if name not in DIALECTS or found is None or "@" in behind:
        return f"{name}://..."
    port = f":{found['port']}" if found["port"] else ""
    return f"{name}://{found['host']}{port}/{found['database'] or ''}{behind}"


def open_store(address: str) -> Source:
    """The store at an address; nothing is read, written or connected to.

    Args:
        address: a URL whose scheme is sqlite, duckdb, postgresql, mysql or mariadb, or a folder.
            Users and passwords come from the URL, else from where the database's own programs look
            for them: PGUSER, PGPASSWORD and ~/.pgpass; MYSQL_PWD and ~/.my.cnf.

    Raises:
        DataError: another address; the message shows no part of it that may be a secret.
    """
    scheme = _SCHEME.match(address)
    if scheme is None:
        return FolderStore(Path(address))
    name, _, driver = scheme[1].lower().partition("+")
    where = shown(address)
    if name != "duckdb" and (
        name not in DIALECTS or driver not in ("", DIALECTS[name].partition("+")[2])
    ):
        raise DataError(
            where, expected=f"a folder or a database URL {_EXAMPLES}",
            got="a database that tabsynth cannot open", remedy="export its tables to a folder",
        )  # fmt: skip
    if name in FILES:
        found = _FILE.fullmatch(address.partition("?")[0])
    else:
        found = _SERVER.fullmatch(address)
    if found is None:
        raise DataError(
            where, expected=f"a database URL {_EXAMPLES}", got="one of another form",
            remedy="write @ : / ? # in a user or password as %40 %3A %2F %3F %23",
        )  # fmt: skip
    if name == "duckdb":
        return DuckStore(Path(found["path"]), where)
    if name == "sqlite":
        return SqlStore(URL.create(DIALECTS[name], database=found["path"]), where)
    return SqlStore(_server_url(DIALECTS[name], found), where)


def _server_url(dialect: str, found: re.Match[str]) -> URL:
    parts = {
        key: None if text is None else unquote(text) for key, text in found.groupdict().items()
    }
    query = [pair.partition("=") for pair in (found["query"] or "").split("&") if pair]
    return URL.create(
        dialect,
        username=parts["user"] or None,
        password=parts["password"],
        host=(parts["host"] or "").strip("[]") or None,
        port=int(found["port"]) if found["port"] else None,
        database=parts["database"] or None,
        query={unquote(key): unquote(value) for key, _, value in query},
    )
