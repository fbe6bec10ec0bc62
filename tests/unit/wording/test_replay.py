"""Replay of texts is found where it is planted, and not where others only write alike."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tabsynth.attacks.text_replay import text_replay
from tabsynth.comparison import Comparison
from tabsynth.gate import Policy, held
from tabsynth.metrics.texts import text_transfer
from tabsynth.report.model import Result
from tabsynth.table import Table
from tabsynth.wording.runs import holders, runs, words
from tests import tickets


@pytest.fixture(scope="module")
def real() -> tuple[Table, Table]:
    return tickets.table(800, 1, stories=0.3), tickets.table(400, 2, stories=0.3)


def figures(results: list[Result]) -> dict[str, Result]:
    return {r.name: r for r in results}


def test_copied_texts_are_a_leak(real: tuple[Table, Table]) -> None:
    train, holdout = real
    others = tickets.table(800, 3, stories=0.3)
    # half of the texts are real
    rows = np.concatenate([np.arange(400), 800 + np.arange(400, 800)])
    mixed = Table(train.schema, pa_concat(train, others)).take(rows)
    found = figures(text_replay(Comparison(train, holdout, mixed)))
    assert held(found["text_replay"], Policy()).status == "fail"
    assert found["replayed_runs"].value > found["replayed_runs"].reference


def test_what_other_people_write_is_none(real: tuple[Table, Table]) -> None:
    # at 95 % an interval lies above 0.05 by chance far less than once in 40 seeds
    found = figures(text_replay(Comparison(*real, tickets.table(800, 4, stories=0.3))))
    assert held(found["text_replay"], Policy()).status != "fail"
    assert abs(found["replayed_runs"].value - found["replayed_runs"].reference) < 0.1


def test_what_few_wrote_and_what_comes_out_is_in_doubt(real: tuple[Table, Table]) -> None:
    """60 training and 8 holdout records have a text: too few to set the one beside the other."""

    def with_texts(table: Table, count: int) -> Table:
        place = table.schema.names.index("message")
        said = [m if i < count else None for i, m in enumerate(table.column("message").to_pylist())]
        column = pa.array(said, table.column("message").type)
        return Table(table.schema, table.data.set_column(place, "message", column))

    few = with_texts(real[0], 60), with_texts(real[1], 8)
    place = few[0].schema.names.index("message")
    backwards = [m and " ".join(m.split()[::-1]) for m in few[0].column("message").to_pylist()]
    others = Table(few[0].schema, few[0].data.set_column(place, "message", [backwards]))
    told = [
        figures(text_replay(Comparison(*few, drawn)))["text_replay"] for drawn in (few[0], others)
    ]
    assert [r.value for r in told] == [None, None]
    assert [r.status for r in told] == ["uninformative", "diagnostic"]


def test_nothing_is_said_of_placeholders(real: tuple[Table, Table]) -> None:
    withheld = tickets.table(100, 5)
    place = withheld.schema.names.index("message")
    blank = withheld.data.set_column(place, "message", [["(free text withheld)"] * 100])
    comparison = Comparison(*real, Table(withheld.schema, blank))
    assert text_replay(comparison) == []
    assert text_transfer(comparison) == []


def test_one_real_text_in_every_record_is_no_placeholder(real: tuple[Table, Table]) -> None:
    train, holdout = real
    place = train.schema.names.index("message")
    story = next(t for t in train.column("message").to_pylist() if t and " keeps a " in t)
    said = train.data.set_column(place, "message", [[story] * train.num_rows])
    found = figures(text_replay(Comparison(train, holdout, Table(train.schema, said))))
    assert found["replayed_runs"].value == 1.0


@pytest.mark.parametrize("sizes", [(3, 3, 3), (1, 2, 2), (2, 1, 9), (40, 2, 40)])
def test_few_texts_survive(sizes: tuple[int, int, int]) -> None:
    comparison = Comparison(*(tickets.table(n, seed) for seed, n in enumerate(sizes)))
    found = figures(text_replay(comparison))
    if found:
        assert found["text_replay"].value is None
        assert found["text_replay"].method.startswith("needs ")
    assert text_transfer(comparison) == []


def test_a_measure_is_a_pure_function(real: tuple[Table, Table]) -> None:
    comparison = Comparison(*real, tickets.table(200, 7), target="priority")
    for measure in (text_replay, text_transfer):
        assert measure(comparison) == measure(comparison)


def test_a_classifier_learns_from_texts(real: tuple[Table, Table]) -> None:
    good = Comparison(*real, tickets.table(400, 6), target="category")
    (result,) = text_transfer(good)
    assert result.column == "message × category"
    assert result.value > 0.95 and result.score > 90
    shuffled = tickets.table(400, 6)
    place = shuffled.schema.names.index("message")
    moved = shuffled.data.set_column(
        place, "message", shuffled.column("message").take(np.random.default_rng(0).permutation(400))
    )
    (result,) = text_transfer(Comparison(*real, Table(shuffled.schema, moved), target="category"))
    assert result.value < 0.7 and result.score < 40


def test_runs_count_units_once() -> None:
    text = words("One two three, four five-six seven: eight nine!")
    assert text[4] == "five-six"
    own = runs(text)
    assert len(own) == 1
    found, held_by = holders([own, own, own], np.array([7, 7, 8]))
    assert found.tolist() == own.tolist()
    assert held_by.tolist() == [2]
    assert len(runs(text[:7])) == 0


def pa_concat(*tables: Table) -> pa.Table:
    return pa.concat_tables([t.data.unify_dictionaries() for t in tables])
