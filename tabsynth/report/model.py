"""The report as data: what `report.json` holds, to the letter of the public contract."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Setting

Family = Literal["validity", "fidelity", "utility", "bias", "privacy"]
Verdict = Literal["pass", "fail", "inconclusive"]
Direction = Literal["lower", "higher"]
Status = Literal["ok", "attention", "fail", "uninformative", "diagnostic"]
Audience = Literal["internal", "public"]
COMPARISON: Final = "comparison"
COLLAPSE: Final = "collapse"
MIX: Final = "mix"
AUGMENT: Final = "augment"
CURATE: Final = "curate"
DATABASE: Final = "database"
PRIVATE_EVALUATION: Final = "private-evaluation"


class Result(BaseModel):
    """One figure, with its interval and the same figure for real data against real data.

    Args:
        name: what was measured, such as `univariate_tv`.
        family: the question it belongs to.
        column: the column, or two columns joined by " × ".
        group: the group of records, for bias.
        value: the figure.
        ci_low: lower end of its 95 % interval.
        ci_high: upper end of its 95 % interval.
        reference: the figure when real records stand in the place of the synthetic ones.
        baseline: the figure when independent columns stand in their place.
        score: 0 to 100; 100 is the reference, 0 is the baseline; None where the two are too close.
        better: which direction is better.
        tolerance: what the gate holds the interval to, where it does.
        unit: of the value, such as `share` or `AUC`.
        n: synthetic or test records it was computed on.
        method: how, in one line.
        seed: of the random draws, None when there are none.
        synthesizer: whose table it is about, where a report compares several.
        regime: what generations learnt from, in a study of collapse.
        generation: which one, counted from 1.
        table: which table of a database it is about by itself; None in a report on one table, and
            for entities and relations.
        status: `ok`; `attention` (worth a look); `fail` (breaks the gate); `uninformative` (the
            scale is within noise); `diagnostic` (can neither pass nor fail).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    family: Family
    column: str | None = None
    group: str | None = None
    value: float | None
    ci_low: float | None = None
    ci_high: float | None = None
    reference: float | None = None
    baseline: float | None = None
    score: float | None = Setting(default=None, ge=0, le=100)
    better: Direction = "lower"
    tolerance: float | None = None
    unit: str
    n: int
    method: str
    seed: int | None = None
    synthesizer: str | None = None
    table: str | None = None
    regime: str | None = None
    generation: int | None = None
    status: Status = "ok"


class Report(BaseModel):
    """A verdict, the reasons for it, and every figure behind it.

    Args:
        audience: `internal` holds statistics of private data and is not for release; `public` has
            gone through `tabsynth.report.public.public_report`.
        verdict: what the gate says.
        reasons: why, a sentence each.
        results: every figure.
        provenance: where they come from: versions, seeds, sizes, settings.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal["1"] = "1"
    audience: Audience = "internal"
    verdict: Verdict
    reasons: tuple[str, ...]
    results: tuple[Result, ...]
    provenance: dict[str, Any]

    @property
    def is_audit(self) -> bool:
        """Whether it describes a real table; there is no gate then, and no synthetic table."""
        return self.provenance.get("kind") == "audit"

    @property
    def is_comparison(self) -> bool:
        """Whether it compares several synthesizers; each has a verdict of its own then."""
        return self.provenance.get("kind") == COMPARISON

    @property
    def is_database(self) -> bool:
        """Whether it judges several tables together; attacks were made on entities then."""
        return self.provenance.get("kind") == DATABASE

    @property
    def is_private(self) -> bool:
        """Whether its figures are differentially private; no attack was tried then."""
        return self.provenance.get("kind") == PRIVATE_EVALUATION

    def to_json(self) -> str:
        """The text of `report.json`."""
        return self.model_dump_json(indent=2) + "\n"

    @classmethod
    def load(cls, path: str | Path) -> Report:
        """A report read back from `report.json`."""
        return cls.model_validate_json(Path(path).read_text(encoding="utf-8"))

    def find(
        self, name: str, column: str | None = None, *, synthesizer: str | None = None
    ) -> Result:
        """The result of that name (and column, and synthesizer); KeyError when there is none."""
        for result in self.results:
            if (result.name, result.column) == (name, column) and synthesizer in (
                None,
                result.synthesizer,
            ):
                return result
        raise KeyError(name if column is None else f"{name} of column {column}")

    def __repr__(self) -> str:
        return f"Report(verdict={self.verdict!r}, {len(self.results)} results)"

    def _repr_html_(self) -> str:
        from tabsynth.report.html import summary_html

        return summary_html(self)
