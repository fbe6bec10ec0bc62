"""Two addresses of one store are known as one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tabsynth.errors import OutputError
from tabsynth.stores.address import open_store
from tabsynth.stores.identity import require_another, same_store

SAME = [
    ("postgresql://a:pw@localhost/shop", "postgres://b@127.0.0.1:5432/shop"),
    ("mysql://localhost/shop", "mariadb://root@127.0.0.1:3306/shop"),
    ("postgresql:///shop", "postgresql://localhost/shop"),
    ("postgresql://no.such.host.invalid/shop", "postgresql://NO.such.host.invalid/shop"),
]
OTHER = [
    ("postgresql://localhost/shop", "postgresql://localhost/other"),
    ("postgresql://localhost/shop", "postgresql://localhost:5433/shop"),
    ("postgresql://localhost/shop", "mysql://localhost:5432/shop"),
    ("postgresql://no.such.host.invalid/shop", "postgresql://localhost/shop"),
]


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOST", "PGPORT", "PGDATABASE", "PGUSER"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("pair", SAME)
def test_one_database_of_one_server(pair: tuple[str, str]) -> None:
    first, second = map(open_store, pair)
    assert same_store(first, second)
    with pytest.raises(OutputError, match="another place than the one that is read") as error:
        require_another(first, second)
    assert "pw" not in str(error.value)


@pytest.mark.parametrize("pair", OTHER)
def test_databases_of_other_names_ports_and_kinds(pair: tuple[str, str]) -> None:
    first, second = map(open_store, pair)
    assert not same_store(first, second)
    require_another(first, second)


def test_the_environment_says_where_a_url_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "5499")
    monkeypatch.setenv("PGDATABASE", "shop")
    assert same_store(open_store("postgresql://"), open_store("postgresql://localhost:5499/shop"))


def test_files_and_folders_by_whatever_name(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"")
    (tmp_path / "link.db").symlink_to(tmp_path / "a.db")
    (tmp_path / "hard.db").hardlink_to(tmp_path / "a.db")
    for other in ("a.db", "link.db", "hard.db", "../" + tmp_path.name + "/a.db"):
        assert same_store(
            open_store(f"sqlite:///{tmp_path}/a.db"), open_store(f"duckdb:///{tmp_path}/{other}")
        )
    assert same_store(open_store(str(tmp_path)), open_store(f"{tmp_path}/."))
    assert not same_store(open_store(f"sqlite:///{tmp_path}/a.db"), open_store(str(tmp_path)))
    assert not same_store(
        open_store(f"sqlite:///{tmp_path}/new.db"), open_store(f"sqlite:///{tmp_path}/a.db")
    )
