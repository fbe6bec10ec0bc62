"""What is particular to networks: modes, margins, training by sampling, the penalty, a break."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from tabsynth.choice import configure
from tabsynth.encoding.analysis import analyze
from tabsynth.encoding.freeze import freeze
from tabsynth.errors import UsageError
from tabsynth.schema.model import TableSchema
from tabsynth.synthesizers.adversarial import Adversaries, ByOption, Shape
from tabsynth.synthesizers.learning import Columns
from tabsynth.synthesizers.mixtures import fit_mixture
from tabsynth.synthesizers.network_columns import Layout, Records, prepare
from tabsynth.table import Table
from tests.zoo import field

TINY = {"epochs": 6, "generator_units": 8, "critic_units": 8, "embedding_dim": 4}
SMALL = {"ctgan": TINY, "tvae": {"epochs": 3, "units": 8, "embedding_dim": 4}}


def mixed(rows: int = 3000) -> Table:
    rng = np.random.default_rng(1)
    columns = {
        "x": np.where(rng.random(rows) < 0.5, rng.normal(-5, 1, rows), rng.normal(5, 0.5, rows)),
        "paid": np.where(rng.random(rows) < 0.6, 0, rng.integers(1, 5000, rows)),
        "kind": rng.choice(["a", "b", "c"], rows, p=[0.7, 0.2, 0.1]),
    }
    fields = (field("x", "number"), field("paid", "integer"), field("kind"))
    return Table.checked(pa.table(columns), TableSchema(fields=fields))


def prepared(table: Table) -> tuple[Layout, Records]:
    codec = freeze(analyze(table))
    codes = codec.encode(table)
    return prepare(codec, codes, min_count=5, rng=np.random.default_rng(0))


def test_a_mixture_finds_the_modes_of_a_histogram() -> None:
    at = np.linspace(-10, 10, 400)
    bars = np.exp(-0.5 * (at + 5) ** 2) + 2 * np.exp(-2 * (at - 4) ** 2)
    found = fit_mixture(at, 3000 * bars / bars.sum())
    assert len(found.center) == 2
    np.testing.assert_allclose(found.center, [-5, 4], atol=0.05)
    np.testing.assert_allclose(found.scale, [1, 0.5], atol=0.05)
    np.testing.assert_allclose(found.weight, [0.5, 0.5], atol=0.02)


def test_a_single_bell_has_one_mode() -> None:
    at = np.linspace(-4, 4, 300)
    assert len(fit_mixture(at, 1e5 * np.exp(-0.5 * at**2)).center) == 1


def test_a_frequent_number_is_an_option_and_the_rest_lies_in_modes() -> None:
    layout, records = prepared(mixed())
    x, paid, kind = layout.columns
    assert 2 <= x.options == x.is_mode.sum() <= 3
    assert (~paid.is_mode).sum() == 1
    assert paid.share[~paid.is_mode] == pytest.approx(0.6, abs=0.03)
    assert not kind.is_mode.any()
    assert kind.options == 3
    assert np.abs(records.places).max() <= 1
    assert layout.width == sum(c.options for c in layout.columns)
    for j, c in enumerate(layout.columns):
        own = records.options[:, j] - layout.starts[j]
        np.testing.assert_array_equal(own, c.option[records.cells[j]])


def test_training_by_sampling_draws_records_that_have_the_option() -> None:
    layout, records = prepared(mixed())
    option, rows = ByOption.of(layout, records.options).draw(20_000, np.random.default_rng(0))
    column = layout.column[option]
    np.testing.assert_array_equal(records.options[rows, column], option)
    # by the logarithm of their frequency, columns evenly; 5 standard errors
    kinds = option[column == 2] - layout.starts[2]
    counts = np.bincount(records.options[:, 2] - layout.starts[2])
    wanted = np.log1p(counts) / np.log1p(counts).sum()
    found = np.bincount(kinds) / len(kinds)
    np.testing.assert_allclose(found, wanted, atol=5 * np.sqrt(0.25 / len(kinds)))
    np.testing.assert_allclose(np.bincount(column) / len(column), 1 / 3, atol=0.02)


@pytest.mark.parametrize("pack", [1, 3])
def test_the_penalty_is_that_of_the_gradient_torch_finds(pack: int) -> None:
    """The closed form beside automatic differentiation of the same critic on dense records."""
    layout, records = prepared(mixed())
    shape = Shape(4, (8,), (8, 8), pack, 12 * pack, 1e-3, 1e-3, 0.0)
    learner = Adversaries(layout, records, shape, seed=0)
    critic, each = learner._critic, layout.width + len(layout.numeric)
    random = torch.Generator().manual_seed(0)
    dense = torch.zeros(12 * pack, each)
    rows = torch.arange(12 * pack)
    dense.scatter_(1, torch.from_numpy(records.options[: 12 * pack]).long(), 1.0)
    dense[:, layout.width :] = torch.from_numpy(records.places[: 12 * pack])
    real = dense.reshape(-1, pack * each)
    under = torch.zeros(12 * pack, dtype=torch.int64)
    first = learner._given(under)
    torch.testing.assert_close(learner._real(rows), real @ critic["critic.first"])
    fake = torch.rand(real.shape, generator=random)
    pair = [first + r @ critic["critic.first"] for r in (real, fake)]
    loss = learner._critic_loss(pair[0], pair[1], torch.Generator().manual_seed(1))
    share = torch.rand(3, 1, generator=torch.Generator().manual_seed(1))
    between = (share * real[:3] + (1 - share) * fake[:3]).requires_grad_()
    judged, *_ = learner._judge(first[:3] + between @ critic["critic.first"])
    (gradient,) = torch.autograd.grad(judged.sum(), between)
    penalty = 10 * ((gradient.norm(dim=1) - 1) ** 2).mean()
    distance = learner._judge(pair[0])[0].mean() - learner._judge(pair[1])[0].mean()
    torch.testing.assert_close(loss, penalty - distance)


def test_chances_of_options_are_those_of_a_softmax_per_column() -> None:
    """All columns at once beside torch's own softmax of each, gradients too, and far logits."""
    layout, records = prepared(mixed())
    columns = Columns.of(layout)
    options = torch.from_numpy(records.options[:200]).long()
    random = torch.Generator().manual_seed(0)
    for spread in (1.0, 60.0):
        logits = (spread * torch.randn(200, layout.width, generator=random)).requires_grad_()
        wanted = torch.stack(
            [
                logits[:, layout.slot(j)].log_softmax(1)[
                    torch.arange(200), options[:, j] - int(layout.starts[j])
                ]
                for j in range(len(layout.columns))
            ],
            dim=1,
        )
        found = columns.log_chances(logits, options)
        torch.testing.assert_close(found, wanted, atol=1e-3, rtol=1e-4)
        pair = [torch.autograd.grad(x.sum(), logits)[0] for x in (found, wanted)]
        torch.testing.assert_close(pair[0], pair[1], atol=1e-5, rtol=1e-4)


def test_options_drawn_softly_are_drawn_by_their_chances() -> None:
    """The largest of each column, of 20,000 records; 5 standard errors."""
    layout, _ = prepared(mixed())
    columns, random = Columns.of(layout), torch.Generator().manual_seed(0)
    logits = torch.randn(layout.width, generator=random)
    soft = columns.relaxed(logits.expand(20_000, -1), temperature=0.2, random=random)
    for j in range(len(layout.columns)):
        own = soft[:, layout.slot(j)]
        torch.testing.assert_close(own.sum(dim=1), torch.ones(20_000))
        share = own.argmax(dim=1).bincount(minlength=own.shape[1]) / 20_000
        chance = logits[layout.slot(j)].softmax(0)
        assert ((share - chance).abs() < 5 * (chance * (1 - chance) / 20_000).sqrt()).all()


@pytest.mark.parametrize("name", SMALL)
def test_margins_are_those_of_the_records(name: str) -> None:
    """Cells of 30,000 draws; 5 standard errors and half a percent."""
    table = mixed()
    model = configure(name, SMALL[name]).fit(table, rng=np.random.default_rng(0))
    drawn = model.free(30_000, np.random.default_rng(1))
    for cells, column in zip(drawn, model.layout.columns, strict=True):
        share = np.bincount(cells, minlength=len(column.margin)) / len(cells)
        error = 5 * np.sqrt(column.margin / 30_000) + 0.005
        assert np.all(np.abs(share - column.margin) < error)


def test_held_out_records_are_looked_at_and_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tabsynth.synthesizers.training.STEPS_BETWEEN", 50)
    said: list[str] = []
    maker = configure("ctgan", {**TINY, "batch_size": 100, "epochs": 4})
    maker.fit_telling(mixed(), rng=np.random.default_rng(0), say=said.append)
    assert all("C2ST 0." in line and "best 0." in line for line in said)
    assert [line.split(":")[0] for line in said] == ["epoch 2 of 4", "epoch 4 of 4"]


# the process is killed in its 20th step, which is in the fourth epoch of either network
KILLED = """
import os, sys
import numpy as np
from tabsynth.choice import configure
from tabsynth.synthesizers.learning import Average
from tests.unit.synthesizers.test_networks import SMALL, mixed
left, follow = [20], Average.follow
def last(self, step):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), 9)
    follow(self, step)
Average.follow = last
small = {**SMALL[sys.argv[1]], "epochs": 30, "checkpoint": "fit.state"}
configure(sys.argv[1], small).fit(mixed(), rng=np.random.default_rng(5))
"""


def weights(name: str, checkpoint: Path | None, seed: int, said: list[str]) -> dict[str, object]:
    place = None if checkpoint is None else str(checkpoint)
    maker = configure(name, {**SMALL[name], "epochs": 30, "checkpoint": place})
    model = maker.fit_telling(mixed(), rng=np.random.default_rng(seed), say=said.append)
    return dict(model.network.weights)


@pytest.mark.parametrize("name", SMALL)
def test_a_killed_fit_goes_on_after_its_last_epoch(name: str, tmp_path: Path) -> None:
    """kill -9 in the middle of an epoch loses that one; the fit ends as if it had not been."""
    place = tmp_path / "fit.state"
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, name], cwd=tmp_path, env=env, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    said: list[str] = []
    resumed = weights(name, place, 6, said)
    assert said[0] == "going on after epoch 3"
    assert not place.exists()
    for key, array in weights(name, None, 5, []).items():
        np.testing.assert_array_equal(array, resumed[key], err_msg=key)


def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "fit.state"
    place.write_bytes(b"something else")
    maker = configure("tvae", {"epochs": 1, "units": 8, "checkpoint": str(place)})
    with pytest.raises(UsageError, match="a checkpoint of this table"):
        maker.fit(mixed(200), rng=np.random.default_rng(0))
    assert place.read_bytes() == b"something else"


def test_a_model_draws_without_torch(tmp_path: Path) -> None:
    """Opened in a process in which torch cannot be imported."""
    from tabsynth.workflow import fit

    small = {"epochs": 1, "units": 8, "embedding_dim": 4, "checkpoint": str(tmp_path / "c")}
    fitted = fit(mixed(300), synthesizer="tvae", parameters=small, seed=0)
    assert "checkpoint" not in fitted.parameters
    fitted.save(tmp_path / "m.tabsynth")
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from tabsynth.modelfile import load; from tabsynth.sampler import sample\n"
        f"print(sample(load({str(tmp_path / 'm.tabsynth')!r}), 7, seed=0).num_rows)"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(
        [sys.executable, "-c", program], env=env, capture_output=True, text=True, check=False
    )
    assert done.stdout == "7\n", done.stderr
