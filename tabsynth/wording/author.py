"""Texts by a language model that the user runs, told of synthetic records and nothing else.

What is sent: the name of the column, synthetic records, and examples, which are drafts made of
learnt sentences beside synthetic records, or texts that the user released. No private record is at
hand where this runs.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from tabsynth.errors import DataError, UsageError
from tabsynth.schema.model import FieldSchema, TableSchema
from tabsynth.threads import in_threads
from tabsynth.wording.answers import ENDING, Answers
from tabsynth.wording.contexts import rows_of, shown

if TYPE_CHECKING:
    from tabsynth.wording.endpoint import Endpoint

EXAMPLES: Final = "TABSYNTH_LLM_EXAMPLES"
PER_REQUEST: Final = 10
FEW: Final = 3
ROUNDS: Final = 3
MOST_CHARACTERS: Final = 20_000

Say = Callable[[str], object]
Record = Mapping[str, str | None]
_TASK: Final = (
    'You write the text column "{column}" of invented records. For each of the records you are '
    "given, write one text that fits its values, in the manner of the examples but in words of "
    "your own. Invent names and numbers where they are needed. Answer with JSON alone: "
    '{{"texts": ["...", ...]}}, one text for each record, in their order.'
)


@dataclass(frozen=True)
class Question:
    """One text to be written.

    Args:
        key: of this record, these examples and this model; the same in a later run with the seed.
        record: the synthetic record's values.
    """

    key: str
    record: Record


class Author:
    """Asks the endpoint for texts, and keeps what came.

    Args:
        endpoint: where to ask.
        answers: what came, in this and earlier runs.
        say: called with a line on what it cost, after each chunk.
        examples: records with texts that the user released; without any, drafts are shown.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        answers: Answers,
        *,
        say: Say = lambda _: None,
        examples: Sequence[dict[str, Any]] = (),
    ) -> None:
        self.endpoint = endpoint
        self.answers = answers
        self.say = say
        self.examples = list(examples)
        self.requests = self.asked = self.answered = self.again = 0
        # when the next request may go out; the rate is that of all threads together
        self._next = 0.0
        # chunks are drawn on several threads, and written one after the other
        self._lock = threading.Lock()
        # requests of one chunk go out on several threads
        self._books = threading.Lock()

    @classmethod
    def hired(cls, beside: str | Path, say: Say) -> Author:
        """The author that the environment names, with answers kept beside an output.

        Raises:
            UsageError: no endpoint is named, or examples that cannot be used.
            OutputError: answers that cannot be read.
        """
        # the network is for those alone who hire somebody, not for all who open a model
        from tabsynth.wording.endpoint import Endpoint

        place = os.environ.get(EXAMPLES)
        examples = _released(Path(place)) if place else []
        kept = Answers(Path(f"{str(beside).rstrip('/')}{ENDING}"))
        return cls(Endpoint.named(), kept, say=say, examples=examples)

    def write(
        self, field: FieldSchema, rows: pa.Table, drafts: pa.Array, *, schema: TableSchema,
        start: int,
    ) -> pa.Array:  # fmt: skip
        """A text for each record whose draft is not missing.

        Args:
            field: the text column.
            rows: synthetic records, the other columns.
            drafts: texts of learnt sentences for them.
            schema: of the table.
            start: the place of the first record in the whole table.

        Raises:
            DataError: no answers, or malformed ones again and again.
        """
        with self._lock:
            drawn: list[str | None] = drafts.to_pylist()
            records = rows_of(shown(rows, schema, rows.column_names), rows.num_rows)
            examples = self.examples or [
                {"record": record, "text": text}
                for record, text in zip(records, drawn, strict=True) if text is not None
            ][:FEW]  # fmt: skip
            asked = {
                place: Question(self._key(field.name, examples, record, start + place), record)
                for place, record in enumerate(records) if drawn[place] is not None
            }  # fmt: skip
            known = sum(q.key in self.answers.known for q in asked.values())
            self._fill(field, examples, list(asked.values()))
            self.say(
                f"texts of {field.name}: {len(asked) - known:,} written by the endpoint, {known:,} "
                f"there before; {self.requests:,} requests, {self.asked:,} tokens asked and "
                f"{self.answered:,} answered so far"
            )
            texts = [self.answers.known[asked[n].key] if n in asked else None
                     for n in range(len(drawn))]  # fmt: skip
            return pa.array(texts, pa.string())

    def _fill(
        self, field: FieldSchema, examples: list[dict[str, Any]], questions: list[Question]
    ) -> None:
        size = PER_REQUEST
        for _ in range(ROUNDS):
            open_ = [q for q in questions if q.key not in self.answers.known]
            parts = [open_[first : first + size] for first in range(0, len(open_), size)]
            in_threads(
                lambda part: self._ask(field, examples, part), parts,
                threads=self.endpoint.parallel,
            )  # fmt: skip
            # what came malformed is asked for alone: one bad text must not spoil its neighbours
            size = 1
        left = sum(q.key not in self.answers.known for q in questions)
        if left:
            raise DataError(
                "endpoint", expected="one text for each record, as JSON",
                got=f"something else for {left:,} of {len(questions):,}, {ROUNDS} times",
                remedy="use a model that keeps to JSON; with the same seed, the others are kept",
            )  # fmt: skip

    def _ask(
        self, field: FieldSchema, examples: list[dict[str, Any]], questions: list[Question]
    ) -> None:
        self._wait()
        body = {"examples": examples, "records": [q.record for q in questions]}
        answer = self.endpoint.ask([
            {"role": "system", "content": _TASK.format(column=field.name)},
            {"role": "user", "content": json.dumps(body, ensure_ascii=False)},
        ])  # fmt: skip
        texts = _texts(answer.text)
        longest = field.constraints.max_length or MOST_CHARACTERS
        with self._books:
            self.requests += 1
            self.asked += answer.asked
            self.answered += answer.answered
            if len(texts) == len(questions):
                self.answers.add({
                    q.key: text.strip() for q, text in zip(questions, texts, strict=True)
                    if _usable(text, longest)
                })  # fmt: skip

    def _wait(self) -> None:
        if not self.endpoint.per_minute:
            return
        with self._books:
            now = time.monotonic()
            mine = max(now, self._next)
            self._next = mine + 60 / self.endpoint.per_minute
        time.sleep(mine - now)

    def _key(self, column: str, examples: list[dict[str, Any]], record: Record, place: int) -> str:
        asked = [self.endpoint.model, column, examples, record, place]
        return sha256(json.dumps(asked).encode()).hexdigest()[:32]


def _texts(answer: str) -> list[Any]:
    """The texts of an answer, which may stand between marks of code; none where it is no list."""
    start, end = answer.find("{"), answer.rfind("}")
    try:
        texts = json.loads(answer[start : end + 1])["texts"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return []
    return texts if isinstance(texts, list) else []


def _usable(text: Any, longest: int) -> bool:
    if not isinstance(text, str) or not 0 < len(text.strip()) <= longest:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return all(char in "\n\t" or char.isprintable() for char in text.strip())


def _released(path: Path) -> list[dict[str, Any]]:
    """Examples from a .jsonl file: objects with `text`, and `record` where there is one."""
    try:
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
        found = [{"record": dict(o.get("record") or {}), "text": o["text"]} for o in lines]
        if not found or not all(isinstance(o["text"], str) for o in found):
            raise ValueError("expected texts")
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        raise UsageError(
            EXAMPLES, expected='lines such as {"record": {...}, "text": "..."}',
            got="a file that cannot be read so", remedy="correct it or leave it out",
        ) from None  # fmt: skip
    return found
