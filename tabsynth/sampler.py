"""From a model to records: fixed chunks, one seed each, in order, on any number of workers.

Chunk i draws from `SeedSequence(seed, spawn_key=(i,))`; so the records depend on the seed and the
model alone, not on how many threads draw them, and memory holds a few chunks however many records
are asked for.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from tabsynth.conditions import as_given
from tabsynth.constraints.uniqueness import Seen
from tabsynth.errors import ConditionError, UsageError
from tabsynth.generators import generate
from tabsynth.io.write import open_writer
from tabsynth.modelfile import Fitted
from tabsynth.table import Table

if TYPE_CHECKING:
    from tabsynth.conditions import Given

CHUNK_ROWS: Final = 65_536

Progress = Callable[[int], object]


def sample(
    fitted: Fitted,
    n: int | None = None,
    *,
    seed: int | None = None,
    given: Given | None = None,
    workers: int | None = None,
) -> Table:
    """Draw a synthetic table.

    Args:
        fitted: what to draw from.
        n: how many records, at least 1; by default one per condition, else about as many as the
            model was fitted on.
        seed: the same seed gives the same records; by default a fresh one.
        given: values of some columns: a mapping, or a table of one condition for all records or
            of one per record; missing cells are free.
        workers: threads; by default one per processor.

    Raises:
        UsageError: n below 1.
        ConditionError: a condition that the model cannot meet.
        DataError: constraints that hardly any drawn record keeps.
    """
    chunks = draw(fitted, n, seed=seed, given=given, workers=workers)
    return Table(fitted.schema.emitted, pa.concat_tables(chunks))


def sample_to(
    path: str | Path,
    fitted: Fitted,
    n: int | None = None,
    *,
    seed: int | None = None,
    given: Given | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> int:
    """Draw a synthetic table into a file, which appears whole or not at all.

    Args:
        path: ends in .csv, .csv.gz, .parquet or .jsonl.
        fitted: what to draw from.
        n: see `sample`.
        seed: see `sample`.
        given: see `sample`.
        workers: see `sample`.
        progress: called with the number of records after each chunk.

    Returns:
        How many records were written.

    Raises:
        OutputError: the place cannot be written.
    """
    chunks = draw(fitted, n, seed=seed, given=given, workers=workers)
    written = 0
    with open_writer(path, fitted.schema.emitted) as writer:
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
    workers: int | None,
) -> Iterator[pa.Table]:
    """Chunks of records in order; arguments are checked before the first is drawn."""
    conditions = None if given is None else as_given(given, fitted.schema)
    if conditions is not None and not conditions.schema.names:
        conditions = None
    total = rows_to_draw(fitted, n, conditions)
    if conditions is not None:
        # refuse an impossible condition before any work and any output
        for start in range(0, conditions.num_rows, CHUNK_ROWS):
            part = Table(conditions.schema, conditions.data.slice(start, CHUNK_ROWS))
            fitted.draw(part.num_rows, rng=np.random.default_rng(0), given=part)
    # an int, so that it can be spawned from without holding state
    entropy = int(np.random.SeedSequence(seed).entropy)  # type: ignore[arg-type]
    starts = range(0, total, CHUNK_ROWS)

    def chunk(index: int) -> pa.Table:
        rows = min(CHUNK_ROWS, total - starts[index])
        rng = np.random.default_rng(np.random.SeedSequence(entropy, spawn_key=(index,)))
        return _chunk(fitted, rows, starts[index], given=conditions, rng=rng)

    chunks = _in_order(chunk, len(starts), workers or os.cpu_count() or 1)
    return _distinct(fitted, chunks, conditions, entropy) if fitted.plan.unique else chunks


def _chunk(
    fitted: Fitted, rows: int, start: int, *, given: Table | None, rng: np.random.Generator
) -> pa.Table:
    if given is not None and given.num_rows > 1:
        given = Table(given.schema, given.data.slice(start, rows))
    modelled = fitted.draw(rows, rng=rng, given=given)
    arrays = [
        modelled.data.column(f.name) if f.is_modelled else generate(f, rows, start=start, rng=rng)
        for f in fitted.schema.emitted.fields
    ]
    return pa.Table.from_arrays(arrays, names=list(fitted.schema.emitted.names))


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
