"""Files beside a synthetic table: the report, and what goes with the table that is handed on."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tabsynth.io.atomic import atomic_files
from tabsynth.report.croissant import croissant
from tabsynth.report.datasheet import datasheet
from tabsynth.report.html import render_html
from tabsynth.report.model import Audience, Report
from tabsynth.report.public import public_report
from tabsynth.schema.model import TableSchema


def for_audience(report: Report, audience: Audience, schema: TableSchema) -> Report:
    """The report itself, or what of it may be shown in public; see `report.public`."""
    return public_report(report, schema=schema) if audience == "public" else report


def write_report(report: Report, folder: Path) -> None:
    """Leave report.html and report.json in a folder that exists."""
    (folder / "report.json").write_text(report.to_json(), encoding="utf-8")
    (folder / "report.html").write_text(render_html(report), encoding="utf-8")


def save_report(report: Report, out: str | Path) -> None:
    """Leave report.html and report.json in a directory, both or none.

    Raises:
        OutputError: `out` cannot be written.
    """
    with atomic_files(out) as folder:
        write_report(report, folder)


def describe_run(report: Report, schema: TableSchema, folder: Path) -> None:
    """Leave what goes with the synthetic table when it is handed on: metadata and a datasheet."""
    with (folder / "synthetic.parquet").open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    texts = {"croissant.json": croissant, "datasheet.md": datasheet}
    for name, write in texts.items():
        text = write(report, schema, name="synthetic table", sha256=digest)
        (folder / name).write_text(text, encoding="utf-8")
