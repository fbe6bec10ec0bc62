"""The servers that other tests use."""

from __future__ import annotations

import pytest

from tests.servers import PASSWORD_IN_URL, Server, absent, postgresql_server


@pytest.mark.parametrize("name", ["postgresql", "mariadb"])
def test_a_server_gives_each_test_a_database(name: str, request: pytest.FixtureRequest) -> None:
    server: Server = request.getfixturevalue(name)
    first, second = server.database(), server.database()
    assert first != second
    assert f"tester:{PASSWORD_IN_URL}@127.0.0.1:{server.port}/" in first
    database = first.rpartition("/")[2]
    rows = server.run(
        "CREATE TABLE t (x int)", "INSERT INTO t VALUES (1), (2)", "SELECT count(*) FROM t",
        database=database,
    )  # fmt: skip
    assert rows == [(2,)]


def test_without_its_programs_a_server_is_skipped_and_missed_in_ci(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="PostgreSQL is not installed"):
        absent("PostgreSQL")
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception):
        absent("PostgreSQL")
    monkeypatch.setattr("tests.servers.program", lambda *_: None)
    with pytest.raises(pytest.skip.Exception), postgresql_server():
        pass
