"""Remakes the reports of `reports/examples` on training data, each by its command, with its cost.

`TRAINING_ONLY=augment-adult,collapse-trees` names some of them.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import fill

import numpy as np

from tests.bench.augment import adult_of_one_percent
from tests.bench.record import ADULT, ROOT, adult, commit
from tests.bench.tables import adult_whole

EXAMPLES = ROOT / "reports" / "examples"
SCHEMA = ROOT / "schemas" / "examples" / "adult.yaml"
UCI = "UCI Adult (doi:10.24432/C5XW20, CC BY 4.0), a public table"
ON_ADULT = "collapse adult.csv.gz --target income --protected sex race --synthesizer"
TICKETS = 6000
WIDTH = 110


@dataclass(frozen=True)
class Example:
    """A report that stands in the repository.

    Args:
        title: of its page.
        commands: of `tabsynth`, in their order; the last one makes the report in `out`.
        data: where its records come from.
        files: writes what the commands read into a folder.
        guide: the page of `docs` that tells what it says.
    """

    title: str
    commands: tuple[str, ...]
    data: str
    files: Callable[[Path], None]
    guide: str = "training-data"


def _adult(folder: Path) -> None:
    shutil.copy(ADULT, folder / "adult.csv.gz")


def _few_of_a_class(folder: Path) -> None:
    shutil.copy(SCHEMA, folder / "adult.yaml")
    adult_of_one_percent(0).to_csv(folder / "adult.csv", index=False)


def _split(folder: Path) -> None:
    shutil.copy(SCHEMA, folder / "adult.yaml")
    for name, frame in zip(("train", "holdout"), adult(), strict=True):
        frame.to_csv(folder / f"{name}.csv", index=False)


def _small_split(folder: Path) -> None:
    shutil.copy(SCHEMA, folder / "adult.yaml")
    order = np.random.default_rng(0).permutation(len(adult_whole()))
    for name, rows in (("train", order[:1500]), ("holdout", order[1500:5500])):
        adult_whole().iloc[rows].to_csv(folder / f"{name}.csv", index=False)


def _tickets(folder: Path) -> None:
    """The made-up tickets of the guide's first block, more of them."""
    guide = (ROOT / "docs" / "text.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n(.*?)```", guide, re.S)
    if found is None or "range(1500)" not in found[1]:
        sys.exit("docs/text.md: expected tickets made in its first block, got none")
    more = found[1].replace("range(1500)", f"range({TICKETS})")
    subprocess.run([sys.executable, "-c", more], cwd=folder, check=True)


FITTED = " --schema adult.yaml --synthesizer"
MADE = {
    "augment-adult": Example(
        "Augmentation: Adult with its positive class cut to 1 %",
        ("augment adult.csv --schema adult.yaml --target income --rare '>50K' --seed 0 -o out",),
        f"{UCI}: all records of at most 50K, and one for 99 of them of the others "
        "(`adult_of_one_percent(0)` in `tests/bench/augment.py`)",
        _few_of_a_class,
    ),
    "mix-adult": Example(
        "Mixtures: 1,500 records of Adult with up to 3,000 synthetic ones",
        (
            f"fit train.csv{FITTED} trees --seed 0 -o trees.tabsynth",
            "sample trees.tabsynth -n 4000 --seed 0 -o drawn.csv",
            "mix --real train.csv --synthetic drawn.csv --holdout holdout.csv "
            "--schema adult.yaml --target income --seed 0 -o out",
        ),
        f"{UCI}: 1,500 records to learn from, 4,000 others as the holdout",
        _small_split,
    ),
    "curate-independent": Example(
        "Curation: columns drawn on their own, on Adult",
        (
            f"fit train.csv{FITTED} independent --seed 0 -o poor.tabsynth",
            "sample poor.tabsynth -n 10000 --seed 0 -o drawn.csv",
            "curate drawn.csv --train train.csv --holdout holdout.csv --schema adult.yaml "
            "--target income --protected sex -o out",
        ),
        f"{UCI}: 80 % of it to learn from, the rest as the holdout, and 10,000 records of a "
        "deliberately poor generator, which draws each column on its own",
        _split,
    ),
    "texts-tickets": Example(
        f"Texts: {TICKETS:,} support tickets",
        (
            "schema infer tickets.csv -o tickets.yaml",
            "run tickets.csv --schema tickets.yaml --text message=template --target category "
            "--seed 1 -o out",
        ),
        f"the made-up tickets of the guide's first block, {TICKETS:,} of them",
        _tickets,
        guide="text",
    ),
    "collapse-trees": Example(
        "Collapse: trees on Adult", (f"{ON_ADULT} trees -o out",), UCI, _adult
    ),
    "collapse-copula": Example(
        "Collapse: the Gaussian copula on Adult", (f"{ON_ADULT} gaussian_copula -o out",),
        UCI, _adult,
    ),
    "collapse-independent": Example(
        "Collapse: columns on their own on Adult", (f"{ON_ADULT} independent -o out",), UCI, _adult
    ),
    "collapse-ctgan": Example(
        "Collapse: ctgan, in small steps on Adult",
        (
            f"{ON_ADULT} ctgan --param epochs=100 --regimes replace,mix:0.5 --seeds 2 "
            "--records 5000 -o out",
        ),
        f"{UCI}; networks that learnt 5,000 records for 100 epochs are far from what `ctgan` can "
        "do, and intervals over two chains are wide",
        _adult,
    ),
}  # fmt: skip


def main() -> None:
    """Remake every report, or those that are named; about an hour of CPU."""
    named = os.environ.get("TRAINING_ONLY")
    made_by = commit()
    for name in named.split(",") if named else MADE:
        _remake(name, MADE[name], made_by)


def _remake(name: str, example: Example, made_by: str) -> None:
    with TemporaryDirectory() as place:
        folder = Path(place)
        example.files(folder)
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        for command in example.commands:
            print(f"{name}: tabsynth {command}", flush=True)
            called = [sys.executable, "-m", "tabsynth", "--quiet", *shlex.split(command)]
            done = subprocess.run(called, cwd=folder, check=False, env=_environment())
            # 3: no pass, which is what some examples show
            if done.returncode not in (0, 3):
                sys.exit(f"{name}: `tabsynth {command}` ended with {done.returncode}")
        wall = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        kept = EXAMPLES / name
        kept.mkdir(parents=True, exist_ok=True)
        for part in ("report.html", "report.json"):
            shutil.copy(folder / "out" / part, kept / part)
    cpu = sum(getattr(after, k) - getattr(before, k) for k in ("ru_utime", "ru_stime"))
    (kept / "README.md").write_text(_page(kept, example, wall, cpu, made_by), encoding="utf-8")


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def _page(kept: Path, example: Example, wall: float, cpu: float, made_by: str) -> str:
    """What made the report, and what the report says first."""
    document = json.loads((kept / "report.json").read_text(encoding="utf-8"))
    commands = "\n".join(f"tabsynth {c}" for c in example.commands)
    said = "\n".join(f"> - {reason}" for reason in document["reasons"])
    made = (
        f"Data: {example.data}. `TRAINING_ONLY={kept.name} python -m tests.bench "
        "training_examples` makes the files of these records and calls"
    )
    cost = (
        f"This took {cpu:,.0f} CPU seconds, {wall:,.0f} by the clock, on {os.cpu_count()} cores "
        f"that other work may have shared, at commit {made_by}. The page says "
        f"({document['verdict']}):"
    )
    guide = (
        "Open `report.html` in a browser; `report.json` holds the same figures. What they mean is "
        f"told in [the guide](../../../docs/{example.guide}.md)."
    )
    return f"""# {example.title}

{fill(made, WIDTH)}

```text
{commands}
```

{fill(cost, WIDTH)}

{said}

{fill(guide, WIDTH)}
"""


if __name__ == "__main__":
    main()
