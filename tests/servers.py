"""Database servers for tests: Debian's programs, on a free port, with data that nobody keeps.

Each has a folder of its own below the system's temporary one and listens on the loopback alone.
What makes a server's data survive a crash of the machine is turned off; it survives one of its own
processes, which tests kill.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

USER = "tester"
# characters that a URL must escape; a secret that no message may show
PASSWORD = "s3cret/@:word"
PASSWORD_IN_URL = "s3cret%2F%40%3Aword"
SECONDS_TO_START = 30
# system tables without the help texts, as mariadb-install-db makes them
MARIADB_TABLES = ("mysql_system_tables", "mysql_performance_tables", "mysql_system_tables_data")


@dataclass
class Server:
    """A server that runs.

    Args:
        scheme: of its URLs.
        port: on 127.0.0.1.
        command: what started it, and starts it again.
        account: the system's user that it runs as; None is this process's own.
        process: the server's first process.
    """

    scheme: str
    port: int
    command: list[str]
    account: str | None
    answers: Callable[[Server], None]
    process: subprocess.Popen[bytes] = field(init=False)
    _databases: int = 0

    def start(self) -> None:
        """Start it."""
        self.process = popen(self.command, self.account)
        self.wait()

    def wait(self) -> None:
        """Wait until it answers."""
        last = time.monotonic() + SECONDS_TO_START
        while True:
            try:
                self.answers(self)
                return
            except Exception as error:
                if self.process.poll() is not None or time.monotonic() > last:
                    raise RuntimeError(f"{self.command[0]} does not start") from error
            time.sleep(0.05)

    def stop(self) -> None:
        """End it at once; nobody keeps its data."""
        # PostgreSQL ends its connections on SIGINT, MariaDB knows SIGTERM alone
        self.process.send_signal(signal.SIGINT if self.scheme == "postgresql" else signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End its first process without a warning."""
        self.process.kill()
        self.process.wait()

    def url(self, database: str, *, user: str = USER, password: str = PASSWORD_IN_URL) -> str:
        """The address of a database in it."""
        return f"{self.scheme}://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def database(self) -> str:
        """A new empty database; its address."""
        self._databases += 1
        name = f"db{self._databases}"
        self.run(f"CREATE DATABASE {name}")
        return self.url(name)

    def run(self, *statements: str, database: str | None = None) -> list[tuple[Any, ...]]:
        """Run statements as the server's administrator; the rows of the last one."""
        with connection(self, database) as opened, opened.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []


@contextmanager
def connection(server: Server, database: str | None = None) -> Iterator[Any]:
    """The administrator's connection, outside a transaction."""
    if server.scheme == "postgresql":
        import psycopg

        with psycopg.connect(
            host="127.0.0.1", port=server.port, user=USER, password=PASSWORD,
            dbname=database or "postgres", autocommit=True, connect_timeout=5,
        ) as opened:  # fmt: skip
            yield opened
    else:
        import pymysql

        with pymysql.connect(
            host="127.0.0.1", port=server.port, user=USER, password=PASSWORD,
            database=database, autocommit=True, connect_timeout=5, charset="utf8mb4",
        ) as opened:  # fmt: skip
            yield opened


def popen(command: list[str], account: str | None, **settings: Any) -> subprocess.Popen[bytes]:
    """A process in a session of its own, so that Ctrl-C at a terminal does not reach it."""
    if account is not None:
        entry = pwd.getpwnam(account)
        settings |= {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    return subprocess.Popen(command, cwd="/", **(quiet | settings))


def ordinary_account(*names: str) -> str | None:
    """Whom a server runs as: no server for root; without root, oneself."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in (*names, "nobody") if name in known)


def program(name: str, *folders: str) -> str | None:
    """Where a program is, on the path or where Debian puts it."""
    found = shutil.which(name)
    if found is not None:
        return found
    places = (place for folder in folders for place in sorted(Path("/").glob(folder)))
    return next((str(p / name) for p in places if os.access(p / name, os.X_OK)), None)


@contextmanager
def server_folder(account: str | None) -> Iterator[Path]:
    """A short-named folder that the account owns, gone in the end."""
    folder = Path(tempfile.mkdtemp(prefix="tabsynth-server-"))
    try:
        if account is not None:
            shutil.chown(folder, account)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """A server between its start and its end."""
    server.start()
    try:
        yield server
    finally:
        with suppress(ProcessLookupError):
            server.stop()


@contextmanager
def postgresql_server() -> Iterator[Server]:
    """A PostgreSQL server; USER may do all in it."""
    where = "usr/lib/postgresql/*/bin"
    initdb, postgres = program("initdb", where), program("postgres", where)
    if initdb is None or postgres is None:
        absent("PostgreSQL (Debian's package postgresql)")
        return
    account = ordinary_account("postgres")
    with server_folder(account) as folder:
        (folder / "password").write_text(PASSWORD)
        (folder / "password").chmod(0o644)
        made = popen(
            [initdb, "-D", f"{folder}/data", "-U", USER, f"--pwfile={folder}/password",
             "--encoding=UTF8", "--auth=scram-sha-256", "--locale=C", "--no-sync"],
            account,
        )  # fmt: skip
        assert made.wait(SECONDS_TO_START) == 0
        port = free_port()
        settings = {
            "listen_addresses": "127.0.0.1", "unix_socket_directories": str(folder), "fsync": "off",
            "full_page_writes": "off", "max_connections": "30",
            "shared_buffers": "64MB", "autovacuum": "off",
        }  # fmt: skip
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        command = [postgres, "-D", f"{folder}/data", "-p", str(port), *options]
        with running(Server("postgresql", port, command, account, _answers)) as server:
            yield server


@contextmanager
def mariadb_server() -> Iterator[Server]:
    """A MariaDB server; USER may do all in it."""
    mariadbd = program("mariadbd", "usr/sbin")
    scripts = Path("/usr/share/mysql")
    if mariadbd is None or not scripts.is_dir():
        absent("MariaDB (Debian's package mariadb-server-core)")
        return
    account = ordinary_account("mysql")
    with server_folder(account) as folder:
        sql = ["CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;"]
        sql += [(scripts / f"{name}.sql").read_text() for name in MARIADB_TABLES]
        sql += [
            "FLUSH PRIVILEGES;",
            f"CREATE USER {USER}@'%' IDENTIFIED BY '{PASSWORD}';",
            f"GRANT ALL ON *.* TO {USER}@'%' WITH GRANT OPTION;",
        ]
        common = [mariadbd, "--no-defaults", f"--datadir={folder}/data",
                  "--innodb-log-file-size=16M", "--innodb-buffer-pool-size=32M"]  # fmt: skip
        (folder / "data").mkdir()
        if account is not None:
            shutil.chown(folder / "data", account)
        made = popen([*common, "--bootstrap"], account, stdin=subprocess.PIPE)
        made.communicate("\n".join(sql).encode(), SECONDS_TO_START)
        assert made.returncode == 0
        port = free_port()
        command = [
            *common, "--bind-address=127.0.0.1", f"--port={port}", f"--socket={folder}/socket",
            f"--pid-file={folder}/pid", "--skip-name-resolve", "--innodb-flush-method=nosync",
            "--innodb-flush-log-at-trx-commit=2", "--skip-log-bin", "--innodb-fast-shutdown=2",
        ]  # fmt: skip
        with running(Server("mariadb", port, command, account, _answers)) as server:
            yield server


def _answers(server: Server) -> None:
    server.run("SELECT 1")


def absent(what: str) -> None:
    """Say that a server's programs are not installed: a reason to skip, a failure in CI.

    A server is no Python package, so that a person without root cannot let the tests install it.
    """
    if os.environ.get("CI"):
        pytest.fail(f"{what} is not installed")
    pytest.skip(f"{what} is not installed")
