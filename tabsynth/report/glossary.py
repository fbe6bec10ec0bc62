"""Words of the report that a reader may not know, explained where they are used."""

from __future__ import annotations

import re
from html import unescape
from typing import Final, NamedTuple


class Term(NamedTuple):
    """A word and its explanation.

    Args:
        word: as the glossary lists it.
        meaning: in a sentence or two.
        used: a pattern that finds the word in the text of a page.
    """

    word: str
    meaning: str
    used: str


TERMS: Final[tuple[Term, ...]] = (
    Term(
        "Advantage",
        "How much more often an attack succeeds on training records than on control records.",
        r"\badvantage",
    ),
    Term(
        "AUC",
        "The chance that a classifier or a score ranks a random member of one class above a random "
        "one of the other; 0.5 is guessing.",
        r"\bAUC\b",
    ),
    Term(
        "Base rate", "The share of a group that has the favourable outcome.", r"\bbase rates?\b"
    ),
    Term("C2ST", "Classifier two-sample test: a classifier is asked to tell two tables apart.",
         r"\bC2ST\b"),
    Term(
        "Control",
        "Real records that the synthesizer never saw, attacked in the same way as training "
        "records, so that knowledge about the population is not counted as a leak.",
        r"\bcontrols?\b",
    ),
    Term(
        "Epsilon",
        "The bound of differential privacy on how much one record can change what comes out; a "
        "figure from an attack is a lower bound: the true one is at least as large.",
        r"\bepsilon\b",
    ),
    Term(
        "False alarm",
        "A record that was not in the training table, taken for one that was.",
        r"\bfalse alarm",
    ),
    Term("Gate", "The thresholds that turn figures into the verdict.", r"\bgate\b"),
    Term(
        "Holdout",
        "Real records kept from the synthesizer, against which everything is judged.",
        r"\bholdout\b|\bheld-out\b",
    ),
    Term(
        "Impact ratio",
        "The rate of favourable outcomes in a group over that of the group with the highest rate.",
        r"\bimpact ratio",
    ),
    Term(
        "Independent columns",
        "The same figure for a table whose columns are each right but unrelated: the bottom of the "
        "scale.",
        r"\bindependent columns\b",
    ),
    Term(
        "Isolated records",
        "Records that have few others like them; these are the easiest to recognise.",
        r"\bisolated\b",
    ),
    Term(
        "Near copy", "A training record with one of its fields redrawn.",
        r"\bnear cop(?:y|ies)\b",
    ),
    Term(
        "p-value",
        "How often chance alone gives a result at least as strong; small values speak for a leak.",
        r"\bp-values?\b",
    ),
    Term(
        "Permutation",
        "Who was a training record is shuffled at random, many times, to see what chance gives.",
        r"\bpermut",
    ),
    Term(
        "Power",
        "The share of tables with a planted leak in which the attack raises the alarm. An attack "
        "without power proves nothing by staying silent.",
        r"\bpower\b",
    ),
    Term(
        "Protected column", "A column that names groups to be treated alike, for bias.",
        r"(?<!-)\bprotected\b",
    ),
    Term(
        "Quasi-identifier",
        "A column that others may know of a person, and that helps to recognise them together with "
        "other such columns.",
        r"\bquasi-identifier",
    ),
    Term("R²", "The share of a number's variance that a prediction explains.", r"R²"),
    Term(
        "Real against real",
        "The same figure with real records in the place of the synthetic ones: what a perfect "
        "synthesizer would get. It is not zero, because two samples of the same people differ by "
        "chance.",
        r"\breal against real\b",
    ),
    Term(
        "Reference records",
        "Real records of other people that an attacker holds beside the synthetic table.",
        r"\bthe reference;|\breference records\b",
    ),
    Term("Sensitive column", "A column whose value must not be inferred about a person.",
         r"\bsensitive\b"),
    Term(
        "Status",
        "ok; worth a look: far from its reference, without breaking the gate; fails: breaks "
        "the gate; scale within noise: the two ends of the scale are too close for a score; no "
        "figure: what it needs is missing; diagnostic: can neither pass nor fail.",
        r"\bstatus\b",
    ),
    Term(
        "Tolerance",
        "The largest figure that the gate accepts; the whole interval must lie below it to pass.",
        r"\btoleran",
    ),
    Term(
        "Total variation",
        "The largest difference in probability that two distributions give to any event; 0 % is "
        "identical, 100 % is disjoint.",
        r"\btotal variation\b",
    ),
    Term(
        "Training records", "The real records that the synthesizer learned from.",
        r"\btraining (?:records?|table)\b",
    ),
    Term("TRTR", "Train on real, test on real: what TSTR is compared with.", r"\bTRTR\b"),
    Term("TSTR", "Train on synthetic, test on real.", r"\bTSTR\b"),
    Term(
        "95 % interval", "A range made so that it holds the true figure in 95 of 100 repetitions.",
        r"95 % interval|\bIntervals are 95 %",
    ),
)  # fmt: skip


def used_terms(page: str) -> tuple[Term, ...]:
    """The terms that stand in a page.

    Args:
        page: its HTML, without the glossary; style sheets and tags are not searched.
    """
    bare = re.sub(r"<(style|svg)\b.*?</\1>|<[^>]*>", " ", page, flags=re.S)
    text = " ".join(unescape(bare).split())
    return tuple(t for t in TERMS if re.search(t.used, text, flags=re.I))
