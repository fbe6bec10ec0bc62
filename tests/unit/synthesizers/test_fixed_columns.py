"""A column that another fixes: every entry of the table between them rests on enough persons."""

from __future__ import annotations

import numpy as np

from tabsynth.encoding.codec import POOLED
from tabsynth.synthesizers.links import fixed_columns

NAMES = np.tile(np.arange(6), 100)
CODES = NAMES // 2
COUNTS = [np.bincount(NAMES), np.bincount(CODES)]


def test_a_table_holds_for_every_record() -> None:
    found = fixed_columns([NAMES, CODES], COUNTS, person=None, fewest=5)
    assert list(found) == [1]
    assert found[1][0] == 0 and found[1][1].tolist() == [0, 0, 1, 1, 2, 2]
    broken = CODES.copy()
    broken[-1] = 0
    assert not fixed_columns([NAMES, broken], COUNTS, person=None, fewest=5)


def test_an_entry_of_few_persons_is_none() -> None:
    """Of those with name 5, the code of all but four is rare and has no cell."""
    codes = CODES.copy()
    codes[np.flatnonzero(NAMES == 5)[4:]] = POOLED
    assert not fixed_columns([NAMES, codes], COUNTS, person=None, fewest=5)
    assert fixed_columns([NAMES, codes], COUNTS, person=None, fewest=4)
    # a hundred records of four persons
    person = np.where(NAMES == 5, np.arange(600) % 4, np.arange(600))
    assert not fixed_columns([NAMES, CODES], COUNTS, person=person, fewest=5)
    assert fixed_columns([NAMES, CODES], COUNTS, person=np.arange(600), fewest=5)
