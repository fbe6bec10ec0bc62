"""PostgreSQL and MariaDB are reflected and read from real servers; what fails is told in a line."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest

from tabsynth.database import Database
from tabsynth.errors import DataError
from tabsynth.privacy.reading import read_private
from tabsynth.schema.model import TableSchema
from tabsynth.stores.address import open_store, shown
from tabsynth.stores.place import Place
from tabsynth.stores.tables import read_data
from tabsynth.table import Table
from tests.servers import PASSWORD, PASSWORD_IN_URL, Server
from tests.zoo import field

PARENTS = """
CREATE TABLE parents (
  id {serial} PRIMARY KEY, code VARCHAR(12) NOT NULL UNIQUE, price NUMERIC(10, 2) CHECK (price > 0),
  whole NUMERIC(8, 0), ratio {double}, ok BOOLEAN, born DATE, at {moment},
  seen {zoned}, clock TIME, mood {mood}, doc {json}, raw {bytes}, state VARCHAR(10) DEFAULT 'new'
    CHECK (state IN ('new', 'old')), low INT, high INT, CHECK (low <= high))"""
CHILDREN = """
CREATE TABLE {order} ({no} INT, {key} INT NOT NULL REFERENCES parents (id), part INT,
  self INT, PRIMARY KEY ({no}), UNIQUE ({key}, part),
  FOREIGN KEY (self) REFERENCES {order} ({no}))"""
ROW = """
INSERT INTO parents VALUES (1, 'a', 10.25, 12, 0.5, true, '2020-02-29', '2020-01-01 10:00:00.5',
  '2020-01-01 10:00:00', '23:59:59', 'sad', '{}', 'xyz', 'new', 1, 2)"""


def quoted(scheme: str, name: str) -> str:
    return f'"{name}"' if scheme == "postgresql" else f"`{name}`"


@pytest.fixture(params=["postgresql", "mariadb"])
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def filled(server: Server) -> str:
    """The address of a database with two tables and a view."""
    address = server.database()
    name = address.rpartition("/")[2]
    ours = server.scheme == "postgresql"
    words = {
        "serial": "SERIAL" if ours else "INT AUTO_INCREMENT",
        "moment": "TIMESTAMP" if ours else "DATETIME(6)",
        "double": "DOUBLE PRECISION" if ours else "DOUBLE",
        "zoned": "TIMESTAMPTZ" if ours else "TIMESTAMP NULL",
        "mood": "mood" if ours else "ENUM('sad', 'ok')",
        "json": "JSONB" if ours else "JSON",
        "bytes": "BYTEA" if ours else "BLOB",
        "order": quoted(server.scheme, "Order"),
        "no": quoted(server.scheme, "Order No"),
        "key": quoted(server.scheme, "select"),
    }
    server.run(
        *(["CREATE TYPE mood AS ENUM ('sad', 'ok')", "SET TIME ZONE 'UTC'"] if ours else
          ["SET time_zone = '+00:00'"]),
        PARENTS.format(**words),
        CHILDREN.format(**words),
        "CREATE VIEW seen_by_nobody AS SELECT id FROM parents",
        ROW,
        f"INSERT INTO {words['order']} VALUES (7, 1, 1, NULL), (8, 1, 2, 7)",
        database=name,
    )  # fmt: skip
    return address


def test_a_server_is_reflected_and_read(filled: str) -> None:
    with open_store(filled).snapshot() as store:
        schema = store.reflect()
        raw = {n: pa.Table.from_batches(store.read(n, t)) for n, t in schema.tables.items()}
        alone = pa.Table.from_batches(store.read("parents", private=True))
    assert set(schema.tables) == {"parents", "Order"}
    parents, order = schema.tables["parents"], schema.tables["Order"]
    kinds = {f.name: f.type for f in parents.fields}
    assert kinds == {
        "id": "integer", "code": "string", "price": "number", "whole": "integer",
        "ratio": "number", "ok": "boolean", "born": "date", "at": "datetime", "seen": "datetime",
        "clock": "time", "mood": "string", "doc": "string", "raw": "string", "state": "string",
        "low": "integer", "high": "integer",
    }  # fmt: skip
    assert parents.primary_key == ("id",)
    assert parents.field("code").constraints.unique
    assert parents.field("code").constraints.max_length == 12
    assert parents.field("price").constraints.minimum == 0.01
    assert parents.field("seen").tabsynth.timezone == "UTC"
    assert parents.field("mood").domain == ("sad", "ok")
    assert parents.field("state").domain == ("new", "old")
    assert {n for n in parents.names if not parents.field(n).is_modelled} == {"doc", "raw"}
    assert [c.words for c in parents.tabsynth.constraints] == ["low <= high"]
    assert not any(f.tabsynth.observed for f in parents.fields)
    assert order.unique_keys == (("select", "part"),)
    keys = {(k.fields, k.parent, k.references) for k in schema.foreign_keys["Order"]}
    assert keys == {(("select",), "parents", ("id",)), (("self",), "Order", ("Order No",))}

    record = Database.checked(raw, schema, where="x").tables["parents"].data.to_pylist()[0]
    assert record["price"] == 10.25
    assert record["at"] == dt.datetime(2020, 1, 1, 10, 0, 0, 500_000)
    assert record["seen"] == dt.datetime(2020, 1, 1, 10, tzinfo=dt.UTC)
    assert record["clock"] == dt.time(23, 59, 59)
    assert (record["ok"], record["mood"], record["raw"]) == (True, "sad", "bytes")
    again = Database.checked({**raw, "parents": alone}, schema, where="x")
    assert again.tables["parents"].data.to_pylist()[0] == record


# as a file would write them, which a database does not
OF_A_FILE = TableSchema.model_validate({
    "fields": [
        field("price", "number", decimalChar=",", missingValues=["-99"]),
        field("low", "integer", missingValues=["-99"]),
        field("ok", "boolean", trueValues=["yes"], falseValues=["no"]),
        field("born", "date", format="%d/%m/%Y", missingValues=["9999-12-31"]),
        field("seen", "datetime", format="%d/%m/%Y %H:%M", tabsynth={"timezone": "Europe/Berlin"}),
        field("clock", "time", format="%H.%M"),
    ],
})  # fmt: skip
MARKED = "INSERT INTO parents (id, code, price, low, born) VALUES (2, 'b', -99, -99, '9999-12-31')"


def test_types_of_a_database_are_kept_under_a_budget(server: Server, filled: str) -> None:
    name = filled.rpartition("/")[2]
    server.run("ALTER TABLE parents DROP CONSTRAINT parents_price_check"
               if server.scheme == "postgresql" else "SET check_constraint_checks = 0",
               MARKED, database=name)  # fmt: skip
    place = Place(f"{filled}#parents")
    alone, among = read_private(place, OF_A_FILE), read_data(place)
    for raw in (alone, among):
        record, marked = Table.checked(raw.select(OF_A_FILE.names), OF_A_FILE).data.to_pylist()
        assert (record["price"], record["low"], record["ok"]) == (10.25, 1, True)
        assert (record["born"], record["clock"]) == (dt.date(2020, 2, 29), dt.time(23, 59, 59))
        assert record["seen"] == dt.datetime(2020, 1, 1, 10, tzinfo=dt.UTC)
        assert set(marked.values()) == {None}


def test_settings_of_a_role_change_no_dates(postgresql: Server) -> None:
    address = postgresql.database()
    name = address.rpartition("/")[2]
    postgresql.run(f"ALTER DATABASE {name} SET DateStyle = 'German'")
    postgresql.run("CREATE TABLE t (born DATE, seen TIMESTAMPTZ)",
                   "INSERT INTO t VALUES ('2020-02-29', '2020-01-01 10:00:00+00')",
                   database=name)  # fmt: skip
    place = Place(f"{address}#t")
    schema = TableSchema.model_validate(
        {"fields": [field("born", "date"), field("seen", "datetime", tabsynth={"timezone": "UTC"})]}
    )
    for raw in (read_private(place, schema), read_data(place)):
        assert raw.to_pylist() == [
            {"born": dt.date(2020, 2, 29), "seen": dt.datetime(2020, 1, 1, 10, tzinfo=dt.UTC)}
        ]


def test_bits_truths_and_instants_are_what_a_schema_says(mariadb: Server) -> None:
    address = mariadb.database()
    mariadb.run("SET time_zone = '+00:00'",
                "CREATE TABLE t (truth BIT(1), bits BIT(8), ok TINYINT(1), stars TINYINT(1), "
                "at TIMESTAMP NULL, big BIGINT UNSIGNED)",
                "INSERT INTO t VALUES (b'1', 48, 1, 5, '2020-01-01 10:00:00', 7), (b'0', 255, 0, "
                "0, NULL, 18446744073709551615)", database=address.rpartition("/")[2])  # fmt: skip
    kinds = {"truth": "boolean", "bits": "integer", "ok": "boolean", "stars": "integer",
             "at": "datetime", "big": "number"}  # fmt: skip
    schema = TableSchema(fields=tuple(field(*pair) for pair in kinds.items()))
    assert [tuple(r.values()) for r in read_private(Place(f"{address}#t"), schema).to_pylist()] == [
        (True, 48, True, 5, dt.datetime(2020, 1, 1, 10), 7.0),
        (False, 255, False, 0, None, 2.0**64),
    ]  # fmt: skip
    bits = TableSchema(fields=(field("bits"),))
    (batch,) = open_store(address).read("t", bits)
    assert batch.column("bits").to_pylist() == ["48", "255"]


def texts_of(address: str) -> list[str]:
    raw = read_private(Place(f"{address}#t"), TableSchema(fields=(field("w"),)))
    found: list[str] = raw.column("w").to_pylist()
    return found


@pytest.mark.parametrize("charset", ["utf8mb4", "utf8mb3", "ucs2", "utf32", "latin1"])
def test_no_text_of_mariadb_is_an_error(mariadb: Server, charset: str) -> None:
    address = mariadb.database()
    half = {"ucs2": "0061D83D", "utf32": "000000610000D83D", "latin1": "6181"}
    mariadb.run("SET sql_mode = ''", f"CREATE TABLE t (w TEXT) CHARSET = {charset}",
                "INSERT INTO t VALUES ('a'), ('b\u00e9')",
                f"INSERT INTO t VALUES (x'{half.get(charset, '61EDA0BD')}')",
                database=address.rpartition("/")[2])  # fmt: skip
    for options in ("", "?charset=latin1"):
        *others, broken = texts_of(address + options)
        assert others == ["a", "b\u00e9"]
        assert broken[0] == "a"


@pytest.mark.parametrize(
    ("encoding", "stored", "read"),
    [
        ("UTF8", r"E'\u0141\u00f3d\u017a'", "\u0141\u00f3d\u017a"),
        ("SQL_ASCII", r"E'a\xff'", "a\ufffd"),
        ("WIN1252", r"E'a\x81'", "a\ufffd"),
        ("KOI8R", r"E'\xc1'", "\u0430"),
    ],
)
def test_no_text_of_postgresql_is_an_error(
    postgresql: Server, encoding: str, stored: str, read: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"in_{encoding.lower()}"
    postgresql.run(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'")
    # the bytes as they are written
    postgresql.run(f"SET client_encoding = '{encoding}'", "CREATE TABLE t (w TEXT)",
                   f"INSERT INTO t VALUES ('a'), ({stored})", database=name)  # fmt: skip
    for client in ("UTF8", "LATIN1"):
        monkeypatch.setenv("PGCLIENTENCODING", client)
        assert texts_of(postgresql.url(name)) == ["a", read]


def test_numbers_of_two_persons_do_not_become_one(server: Server) -> None:
    address = server.database()
    owners = [str(10**30 + 1), str(10**30 + 2)]
    server.run("CREATE TABLE t (owner NUMERIC(31, 0))",
               f"INSERT INTO t VALUES ({owners[0]}), ({owners[1]})",
               database=address.rpartition("/")[2])  # fmt: skip
    schema = TableSchema.model_validate(
        {
            "fields": [field("owner")],
            "tabsynth": {"privacy_unit": "owner", "max_records_per_unit": 1},
        }
    )
    assert read_private(Place(f"{address}#t"), schema).column("owner").to_pylist() == owners


def test_a_snapshot_sees_one_moment(server: Server, filled: str) -> None:
    name = filled.rpartition("/")[2]
    with open_store(filled).snapshot() as store:
        before = sum(batch.num_rows for batch in store.read("parents"))
        server.run(
            "DELETE FROM " + quoted(server.scheme, "Order") + " WHERE part = 2", database=name
        )
        assert sum(batch.num_rows for batch in store.read("Order")) == 2
    assert before == 1
    assert sum(batch.num_rows for batch in open_store(filled).read("Order")) == 1


def test_a_reader_cannot_write(filled: str) -> None:
    store: Any = open_store(filled)
    with store.snapshot() as held, pytest.raises(Exception, match=r"(?i)read.?only"):
        held.held.exec_driver_sql("DELETE FROM parents")


def failure(address: str, table: str = "parents") -> str:
    with pytest.raises(DataError) as refused:
        list(open_store(address).read(table))
    message = str(refused.value)
    assert "\n" not in message
    assert PASSWORD not in message
    assert "hush" not in message
    assert "tester" not in message
    return message


def test_what_fails_is_told_in_one_line(server: Server, filled: str) -> None:
    assert "a user or password that is refused" in failure(filled.replace(PASSWORD_IN_URL, "hush"))
    assert "no such database" in failure(filled.replace(filled.rpartition("/")[2], "nowhere"))
    assert "the table to be there" in failure(filled, "gone")
    assert "that the driver does not know" in failure(filled + "?hush=1") or server.scheme == (
        "postgresql"
    )
    name = filled.rpartition("/")[2]
    if server.scheme == "postgresql":
        server.run("DROP ROLE IF EXISTS small", "CREATE ROLE small LOGIN PASSWORD 'hush'")
    else:
        server.run("CREATE OR REPLACE USER small@'%' IDENTIFIED BY 'hush'",
                   f"GRANT SELECT (id) ON {name}.parents TO small@'%'")  # fmt: skip
    weak = filled.replace(f"tester:{PASSWORD_IN_URL}", "small:hush")
    assert "no permission" in failure(weak)


def test_credentials_come_from_the_environment(
    server: Server, filled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = filled.replace(f":{PASSWORD_IN_URL}@", "@")
    assert shown(bare) == shown(filled)
    name = "PGPASSWORD" if server.scheme == "postgresql" else "MYSQL_PWD"
    monkeypatch.setenv(name, PASSWORD)
    assert "parents" in open_store(bare).reflect().tables


def test_a_connection_that_is_lost_is_told(server: Server, filled: str) -> None:
    name = filled.rpartition("/")[2]
    store = open_store(filled)
    with store.snapshot() as held:
        held.reflect()
        if server.scheme == "postgresql":
            server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                       f"WHERE datname = '{name}'")  # fmt: skip
        else:
            for process, *_ in server.run(
                f"SELECT id FROM information_schema.processlist WHERE db = '{name}'"
            ):
                server.run(f"KILL {process}")
        with pytest.raises(DataError, match="a connection that was lost"):
            list(held.read("parents"))
