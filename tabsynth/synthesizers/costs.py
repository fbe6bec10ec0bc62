"""What fits of the built-in synthesizers cost: formulas, and the constants measured for them.

The constants come from `python -m tests.bench costs`, which fits made-up tables of different sizes,
each in a process of its own, and puts the estimate beside CPU time and memory at the peak. Seconds
are those of one core on which `machine.slowness` is 1. Memory is chosen at the upper edge of what
was measured: a fit that is let in must fit.
"""

from __future__ import annotations

from typing import Final

from tabsynth.synthesizers.protocol import Cost, Size

# imports and small objects of a first fit
_START: Final = 1e7

# counting and coding: per record and column; per different cell of a column
_CODE_SECONDS: Final = 1e-7
_CODE_BYTES: Final = 4.0
_COUNT_BYTES: Final = 200.0
_CELL_BYTES: Final = 400.0

# the copula besides: per record and column; per record and pair of columns; per pair of columns
_SCORE_SECONDS: Final = 2e-7
_PAIR_SECONDS: Final = 1e-9
_SOLVE_SECONDS: Final = 2e-5
_BLOCK_RECORDS: Final = 1 << 17

# trees: per column and round; per grown record, round and predictor of a column; per grown record,
# round and column; per grown record and column, for the comparison of all columns; per grown
# record, and per grown record and predictor, of the columns that are learnt side by side
_ROUND_SECONDS: Final = 2e-3
_GROW_SECONDS: Final = 1.5e-8
_CLASS_SECONDS: Final = 1.5e-7
_COMPARE_BYTES: Final = 40.0
_CLASS_BYTES: Final = 800.0
_GROW_BYTES: Final = 24.0
# and per cell of the widest column, for the order of categories that predict it
_RANK_BYTES: Final = 1.2e4

# networks, roughly, from one table (Adult): per record, epoch and product of the forward pass; per
# record, epoch and option; torch
_PRODUCT_SECONDS: Final = 1.5e-10
_OPTION_SECONDS: Final = 5e-8
_MOST_OPTIONS: Final = 40
_TORCH: Final = 4e8


def independent_cost(size: Size) -> Cost:
    """Counting and coding, which every built-in synthesizer begins with."""
    columns, widest = len(size.cells), max(size.cells, default=0)
    coded = size.records * columns
    return Cost(
        seconds=_CODE_SECONDS * coded,
        memory=_START
        + _CODE_BYTES * coded
        + _COUNT_BYTES * size.records
        + _CELL_BYTES * (sum(size.cells) + widest),
    )


def copula_cost(size: Size) -> Cost:
    """Scores of all cells, their products, and an equation for each pair of columns."""
    first, columns = independent_cost(size), len(size.cells)
    block = min(size.records, _BLOCK_RECORDS)
    seconds = (
        _SCORE_SECONDS * size.records * columns
        + _PAIR_SECONDS * size.records * columns**2
        + _SOLVE_SECONDS * columns**2
    )
    return Cost(first.seconds + seconds, first.memory + 16.0 * block * columns)


def trees_cost(size: Size, *, rounds: int, max_records: int, max_predictors: int) -> Cost:
    """Comparing all columns, then growing trees for each on those that go with it."""
    first, columns = independent_cost(size), len(size.cells)
    grown = min(size.records, max_records)
    predictors = sum(min(j, max_predictors) for j in range(columns))
    seconds = rounds * (
        _ROUND_SECONDS * columns
        + _GROW_SECONDS * grown * predictors
        + _CLASS_SECONDS * grown * columns
    )
    widest = min(columns, max_predictors)
    memory = grown * (_COMPARE_BYTES * columns + _CLASS_BYTES + _GROW_BYTES * widest)
    memory += _RANK_BYTES * max(size.cells, default=0)
    return Cost(first.seconds + seconds, first.memory + memory)


def network_cost(size: Size, *, epochs: int, units: int, packed: int) -> Cost:
    """Preparing the records, then passes of two networks, of which few are saved by stopping early.

    Args:
        size: of the table.
        epochs: passes over the records.
        units: of a layer of the network that draws.
        packed: of a layer of the critic; 0 where there is none.
    """
    first, columns = independent_cost(size), len(size.cells)
    width = sum(min(cells, _MOST_OPTIONS) for cells in size.cells)
    products = units * (3 * units + 2 * width) + packed * width
    seconds = epochs * size.records * (_PRODUCT_SECONDS * products + _OPTION_SECONDS * width)
    weights = 8 * units * (units + width) + 40 * packed * width
    memory = _TORCH + 16.0 * size.records * columns + 16.0 * weights + 8e4 * width
    return Cost(first.seconds + seconds, first.memory + memory)
