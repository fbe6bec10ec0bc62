"""Addresses are taken apart and shown without what may be a secret."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabsynth.errors import DataError, UsageError
from tabsynth.stores.address import open_store
from tabsynth.stores.place import Place, place_of, shown, split_table
from tabsynth.stores.tables import source_of

SCHEMES = ("postgresql", "postgres", "mysql", "mariadb+pymysql", "oracle", "Postgresql+psycopg")
# as a part of a password that is written as it is, each of these reads as something else
PIECES = st.lists(st.sampled_from([*"@:/?#%&= .[]", "12", "a", "é"]), max_size=6).map("".join)


@given(
    scheme=st.sampled_from(SCHEMES), slashes=st.sampled_from(["://", ":/"]), before=PIECES,
    behind=PIECES, escaped=st.booleans(), table=st.sampled_from(["", "#orders", "#"]),
    option=st.sampled_from(["", "?sslmode=require", "?password=SECRET"]),
)  # fmt: skip
def test_a_secret_is_never_shown(
    scheme: str, slashes: str, before: str, behind: str, escaped: bool, table: str, option: str
) -> None:
    password = before + "SECRET" + behind
    password = quote(password, safe="") if escaped else password
    url = f"{scheme}{slashes}USER:{password}@host:5432/db{option}{table}"
    for text in (shown(url), str(Place(url)), repr(Place(url))):
        assert "SECRET" not in text
        assert "USER" not in text
    try:
        store, _ = source_of(Place(url if table == "#orders" else f"{url}#t"))
        assert "SECRET" not in repr(store) + store.where
    except (DataError, UsageError) as error:
        assert "SECRET" not in str(error)
        assert "USER" not in str(error)


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("sqlite:///a/shop.db#my%20orders", "sqlite:///a/shop.db#my orders"),
        ("sqlite:////abs/shop.db?key=SECRET", "sqlite:////abs/shop.db"),
        ("duckdb:///x.duckdb", "duckdb:///x.duckdb"),
        ("postgresql://u:p@[::1]:5432/db#t", "postgresql://[::1]:5432/db#t"),
        ("postgresql:///db?host=/run", "postgresql:///db"),
        ("folder/a.csv", "folder/a.csv"),
        ("C:/tables", "C:/tables"),
    ],
)
def test_what_is_clear_is_shown(address: str, text: str) -> None:
    assert shown(address) == text


def test_a_table_stands_behind_the_last_mark() -> None:
    assert split_table("sqlite:///a#b.db#t") == ("sqlite:///a#b.db", "t")
    assert split_table("sqlite:///a.db#") == ("sqlite:///a.db", None)
    assert split_table("mysql://u:a#b@h/db") == ("mysql://u:a#b@h/db", None)


def test_a_url_that_was_made_a_path_is_told() -> None:
    from pathlib import Path

    with pytest.raises(UsageError, match="give it as a str"):
        place_of(Path("sqlite:///shop.db#orders"))


def test_drivers_that_are_not_used_are_refused() -> None:
    with pytest.raises(DataError, match="a database that tabsynth cannot open"):
        open_store("postgresql+psycopg2://u:SECRET@h/db")


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("sqlite:///shop.db#orders", "got one table of it"),
        ("postgresql://me:hush@host/db#orders", "got one table of it"),
        ("shop.db", "write sqlite:///shop.db"),
        ("data/shop.duckdb", "write duckdb:///data/shop.duckdb"),
    ],
)
def test_what_is_no_whole_database_is_told_how_to_write_it(address: str, told: str) -> None:
    with pytest.raises(DataError) as caught:
        open_store(address)
    assert told in str(caught.value)
    assert "hush" not in str(caught.value)


def test_files_may_have_odd_names(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    (tmp_path / "a#b.db").touch()
    open_store(str(tmp_path / "folder.db"))
    open_store(f"sqlite:///{tmp_path / 'a#b.db'}")
