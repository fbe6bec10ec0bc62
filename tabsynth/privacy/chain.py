"""A file of entries that only grows: SQLite, each entry chained to the one before by SHA-256.

The chain shows when an entry was changed, or taken out of the middle. It cannot show that the last
ones were taken off, or that an old copy was put back. So a second file, the witness, in the
person's own data folder, remembers the last entry of every chain that was written to from there.
Both files change in one transaction: SQLite commits attached files together or not at all.

Whoever can write both files can forge both; the chain is evidence against accidents and against
quiet corrections, not a signature.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from tabsynth.errors import InputError, LedgerError
from tabsynth.privacy.places import VARIABLE

APPLICATION: Final = 0x7473_6C64
FORMAT: Final = 1
# seconds for which a file that another process holds is waited for
PATIENCE: Final = 10.0
_ENTRIES: Final = (
    "CREATE TABLE entries (number INTEGER PRIMARY KEY, body TEXT NOT NULL, digest TEXT NOT NULL)"
)
_HEADS: Final = (
    "CREATE TABLE IF NOT EXISTS witness.heads "
    "(chain TEXT PRIMARY KEY, path TEXT NOT NULL, number INTEGER NOT NULL, digest TEXT NOT NULL)"
)

Body = dict[str, Any]


@dataclass(frozen=True)
class Chain:
    """Entries in a file, and the witness that remembers the last one.

    Args:
        path: the file.
        witness: the file that remembers.
        patience: seconds for which a file that another process holds is waited for.
    """

    path: Path
    witness: Path
    patience: float = PATIENCE

    def read(self) -> list[Body]:
        """All entries, verified.

        Raises:
            InputError: there is no such file.
            LedgerError: a file that is locked, damaged, changed, cut short or something else.
        """
        if not self.path.exists():
            raise InputError(str(self.path), expected="a ledger", got="no such file",
                             remedy="check the path")  # fmt: skip
        with self._open(str(_uri(self.witness)) if self.witness.exists() else ":memory:") as it:
            it.execute("BEGIN")
            found = _verified(it, self.path)
            self._ask_witness(it, found)
            if it.execute("PRAGMA main.integrity_check").fetchone() != ("ok",):
                raise _fault(self.path, "a whole file", "a damaged one")
        return [body for body, _ in found]

    @contextmanager
    def appending(self) -> Iterator[Appending]:
        """Hold the file for writing; what was appended is there for good when the block succeeds.

        Raises:
            LedgerError: as `read`; also a file or folder that cannot be written.
        """
        # the witness's folder is made where there is none; a default ledger lies there too
        _create(self.witness, folder=True)
        _create(self.path)
        with self._open(_uri(self.witness)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            found = _verified(connection, self.path)
            self._ask_witness(connection, found)
            appending = Appending(connection, found)
            if not found:
                connection.execute(f"PRAGMA application_id = {APPLICATION}")
                connection.execute(f"PRAGMA user_version = {FORMAT}")
                connection.execute(_ENTRIES)
                appending.append({"entry": "ledger", "id": secrets.token_hex(16)})
            yield appending
            self._tell_witness(connection, appending.found)
            connection.execute("COMMIT")

    @contextmanager
    def _open(self, witness: str) -> Iterator[sqlite3.Connection]:
        """Both files as one connection; errors of SQLite become ours."""
        where = self.path
        try:
            with closing(_connect(self.path, self.patience)) as connection:
                # of all journals, DELETE is the one under which both files change together
                connection.execute("PRAGMA main.synchronous = EXTRA")
                connection.execute("PRAGMA main.journal_mode = DELETE")
                where = self.witness
                connection.execute("ATTACH DATABASE ? AS witness", (witness,))
                connection.execute("PRAGMA witness.synchronous = EXTRA")
                connection.execute("PRAGMA witness.journal_mode = DELETE")
                where = self.path
                yield connection
        except sqlite3.Error as error:
            raise _explained(error, where) from None

    def _ask_witness(self, connection: sqlite3.Connection, found: Verified) -> None:
        if not connection.execute("SELECT 1 FROM witness.sqlite_master").fetchone():
            return
        here = str(self.path.resolve())
        ident = found[0][0]["id"] if found else None
        for chain, path, number, digest in connection.execute("SELECT * FROM witness.heads"):
            if chain == ident:
                if number > len(found) or found[number - 1][1] != digest:
                    raise _fault(
                        self.path,
                        "every entry that was written from here before",
                        "fewer or others: entries were deleted, or an old copy put back",
                    )
            elif path == here:
                raise _fault(
                    self.path, "the ledger that lay here before", "another one" if found else "none"
                )

    def _tell_witness(self, connection: sqlite3.Connection, found: Verified) -> None:
        connection.execute(_HEADS)
        connection.execute(
            "INSERT INTO witness.heads VALUES (?, ?, ?, ?) ON CONFLICT (chain) DO UPDATE SET "
            "path = excluded.path, number = excluded.number, digest = excluded.digest",
            (found[0][0]["id"], str(self.path.resolve()), len(found), found[-1][1]),
        )


Verified = list[tuple[Body, str]]


@dataclass(frozen=True)
class Appending:
    """A chain that is held for writing.

    Args:
        connection: in a transaction that holds the file.
        found: entries and their digests, those appended included.
    """

    connection: sqlite3.Connection
    found: Verified

    @property
    def entries(self) -> list[Body]:
        """All entries."""
        return [body for body, _ in self.found]

    def append(self, body: Body) -> None:
        """Put an entry at the end."""
        text = json.dumps(body, sort_keys=True, ensure_ascii=False)
        number = len(self.found) + 1
        digest = _digest(self.found[-1][1] if self.found else "", number, text)
        self.connection.execute("INSERT INTO entries VALUES (?, ?, ?)", (number, text, digest))
        self.found.append((body, digest))


def _digest(previous: str, number: int, text: str) -> str:
    return hashlib.sha256(f"{previous}\n{number}\n{text}".encode()).hexdigest()


def _create(path: Path, *, folder: bool = False) -> None:
    """An empty file where there is none, for its owner alone."""
    try:
        if folder:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return
    except OSError:
        raise _unwritable(path) from None


def _uri(path: Path) -> str:
    return f"file:{quote(str(path.absolute()))}?mode=rw"


def _connect(path: Path, patience: float) -> sqlite3.Connection:
    connection = sqlite3.connect(_uri(path), uri=True, timeout=patience, isolation_level=None)
    # a file from elsewhere may hold triggers and views; none of them may run
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _verified(connection: sqlite3.Connection, path: Path) -> Verified:
    """All entries and their digests, held to the chain; none of a file that is still empty."""
    (application,) = connection.execute("PRAGMA main.application_id").fetchone()
    (version,) = connection.execute("PRAGMA main.user_version").fetchone()
    tables = [sql for (sql,) in connection.execute("SELECT sql FROM main.sqlite_master")]
    if not tables and application == 0:
        return []
    if application == APPLICATION and version > FORMAT:
        raise _fault(path, f"a ledger of format {FORMAT}", "one of a newer version",
                     "use a newer tabsynth")  # fmt: skip
    if application != APPLICATION or tables != [_ENTRIES]:
        raise _fault(path, "a ledger", "another file, or one whose tables were changed")
    found: Verified = []
    rows = connection.execute("SELECT number, body, digest FROM main.entries ORDER BY number")
    for position, (number, text, digest) in enumerate(rows, start=1):
        if number != position:
            raise _fault(path, "every entry in its place", f"a gap before entry {number}")
        if digest != _digest(found[-1][1] if found else "", number, str(text)):
            raise _fault(path, "entries as they were written", f"a changed entry {number}")
        found.append((json.loads(text), digest))
    if not found:
        raise _fault(path, "a ledger's first entry", "none")
    return found


def _fault(
    path: Path,
    expected: str,
    got: str,
    remedy: str = "put the right file back; where it is lost, start another one at a new path, "
    "with caps lowered by what was spent",
) -> LedgerError:
    return LedgerError(str(path), expected=expected, got=got, remedy=remedy)


def _unwritable(path: Path) -> LedgerError:
    return _fault(
        path,
        "a ledger that can be written",
        "no permission, or no such folder",
        f"change the permissions, or name another place with --ledger or {VARIABLE}",
    )


def _explained(error: sqlite3.Error, path: Path) -> LedgerError:
    kind = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    if kind in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return _fault(path, "a ledger that is free", "one that another process holds",
                      "wait until that one is done, and try again")  # fmt: skip
    if kind in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return _unwritable(path)
    if kind in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return _fault(path, "a disk that takes the entry", "a full or failing one",
                      "free space, or check the disk")  # fmt: skip
    return _fault(path, "a ledger", "a damaged file, or something else")
