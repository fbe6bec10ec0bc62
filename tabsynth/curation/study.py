"""A synthetic table without the records that harm, the reason for each, and what that changed."""

from __future__ import annotations

import csv
import json
import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from tabsynth.comparison import Comparison
from tabsynth.curation.figures import measure, with_synthetic
from tabsynth.curation.sifting import CAP, FEWEST, Sifted, sift
from tabsynth.errors import DataError
from tabsynth.evaluator import no_warnings
from tabsynth.io.atomic import atomic_files
from tabsynth.io.write import open_writer
from tabsynth.machine import versions
from tabsynth.metrics.copies import overlap
from tabsynth.provenance import Labelled, require_unlabelled, stacked, unlabelled
from tabsynth.refusals import check_protected, check_target
from tabsynth.report.curate import CURATE, sentences
from tabsynth.report.model import Report
from tabsynth.report_files import write_report
from tabsynth.table import Table
from tabsynth.workflow import as_table, raw_table

if TYPE_CHECKING:
    from typing import TypeAlias

    import pandas as pd

    TableLike: TypeAlias = Table | pd.DataFrame

RESULTS: Final = ("report.html", "report.json", "table.parquet", "audit.csv")
MAX_MANIFEST: Final = 16_000_000

Say = Callable[[str], object]


def curate(
    synthetic: TableLike | pa.Table,
    out: str | Path,
    *,
    train: TableLike,
    holdout: TableLike,
    target: str | None = None,
    protected: Sequence[str] = (),
    certified: bool = False,
    seed: int = 0,
    say: Say = lambda _: None,
) -> Report:
    """Leave out synthetic records that break rules, repeat, copy a person or look synthetic.

    Args:
        synthetic: the records to filter.
        out: directory for the files named in `RESULTS`; all of them appear, or none.
        train: real records that the synthesizer learnt from; the filter learns from them too.
        holdout: real records that nothing learnt from; they judge before and after.
        target: column to predict; it is named in the report, and is a group to keep like others.
        protected: columns whose groups keep their shares.
        certified: whether a differential-privacy certificate came with the synthetic records; the
            report says that it does not hold of those that are left.
        seed: of every random draw.
        say: called with a line before each step.

    Returns:
        The report; it has no gate, and its verdict is always `inconclusive`. Figures of the table
        that was given have names that end in `_before`.

    Raises:
        UsageError: a target or protected column that is not modelled.
        DataError: too few records, synthetic ones of other columns, a holdout of training records,
            or none left.
        OutputError: `out` cannot be written.

    Privacy: reads all real records, without a budget: whatever promise the synthetic table came
        with does not hold of what is left.
    """
    whole = as_table(train)
    if target is not None:
        check_target(target, whole.schema)
    check_protected(protected, whole.schema)
    require_unlabelled(whole.schema, "--train")
    emitted = whole.schema.emitted
    raw = unlabelled(raw_table(synthetic), whole.schema)
    drawn = Table.checked(raw, emitted, where="SYNTHETIC")
    known, apart = whole.select(emitted), as_table(holdout, whole.schema).select(emitted)
    _refuse(known, drawn, apart)
    groups = tuple(dict.fromkeys([*protected, *([target] if target else [])]))
    comparison = Comparison(
        known, apart, drawn, seed=seed, protected=tuple(protected), target=target
    )
    say("filtering")
    with no_warnings():
        found = sift(
            Comparison(known, apart, drawn, seed=seed, protected=groups),
            np.random.default_rng([seed, *b"curate"]),
        )
    if not len(found.kept):
        raise DataError(
            "SYNTHETIC", expected="records that are worth keeping", got="none",
            remedy="see the constraints of the schema, or draw from another model",
        )  # fmt: skip
    left = drawn.take(found.kept)
    say("measuring before")
    before = measure(comparison)
    say("measuring after")
    results = [
        *(r.model_copy(update={"name": f"{r.name}_before"}) for r in before),
        *measure(with_synthetic(comparison, left)),
    ]
    facts = _facts(comparison, found, certified=certified)
    report = Report(
        verdict="inconclusive", reasons=tuple(sentences(facts, results)), results=tuple(results),
        provenance=facts,
    )  # fmt: skip
    table = stacked([Labelled("synthetic", left, weights=found.weights())])
    with atomic_files(out) as folder:
        write_report(report, folder)
        _write_audit(found, folder / "audit.csv")
        with open_writer(folder / "table.parquet", table.schema) as writer:
            writer.write(table.data)
    return report


def certificate_beside(synthetic: Path | None) -> bool:
    """Whether a manifest.json beside the table holds a certificate of differential privacy."""
    if synthetic is None:
        return False
    place = synthetic.parent / "manifest.json"
    try:
        if place.stat().st_size > MAX_MANIFEST:
            return False
        privacy = json.loads(place.read_text(encoding="utf-8"))["privacy"]
        return bool(privacy["certificate"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        # there is none, or it is nobody's manifest
        return False


def _refuse(train: Table, synthetic: Table, holdout: Table) -> None:
    for table, name in ((train, "--train"), (holdout, "--holdout"), (synthetic, "SYNTHETIC")):
        if table.num_rows < FEWEST:
            raise DataError(name, expected=f"at least {FEWEST} records", got=str(table.num_rows),
                            remedy="give more")  # fmt: skip
    if overlap(train.modelled, holdout.modelled):
        raise DataError(
            "--holdout", expected="records that are not in --train",
            got="mostly the same records", remedy="keep records apart before the fit",
        )  # fmt: skip


def _facts(comparison: Comparison, found: Sifted, *, certified: bool) -> dict[str, Any]:
    gone = Counter(str(reason) for reason in found.reasons if reason)
    words = ["tabsynth curate SYNTHETIC --train TRAIN --holdout HOLDOUT --schema SCHEMA"]
    if comparison.target:
        words.append(f"--target {shlex.quote(comparison.target)}")
    words += [f"--protected {shlex.quote(name)}" for name in comparison.protected]
    return {
        **versions(),
        "kind": CURATE,
        "command": " ".join([*words, f"--seed {comparison.seed} -o DIR"]),
        "seed": comparison.seed,
        "train_records": comparison.train.num_rows,
        "holdout_records": comparison.holdout.num_rows,
        "synthetic_records": comparison.synthetic.num_rows,
        "kept_records": len(found.kept),
        "removed": dict(gone.most_common()),
        "cap": CAP,
        "shrunk": [says for says in found.shrunk if says not in found.emptied],
        "emptied": found.emptied,
        "discriminator_auc": None if np.isnan(found.auc) else found.auc,
        "target": comparison.target,
        "protected": list(comparison.protected),
        "certificate_dropped": certified,
    }


def _write_audit(found: Sifted, place: Path) -> None:
    """One line for each record that went; the first record of the synthetic table is 1."""
    with place.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["record", "reason"])
        writer.writerows(
            (int(i) + 1, found.reasons[i]) for i in np.flatnonzero(found.reasons != "")
        )
