"""Text from learnt sentences: which follows which, given the record's other columns.

A text is a walk from sentence to sentence. Each sentence, and each step from one to the next, was
seen in the records of at least `FEWEST` privacy units. The chance of a step may depend on the cells
of two other columns, for each sentence those that say most about what follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tabsynth.errors import DataError
from tabsynth.generators import WITHHELD
from tabsynth.schema.model import FieldSchema, TableSchema
from tabsynth.wording.contexts import Cells, Codes, information, rows_of, shown
from tabsynth.wording.gather import Gathered
from tabsynth.wording.masking import Tokens, joined, sentences
from tabsynth.wording.runs import FEWEST, Hashes, among, runs
from tabsynth.wording.sentences import Sentence, learn_sentences
from tabsynth.wording.slots import Filler, persons
from tabsynth.wording.state import TextState

START: Final = -1
END: Final = -2
MISSING: Final = -3
STUCK: Final = -4
TRIES: Final = 20
WALKS: Final = 5
MAX_SENTENCES: Final = 200
MOST_COLUMNS: Final = 2
_DRAFTS: Final = (
    "These texts are drafts: where records are drawn into a file or by a run, an endpoint that the "
    "environment names writes others after them."
)
# below it, a column is not worth asking
_INFORMS: Final = 0.01


# masked tokens, and what stands at each of them
Said = tuple[Tokens, list[str]]
# a record's other values, its invented person, and random numbers
Draw = tuple[Mapping[str, str | None], Mapping[str, str | None], np.random.Generator]


@dataclass(frozen=True)
class Step:
    """What follows one sentence.

    Args:
        columns: places, among the cells, of the columns on which it depends; two at most.
        chances: by cells of the first of these columns, or of more of them, the next sentences and
            their shares; under no cells those of all records.
    """

    columns: tuple[int, ...]
    chances: dict[tuple[int, ...], dict[int, float]]

    def draw(self, codes: Sequence[int], rng: np.random.Generator) -> int:
        """The next sentence, for a record with these cells."""
        cells = tuple(codes[column] for column in self.columns)
        while cells not in self.chances:
            cells = cells[:-1]
        shares = self.chances[cells]
        chance = float(rng.random())
        for following, share in shares.items():
            chance -= share
            if chance < 0:
                return following
        return next(reversed(shares))


@dataclass(frozen=True, eq=False)
class TemplateText:
    """Text from learnt sentences.

    Args:
        field: the column.
        schema: of the table that the rows to be written for are of.
        cells: of the other columns.
        sentences: what is said.
        steps: what follows each sentence, the start and END included.
        filler: what fills slots.
        personal: kinds of personal data that slots stand for.
        runs: runs of words that enough records share, sorted; no other run is emitted.
        covered: the share of the training texts' sentences that are among the learnt ones.
    """

    field: FieldSchema
    schema: TableSchema
    cells: tuple[Cells, ...]
    sentences: tuple[Sentence, ...]
    steps: dict[int, Step]
    filler: Filler
    personal: tuple[str, ...]
    runs: Hashes
    covered: float

    @classmethod
    def learn(cls, gathered: Gathered, field: FieldSchema, schema: TableSchema) -> TemplateText:
        """Learn from gathered texts.

        Raises:
            DataError: no sentence is shared by enough records.

        Privacy: keeps what at least `FEWEST` privacy units share: sentences without what varies in
            them, steps, numbers beside the same words, and hashes of runs of eight words (of all
            words of a shorter text).
        """
        parts = [
            [] if t is None else [_lead(t.tokens[s]) for s in sentences(t.tokens)]
            for t in gathered.texts
        ]
        kept, known = learn_sentences(parts, gathered.units)
        walks = [
            (MISSING,) if text is None else tuple(known[s] for s in own if s in known)
            for text, own in zip(gathered.texts, parts, strict=True)
        ]
        if not any(walk and walk != (MISSING,) for walk in walks):
            raise DataError(
                f"column {field.name!r}", expected="sentences that at least 5 records share",
                got="texts that are all different",
                remedy="withhold the column (free_text: replace or drop)",
            )  # fmt: skip
        said = sum(len(own) for own in parts)
        return cls(
            field, schema, gathered.cells, kept, _steps(walks, gathered), gathered.filler,
            gathered.personal, gathered.runs,
            sum(len(w) for w in walks if w != (MISSING,)) / max(said, 1),
        )  # fmt: skip

    @property
    def method(self) -> str:
        """`template`, or `llm` where its texts are drafts for a language model."""
        return str(self.field.tabsynth.free_text)

    def write(self, rows: pa.Table, *, start: int, rng: np.random.Generator) -> pa.Array:
        """A text for each record; see `TextModel`."""
        codes = [cells.codes(rows.column(cells.column)).tolist() for cells in self.cells]
        cells = list(zip(*codes, strict=True)) if codes else [()] * rows.num_rows
        people = persons(self.personal, rows.num_rows, start=start, rng=rng)
        person = rows_of(people, rows.num_rows)
        own = rows_of(shown(rows, self.schema, self.filler.columns), rows.num_rows)
        return pa.array(
            [self._text(*those, rng=rng) for those in zip(cells, own, person, strict=True)],
            pa.string(),
        )

    def _text(
        self, codes: tuple[int, ...], row: Mapping[str, str | None],
        person: Mapping[str, str | None], *,
        rng: np.random.Generator,
    ) -> str | None:  # fmt: skip
        longest: Said = ((), [])
        for attempt in range(WALKS):
            ended, said = self._walk(codes, (row, person, rng))
            if ended == MISSING and attempt == 0:
                return None
            if ended == END and said[0]:
                return _written(*said)
            if self._shared(said, whole=True):
                longest = max(longest, said, key=lambda those: len(those[0]))
        return _written(*longest) or WITHHELD

    def _walk(self, codes: tuple[int, ...], draw: Draw) -> tuple[int, Said]:
        """A text, and how it ended: at END, MISSING, or STUCK where no sentence may follow."""
        said: Said = ((), [])
        place = START
        for _ in range(MAX_SENTENCES):
            place, longer = self._next(place, said, codes, draw=draw)
            if longer is None:
                return place, said
            said = longer
        return END, said

    def _next(
        self, place: int, said: Said, codes: tuple[int, ...], *, draw: Draw
    ) -> tuple[int, Said | None]:
        """The sentence that follows, and the text with it; None where there is none.

        A sentence that would make a run of words of few records is drawn again, and not the whole
        text: so texts that are easily refused stay nearly as frequent as they were.
        """
        for attempt in range(TRIES if place in self.steps else 0):
            following = self.steps[place].draw(codes, draw[2])
            if following == END and not self._shared(said, whole=True):
                continue
            if following == END or (following == MISSING and attempt == 0):
                return following, None
            # a sentence that was refused does not make a missing text likelier
            longer = None if following == MISSING else self._longer(said, following, draw)
            if longer is not None:
                return following, longer
        return STUCK, None

    def _longer(self, said: Said, following: int, draw: Draw) -> Said | None:
        """The text with one sentence more; None where it would repeat what few records hold."""
        row, person, rng = draw
        text = said[0] + self.sentences[following].drawn(rng)
        added = self.filler.fill(text, row, person, start=len(said[0]), rng=rng)
        if added is None:
            return None
        longer = (text, [*said[1], *added])
        longest = self.field.constraints.max_length
        too_long = longest is not None and len(_written(*longer)) > longest
        return None if too_long or not self._shared(longer) else longer

    def _shared(self, said: Said, *, whole: bool = False) -> bool:
        """Whether enough records hold all runs of words of a text, or of its beginning."""
        return bool(among(runs(self.filler.counted(*said), whole=whole), self.runs).all())

    def describe(self) -> list[str]:
        """What the model holds, in sentences."""
        return [
            f"Text {self.field.name}: {len(self.sentences)} sentences, each shared by at least "
            f"{FEWEST} records, stand for {100 * self.covered:.0f} % of those in the texts; names "
            "and numbers in them are invented or the record's own.",
            *([_DRAFTS] if self.method == "llm" else []),
        ]

    def state(self) -> TextState:
        """Plain values for the model file."""
        steps = [
            [place, list(step.columns), [[list(given), list(map(list, shares.items()))]
                                         for given, shares in step.chances.items()]]
            for place, step in self.steps.items()
        ]  # fmt: skip
        settings = {
            "cells": [c.state() for c in self.cells],
            "sentences": [s.state() for s in self.sentences],
            "steps": steps,
            "filler": self.filler.state(),
            "personal": list(self.personal),
            "covered": self.covered,
        }
        return TextState(settings, {"runs": self.runs})

    @classmethod
    def restore(cls, field: FieldSchema, schema: TableSchema, state: TextState) -> TemplateText:
        """The same from the model file."""
        settings = state.settings
        cells = tuple(Cells.restore(c) for c in settings["cells"])
        kept = tuple(Sentence.restore(s) for s in settings["sentences"])
        steps = {}
        for place, columns, chances in settings["steps"]:
            read = {
                tuple(map(int, given)): {int(to): float(share) for to, share in shares}
                for given, shares in chances
            }
            steps[int(place)] = Step(tuple(map(int, columns)), read)
        _require_whole(steps, len(kept), len(cells))
        return cls(
            field, schema, cells, kept, steps, Filler.restore(settings["filler"]),
            tuple(map(str, settings["personal"])), np.sort(state.arrays["runs"].astype(np.uint64)),
            float(settings["covered"]),
        )  # fmt: skip


def _require_whole(steps: Mapping[int, Step], kept: int, cells: int) -> None:
    """Refuse steps that lead nowhere.

    Raises:
        ValueError: there are some, or there is no first one.
    """
    shares = [those for step in steps.values() for those in step.chances.values()]
    if (
        START not in steps
        or any(() not in step.chances for step in steps.values())
        or any(not those for those in shares)
        or any(not MISSING <= to < kept for those in shares for to in those)
        or any(not 0 <= column < cells for step in steps.values() for column in step.columns)
    ):
        raise ValueError("expected steps from sentence to sentence, and columns that are there")


def _lead(sentence: Tokens) -> Tokens:
    """A sentence that begins alike wherever in the text it stands, new lines apart."""
    first = sentence[0]
    return sentence if first.startswith("\n") else (" " + first.lstrip(), *sentence[1:])


def _written(text: Tokens, filled: Sequence[str]) -> str:
    return joined([_space(token) + value for token, value in zip(text, filled, strict=True)])


def _space(token: str) -> str:
    return token[: len(token) - len(token.lstrip())]


def _steps(walks: Sequence[tuple[int, ...]], gathered: Gathered) -> dict[int, Step]:
    """What follows what, in the records of enough privacy units."""
    # of a text without any known sentence nothing is known
    taken = np.array(
        [
            (record, place, following)
            for record, walk in enumerate(walks) if walk
            for place, following in pairwise((START, *walk, END)) if place != MISSING
        ], np.int64,
    )  # fmt: skip
    steps = {int(p): _step(taken, taken[:, 1] == p, gathered) for p in np.unique(taken[:, 1])}
    return {place: step for place, step in steps.items() if step is not None}


def _step(taken: Codes, here: NDArray[np.bool_], gathered: Gathered) -> Step | None:
    """The step from one place.

    Args:
        taken: record, place and what follows it, for every step of all texts.
        here: which of them are from this place.
        gathered: the records.
    """
    whole = _shares(taken[here], gathered.units)
    if not whole:
        return None
    columns = _informing(taken[here], gathered.codes)
    chances: dict[tuple[int, ...], dict[int, float]] = {(): whole}
    # where few records of a cell came by here, those of the cell at other places know more about
    # what follows than those of other cells here; but nothing follows that never followed here
    elsewhere = np.isin(taken[:, 2], list(whole))
    for depth in range(1, len(columns) + 1):
        codes = np.stack([gathered.codes[c][taken[:, 0]] for c in columns[:depth]], axis=1)
        for cells in np.unique(codes[here], axis=0):
            within = (codes == cells).all(axis=1)
            shares = _shares(taken[within & here], gathered.units) or _shares(
                taken[within & elsewhere], gathered.units
            )
            if shares:
                chances[tuple(cells.tolist())] = shares
    return Step(columns, chances)


def _informing(taken: Codes, codes: Sequence[Codes]) -> tuple[int, ...]:
    """The column that says most about what follows, and the one that adds most to it."""
    chosen: tuple[int, ...] = ()
    known, before = np.zeros(len(taken), np.int64), 0.0
    for _ in range(MOST_COLUMNS):
        joint = [known * (int(c.max()) + 1) + c for c in (own[taken[:, 0]] for own in codes)]
        gains = [information(both, taken[:, 2]) - before for both in joint]
        if not gains or max(gains) < _INFORMS:
            break
        best = int(np.argmax(gains))
        chosen, known, before = (*chosen, best), joint[best], before + gains[best]
    return chosen


def _shares(taken: Codes, units: NDArray[np.int64]) -> dict[int, float]:
    """The shares of what follows, of steps that enough privacy units took."""
    records, following = taken[:, 0], taken[:, 2]
    counts = {
        int(to): int(np.count_nonzero(following == to))
        for to in np.unique(following)
        if len(np.unique(units[records[following == to]])) >= FEWEST
    }
    total = sum(counts.values())
    return {to: round(count / total, 6) for to, count in counts.items()}
