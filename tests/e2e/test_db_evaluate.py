"""`tabsynth db evaluate` on folders of files."""

from __future__ import annotations

from pathlib import Path

import pyarrow.csv
import pytest

from tabsynth.cli import main
from tabsynth.database import Database
from tabsynth.report.model import Report
from tabsynth.schema.database import DatabaseSchema, dump_database_schema
from tests.shop import SCHEMA, in_other_order, shop


def written(database: Database, folder: Path, *, package: bool = True) -> str:
    folder.mkdir()
    for name, table in database.tables.items():
        pyarrow.csv.write_csv(table.data, folder / f"{name}.csv")
    if package:
        paths = {name: f"{name}.csv" for name in SCHEMA.tables}
        named = DatabaseSchema(SCHEMA.tables, paths)
        (folder / "datapackage.yaml").write_text(dump_database_schema(named), encoding="utf-8")
    return str(folder)


def test_verdicts_and_exit_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = shop(250, 1)
    train, holdout = written(data, tmp_path / "train"), written(shop(250, 2), tmp_path / "apart")
    copy = written(in_other_order(data, 1), tmp_path / "copy", package=False)
    common = ["--quiet", "db", "evaluate", "--train", train, "--synthetic", copy]
    with pytest.raises(SystemExit) as stopped:
        main([*common, "--holdout", holdout, "-o", str(tmp_path / "out"), "--audience", "public"])
    assert stopped.value.code == 1
    shown = capsys.readouterr()
    assert shown.out.startswith("verdict: fail") and not shown.err
    assert Report.load(tmp_path / "out" / "report.json").audience == "public"
    assert (tmp_path / "out" / "report.html").exists()
    with pytest.raises(SystemExit) as stopped:
        main([*common, "-o", str(tmp_path / "none")])
    assert stopped.value.code == 3
    assert "There is no holdout" in capsys.readouterr().out
    (Path(copy) / "orders.csv").unlink()
    with pytest.raises(SystemExit) as stopped:
        main([*common, "-o", str(tmp_path / "lacking")])
    assert stopped.value.code == 1
    assert "table 'orders'" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stopped:
        main([*common, "--entity", "people", "-o", str(tmp_path / "wrong")])
    assert stopped.value.code == 2
