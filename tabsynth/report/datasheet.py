"""A first draft of a datasheet for a synthetic table, with gaps where only its owner knows.

Source: the sections follow Gebru et al. (2021), Datasheets for Datasets, doi:10.1145/3458723.
"""

from __future__ import annotations

import re
from typing import Final

from tabsynth.report.description import LIMITS, NO_USES, USES, Described, describe, kind_of
from tabsynth.report.model import Report
from tabsynth.schema.model import TableSchema

OWNER: Final = "*To be filled in by the owner.*"
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~])")

# a heading, then what is asked below it and what is known
Section = tuple[str, tuple[tuple[str, str], ...]]


def datasheet(
    report: Report,
    schema: TableSchema,
    *,
    name: str,
    sha256: str,
    file: str = "synthetic.parquet",
) -> str:
    """The draft, in Markdown.

    Args:
        report: of the run that made the table, of any audience.
        schema: of the private table.
        name: of the dataset.
        sha256: checksum of the synthetic file, in hexadecimal digits.
        file: its name.

    Privacy: holds what a public report may hold, and the schema's names, titles, descriptions and
        roles of columns.
    """
    known = describe(report, schema)
    sections = (
        _motivation(),
        _composition(known, schema.emitted),
        _collection(known),
        _preparation(known),
        _uses(known),
        _distribution(file, sha256),
        _maintenance(),
    )
    lines = [
        f"# Datasheet: {_plain(name)}",
        "",
        "A draft. What follows from the run that made the table is filled in; the rest is marked. "
        "The sections are those of Gebru et al. (2021), doi:10.1145/3458723.",
    ]
    for heading, answers in sections:
        lines += ["", f"## {heading}"]
        for question, answer in answers:
            lines += ["", f"**{question}**", "", answer]
    return "\n".join(lines) + "\n"


def _motivation() -> Section:
    return "Motivation", (
        ("What was the table made for, and by whom? Who paid for it?", OWNER),
        (
            "Why synthetic?",
            "So that people can work with a table of this form without the private records it was "
            "learned from.",
        ),
    )


def _composition(known: Described, schema: TableSchema) -> Section:
    count = "An unstated number of" if known.records is None else f"About {known.records:,}"
    return "Composition", (
        ("What is a record?", f"One row of a table, made up. What it stands for: {OWNER}"),
        ("How many are there?", f"{count} records, {len(schema.fields)} columns."),
        ("What does each consist of?", _columns(schema)),
        (
            "Is anything missing?",
            "Missing values occur where the private table has them; they are drawn like other "
            "values.",
        ),
        ("Are there errors, noise or repetitions?", " ".join(LIMITS[:1])),
        ("Does it identify people?", f"{known.verdict} {_plain(known.found)} {LIMITS[1]}"),
        ("Does it hold sensitive data?", _list(known.personal) or "The schema marks no column so."),
        ("Does it treat groups of people alike?", _list(known.biases)),
    )


def _collection(known: Described) -> Section:
    return "Collection process", (
        ("How was it acquired?", _plain(known.made)),
        ("Where do the private records come from, and when were they collected?", OWNER),
        ("Did people agree to it, and were they told? Was it reviewed?", OWNER),
    )


def _preparation(known: Described) -> Section:
    before = "were checked against the schema. Rare values were pooled before the model was fitted"
    if known.budgeted:
        before = "outside the domain that the schema declares were moved into it"
    return "Preprocessing, cleaning, labelling", (
        (
            "What was done to the values?",
            f"Values {before}; identifiers and personal data were replaced by invented values, "
            "free text by placeholders or by texts written anew.",
        ),
        ("What was done to the private table before?", OWNER),
    )


def _uses(known: Described) -> Section:
    aim = f" It was checked for predicting {_plain(known.target)}." if known.target else ""
    return "Uses", (
        ("What can it be used for?", f"{_list(USES)}{aim and chr(10) * 2 + aim.strip()}"),
        ("What should it not be used for?", _list(NO_USES)),
        ("Has it been used already?", OWNER),
    )


def _distribution(file: str, sha256: str) -> Section:
    return "Distribution", (
        ("In which form?", f"`{file.replace('`', '')}`, SHA-256 `{sha256}`."),
        ("To whom, under which licence, with which restrictions?", OWNER),
    )


def _maintenance() -> Section:
    return "Maintenance", (
        ("Who keeps it, and how can they be reached?", OWNER),
        (
            "Will it be updated?",
            f"{OWNER} Another table drawn from the same private records adds to what is given "
            "away about them; the two should be judged together.",
        ),
    )


def _columns(schema: TableSchema) -> str:
    rows = ["| column | type | values | meaning |", "|---|---|---|---|"]
    for field in schema.fields:
        said = ". ".join(text for text in (field.title, field.description) if text)
        cells = (field.name, field.type, kind_of(field), said or "to be filled in by the owner")
        rows.append(f"| {' | '.join(_plain(cell) for cell in cells)} |")
    return "\n".join(rows)


def _list(lines: tuple[str, ...]) -> str:
    return "\n".join(f"- {_plain(line)}" for line in lines)


def _plain(text: str) -> str:
    """The text on one line, with Markdown's marks made harmless."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))
