"""Critics, what they learn from noisy gradients, and the generator that is held to it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tabsynth.privacy.gradients import critic_gradient
from tabsynth.synthesizers.matched import Matched, Shape, _largest
from tabsynth.synthesizers.maxout import Critic, Lesson, turns
from tabsynth.synthesizers.network_columns import Coded, Layout
from tabsynth.synthesizers.private_ctgan import PrivateCtgan
from tests import quick
from tests.private import private

SIZES = (3, 2, 4)


def layout_of(codes: np.ndarray) -> Layout:
    return Layout(
        tuple(
            Coded(np.bincount(c, minlength=k) / len(c), np.arange(k, dtype=np.int16),
                  np.zeros(k), np.zeros(k))
            for c, k in zip(codes.T, SIZES, strict=True)
        )
    )  # fmt: skip


def dependent(n: int, seed: int = 0) -> np.ndarray:
    """The second column follows from the first, the third from nothing."""
    rng = np.random.default_rng(seed)
    one = rng.integers(0, 3, n)
    return np.stack([one, one // 2, rng.integers(0, 4, n)], axis=1)


def fresh(layout: Layout, seed: int = 0) -> Critic:
    rng = np.random.default_rng(seed)
    return Critic.fresh(layout, turns(3, rng), units=2, pieces=3, rng=rng)


def asked(critic: Critic, layout: Layout) -> list[np.ndarray]:
    return [critic.whole[layout.slot(j)] for j in range(3)]


def test_generated_records_are_asked_the_same_as_the_records() -> None:
    """On the same records, the generator's side and the door give the same shares."""
    codes = dependent(500)
    layout = layout_of(codes)
    critic = fresh(layout)
    ones = np.zeros((500, layout.width), np.float32)
    for j in range(3):
        ones[np.arange(500), layout.starts[j] + codes[:, j]] = 1
    weights = torch.tensor(critic.whole / 1024, dtype=torch.float32)
    found = _largest(torch.from_numpy(ones), weights).numpy() * 500
    exact = critic_gradient(list(codes.T), asked(critic, layout))
    for j in range(3):
        assert np.allclose(found[layout.slot(j)], exact[j], atol=1e-2)


def test_a_lesson_is_exact_without_noise_and_independence_under_too_much() -> None:
    codes = dependent(4000)
    layout = layout_of(codes)
    critic = fresh(layout)
    exact = critic_gradient(list(codes.T), asked(critic, layout))
    right = np.zeros(critic.weights.shape)
    for j in range(3):
        right[layout.slot(j)] = exact[j] / 4000
    clear = critic.lesson(exact, 1e-6, layout, 4000.0)
    assert np.abs(clear.wanted - right).max() < 1e-4
    assert clear.error == pytest.approx(1e-6 / 4000)
    lost = critic.lesson(exact, 4000.0, layout, 4000.0).wanted
    for j in range(3):
        part = lost[layout.slot(j)]
        assert np.allclose(part, layout.columns[j].share[:, None, None] * part.sum(0), atol=1e-3)
    # some noise, on average: nearer to what is right than what was released
    rng = np.random.default_rng(1)
    noisy = [e + np.rint(rng.normal(0, 150, e.shape)).astype(np.int64) for e in exact]
    cleaned = critic.lesson(noisy, 150.0, layout, 4000.0).wanted
    raw = sum(((n - e) ** 2).sum() for n, e in zip(noisy, exact, strict=True)) / 4000**2
    assert ((cleaned - right) ** 2).sum() < 0.5 * raw


def test_a_step_of_the_critic_tells_records_and_generated_ones_further_apart() -> None:
    codes, others = dependent(4000), np.random.default_rng(2).integers(0, SIZES, (4000, 3))
    layout = layout_of(codes)
    critic = fresh(layout)
    sign = np.array([1.0, -1.0])

    def score(critic: Critic, rows: np.ndarray) -> float:
        each = sum(critic.weights[layout.slot(j)][rows[:, j]] for j in range(3))
        return float((each.max(axis=2) @ sign).mean())

    def shares(rows: np.ndarray) -> np.ndarray:
        found = np.zeros(critic.weights.shape, np.float32)
        for j, part in enumerate(critic_gradient(list(rows.T), asked(critic, layout))):
            found[layout.slot(j)] = part / len(rows)
        return found

    lesson = Lesson((critic.whole / 1024).astype(np.float32), shares(codes), 1e-9)
    after = critic.stepped(lesson, shares(others), 0.2)
    before = score(critic, codes) - score(critic, others)
    assert score(after, codes) - score(after, others) > before + 0.01
    # nothing moves where nothing stands out of the noise
    still = critic.stepped(Lesson(lesson.weights, lesson.wanted, 1.0), shares(others), 0.2)
    assert np.array_equal(still.weights, critic.weights)


def test_the_generator_comes_to_give_critics_the_gradients_that_they_were_told() -> None:
    codes = dependent(4000)
    layout = layout_of(codes)
    lessons = []
    for seed in range(6):
        critic = fresh(layout, seed)
        exact = critic_gradient(list(codes.T), asked(critic, layout))
        lessons.append(critic.lesson(exact, 1e-6, layout, 4000.0))
    generator = Matched(layout, Shape(8, (24, 24), 250, 5e-3), 1)

    def miss() -> float:
        each = [np.abs(generator.gradient(k.weights) - k.wanted).sum() / 6 for k in lessons]
        return float(np.mean(each))

    before = miss()
    generator.learn(lessons, 400)
    assert miss() < 0.3 * before


def test_what_is_asked_is_fixed_before_the_first_answer() -> None:
    rows = dependent(50)
    data = private(rows, *SIZES, rho=0.5)
    model = quick.private("ctgan").fit(data, rng=np.random.default_rng(0))
    charges = [c for c in data._account.charges if c.stage == "gradients of the critic"]
    assert len(charges) == 2
    assert max(c.rho for c in charges) == pytest.approx(min(c.rho for c in charges), rel=1e-6)
    # 3 columns, 2 units
    assert [c.sensitivity for c in charges] == pytest.approx([math.sqrt(6)] * 2)
    assert data.remaining <= 1e-9
    assert any("Experimental" in line for line in model.describe())


def test_nothing_of_the_records_or_their_noise_is_kept() -> None:
    """The model holds the generator, released margins and public sentences: no gradient."""
    data = private(dependent(300), *SIZES, rho=0.5)
    state = PrivateCtgan(
        critic_steps=2, generator_steps=2, batch_size=16, embedding_dim=2, generator_units=4
    ).fit(data, rng=np.random.default_rng(0)).state()  # fmt: skip
    names = {"margin", "option", "center", "scale", "lift", "low", "high", "atom"}
    assert {key.rpartition(".")[2] for key in state.arrays} <= names
    assert set(state.settings) == {"columns", "told", "rows"}
    assert set(state.weights) == {
        *(f"{k}.{w}" for k in (0, 1) for w in ("weight", "under", "scale", "shift")),
        "out.weight", "out.under", "out.bias",
    }  # fmt: skip
