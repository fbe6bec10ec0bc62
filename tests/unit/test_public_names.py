"""What `import tabsynth` promises: its names, its types, and that it costs next to nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Collection
from importlib.resources import files
from typing import Final

import pytest

import tabsynth

NAMES: Final = [
    "Database",
    "DatabaseSchema",
    "FieldSchema",
    "Fitted",
    "FittedDatabase",
    "Policy",
    "PrivateReport",
    "Report",
    "Result",
    "Spend",
    "Table",
    "TableSchema",
    "audit",
    "augment",
    "collapse",
    "compare",
    "copy_safe",
    "curate",
    "evaluate",
    "evaluate_database",
    "evaluate_private",
    "fit",
    "fit_database",
    "fit_private",
    "infer_schema",
    "load_database_schema",
    "load_model",
    "load_policy",
    "load_schema",
    "mix",
    "read_database",
    "read_table",
    "run",
    "run_private",
    "sample",
    "sample_database",
    "sample_to",
    "simulate",
    "split",
    "split_database",
    "write_database",
]
HEAVY: Final = ("torch", "jax", "matplotlib", "pandas", "sklearn", "scipy", "pyarrow", "faker")


def test_exported_names_are_pinned() -> None:
    assert tabsynth.__all__ == NAMES
    assert tabsynth.__all__ == sorted(tabsynth.__all__)


def test_every_name_loads_and_says_what_it_is() -> None:
    for name in NAMES:
        assert getattr(tabsynth, name).__doc__, name
        assert name in dir(tabsynth)


def test_no_submodule_shadows_a_name() -> None:
    # a submodule becomes an attribute of the package as soon as anything imports it
    for name in NAMES:
        assert not files("tabsynth").joinpath(f"{name}.py").is_file(), name
        assert not files("tabsynth").joinpath(name).is_dir(), name


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(tabsynth, "nothing")


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("tabsynth", HEAVY),
        # what every command imports: half a second more of each of these
        ("tabsynth.workflow", {*HEAVY, "scipy.stats", "jinja2"} - {"scipy", "pyarrow"}),
    ],
)
def test_import_loads_no_heavy_library(module: str, heavy: Collection[str]) -> None:
    program = (
        f"import sys, {module}; "
        f"print([name for name in {sorted(heavy)!r} if name in sys.modules])"
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_the_package_is_typed() -> None:
    assert files("tabsynth").joinpath("py.typed").is_file()
