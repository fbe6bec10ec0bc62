"""Write the generated files that are committed: `python tests/golden/regenerate.py`."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel

from tabsynth.gate import Policy
from tabsynth.manifests import DatabaseManifest, ModelManifest, RunManifest
from tabsynth.report.model import Report
from tabsynth.schema.files import json_schema
from tabsynth.sources.simulators import Simulation
from tabsynth.sources.specification import Specification
from tests.golden.cli_reference import reference
from tests.golden.figure_reference import FAMILIES, with_figures


def write_json_schemas(folder: Path) -> None:
    """Write the JSON Schema of every file that tabsynth reads or writes."""
    files: dict[str, type[BaseModel]] = {
        "report": Report,
        "model-manifest": ModelManifest,
        "database-model-manifest": DatabaseManifest,
        "run-manifest": RunManifest,
        "policy": Policy,
        "procedural-source": Specification,
        "simulation-source": Simulation,
    }
    schemas = {name: kind.model_json_schema(by_alias=True) for name, kind in files.items()}
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    for name, schema in {"table-schema": json_schema(), **schemas}.items():
        text = json.dumps({**dialect, **schema}, indent=2, ensure_ascii=False) + "\n"
        (folder / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    root = Path(__file__).resolve().parents[2]
    write_json_schemas(root / "schemas")
    (root / "docs" / "cli.md").write_text(reference(), encoding="utf-8")
    for name in FAMILIES:
        page = root / "docs" / name
        page.write_text(with_figures(name, page.read_text(encoding="utf-8")), encoding="utf-8")
