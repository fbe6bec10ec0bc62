"""Work on threads keeps its order, and nobody waits for it once it is stopped."""

from __future__ import annotations

import threading

import pytest

from tabsynth.threads import in_threads


def test_outcomes_come_in_the_order_of_the_items() -> None:
    assert in_threads(lambda i: i * i, range(100)) == [i * i for i in range(100)]


def test_an_error_drops_what_has_not_begun_and_does_not_wait_for_what_has() -> None:
    release, begun = threading.Event(), []

    def work(item: int) -> None:
        begun.append(item)
        if item == 0:
            raise ValueError(item)
        release.wait(60)

    try:
        with pytest.raises(ValueError, match="0"):
            in_threads(work, range(1000))
        assert len(begun) < 1000
    finally:
        release.set()
