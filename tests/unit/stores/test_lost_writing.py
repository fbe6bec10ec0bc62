"""Killed processes, lost servers, full disks and missing rights leave the store as it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tabsynth.errors import DataError, OutputError
from tabsynth.stores.address import open_store
from tabsynth.stores.protocol import Mode
from tabsynth.stores.sql import SqlStore, engine_for
from tests.servers import Server, connection, mariadb_server
from tests.unit.stores.writing import content, shop, write

HALF = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from tabsynth.stores.address import open_store
from tests.unit.stores.writing import shop
address, mode = sys.argv[1:]
# so many that a part of them is in the files when the process ends
source = shop(first=100, rows=200_000 if address.startswith("sqlite") else 20_000)
with open_store(address).writing(source.schema, mode) as writer:
    writer.write("customers", source.tables["customers"].data)
    print("half", flush=True)
    time.sleep(60)
"""
ROOT = Path(__file__).parents[3]


def half_written(address: str, mode: Mode) -> subprocess.Popen[str]:
    """A process that has written a table and does not end."""
    process = subprocess.Popen(
        [sys.executable, "-c", HALF, address, mode], stdout=subprocess.PIPE, text=True,
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "half\n"
    return process


def test_a_killed_run_leaves_the_store_as_it_was(kind: str, target: str) -> None:
    write(shop(), target)
    before = content(target)
    process = half_written(target, "replace")
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()
    assert content(target) == before
    # a server that cannot undo keeps half a table under another name until the next run
    assert not unfinished(target) or kind == "mariadb"
    source = shop(first=100, rows=10)
    write(source, target, "replace")
    assert {name: len(rows) for name, rows in content(target).items()} == {
        "customers": 10, "orders": 10,
    }  # fmt: skip
    assert not unfinished(target)


def unfinished(address: str) -> list[str]:
    """Tables of a run of ours, whatever reflection says of them; none in stores without names."""
    store = open_store(address)
    if not isinstance(store, SqlStore):
        return []
    engine = engine_for(store.url, store.where, writing=False)
    with engine.connect() as connection:
        names = sa.inspect(connection).get_table_names()
    engine.dispose()
    return [name for name in names if name.startswith("tabsynth_")]


def test_ctrl_c_ends_a_run_that_waits_for_nothing(tmp_path: Path) -> None:
    process = half_written(f"sqlite:///{tmp_path}/new.db", "create")
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == -signal.SIGINT or process.returncode != 0
    assert process.stdout is not None
    process.stdout.close()
    assert list(tmp_path.iterdir()) == []


def lost(address: str, kill: Any) -> str:
    """What is said when the server's side of a run ends in the middle."""
    write(shop(), address)
    source = shop(first=100, rows=50_000)
    with (
        pytest.raises(OutputError) as error,
        open_store(address).writing(source.schema, "replace") as writer,
    ):
        writer.write("customers", source.tables["customers"].data)
        kill()
        for _ in range(20):
            writer.write("customers", source.tables["customers"].data)
    told = str(error.value)
    assert "s3cret" not in told
    return told


def checkpointer(server: Server) -> int | None:
    """A process that a server starts anew after a crash; None while it does so."""
    with suppress(Exception):
        query = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'"
        return int(server.run(query)[0][0])
    return None


def test_a_killed_process_of_postgresql(postgresql: Server) -> None:
    address = postgresql.database()
    name = address.rpartition("/")[2]
    query = f"SELECT pid FROM pg_stat_activity WHERE datname = '{name}'"

    def kill() -> None:
        (row,) = postgresql.run(query)
        os.kill(row[0], signal.SIGKILL)

    first = checkpointer(postgresql)
    assert "a connection that was lost" in lost(address, kill)
    # the server ends all its processes, and comes back by itself
    last = time.monotonic() + 30
    while checkpointer(postgresql) in (None, first):
        assert time.monotonic() < last
        time.sleep(0.1)
    assert {name: len(rows) for name, rows in content(address).items()} == {
        "customers": 5, "orders": 5,
    }  # fmt: skip


def test_a_killed_connection_of_mariadb(mariadb: Server) -> None:
    address = mariadb.database()
    name = address.rpartition("/")[2]
    query = f"SELECT id FROM information_schema.processlist WHERE db = '{name}'"

    def kill() -> None:
        (row,) = mariadb.run(query)
        mariadb.run(f"KILL CONNECTION {row[0]}")

    assert "a connection that was lost" in lost(address, kill)
    # what was not finished is taken away by another connection
    assert {name: len(rows) for name, rows in content(address).items()} == {
        "customers": 5, "orders": 5,
    }  # fmt: skip


def test_a_killed_server_of_mariadb() -> None:
    with mariadb_server() as server:
        address = server.database()
        assert "a connection that was lost" in lost(address, server.kill)
        with pytest.raises(OutputError, match="a server that does not answer"):
            write(shop(), address, "replace")
        server.start()
        write(shop(first=7), address, "replace")
        after = content(address)
        assert set(after) == {"customers", "orders"}
        assert [row[0] for row in after["customers"]] == [10, 11, 7, 8, 9]


FULL = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 18, 1 << 18))
from tabsynth.errors import OutputError
from tabsynth.stores.address import open_store
from tests.unit.stores.writing import shop
source = shop(first=100, rows=150_000)
try:
    with open_store(sys.argv[1]).writing(source.schema, sys.argv[2]) as writer:
        for name in ("customers", "orders"):
            writer.write(name, source.tables[name].data)
except OutputError as error:
    print(error)
"""


@pytest.mark.parametrize("mode", ["create", "append"])
@pytest.mark.parametrize("kind", ["sqlite", "duckdb", "folder"])
def test_a_full_disk(kind: str, mode: Mode, target: str, tmp_path: Path) -> None:
    if mode == "append":
        write(shop(), target)
    before, files = content(target), set(tmp_path.iterdir())
    done = subprocess.run(
        [sys.executable, "-c", FULL, target, mode], capture_output=True, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60, check=False,
    )  # fmt: skip
    assert "or a limit on" in done.stdout, done.stderr
    assert "disk" in done.stdout
    assert set(tmp_path.iterdir()) == files
    assert content(target) == before


@pytest.fixture
def stranger(kind: str, request: pytest.FixtureRequest) -> Iterator[tuple[Server, str, str]]:
    """A user of a server who may read a database and no more."""
    server: Server = request.getfixturevalue(kind)
    address = server.database()
    name = address.rpartition("/")[2]
    if kind == "postgresql":
        server.run("CREATE USER guest PASSWORD 'guest'")
        after = "DROP USER guest"
    else:
        server.run("CREATE USER guest IDENTIFIED BY 'guest'", f"GRANT SELECT ON {name}.* TO guest")
        after = "DROP USER guest"
    yield server, name, server.url(name, user="guest", password="guest")
    with connection(server) as opened, opened.cursor() as cursor:
        cursor.execute(after)


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_no_right_to_make_tables(kind: str, stranger: tuple[Server, str, str]) -> None:
    server, name, address = stranger
    with pytest.raises(OutputError, match="no permission to write there; have the right granted"):
        write(shop(), address)
    with pytest.raises(DataError):
        open_store(server.url(name)).reflect()


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_wrong_password(kind: str, target: str) -> None:
    address = target.replace("s3cret", "wr0ng")
    with pytest.raises(OutputError, match="a user or password that is refused") as error:
        write(shop(), address)
    assert "wr0ng" not in str(error.value)
