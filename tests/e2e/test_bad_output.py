"""Places that cannot be written, and full disks: nothing is left there, nothing lost."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.scene import WITHOUT_PRIVILEGES, Done, Place, Run, command, snapshot

FILES = {
    "fit": ["fit", "{table}", "--schema", "{schema}"],
    "sample": ["sample", "{model}", "-n", "50"],
    "infer": ["schema", "infer", "{table}"],
    "convert": ["schema", "convert", "{schema}", "--to", "datapackage"],
}
FOLDERS = {
    "run": ["run", "{table}", "--schema", "{schema}"],
    "evaluate": [
        "evaluate", "--train", "{table}", "--holdout", "{holdout}", "--synthetic", "{table}",
        "--schema", "{schema}",
    ],
    "audit": ["audit", "{table}", "--schema", "{schema}", "--protected", "city", "--target", "age"],
}  # fmt: skip
BOTH = FILES | FOLDERS
SAMPLED = ("csv", "csv.gz", "parquet", "jsonl")


def filled(words: list[str], place: Place) -> list[object]:
    names = {"table": place.table, "schema": place.schema, "model": place.model}
    return [w.format(**names, holdout=place.holdout) for w in words]


def refused_at(out: object, words: list[str], place: Place, tabsynth: Run) -> str:
    before = snapshot(place.outputs)
    where = tabsynth(*filled(words, place), "-o", out, "--quiet").refused()
    assert snapshot(place.outputs) == before
    return where


@pytest.mark.parametrize("case", BOTH)
def test_no_such_folder(case: str, place: Place, tabsynth: Run) -> None:
    for out in (place.outputs / "none" / "out.csv", f"{place.outputs}/none/deeper/out.csv"):
        assert refused_at(out, BOTH[case], place, tabsynth) == str(out)


@pytest.mark.parametrize("case", BOTH)
def test_a_file_as_parent(case: str, place: Place, tabsynth: Run) -> None:
    out = place.outputs / "earlier" / "out.csv" / "out.csv"
    assert refused_at(out, BOTH[case], place, tabsynth) == str(out)


@pytest.mark.parametrize("case", FILES)
def test_a_folder_in_the_place_of_a_file(case: str, place: Place, tabsynth: Run) -> None:
    out = place.outputs / "folder.csv"
    out.mkdir()
    assert refused_at(out, FILES[case], place, tabsynth) == str(out)


@pytest.mark.parametrize("case", FOLDERS)
def test_a_file_in_the_place_of_a_folder(case: str, place: Place, tabsynth: Run) -> None:
    out = place.outputs / "earlier" / "out.csv"
    assert refused_at(out, FOLDERS[case], place, tabsynth) == str(out)


@pytest.mark.parametrize("case", FOLDERS)
def test_a_folder_in_the_place_of_a_report(case: str, place: Place, tabsynth: Run) -> None:
    out = place.outputs / "earlier"
    (out / "report.html").mkdir()
    (out / "report.html" / "mine.txt").write_text("mine")
    assert refused_at(out, FOLDERS[case], place, tabsynth) == str(out)


@pytest.mark.parametrize("case", FOLDERS)
def test_a_place_is_looked_at_before_the_work(case: str, place: Place, tabsynth: Run) -> None:
    """The inputs of hours must not be read for a place that cannot take what comes of them."""
    place.table.unlink()
    nowhere, blocked = place.outputs / "none" / "out", place.outputs / "blocked"
    (blocked / "report.json").mkdir(parents=True)
    for out in (nowhere, blocked):
        assert refused_at(out, FOLDERS[case], place, tabsynth) == str(out)


@pytest.mark.parametrize("case", BOTH)
def test_names_that_no_file_can_have(case: str, place: Place, tabsynth: Run) -> None:
    out = place.outputs / ("n" * 300 + ".csv")
    assert refused_at(out, BOTH[case], place, tabsynth) == str(out)


@pytest.mark.parametrize("case", BOTH)
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="a place no system lets anyone write")
def test_a_file_system_that_takes_no_files(case: str, place: Place, tabsynth: Run) -> None:
    assert refused_at("/proc/out.csv", BOTH[case], place, tabsynth) == "/proc/out.csv"


def test_an_empty_name(place: Place, tabsynth: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place.outputs)
    for words in FILES.values():
        refused_at("", words, place, tabsynth)


@pytest.mark.parametrize("ending", ["xlsx", "sql", "parquet.gz", ""])
def test_unknown_endings(ending: str, place: Place, tabsynth: Run) -> None:
    out = place.outputs / f"out.{ending}"
    assert refused_at(out, FILES["sample"], place, tabsynth) == str(out)


def test_an_unknown_form_of_schema(place: Place, tabsynth: Run) -> None:
    before = snapshot(place.outputs)
    done = tabsynth("schema", "convert", place.schema, "--to", "xml", "-o", place.outputs / "s")
    assert done.code in (2, 4)
    done.refused(done.code)
    assert snapshot(place.outputs) == before


@pytest.mark.parametrize("ending", ["txt", "csv", ""])
def test_a_schema_that_nobody_could_read_is_not_written(
    ending: str, place: Place, tabsynth: Run
) -> None:
    for words in (("schema", "infer", place.table), ("schema", "convert", place.schema),
                  ("db", "schema", place.inputs)):  # fmt: skip
        out = place.outputs / f"new.{ending}"
        assert tabsynth(*words, "-o", out).refused() == str(out)
        assert not out.exists()


def test_a_database_as_output(place: Place, tabsynth: Run) -> None:
    url = "postgresql://me:ZQX-SECRET@host.invalid/db"
    for table, code in (("", 2), ("#t", 4)):
        done = tabsynth(*filled(FILES["sample"], place), "-o", url + table)
        assert done.refused(code) == "postgresql://host.invalid/db"


@pytest.mark.parametrize("case", ["sample", "infer", "run", "evaluate", "audit"])
def test_no_permission(case: str, place: Place, tabsynth_process: Callable[..., Done]) -> None:
    locked = place.outputs / "locked"
    locked.mkdir(mode=0o555)
    before = snapshot(place.outputs)
    out = locked / "out.csv"
    done = tabsynth_process(
        *filled(BOTH[case], place), "-o", out, "--quiet", before=WITHOUT_PRIVILEGES
    )
    assert done.refused() == str(out)
    assert snapshot(place.outputs) == before


@pytest.fixture(params=["limit", "tmpfs"])
def small(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder with little room, and what a process runs first; a limit where none is."""
    folder = tmp_path / "small"
    folder.mkdir()
    if request.param == "tmpfs":
        mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(folder)]
        mounted = os.getuid() == 0 and subprocess.run(mount, check=False).returncode == 0
        if mounted:
            yield folder, ""
            subprocess.run(["umount", str(folder)], check=True)
            return
    yield folder, "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))"


@pytest.mark.parametrize("ending", SAMPLED)
def test_a_full_disk_while_sampling(
    ending: str, small: tuple[Path, str], place: Place, tabsynth_process: Callable[..., Done]
) -> None:
    folder, before = small
    out = folder / f"out.{ending}"
    out.write_text("earlier")
    words = ["sample", place.model, "-n", 200_000, "-o", out, "--quiet"]
    done = tabsynth_process(*words, before=before or "pass")
    assert done.refused() == str(out)
    assert snapshot(folder) == {out.name: b"earlier"}


@pytest.mark.parametrize("command", ["run", "fit"])
def test_a_full_disk_while_fitting(
    command: str, small: tuple[Path, str], place: Place, tabsynth_process: Callable[..., Done]
) -> None:
    folder, before = small
    (folder / "notes.txt").write_text("n" * 1000)
    if not before:
        (folder / "ballast").write_bytes(bytes(120 << 10))
    earlier = snapshot(folder)
    out = folder / "out"
    words = [command, place.table, "--schema", place.schema, "-o", out, "--quiet"]
    done = tabsynth_process(*words, before=before or "pass")
    assert done.refused() == str(out)
    assert snapshot(folder) == earlier


def test_standard_output_that_is_full(place: Place) -> None:
    """Results go to stdout; a full disk behind it is no bug of ours."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command("inspect", place.model), stdout=full, stderr=subprocess.PIPE, text=True,
            check=False, timeout=60,
        )  # fmt: skip
    assert done.returncode == 4
    assert done.stderr.startswith("error: standard output: expected ")
    assert "Traceback" not in done.stderr
