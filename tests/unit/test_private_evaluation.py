"""Figures under a privacy budget: what is asked costs what was paid, and intervals hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabsynth.encoding.codec import Codes
from tabsynth.errors import DataError, PrivacyError, UsageError
from tabsynth.noisy_questions import Answers, Cells, Trial, ask, chosen_pairs, learnt
from tabsynth.noisy_results import areas, by_chance, results, variation
from tabsynth.privacy.noise import SeededNoise
from tabsynth.privacy.private_table import PrivateTable
from tabsynth.privacy.spending import Account
from tabsynth.private_evaluation import evaluate_private
from tabsynth.private_fit import Spend
from tabsynth.schema.model import TableSchema
from tests.audit import path_cost
from tests.private import domain, private
from tests.zoo import field

SIZES = (4, 2, 5)


def records(n: int, seed: int = 0) -> np.ndarray:
    """Records whose columns depend on each other, in the first cells of each column."""
    rng = np.random.default_rng(seed)
    base = rng.integers(0, 2, n)
    return np.stack([base + rng.integers(0, 2, n), base, base + rng.integers(0, 3, n)], axis=1)


def cells_of(rows: np.ndarray) -> Cells:
    return Cells.of(domain(*SIZES), list(rows.T))


def questions(cells: Cells) -> tuple[list[tuple[int, ...]], Trial]:
    trial = learnt(cells, 1, np.random.default_rng(0))
    assert trial is not None
    return chosen_pairs(cells, np.random.default_rng(0)), trial


def asked(table: PrivateTable) -> Answers:
    cells = cells_of(records(300, 1))
    return ask(table, cells, *questions(cells))


def maker(rows: np.ndarray, bound: int) -> Callable[[Any], PrivateTable]:
    return lambda noise: private(rows, *SIZES, rho=0.5, noise=noise, unit_bound=bound)


@pytest.mark.parametrize("bound", [1, 3])
@pytest.mark.parametrize("others", [0, 60])
def test_all_answers_together_cost_no_more_than_was_paid(others: int, bound: int) -> None:
    """One unit of extreme records, in cells where there was nobody, joins and leaves."""
    rows = records(others)
    both = np.concatenate([rows, np.array([[3, 1, 4]] * bound)])
    for first, second in ((both, rows), (rows, both)):
        found = path_cost(asked, maker(first, bound), maker(second, bound))
        assert not found.broken
        # all of the budget is spent, and most of it drives these tables apart
        assert found.claimed == pytest.approx(0.5, rel=1e-6)
        assert found.cost > 0.5 * found.claimed


@pytest.mark.parametrize("stage", ["number", "distances of columns", "distances of pairs",
                                   "outcomes"])  # fmt: skip
def test_an_answer_that_nobody_paid_for_is_found_out(
    stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Account.debit

    def forgetful(account: Account, charges: Sequence[Any]) -> None:
        real(account, [c for c in charges if not c.stage.startswith(stage)])

    monkeypatch.setattr(Account, "debit", forgetful)
    rows = records(60)
    both = np.concatenate([rows, np.array([[3, 1, 4]])])
    assert path_cost(asked, maker(both, 1), maker(rows, 1)).broken


def test_cells_follow_from_the_synthetic_table_and_keep_spikes_and_missing_apart() -> None:
    cells = cells_of(records(50))
    assert [g.tolist() for g in cells.groups][1] in ([0, 1], [1, 0])
    many = TableSchema(
        fields=(
            field("age", "integer", constraints={"minimum": 0, "maximum": 99}),
            field("town", categories=tuple(f"t{k}" for k in range(60))),
        )
    )
    from tabsynth.privacy.domain import Domain

    known = Domain.declared(many)
    rng = np.random.default_rng(0)
    codes: list[Codes] = [
        np.where(rng.random(5000) < 0.3, 0, rng.integers(0, 101, 5000)),
        np.minimum(rng.geometric(0.1, 5000) - 1, 60),
    ]
    found = Cells.of(known, codes)
    age, town = found.groups
    # 0 is a spike, 100 is missing
    assert (age == age[0]).sum() == 1
    assert (age == age[100]).sum() == 1
    assert len(np.unique(age)) == age.max() + 1 <= 22
    assert (np.diff(age) >= 0).all()
    assert (town == 19).sum() == 60 - 19
    assert town[60] == 20
    assert found.shares((0, 1)).sum() == pytest.approx(1)


@pytest.mark.parametrize("rho", [0.002, 0.05])
def test_intervals_cover_what_the_noise_hides(rho: float) -> None:
    """Of 200 evaluations. False alarm: 95 % intervals cover less than 176 once in 10,000."""
    synthetic, real = records(900, 1), records(1000, 2)
    cells = cells_of(synthetic)
    pairs, trial = questions(cells)
    exact = dict(_truth(cells, pairs, real))
    held: dict[str, list[bool]] = {}
    for seed in range(200):
        table = private(real, *SIZES, rho=rho, noise=SeededNoise(seed))
        for r in results(cells, pairs, trial, ask(table, cells, pairs, trial), seed=0):
            if r.value is None:
                continue
            assert r.ci_low is not None
            assert r.ci_high is not None
            truth = exact.get(f"{r.name} {r.column}", exact.get(r.name))
            if r.name == "noisy_tstr":
                truth = exact["noisy_tstr"]
            if truth is not None:
                held.setdefault(r.name, []).append(r.ci_low <= truth <= r.ci_high)
    assert {"noisy_univariate_tv", "noisy_pairwise_tv"} <= set(held)
    for name, hits in held.items():
        assert np.mean(hits) > 0.88, name


def _truth(cells: Cells, pairs: Sequence[tuple[int, ...]], real: np.ndarray) -> Any:
    coarse = [g[c] for g, c in zip(cells.groups, real.T, strict=True)]
    names = cells.domain.names
    for kind, sets in (("univariate", [(0,), (1,), (2,)]), ("pairwise", pairs)):
        for s in sets:
            shape = tuple(cells.sizes[j] for j in s)
            counts = np.bincount(
                np.ravel_multi_index(tuple(coarse[j] for j in s), shape), minlength=np.prod(shape)
            )
            apart = np.abs(counts / len(real) - cells.shares(s).ravel()).sum() / 2
            yield f"noisy_{kind}_tv {' × '.join(names[j] for j in s)}", float(apart)
    silent = private(real, *SIZES, rho=1e9, noise=SeededNoise(0))
    yield "noisy_tstr", areas(*asked_of(silent, cells)).value


def asked_of(table: PrivateTable, cells: Cells) -> Any:
    return ask(table, cells, *questions(cells)).outcomes


def test_a_figure_that_the_noise_hides_is_none() -> None:
    # nobody knows whether there are records at all
    assert variation(50.0, 1.0, (10.0, 5.0)).value is None
    # the distance alone is hidden
    assert variation(50.0, 400.0, (1000.0, 1.0)).value is None
    assert variation(50.0, 5.0, (1000.0, 1.0)).value == pytest.approx(0.025)
    assert areas(np.full((1, 10, 2), 3), 50.0).value is None
    assert areas(np.full((1, 10, 2), 300), 1.0).value == pytest.approx(0.5)


def test_chance_is_what_two_draws_differ_by() -> None:
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(30))
    one, other = (rng.multinomial(n, shares, 2000) / n for n in (400, 250))
    seen = np.abs(one - other).sum(axis=1).mean() / 2
    assert by_chance(shares, 400, 250) == pytest.approx(seen, rel=0.02)


def test_a_model_is_tried_by_how_well_it_ranks() -> None:
    cells = cells_of(records(2000, 1))
    pairs, trial = questions(cells)
    real = records(3000, 2)
    answers = ask(private(real, *SIZES, rho=1e9), cells, pairs, trial)
    found = results(cells, pairs, trial, answers, seed=0)[-1]
    assert (found.name, found.column, found.better) == ("noisy_tstr", "c1", "higher")
    # the same by counting all pairs of real records
    coarse = [g[c] for g, c in zip(cells.groups, real.T, strict=True)]
    scores = np.sum([s[c] for s, c in zip(trial.scores, coarse, strict=True)], axis=0)[:, 0]
    own = trial.classes[coarse[1]] == 0
    above = scores[own][:, None] - scores[~own][None, :]
    exact = np.mean(above > 0) + np.mean(above == 0) / 2
    assert found.value == pytest.approx(exact, abs=0.01)
    assert exact > 0.7


def test_there_may_be_nothing_to_learn() -> None:
    one_class = records(50)
    one_class[:, 1] = 0
    assert learnt(cells_of(one_class), 1, np.random.default_rng(0)) is None
    alone = Cells.of(domain(3), [np.array([0, 1, 2])])
    assert learnt(alone, 0, np.random.default_rng(0)) is None
    assert chosen_pairs(alone, np.random.default_rng(0)) == []
    found = ask(private([[0], [1]], 3, rho=1.0), alone, [], None)
    assert found.outcomes is None


SCHEMA = TableSchema(
    fields=(
        field("age", "integer", constraints={"minimum": 0, "maximum": 9, "required": True}),
        field("ward", categories=("a", "b")),
        field("note", "string", tabsynth={"free_text": "drop"}),
    )
)
FRAME = pd.DataFrame({"age": [1, 2, 3] * 40, "ward": ["a", "b", None] * 40})


def test_python_asks_as_the_command_does(tmp_path: Any) -> None:
    spend = Spend(1.0, source_id="s", ledger=tmp_path / "l.sqlite")
    report = evaluate_private(FRAME, FRAME, schema=SCHEMA, spend=spend, which="train",
                              target="ward", noise=SeededNoise(0))  # fmt: skip
    assert report.is_private
    assert report.verdict == "inconclusive"
    # noise that can be foreseen promises nothing
    assert report.provenance["privacy"]["differentially_private"] is False
    with pytest.raises(UsageError, match="--discover"):
        evaluate_private(FRAME, FRAME, schema=SCHEMA, spend=Spend(1.0, "s", discover=["ward"]))
    with pytest.raises(UsageError, match="--target"):
        evaluate_private(FRAME, FRAME, schema=SCHEMA, spend=spend, target="height")
    with pytest.raises(PrivacyError, match="ward"):
        open_ = SCHEMA.model_copy(update={"fields": (SCHEMA.fields[0], field("ward"))})
        evaluate_private(FRAME, FRAME, schema=open_, spend=spend)
    for broken in (FRAME.assign(age=11), FRAME.iloc[:0], FRAME.drop(columns="ward")):
        with pytest.raises(DataError):
            evaluate_private(FRAME, broken, schema=SCHEMA, spend=spend)
    (account,) = spend.book.accounts()
    assert len(account.spends) == 1
