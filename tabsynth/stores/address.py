"""Opens the store at an address."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from sqlalchemy.engine import URL

from tabsynth.errors import DataError
from tabsynth.io.read import DATABASE_ENDINGS
from tabsynth.stores.duck import DuckStore
from tabsynth.stores.folder import FolderStore
from tabsynth.stores.place import (
    DIALECTS,
    FILE_URL,
    FILES,
    SCHEME,
    SERVER_URL,
    shown,
    split_table,
)
from tabsynth.stores.protocol import Store
from tabsynth.stores.sql import SqlStore

_EXAMPLES: Final = "such as sqlite:///shop.db, duckdb:///shop.duckdb or postgresql://user@host/db"


def open_store(address: str) -> Store:
    """The store at an address; nothing is read, written or connected to.

    Args:
        address: a URL whose scheme is sqlite, duckdb, postgresql, mysql or mariadb, or a folder.
            Users and passwords come from the URL, else from where the database's own programs look
            for them: PGUSER, PGPASSWORD and ~/.pgpass; MYSQL_PWD and ~/.my.cnf.

    Raises:
        DataError: another address; the message shows no part of it that may be a secret.
    """
    scheme = SCHEME.match(address)
    if scheme is None:
        return FolderStore(_folder(Path(address)))
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
        found = FILE_URL.fullmatch(address.partition("?")[0])
    else:
        found = SERVER_URL.fullmatch(address)
    table = split_table(address)[1]
    if table is not None and (
        found is None or (name in FILES and not Path(found["path"]).exists())
    ):
        raise DataError(
            where, expected="a whole database", got="one table of it",
            remedy="leave out what begins with #",
        )  # fmt: skip
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


def _folder(path: Path) -> Path:
    """A folder as it was named, unless that is the name of a database file.

    Raises:
        DataError: it is, and no folder of that name is there.
    """
    scheme = DATABASE_ENDINGS.get(path.suffix.lower())
    if scheme is not None and not path.is_dir():
        raise DataError(
            str(path), expected="a folder or a database URL", got="the path of a database file",
            remedy=f"write {scheme}:///{path}",
        )  # fmt: skip
    return path


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
