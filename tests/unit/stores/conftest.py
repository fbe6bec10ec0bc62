"""A new, empty place of each kind to write to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.servers import Server

KINDS = ("sqlite", "duckdb", "postgresql", "mariadb", "folder")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """One kind of store after the other."""
    return str(request.param)


@pytest.fixture
def target(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty store of that kind."""
    if kind == "folder":
        return str(tmp_path / "target")
    if kind in ("sqlite", "duckdb"):
        return f"{kind}:///{tmp_path}/target.{kind}"
    server: Server = request.getfixturevalue(kind)
    return server.database()
