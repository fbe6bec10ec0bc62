"""From a model to records: fixed chunks, one seed each, in order, on any number of workers.

Chunk i draws from `SeedSequence(seed, spawn_key=(i,))`; so the records depend on the seed and the
model alone, not on how many threads draw them, and memory holds a few chunks however many records
are asked for.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from tabsynth.conditions import as_given
from tabsynth.constraints.uniqueness import Seen
from tabsynth.errors import ConditionError, UsageError
from tabsynth.generators import generate
from tabsynth.modelfile import Fitted
from tabsynth.persons import Persons, belonging
from tabsynth.quotas import with_quotas
from tabsynth.schema.generator import UNIQUE_KINDS, Personal
from tabsynth.stores.place import Place, place_of
from tabsynth.stores.tables import writing_table
from tabsynth.synthesizers.odds import require_likely
from tabsynth.synthesizers.protocol import Conditional
from tabsynth.table import Table
from tabsynth.wording.author import Author

if TYPE_CHECKING:
    from tabsynth.conditions import Given
    from tabsynth.quotas import Shares
    from tabsynth.schema.model import FieldSchema

CHUNK_ROWS: Final = 65_536

Progress = Callable[[int], object]
Say = Callable[[str], object]


def sample(
    fitted: Fitted,
    n: int | None = None,
    *,
    seed: int | None = None,
    given: Given | None = None,
    shares: Shares | None = None,
    workers: int | None = None,
    say: Say = lambda _: None,
    beside: str | Path | None = None,
) -> Table:
    """Draw a synthetic table.

    Args:
        fitted: what to draw from.
        n: how many records, at least 1; by default one per condition, else about as many as the
            model was fitted on.
        seed: the same seed gives the same records; by default a fresh one.
        given: values of some columns: a mapping, or a table of one condition for all records or
            of one per record; missing cells are free.
        shares: by column, the share of records that each value gets, or `equal`; exact up to
            rounding.
        workers: threads; by default one per processor.
        say: called with a line on how conditions are met, and on what texts cost.
        beside: the output beside which answers of a language model are kept; without one no
            endpoint is asked, and texts that it would write are drafts of learnt sentences.

    Raises:
        UsageError: n below 1, shares that do not add up to 1, or no endpoint where one is needed.
        ConditionError: a condition that the model cannot meet, or hardly ever.
        DataError: constraints that hardly any drawn record keeps, or an endpoint that does not
            answer, or not with texts.
    """
    chunks = draw(fitted, n, seed=seed, given=given, shares=shares, workers=workers, say=say,
                  beside=beside)  # fmt: skip
    return Table(fitted.schema.emitted, pa.concat_tables(chunks))


def sample_to(
    path: str | Path | Place,
    fitted: Fitted,
    n: int | None = None,
    *,
    seed: int | None = None,
    given: Given | None = None,
    shares: Shares | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    say: Say = lambda _: None,
) -> int:
    """Draw a synthetic table into a file or a database, where it appears whole or not at all.

    Args:
        path: a file ending in .csv, .csv.gz, .parquet or .jsonl, which is made or replaced; or a
            database URL with the name of a new table after `#`.
        fitted: what to draw from.
        n: see `sample`.
        seed: see `sample`.
        given: see `sample`.
        shares: see `sample`.
        workers: see `sample`.
        progress: called with the number of records after each chunk.
        say: see `sample`.

    Returns:
        How many records were written.

    Raises:
        OutputError: the place cannot be written, or the table is there already.
    """
    place = place_of(path)
    # a database has no room beside it; there, answers stand where the command was given
    beside = place.file or Path("tabsynth")
    chunks = draw(fitted, n, seed=seed, given=given, shares=shares, workers=workers, say=say,
                  beside=beside)  # fmt: skip
    written = 0
    with writing_table(place, fitted.schema) as writer:
        for chunk in chunks:
            writer.write(chunk)
            written += chunk.num_rows
            if progress is not None:
                progress(chunk.num_rows)
    return written


def rows_to_draw(fitted: Fitted, n: int | None, given: Table | None) -> int:
    """How many records a call of `sample` with these arguments draws.

    Raises:
        UsageError: n below 1.
        ConditionError: no condition, or several but not one per record.
    """
    conditions = 1 if given is None else given.num_rows
    if conditions == 0:
        raise ConditionError(
            "given", expected="at least one condition", got="a table without records",
            remedy="leave the conditions out to draw freely",
        )  # fmt: skip
    if n is not None and n < 1:
        raise UsageError("-n", expected="at least 1 record", got=str(n), remedy="ask for 1 or more")
    if n is None:
        return conditions if given is not None and conditions > 1 else fitted.default_rows
    if conditions not in (1, n):
        raise ConditionError(
            "given",
            expected=f"1 or {n} conditions for {n} records",
            got=f"{conditions}",
            remedy="leave -n out to draw one record per condition",
        )
    return n


def draw(
    fitted: Fitted,
    n: int | None,
    *,
    seed: int | None,
    given: Given | None,
    shares: Shares | None = None,
    workers: int | None,
    say: Say = lambda _: None,
    beside: str | Path | None = None,
) -> Iterator[pa.Table]:
    """Chunks of records in order; all is checked and asked before the first is drawn."""
    if not isinstance(fitted, Fitted):
        raise UsageError(
            "model", expected="a fitted model of one table", got=f"a {type(fitted).__name__}",
            remedy="fit or load one; a database is drawn with tabsynth.sample_database",
        )  # fmt: skip
    # an int, so that it can be spawned from without holding state
    entropy = int(np.random.SeedSequence(seed).entropy)  # type: ignore[arg-type]
    conditions = None if given is None else as_given(given, fitted.schema)
    if conditions is not None and not conditions.schema.names:
        conditions = None
    total = rows_to_draw(fitted, n, conditions)
    if shares:
        conditions = with_quotas(
            conditions, shares, total, schema=fitted.schema, levels=partial(_levels, fitted),
            rng=np.random.default_rng(np.random.SeedSequence(entropy, spawn_key=(0, 0))),
        )  # fmt: skip
    if conditions is not None:
        _ask(fitted, conditions, total, say)
    starts = range(0, total, CHUNK_ROWS)
    salt = int(np.random.SeedSequence(entropy, spawn_key=(0, 3)).generate_state(1, np.uint64)[0])
    asks = beside is not None and any(t.method == "llm" for t in fitted.texts.values())
    author = Author.hired(beside, say) if asks and beside is not None else None

    def texted(drawn: pa.Table, index: int) -> pa.Table:
        return _with_texts(fitted, drawn, index, entropy=entropy, author=author)

    def chunk(index: int) -> pa.Table:
        rows = min(CHUNK_ROWS, total - starts[index])
        rng = np.random.default_rng(np.random.SeedSequence(entropy, spawn_key=(index,)))
        drawn = _chunk(fitted, rows, starts[index], given=conditions, salt=salt, rng=rng)
        return drawn if fitted.plan.unique else texted(drawn, index)

    chunks = _in_order(chunk, len(starts), workers or os.cpu_count() or 1)
    if not fitted.plan.unique:
        return chunks
    # texts come last, since what is drawn again changes the records that they are about
    distinct = _distinct(fitted, chunks, conditions, entropy)
    return (texted(drawn, index) for index, drawn in enumerate(distinct))


def _ask(fitted: Fitted, given: Table, n: int, say: Say) -> None:
    """Refuse what the model never or hardly ever draws, before any work and any output."""
    told, _ = fitted.plan.conditions(given)
    if isinstance(fitted.model, Conditional) and told.schema.names:
        odds = fitted.model.odds(n, given=told, rng=np.random.default_rng(0))
        require_likely(odds, given)
        say(odds.sentence())


def _levels(fitted: Fitted, column: str) -> Sequence[Any]:
    """The categories that a column can be given; none where it has none."""
    field = fitted.schema.field(column)
    if not (field.is_modelled and field.is_categorical):
        return ()
    if isinstance(fitted.model, Conditional) and column in fitted.model.schema.names:
        return fitted.model.levels(column)
    return field.domain or ((False, True) if field.type == "boolean" else ())


def _chunk(
    fitted: Fitted,
    rows: int,
    start: int,
    *,
    given: Table | None,
    salt: int,
    rng: np.random.Generator,
) -> pa.Table:
    if given is not None and given.num_rows > 1:
        given = Table(given.schema, given.data.slice(start, rows))
    modelled = fitted.draw(rows, rng=rng, given=given)
    fields = [f for f in fitted.schema.emitted.fields if f.name not in fitted.texts]
    together, places = belonging(fields), np.arange(start, start + rows)

    def column(field: FieldSchema) -> pa.Array:
        if field.is_modelled:
            return modelled.data.column(field.name)
        generator, kind = field.tabsynth.generator, together.get(field.name)
        if isinstance(generator, Personal) and kind is not None:
            unique = field.constraints.unique
            if not unique or kind in UNIQUE_KINDS:
                return Persons(generator.locale, salt).column(kind, places, numbered=unique)
        return generate(field, rows, start=start, rng=rng)

    return pa.Table.from_arrays([column(f) for f in fields], names=[f.name for f in fields])


def _with_texts(
    fitted: Fitted, drawn: pa.Table, index: int, *, entropy: int, author: Author | None
) -> pa.Table:
    """The chunk with its texts, which are written when all that they may mention is settled."""
    if not fitted.texts:
        return drawn
    # the chunk itself has the key (index,), and what is drawn again (index, 1)
    rng = np.random.default_rng(np.random.SeedSequence(entropy, spawn_key=(index, 2)))
    return fitted.with_texts(drawn, start=index * CHUNK_ROWS, rng=rng, author=author)


def _distinct(
    fitted: Fitted, chunks: Iterator[pa.Table], given: Table | None, entropy: int
) -> Iterator[pa.Table]:
    """The chunks, with records that repeat one of this or an earlier chunk drawn again.

    It happens in order and on one thread, so that it is the same for any number of workers.
    """
    seen, schema = Seen(fitted.plan.unique), fitted.schema.modelled
    for index, chunk in enumerate(chunks):
        part = given
        if given is not None and given.num_rows > 1:
            part = Table(given.schema, given.data.slice(index * CHUNK_ROWS, chunk.num_rows))
        # the chunk itself has the key (index,)
        rng = np.random.default_rng(np.random.SeedSequence(entropy, spawn_key=(index, 1)))
        modelled = Table(schema, chunk.select(list(schema.names)))
        modelled = fitted.without_repeats(modelled, seen, rng=rng, given=part)
        columns = [
            modelled.data.column(n) if n in schema.names else chunk.column(n)
            for n in chunk.column_names
        ]
        yield pa.Table.from_arrays(columns, names=chunk.column_names)


def _in_order(chunk: Callable[[int], pa.Table], chunks: int, workers: int) -> Iterator[pa.Table]:
    if workers == 1 or chunks == 1:
        yield from map(chunk, range(chunks))
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="tabsynth-sample")
    try:
        upcoming = iter(range(chunks))
        # a short queue keeps memory flat when writing is slower than drawing
        waiting: deque[Future[pa.Table]] = deque(
            pool.submit(chunk, i) for i in islice(upcoming, workers + 1)
        )
        while waiting:
            done = waiting.popleft().result()
            for i in islice(upcoming, 1):
                waiting.append(pool.submit(chunk, i))
            yield done
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
