"""Open synthesizers under a privacy budget, each in an environment of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from tabsynth.privacy.budget import DELTA, Budget
from tabsynth.schema.model import TableSchema
from tests.bench.ask_private_peer import MISSING
from tests.bench.record import ROOT

# google's dpsynth is on no package index, so nothing installs it
PYTHONS = {
    name: os.environ.get(variable, str(ROOT / f".venv-{folder}" / "bin" / "python"))
    for name, variable, folder in (
        ("smartnoise-synth", "SMARTNOISE_PYTHON", "smartnoise"),
        ("dpmm", "DPMM_PYTHON", "dpmm"),
        ("opendp", "OPENDP_PYTHON", "opendp"),
    )
}
PEERS = (
    "smartnoise-synth:mst", "smartnoise-synth:aim", "dpmm:MSTPipeline", "dpmm:AIMPipeline",
    "opendp:MST", "opendp:AIM",
)  # fmt: skip
# seconds after which a fit is given up
PATIENCE = 3600


def drawn_by(
    peer: str, train: pd.DataFrame, schema: TableSchema, epsilon: float
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A table that a peer drew, and what it says of its fit.

    Raises:
        RuntimeError: it is not installed, or broke off.
    """
    python = PYTHONS[peer.partition(":")[0]]
    if not Path(python).exists():
        raise RuntimeError("not installed here")
    with TemporaryDirectory() as place:
        folder = Path(place)
        known = domains(schema)
        filled = train.copy()
        for name in known:
            if "categories" in known[name]:
                filled[name] = filled[name].astype("string").fillna(MISSING)
        filled[list(known)].to_csv(folder / "train.csv", index=False)
        (folder / "domain.json").write_text(json.dumps(known), encoding="utf-8")
        budget = [f"{epsilon:g}", f"{DELTA:g}", repr(Budget(epsilon).rho)]
        program = Path(__file__).with_name("ask_private_peer.py")
        done = subprocess.run(
            [python, program, peer, folder, *budget], capture_output=True, text=True, check=False,
            timeout=PATIENCE, env={**os.environ, "PYTHONPATH": "", "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        lines = [line for line in done.stdout.splitlines() if line.startswith('{"fit_cpu')]
        if done.returncode or not lines:
            said = [line.strip() for line in done.stderr.splitlines() if re.search("[a-z]", line)]
            raise RuntimeError(f"broke off: {(said or ['no message'])[-1][:200]}")
        texts = {n: str for n, d in known.items() if "categories" in d}
        drawn = pd.read_csv(folder / "synthetic.csv", dtype=texts, na_values=[MISSING])
    for name in texts:
        if train[name].dtype == bool:
            drawn[name] = drawn[name] == "True"
    return drawn, json.loads(lines[-1])


def domains(schema: TableSchema) -> dict[str, dict[str, Any]]:
    """The declared domain of each column, as peers take it: categories, or bounds."""
    found: dict[str, dict[str, Any]] = {}
    for field in schema.modelled_fields:
        if field.type == "boolean" or field.domain is not None:
            categories = [str(c) for c in field.domain or (False, True)]
            missing = [] if field.declares("required") else [MISSING]
            found[field.name] = {"categories": categories + missing}
        else:
            lower, upper = field.bounds
            found[field.name] = {"lower": lower, "upper": upper, "whole": field.type == "integer"}
    return found
