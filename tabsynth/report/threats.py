"""Who might attack a synthetic table: what they hold, and what each of our attacks tries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tabsynth.report.model import Result

HELD: tuple[str, ...] = (
    "the synthetic table, whole, and what its columns mean;",
    "real records of other people from the same source: one part of the holdout, the reference;",
    "what each attack below names: some or all of the columns of a person of interest.",
)
NOT_HELD = (
    "They do not hold the training table, nor the fitted model. Only the attack by repeated fits "
    "knows the synthesizer and its settings as well."
)
COUNTED = (
    "Each attack is made on training records and, in the same way, on control records: the other "
    "part of the holdout, people whom the synthesizer never saw. What an attacker gets right about "
    "those is knowledge about the population. Only what they get right more often about training "
    "records is a leak."
)


class Threat(NamedTuple):
    """One kind of attack.

    Args:
        title: its name.
        results: names of its figures.
        knows: what the attacker knows of a person beforehand.
        tries: what they do, and what they want to learn.
    """

    title: str
    results: tuple[str, ...]
    knows: str
    tries: str


class Tried(NamedTuple):
    """A threat, and whether this run has figures of it."""

    threat: Threat
    run: bool


THREATS: tuple[Threat, ...] = (
    Threat(
        "Membership",
        (
            "membership_p", "membership_auc", "membership_top", "membership_tpr",
            "membership_epsilon",
        ),
        "The person's whole record.",
        "Learn whether that record was in the training table: from how near the synthetic records "
        "come to it, compared with records of other people, and from more such scores. The test "
        "takes the strongest of them and accounts for having looked at several.",
    ),
    Threat(
        "Copies",
        ("unique_copies", "near_copies", "exact_copies", "withheld_copies"),
        "Nothing.",
        "Take synthetic records for real ones: do they repeat training records more often than "
        "they repeat records of people never seen?",
    ),
    Threat(
        "Replicated uniques",
        ("replicated_uniques",),
        "The columns by which the person can be recognised, unlike anybody else's.",
        "Find the synthetic record that agrees with them.",
    ),
    Threat(
        "Replay of texts",
        ("text_replay", "replayed_runs"),
        "What the person may have written.",
        "Find eight or more words in a row in a synthetic text that few but that person would put "
        "so. Tried where texts are written.",
    ),
    Threat(
        "Attribute inference",
        ("attribute_inference",),
        "All columns of the person but one sensitive one.",
        "Predict the missing one from the synthetic records, with nearest neighbours and with "
        "boosted trees.",
    ),
    Threat(
        "Singling out",
        ("singling_out",),
        "Nothing.",
        "Write a description that fits exactly one training record, from values that are unique "
        "in the synthetic table.",
    ),
    Threat(
        "Linkability",
        ("linkability",),
        "Two sets of columns, held in two places, of people whose names are missing.",
        "Join the two halves of a person through the synthetic record that lies nearest to both.",
    ),
    Threat(
        "Disclosive combinations",
        ("disco_advantage", "repu_advantage", "disco", "repu"),
        "The columns by which the person can be recognised.",
        "Look up the synthetic records that agree with them; where these agree among themselves "
        "on a sensitive column, take that for the person's.",
    ),
    Threat(
        "Repeated fits",
        ("deep_p", "deep_auc", "deep_best_auc", "deep_target_auc"),
        "The person's whole record, the synthesizer and its settings.",
        "Fit the synthesizer many times with and without the person, and tell from the synthetic "
        "table which of the two this one was. Tried with --deep, on people who stand out.",
    ),
)  # fmt: skip


def tried(results: Iterable[Result]) -> list[Tried]:
    """Every threat, and whether there is a figure of it that is not missing."""
    names = {r.name for r in results if r.value is not None}
    return [Tried(t, bool(names & set(t.results))) for t in THREATS]
