"""The whole line on a real table that a dependency installs."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from tabsynth.errors import DataError
from tabsynth.report.model import Report
from tabsynth.schema.files import bundled, load_schema
from tabsynth.workflow import Say, read_table, run

DEFAULT_OUT = "tabsynth-demo"
SEED = 0


def fair_csv() -> Path:
    """The table `fair` of statsmodels: 6,366 women's answers on extramarital affairs.

    Raises:
        DataError: statsmodels is not installed.

    Source: Fair (1978), A Theory of Extramarital Affairs, doi:10.1086/260651.
    """
    spec = find_spec("statsmodels")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder, "datasets", "fair", "fair.csv")
        if path.exists():
            return path
    raise DataError(
        "demo", expected="the table fair.csv of statsmodels", got="none",
        remedy="install statsmodels (`pip install statsmodels`)",
    )  # fmt: skip


def demo(out: str | Path = DEFAULT_OUT, *, say: Say = lambda _: None) -> Report:
    """Run the whole line on `fair` with a fixed seed; see `workflow.run` for the files."""
    table = read_table(fair_csv(), load_schema(bundled("examples/fair.yaml")))
    return run(table, out, target="educ", seed=SEED, say=say)
