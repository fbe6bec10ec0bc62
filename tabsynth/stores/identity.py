"""What a store is: which engine, and whether two addresses lead to one."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from tabsynth.errors import OutputError
from tabsynth.stores.dialects import ENGINES, Engine
from tabsynth.stores.duck import DuckStore
from tabsynth.stores.folder import FolderStore
from tabsynth.stores.protocol import Store
from tabsynth.stores.sql import SqlStore

_PORTS: Final = {"postgresql": 5432, "mysql": 3306}


def require_another(source: Store, target: Store) -> None:
    """Refuse to write to the store that was read.

    Raises:
        OutputError: both are one.
    """
    if same_store(source, target):
        raise OutputError(
            target.where, expected="another place than the one that is read",
            got="the same", remedy="choose another database or folder",
        )  # fmt: skip


def same_store(first: Store, second: Store) -> bool:
    """Whether two stores are the same file, folder, or database of the same server.

    Servers are told apart by the addresses that their names lead to, and by their ports. Nothing
    is connected to, so a server behind another one (a tunnel, a pool) passes for one of its own.
    """
    places = [_place(store) for store in (first, second)]
    if None not in places:
        paths = [Path(str(place)) for place in places]
        return paths[0] == paths[1] or (all(p.exists() for p in paths) and _one_file(*paths))
    if not isinstance(first, SqlStore) or not isinstance(second, SqlStore) or any(places):
        return False
    return _server(first.url) == _server(second.url) and bool(
        _addresses(first.url) & _addresses(second.url)
    )


def engine_of(store: Store) -> Engine | None:
    """The engine whose SQL a store speaks, as its address says; None for a folder."""
    if isinstance(store, DuckStore):
        return "duckdb"
    if not isinstance(store, SqlStore):
        return None
    name = store.url.get_backend_name()
    return next(engine for engine in ENGINES if engine == name)


def _place(store: Store) -> Path | None:
    """The file or folder of a store, wherever links lead; None for a server's database."""
    if isinstance(store, (DuckStore, FolderStore)):
        return Path(os.path.realpath(store.path))
    if isinstance(store, SqlStore) and store.url.get_backend_name() == "sqlite":
        return Path(os.path.realpath(str(store.url.database)))
    return None


def _one_file(first: Path, second: Path) -> bool:
    """Whether two paths are one file, also under two names."""
    return first.samefile(second)


def _server(url: sa.URL) -> tuple[str, int, str | None]:
    """Kind, port and database of a server; the environment says what the URL does not."""
    kind = "postgresql" if url.get_backend_name() == "postgresql" else "mysql"
    port, name = url.port, url.database
    if kind == "postgresql":
        port = port or int(os.environ.get("PGPORT", "0"))
        name = name or os.environ.get("PGDATABASE") or url.username or os.environ.get("PGUSER")
    return kind, port or _PORTS[kind], name


def _addresses(url: sa.URL) -> set[str]:
    """The addresses that the host's name leads to; all of this machine are one."""
    host = url.host
    if host is None and url.get_backend_name() == "postgresql":
        host = os.environ.get("PGHOST")
    # without a host, or with a path, it is a socket of this machine
    if host is None or host.startswith("/"):
        return {"here"}
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(host, None)}
        own = {str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None)}
    except OSError:
        return {host.lower()}
    local = any(a.startswith("127.") or a == "::1" or a in own for a in found)
    return {"here"} if local else found
