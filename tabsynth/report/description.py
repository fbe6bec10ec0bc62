"""What may be said in public about a synthetic table, in sentences, from its report and schema."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from tabsynth.report.facts import certificate_of
from tabsynth.report.figures import STATUS_WORDS
from tabsynth.report.model import Report
from tabsynth.report.power import power
from tabsynth.report.public import public_report
from tabsynth.report.words import WORDS
from tabsynth.schema.model import FieldSchema, Role, TableSchema

USES: Final = (
    "Developing and testing software and analyses that will later run on the private table.",
    "Teaching, and trying out ideas, where records of real people are not needed.",
)
NO_USES: Final = (
    "Decisions about people, and findings that have not been checked on real records.",
    "Studying rare groups or rare values: these are where synthetic records are least reliable.",
    "Looking for real people in it, or joining it with other data to find some.",
)
LIMITS: Final = (
    "Synthetic records show what the model learned. Relations that it cannot hold are missing, and "
    "whatever was wrong or one-sided in the private table is in this one too.",
    "No figure of the report is a proof that nothing about a person can be learned from the table. "
    "It is not differentially private unless the report says so.",
)
_VERDICTS: Final = {
    "pass": "The gate passed: every check that it asks for was made, and none found a leak.",
    "fail": "The gate failed: a check found a leak or a broken table. The table is not to be "
    "handed out.",
    "inconclusive": "The gate is inconclusive: nothing broken was found, and nothing shows that "
    "the table is safe to share.",
}
_ROLE_WORDS: Final[dict[Role, str]] = {
    "sensitive": "sensitive: must not be inferred about a person",
    "protected": "names groups of people that are to be treated alike",
    "quasi-identifier": "may help to recognise a person",
    "identifier": "identifies a person; its values are invented",
}


class Described(NamedTuple):
    """A synthetic table in sentences; no statistic of private data that a public report lacks.

    Args:
        records: how many, to two digits; None where the report does not say.
        made: how it was made.
        verdict: what the gate says.
        found: what the attacks would have found.
        biases: what the bias figures say, a sentence each.
        personal: columns with a role, and what the role means.
        target: the column that models were trained to predict.
        budgeted: whether the model was fitted under a privacy budget.
    """

    records: int | None
    made: str
    verdict: str
    found: str
    biases: tuple[str, ...]
    personal: tuple[str, ...]
    target: str | None
    budgeted: bool


def describe(report: Report, schema: TableSchema) -> Described:
    """What may be said in public about the synthetic table of a report.

    Args:
        report: of any audience; what it says goes through `public_report` first.
        schema: of the table. Names, titles, descriptions and roles of columns are taken to be
            public; facts marked as observed, `source` and `notes` are not used.
    """
    shown = public_report(report, schema=schema)
    facts = shown.provenance
    return Described(
        records=facts.get("synthetic_records"),
        made=_made(facts),
        verdict=_VERDICTS[shown.verdict],
        found=power(shown).sentence(failed=shown.verdict == "fail"),
        biases=_biases(shown),
        personal=tuple(
            f"{field.name}: {_ROLE_WORDS[field.tabsynth.role]}"
            for field in schema.emitted.fields
            if field.tabsynth.role is not None
        ),
        target=facts.get("target"),
        budgeted=certificate_of(facts) is not None,
    )


_TEXTS: Final = {
    "template": "written anew, from sentences that several records share",
    "small-lm": "written anew, by a small language model of the column",
    "llm": "written anew, by a language model that was told of synthetic records alone",
}


def kind_of(field: FieldSchema) -> str:
    """How the values of a column came about, in words."""
    if field.is_generated:
        return "invented, unrelated to any record"
    if field.tabsynth.free_text in _TEXTS:
        return _TEXTS[field.tabsynth.free_text]
    if field.tabsynth.free_text is not None:
        return "withheld: a placeholder stands in its place"
    return "drawn from the model"


def _made(facts: dict[str, Any]) -> str:
    version = f" {facts['tabsynth']}" if "tabsynth" in facts else ""
    method = f", method {facts['synthesizer']}" if "synthesizer" in facts else ""
    return (
        f"Every record was drawn from a statistical model by tabsynth{version}{method}. The model "
        "was fitted to a private table of real records; no record was copied on purpose, and "
        f"columns that name people are invented.{_promise(facts)}"
    )


def _promise(facts: Mapping[str, Any]) -> str:
    """What a certified model promises, as one more sentence."""
    found = certificate_of(facts)
    if found is None or not found.get("certified"):
        return ""
    return (
        f" The model is differentially private: epsilon {found['epsilon']:g} at delta "
        f"{found['delta']:g}, for {found['unit']} more or less."
    )


def _biases(report: Report) -> tuple[str, ...]:
    tallies: dict[str, Counter[str]] = {}
    for result in report.results:
        if result.family == "bias":
            tallies.setdefault(result.name, Counter())[STATUS_WORDS[result.status]] += 1
    if not tallies:
        return (
            "Not examined. The synthetic table is at least as one-sided as the private table that "
            "it was learned from.",
        )
    lines = []
    for name, counts in tallies.items():
        title = WORDS[name].title if name in WORDS else name.replace("_", " ").capitalize()
        lines.append(f"{title}: {', '.join(f'{n} {word}' for word, n in counts.items())}.")
    return tuple(lines)
