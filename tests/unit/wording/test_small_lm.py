"""A small language model of a text column: what it draws, and what it may not."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tabsynth import modelfile, sampler, workflow
from tabsynth.generators import WITHHELD
from tabsynth.modelfile import Fitted
from tabsynth.table import Table
from tabsynth.wording.gather import gather
from tabsynth.wording.network import UNITS, batch_logits, context, shapes, step
from tabsynth.wording.runs import FEWEST, runs, words
from tabsynth.wording.small_lm import SmallLmText
from tests import tickets


@pytest.fixture(scope="module")
def table() -> Table:
    return tickets.table(900, 1, method="small-lm", stories=0.2)


@pytest.fixture(scope="module")
def fitted(table: Table) -> Fitted:
    # as `workflow.fit` does, for a few epochs
    rng = np.random.default_rng(1)
    field = table.schema.field("message")
    text = SmallLmText.learn(gather(table, field, rng=rng), field, table.schema, rng=rng, epochs=10)
    withheld = tickets.table(900, 1, method="replace", stories=0.2)
    others = workflow.fit(withheld, synthesizer="independent", seed=1)
    return replace(others, schema=table.schema, texts={"message": text})


@pytest.fixture(scope="module")
def drawn(fitted: Fitted) -> list[dict[str, str]]:
    records = workflow.sample(fitted, 500, seed=2).data.to_pylist()
    assert np.mean([r["message"] is None for r in records]) < 0.1
    return [r for r in records if r["message"] is not None]


def test_drawing_is_what_training_computed() -> None:
    import torch

    rng = np.random.default_rng(0)
    weights = {
        name: rng.normal(0, 0.3, shape).astype(np.float32)
        for name, shape in shapes(30, [3, 4]).items()
    }
    given, codes = rng.integers(0, 30, (5, 7)), [rng.integers(0, 3, 5), rng.integers(0, 4, 5)]
    theirs = batch_logits(
        {name: torch.from_numpy(weight) for name, weight in weights.items()},
        torch.from_numpy(given), [torch.from_numpy(c) for c in codes],
    ).numpy()  # fmt: skip
    hidden, beside = np.zeros((5, UNITS), np.float32), context(weights, codes, 5)
    for place in range(7):
        ours, hidden = step(weights, given[:, place], beside, hidden)
        np.testing.assert_allclose(ours, theirs[:, place], rtol=1e-4, atol=1e-4)


def test_texts_go_with_the_other_columns(drawn: list[dict[str, str]]) -> None:
    orders = [(r["order"], found) for r in drawn
              if (found := re.search(r"ORD-\d+", r["message"]))]  # fmt: skip
    assert len(orders) > 80
    assert all(found[0] == own for own, found in orders)
    billing = [r for r in drawn if r["category"] == "billing"]
    assert np.mean([bool(re.search("invoice|charged", r["message"])) for r in billing]) > 0.7
    assert np.mean([r["message"] == WITHHELD for r in drawn]) < 0.02


def test_a_story_that_few_tell_does_not_come_out(table: Table, drawn: list[dict[str, str]]) -> None:
    told = [t for t in table.column("message").to_pylist() if t and " keeps a " in t]
    assert len(told) > 60
    held: dict[int, set[int]] = {}
    for number, text in enumerate(told):
        story = text[text.index(" keeps") : text.index("of it.")]
        for run in runs(words(story)).tolist():
            held.setdefault(run, set()).add(number)
    few = {run for run, by in held.items() if len(by) < FEWEST}
    assert len(few) > 100
    assert not any(few & set(runs(words(r["message"])).tolist()) for r in drawn)


def test_nothing_longer_is_said_where_nothing_is_shared(fitted: Fitted) -> None:
    text = fitted.texts["message"]
    assert isinstance(text, SmallLmText)
    alone = workflow.sample(fitted, 100, seed=2).data.drop_columns(["message"])
    none = replace(text, runs=np.empty(0, np.uint64))
    said = none.write(alone, start=0, rng=np.random.default_rng(0)).to_pylist()
    with_runs = text.write(alone, start=0, rng=np.random.default_rng(0)).to_pylist()
    # an address counts as one invented word, and has several
    lengths = [[len(words(t)) for t in texts if t is not None] for texts in (said, with_runs)]
    assert np.median(lengths[0]) < 12 < np.median(lengths[1])


def test_the_file_draws_the_same_without_torch(fitted: Fitted, tmp_path: Path) -> None:
    fitted.save(tmp_path / "m.tabsynth")
    again = modelfile.load(tmp_path / "m.tabsynth")
    whole = sampler.sample(fitted, 120, seed=4)
    assert sampler.sample(again, 120, seed=4).data.equals(whole.data)
    program = (
        "import sys; from tabsynth import modelfile, sampler\n"
        f"m = modelfile.load({str(tmp_path / 'm.tabsynth')!r})\n"
        "print(sampler.sample(m, 5, seed=4).column('message')[0])\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_damaged_network_is_refused(fitted: Fitted) -> None:
    text = fitted.texts["message"]
    for change in ("vocabulary", "weights"):
        state = text.state()
        if change == "weights":
            state.weights["out"] = np.zeros((3, 3), np.float32)
        else:
            state.settings["vocabulary"].append("more")
        with pytest.raises(ValueError, match="weights of these words"):
            SmallLmText.restore(fitted.schema.field("message"), fitted.schema, state)
