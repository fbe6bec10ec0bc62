"""Which synthetic records go, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.stats import norm

from tabsynth.comparison import Comparison
from tabsynth.constraints.combining import combined
from tabsynth.constraints.rules import broken
from tabsynth.learners import numbers, shared_codes
from tabsynth.matching import Keys, of_one_person, record_keys
from tabsynth.metrics.detection import plausibility
from tabsynth.schema.columns import spelled_out
from tabsynth.schema.constraint import Combinations, Constraint
from tabsynth.schema.model import FieldSchema
from tabsynth.table import Table

# the most that may go because it looks synthetic
CAP: Final = 0.2
# a category that so small a share of the synthetic records have is rare
RARE: Final = 0.05
FEWEST: Final = 50
ROUNDS: Final = 100
REPEATED: Final = "repeated more often than among real records"
COPIED: Final = "copy of a record that one real person has"
IMPLAUSIBLE: Final = "looks synthetic to a discriminator"

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sifted:
    """Why each record goes, and what the discriminator found.

    Args:
        reasons: one of each record, empty where it stays.
        guarded: groups that keep their shares, by words for each.
        auc: how well the discriminator told synthetic from training records, NaN where it was not
            asked.
    """

    reasons: NDArray[np.object_]
    guarded: dict[str, Mask]
    auc: float

    @property
    def kept(self) -> NDArray[np.intp]:
        """Positions of the records that stay."""
        return np.flatnonzero(self.reasons == "")

    @property
    def shrunk(self) -> list[str]:
        """Groups that lost a greater share than the whole, by more than a record."""
        gone = self.reasons != ""
        return [says for says, mask in self.guarded.items()
                if gone[mask].sum() > gone.mean() * mask.sum() + 1]  # fmt: skip

    @property
    def emptied(self) -> list[str]:
        """Groups of which no record stays."""
        return [says for says, mask in self.guarded.items() if not mask[self.kept].any()]

    def weights(self) -> Floats | None:
        """How much each record that stays counts, so that no group has shrunk; their mean is 1.

        None where none has. Groups that shrank are raised to the shares they had, one after the
        other until all have them (iterative proportional fitting, Deming and Stephan 1940). Of a
        group of which nothing stays there is nothing to raise.
        """
        found = np.ones(len(self.kept))
        raised = [self.guarded[says] for says in self.shrunk if says not in self.emptied]
        if not raised:
            return None
        for _ in range(ROUNDS):
            for mask in raised:
                inside, share = mask[self.kept], mask.mean()
                now = found[inside].sum() / found.sum()
                if now < share < 1 and not inside.all():
                    found[inside] *= share / now
                    found[~inside] *= (1 - share) / (1 - now)
        weights: Floats = found / found.mean()
        return weights


def sift(comparison: Comparison, rng: np.random.Generator) -> Sifted:
    """Find the records that go; each has the first reason that holds of it.

    Args:
        comparison: all records; their protected columns name groups that keep their shares.
        rng: of the discriminator.

    Privacy: reads all real records of train, and of the holdout how often records occur.
    """
    tables = [comparison.train.modelled, comparison.holdout.modelled, comparison.synthetic.modelled]
    synthetic = tables[2]
    reasons = np.full(synthetic.num_rows, "", dtype=object)
    for rule in synthetic.schema.tabsynth.constraints:
        mask = broken(rule, synthetic, known=_known(rule, tables[:2]))
        reasons[mask & (reasons == "")] = f"breaks: {rule.words}"
    train, holdout, drawn = record_keys(tables)
    owners = [comparison.train.units, comparison.holdout.units]
    reasons[copies([train, holdout], owners, drawn) & (reasons == "")] = COPIED
    left = np.flatnonzero(reasons == "")
    reasons[left[repeats(drawn[left], np.concatenate([train, holdout]))]] = REPEATED
    left = np.flatnonzero(reasons == "")
    guarded = groups(synthetic, comparison.protected)
    if min(len(left), len(train)) < FEWEST:
        return Sifted(reasons, guarded, float("nan"))
    found, auc, error = plausibility(synthetic.take(left), tables[0], rng=rng)
    if auc - float(norm.ppf(0.975)) * error > 0.5:
        # where the two cannot be told apart, scores are noise
        scores = np.zeros(len(reasons))
        scores[left] = found
        reasons[rejected(scores, list(guarded.values()), gone=reasons != "")] = IMPLAUSIBLE
    return Sifted(reasons, guarded, auc)


def copies(real: list[Keys], owners: list[Keys], synthetic: Keys) -> Mask:
    """Synthetic records equal to a real one, of train or holdout, that one person alone has.

    Records of both go alike: would copies of train alone go, a record that is absent and would be
    expected tells that its person was in train. Records that several people have stay.
    """
    return np.isin(synthetic, of_one_person(real, owners))


def repeats(synthetic: Keys, real: Keys) -> Mask:
    """Records that occur again more often than among real ones, in proportion; once is allowed."""
    found, place, times = np.unique(synthetic, return_inverse=True, return_counts=True)
    values, counts = np.unique(real, return_counts=True)
    at = np.minimum(np.searchsorted(values, found), len(values) - 1)
    share = np.where(values[at] == found, counts[at], 0) / len(real)
    allowed = np.maximum(1, np.ceil(share * len(synthetic)))
    order = np.argsort(place, kind="stable")
    number = np.empty(len(synthetic), np.int64)
    number[order] = np.arange(len(order)) - np.repeat(np.cumsum(times) - times, times)
    over: Mask = number >= allowed[place]
    return over


def groups(table: Table, protected: Sequence[str]) -> dict[str, Mask]:
    """Groups that keep their shares: values of protected columns, and rare categories.

    Returns:
        Masks of shape (records,), by words for the group.
    """
    found = {}
    for field in table.schema.fields:
        column = table.column(field.name)
        if field.is_categorical:
            (codes,) = shared_codes([column])
        elif field.name in protected:
            values = numbers(column)
            codes = np.where(np.isnan(values), -1, np.digitize(values, _quartiles(values)))
        else:
            continue
        for code in np.unique(codes):
            mask = codes == code
            if field.name in protected or mask.mean() <= RARE:
                found[f"{field.name} {_words(field, column, mask, int(code))}"] = mask
    return found


def _words(field: FieldSchema, column: pa.Array, mask: Mask, code: int) -> str:
    if code < 0:
        return "missing"
    if not field.is_categorical:
        return f"quarter {code + 1}"
    return str(spelled_out(column)[int(np.flatnonzero(mask)[0])].as_py())


def rejected(
    scores: Floats, kept_apart: Sequence[Mask], *, gone: Mask | None = None, cap: float = CAP
) -> Mask:
    """The records that look most synthetic: at most `cap` of those that are left.

    The cap is lowered until no group of which any is rejected has lost a greater share than the
    whole, but for one record: shares of whole records cannot all be equal. What a group lost
    already counts, so that of a group that lost much others are not rejected, and of one that lost
    little more may be.

    Args:
        scores: how synthetic a record looks; at most 0.5 is not rejected.
        kept_apart: groups, which may overlap.
        gone: records that went for other reasons.
        cap: the greatest share.
    """
    gone = np.zeros(len(scores), bool) if gone is None else gone
    order = np.argsort(-scores, kind="stable")
    order = order[(scores[order] > 0.5) & ~gone[order]]
    within = [np.flatnonzero([mask[i] for mask in kept_apart]) for i in order]
    sizes = np.array([mask.sum() for mask in kept_apart], np.float64)
    before = np.array([(mask & gone).sum() for mask in kept_apart], np.float64)
    left = np.count_nonzero(~gone)
    limit = cap * left / len(scores)
    while True:
        chosen, lost = np.zeros(len(scores), bool), before.copy()
        most, rejected_so_far = int(limit * len(scores) + 1e-9), 0
        for i, own in zip(order, within, strict=True):
            if rejected_so_far >= most:
                break
            if (lost[own] + 1 <= (gone.mean() + limit) * sizes[own] + 1e-9).all():
                chosen[i] = True
                rejected_so_far += 1
                lost[own] += 1
        share = float((chosen | gone).mean())
        if not chosen.any() or (lost <= share * sizes + 1)[lost > before].all():
            return chosen
        # strictly lower each time, so that it ends
        limit = min(share - gone.mean(), limit * 0.98)


def _quartiles(values: Floats) -> Floats:
    known = values[~np.isnan(values)]
    return np.unique(np.quantile(known, [0.25, 0.5, 0.75])) if len(known) else np.empty(0)


def _known(rule: Constraint, real: list[Table]) -> list[str] | None:
    if not isinstance(rule, Combinations) or rule.allowed is not None:
        return None
    return [text for t in real for text in combined(t, rule.columns).dictionary.to_pylist()]
