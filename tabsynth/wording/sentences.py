"""Sentences that enough records share, near-equal ones taken together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tabsynth.wording.masking import Tokens
from tabsynth.wording.runs import FEWEST

# near-equal: so large a share of the words, and at least so many of them, are the same
_ALIKE: Final = 0.7
_ALIKE_WORDS: Final = 3
_MAX_GROUPS: Final = 500

Choices = dict[int, dict[str, float]]


@dataclass(frozen=True)
class Sentence:
    """A sentence that enough records share.

    Args:
        tokens: its words, marks and slots.
        choices: for places at which near-equal sentences differ, the tokens that enough records
            have there, with their shares.
    """

    tokens: Tokens
    choices: Choices

    def drawn(self, rng: np.random.Generator) -> Tokens:
        """The sentence with a choice made at each such place."""
        if not self.choices:
            return self.tokens
        made = list(self.tokens)
        for place, shares in self.choices.items():
            made[place] = str(rng.choice(list(shares), p=list(shares.values())))
        return tuple(made)

    def state(self) -> dict[str, Any]:
        """Plain values for the model file."""
        choices = {str(place): shares for place, shares in self.choices.items()}
        return {"tokens": list(self.tokens), "choices": choices}

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> Sentence:
        """The same from the model file."""
        tokens = tuple(map(str, state["tokens"]))
        choices: Choices = {}
        for place, shares in state["choices"].items():
            known = {str(token): float(share) for token, share in shares.items()}
            if not 0 <= int(place) < len(tokens) or abs(sum(known.values()) - 1) > 1e-6:
                raise ValueError("expected choices at places of the sentence, with shares of 1")
            choices[int(place)] = known
        return cls(tokens, choices)


def learn_sentences(
    texts: Sequence[Sequence[Tokens]], units: NDArray[np.int64]
) -> tuple[tuple[Sentence, ...], dict[Tokens, int]]:
    """The sentences that at least `FEWEST` privacy units have.

    Args:
        texts: the sentences of each record.
        units: whose record it is, shape (records,).

    Returns:
        The sentences, and which of them each sentence of the texts is; those that are none of them
        are left out.
    """
    by: dict[Tokens, set[int]] = defaultdict(set)
    for text, unit in zip(texts, units.tolist(), strict=True):
        for sentence in text:
            by[sentence].add(unit)
    ordered = sorted(by, key=lambda s: (-len(by[s]), s))
    kept = [Sentence(s, {}) for s in ordered if len(by[s]) >= FEWEST]
    known = {s.tokens: place for place, s in enumerate(kept)}
    for group in _groups([s for s in ordered if len(by[s]) < FEWEST]):
        found = _together(group, by)
        if found is not None:
            merged, members = found
            known.update(dict.fromkeys(members, len(kept)))
            kept.append(merged)
    return tuple(kept), known


def _groups(rare: Sequence[Tokens]) -> list[list[Tokens]]:
    """Rare sentences of one length that agree in most of their words."""
    by_length: dict[int, list[Tokens]] = defaultdict(list)
    for sentence in rare:
        by_length[len(sentence)].append(sentence)
    numbers: dict[str, int] = {}
    found: list[list[Tokens]] = []
    for length, those in sorted(by_length.items()):
        heads = np.empty((0, length), np.int64)
        groups: list[list[Tokens]] = []
        for sentence in those:
            own = np.array([numbers.setdefault(token, len(numbers)) for token in sentence])
            same = (heads == own).sum(axis=1)
            best = int(same.argmax()) if len(heads) else -1
            if best >= 0 and same[best] >= max(_ALIKE * length, _ALIKE_WORDS):
                groups[best].append(sentence)
            elif len(groups) < _MAX_GROUPS:
                heads = np.vstack([heads, own])
                groups.append([sentence])
        found += groups
    return found


def _together(
    group: list[Tokens], by: Mapping[Tokens, set[int]]
) -> tuple[Sentence, list[Tokens]] | None:
    """One sentence for a group, with the choices that enough records have; and who it stands for.

    A choice that falls away takes members with it, and these may have held up another one.
    """
    members = group
    while True:
        if len(set().union(*(by[m] for m in members))) < FEWEST:
            return None
        held: dict[int, dict[str, set[int]]] = {}
        for place in range(len(group[0])):
            if len({m[place] for m in members}) > 1:
                tokens = held.setdefault(place, {})
                for member in members:
                    tokens.setdefault(member[place], set()).update(by[member])
        kept = {
            place: {token: len(units) for token, units in tokens.items() if len(units) >= FEWEST}
            for place, tokens in held.items()
        }
        left = [m for m in members if all(m[place] in those for place, those in kept.items())]
        if len(left) == len(members):
            return Sentence(members[0], {p: _shares(c) for p, c in kept.items()}), members
        if not left:
            return None
        members = left


def _shares(counts: Mapping[str, int]) -> dict[str, float]:
    total = sum(counts.values())
    return {token: count / total for token, count in sorted(counts.items())}
