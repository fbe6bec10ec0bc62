"""What holds for all tests, and servers that they share, each started for the first that asks."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.servers import Server, mariadb_server, postgresql_server

# a shell's background jobs ignore Ctrl-C, and so would the commands that tests start and stop
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A PostgreSQL server; `database()` makes a new database in it."""
    with postgresql_server() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[Server]:
    """A MariaDB server; `database()` makes a new database in it."""
    with mariadb_server() as server:
        yield server
