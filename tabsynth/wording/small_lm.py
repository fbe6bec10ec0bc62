"""Text from a small language model of the column, told the record's cells.

It reads and writes masked tokens, of which at least `FEWEST` privacy units have each one. A token
is emitted only where every run of words that it ends is one that enough records share; so it can
recombine what many wrote, and not recite what few did.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tabsynth.errors import DataError
from tabsynth.generators import WITHHELD
from tabsynth.schema.model import FieldSchema, TableSchema
from tabsynth.wording.contexts import Cells, rows_of, shown
from tabsynth.wording.gather import Gathered
from tabsynth.wording.masking import SHAPE, joined, slot
from tabsynth.wording.network import EPOCHS, UNITS, context, shapes, step, train
from tabsynth.wording.runs import FEWEST, RUN, Hashes, among, runs
from tabsynth.wording.slots import Filler, persons
from tabsynth.wording.state import TextState

START, END, MISSING, RARE = range(4)
MARKS: Final = ("⟦start⟧", "⟦end⟧", "⟦missing⟧", "⟦rare⟧")
MAX_WORDS: Final = 8_000
MAX_TOKENS: Final = 400
TOGETHER: Final = 1_024
TRIES: Final = 12
PASSES: Final = 8


@dataclass(frozen=True, eq=False)
class SmallLmText:
    """Text from a small language model.

    Args:
        field: the column.
        schema: of the table that the rows to be written for are of.
        cells: of the other columns.
        vocabulary: tokens, the four marks first.
        weights: of the network.
        filler: what fills slots.
        personal: kinds of personal data that slots stand for.
        runs: runs of words that enough records share, sorted; no other run is emitted.
        longest: tokens of a text at most.
    """

    field: FieldSchema
    schema: TableSchema
    cells: tuple[Cells, ...]
    vocabulary: tuple[str, ...]
    weights: dict[str, NDArray[np.float32]]
    filler: Filler
    personal: tuple[str, ...]
    runs: Hashes
    longest: int

    @property
    def method(self) -> str:
        """`small-lm`."""
        return "small-lm"

    @classmethod
    def learn(
        cls, gathered: Gathered, field: FieldSchema, schema: TableSchema, *,
        rng: np.random.Generator, epochs: int = EPOCHS,
    ) -> SmallLmText:  # fmt: skip
        """Train on gathered texts, so many times over at most.

        Raises:
            DataError: hardly any word is shared by enough records.

        Privacy: the network is trained on every record and may remember more than it can emit: its
            file is as private as the table. What is emitted are tokens and runs of words that at
            least `FEWEST` privacy units share.
        """
        vocabulary = (*MARKS, *_shared_tokens(gathered))
        if len(vocabulary) == len(MARKS):
            raise DataError(
                f"column {field.name!r}", expected="words that at least 5 records share",
                got="texts that have none in common",
                remedy="withhold the column (free_text: replace or drop)",
            )  # fmt: skip
        numbers = {token: place for place, token in enumerate(vocabulary)}
        texts = [
            np.array([START, MISSING, END] if t is None else
                     [START, *(numbers.get(token, RARE) for token in t.tokens[:MAX_TOKENS]), END])
            for t in gathered.texts
        ]  # fmt: skip
        weights = train(
            texts, gathered.codes, words=len(vocabulary),
            cells=[c.count for c in gathered.cells], epochs=epochs, rng=rng,
        )  # fmt: skip
        return cls(
            field, schema, gathered.cells, vocabulary, weights, gathered.filler,
            gathered.personal, gathered.runs,
            int(np.ceil(np.quantile([len(t) for t in texts], 0.99) / 10) * 10),
        )  # fmt: skip

    def write(self, rows: pa.Table, *, start: int, rng: np.random.Generator) -> pa.Array:
        """A text for each record; see `TextModel`."""
        codes = [cells.codes(rows.column(cells.column)) for cells in self.cells]
        people = rows_of(persons(self.personal, rows.num_rows, start=start, rng=rng), rows.num_rows)
        own = rows_of(shown(rows, self.schema, self.filler.columns), rows.num_rows)
        texts: list[str | None] = []
        for first in range(0, rows.num_rows, TOGETHER):
            part = slice(first, first + TOGETHER)
            lines = [_Line(self, row, person) for row, person
                     in zip(own[part], people[part], strict=True)]  # fmt: skip
            beside = context(self.weights, [c[part] for c in codes], len(lines))
            texts += self._texts(lines, beside, rng)
        return pa.array(texts, pa.string())

    def _texts(
        self, lines: list[_Line], beside: NDArray[np.float32], rng: np.random.Generator
    ) -> list[str | None]:
        for attempt in range(PASSES):
            left = np.array([n for n, line in enumerate(lines) if not line.ended], np.int64)
            for n in left:
                lines[n].begin()
            self._draw([lines[n] for n in left], beside[left], rng, first=attempt == 0)
        return [line.text() for line in lines]

    def _draw(
        self, lines: list[_Line], beside: NDArray[np.float32], rng: np.random.Generator, *,
        first: bool,
    ) -> None:  # fmt: skip
        """Let lines grow until each has ended or got stuck."""
        words = np.full(len(lines), START)
        hidden = np.zeros((len(lines), UNITS), np.float32)
        going = np.arange(len(lines))
        for place in range(self.longest):
            if not len(going):
                return
            logits, hidden = step(self.weights, words, beside[going], hidden)
            logits[:, [START, RARE]] = -np.inf
            # a text that was refused does not make a missing one likelier
            if place or not first:
                logits[:, MISSING] = -np.inf
            if not place:
                logits[:, END] = -np.inf
            # the highest of the logits with this noise added are draws without replacement
            noisy = logits + rng.gumbel(size=logits.shape).astype(np.float32)
            several = min(TRIES, noisy.shape[1] - 1)
            best = np.argpartition(-noisy, several - 1, axis=1)[:, :several]
            ranked = np.take_along_axis(
                best, np.argsort(-np.take_along_axis(noisy, best, 1), axis=1), 1
            )
            chosen = np.array([
                next((int(w) for w in those if lines[n].grows(int(w), rng)), RARE)
                for n, those in zip(going, ranked, strict=True)
            ])  # fmt: skip
            kept = ~np.isin(chosen, (END, MISSING, RARE))
            going, words, hidden = going[kept], chosen[kept], hidden[kept]

    def describe(self) -> list[str]:
        """What the model holds, in sentences."""
        return [
            f"Text {self.field.name}: a language model of {len(self.vocabulary) - len(MARKS):,} "
            f"words and slots, each shared by at least {FEWEST} records; names and numbers are "
            "invented or the record's own. Its weights were trained on every text and are as "
            "private as the table."
        ]

    def state(self) -> TextState:
        """Plain values for the model file."""
        settings = {
            "cells": [c.state() for c in self.cells],
            "vocabulary": list(self.vocabulary),
            "filler": self.filler.state(),
            "personal": list(self.personal),
            "longest": self.longest,
        }
        return TextState(settings, {"runs": self.runs}, self.weights)

    @classmethod
    def restore(cls, field: FieldSchema, schema: TableSchema, state: TextState) -> SmallLmText:
        """The same from the model file."""
        settings = state.settings
        cells = tuple(Cells.restore(c) for c in settings["cells"])
        vocabulary = tuple(map(str, settings["vocabulary"]))
        wanted = shapes(len(vocabulary), [c.count for c in cells])
        found = {name: weight.shape for name, weight in state.weights.items()}
        if vocabulary[: len(MARKS)] != MARKS or found != wanted:
            raise ValueError("expected weights of these words and cells")
        weights = {n: np.nan_to_num(w.astype(np.float32)) for n, w in state.weights.items()}
        return cls(
            field, schema, cells, vocabulary, weights, Filler.restore(settings["filler"]),
            tuple(map(str, settings["personal"])), np.sort(state.arrays["runs"].astype(np.uint64)),
            min(int(settings["longest"]), MAX_TOKENS + 10),
        )  # fmt: skip


class _Line:
    """A text that grows: its tokens, what stands at them, and the words that count.

    A number's slot is filled when the token behind it is there, since that tells what it counts.
    """

    def __init__(
        self, model: SmallLmText, row: Mapping[str, str | None], person: Mapping[str, str | None]
    ) -> None:
        self.model, self.row, self.person = model, row, person
        self.ended = self.missing = False
        self.longest = ""
        self.begin()

    def begin(self) -> None:
        """Forget what was drawn, but for the longest text that got stuck."""
        self.tokens: list[str] = []
        self.filled: list[str] = []
        self.words: list[str] = []

    def grows(self, word: int, rng: np.random.Generator) -> bool:
        """Add a token, if no run of few records comes of it."""
        if word == MISSING:
            self.ended = self.missing = True
            return True
        before = len(self.filled)
        if word != END:
            self.tokens.append(self.model.vocabulary[word])
        waits = word != END and (slot(self.tokens[-1]) or "").startswith(SHAPE)
        filler, end = self.model.filler, len(self.tokens) - waits
        added = filler.fill(self.tokens, self.row, self.person, rng=rng, start=before, end=end)
        if added is not None:
            said = filler.counted(self.tokens, added, start=before)
            brief = len(self.words) + len(said) < RUN
            new = runs([*self.words[-(RUN - 1) :], *said], whole=brief and word == END)
            if among(new, self.model.runs).all() and self._fits(added):
                self.filled += added
                self.words += said
                self.ended = word == END
                brief = len(self.words) < RUN
                if not brief or among(runs(self.words, whole=True), self.model.runs).all():
                    self.longest = max(self.longest, self._written(), key=len)
                return True
        if word != END:
            self.tokens.pop()
        return False

    def _fits(self, added: Sequence[str]) -> bool:
        most = self.model.field.constraints.max_length
        return most is None or len(self._written()) + sum(len(a) + 1 for a in added) <= most

    def _written(self) -> str:
        tokens = self.tokens[: len(self.filled)]
        spaces = (token[: len(token) - len(token.lstrip())] for token in tokens)
        return joined([s + value for s, value in zip(spaces, self.filled, strict=True)])

    def text(self) -> str | None:
        """The text; the longest that there was, where none came to its end."""
        if self.missing:
            return None
        return (self._written() if self.ended else self.longest) or WITHHELD


def _shared_tokens(gathered: Gathered) -> list[str]:
    """Tokens that enough privacy units have, the most frequent first."""
    by: dict[str, set[int]] = defaultdict(set)
    for text, unit in zip(gathered.texts, gathered.units.tolist(), strict=True):
        for token in text.tokens if text is not None else ():
            by[token].add(unit)
    shared = [t for t in by if len(by[t]) >= FEWEST]
    return sorted(shared, key=lambda t: (-len(by[t]), t))[:MAX_WORDS]
