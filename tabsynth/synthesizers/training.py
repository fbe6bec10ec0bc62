"""Epochs of a network: when to stop, what to keep, and where to go on after a break."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field as Setting

from tabsynth.encoding.codec import Codec, Codes
from tabsynth.errors import UsageError
from tabsynth.io.atomic import write_bytes
from tabsynth.io.tensors import dump_tensors, parse_tensors
from tabsynth.learners import one_thread
from tabsynth.synthesizers.network_columns import Records
from tabsynth.synthesizers.network_model import Kind, NetworkModel
from tabsynth.synthesizers.networks import Decoder, Generator

Say = Callable[[str], object]
Units = Annotated[int, Setting(ge=1)]
Rate = Annotated[float, Setting(gt=0, allow_inf_nan=False)]

# held out of training to judge it, of tables that have so many records
HELD_SHARE: Final = 0.1
MOST_HELD: Final = 2_000
FEWEST_RECORDS: Final = 2_000
# steps between two looks, and looks without a better one that end the training
STEPS_BETWEEN: Final = 400
PATIENCE: Final = 10
BETTER: Final = 0.003
_TREES: Final = 40


class Learner(Protocol):
    """A network while it learns."""

    @property
    def steps(self) -> int:
        """Of an epoch."""
        ...

    def epoch(self, number: int) -> None:
        """One pass, the first being 1; its randomness follows from the seed and the number."""
        ...

    def network(self, rng: np.random.Generator) -> Generator | Decoder:
        """What draws records, as it is now."""
        ...

    def state(self) -> dict[str, NDArray[Any]]:
        """All that training goes on from."""
        ...

    def resume(self, state: dict[str, NDArray[Any]]) -> None:
        """Go on from a state."""
        ...


@dataclass
class Progress:
    """How far training is.

    Args:
        epoch: the last that is over.
        best: C2ST of the best look, 1 before the first.
        best_epoch: when that was.
        stale: looks since then.
        kept: weights of the network at the best look.
    """

    epoch: int = 0
    best: float = 1.0
    best_epoch: int = 0
    stale: int = 0
    kept: dict[str, NDArray[Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Training:
    """What is trained, and how long.

    Args:
        kind: of network.
        epochs: at most so many.
        checkpoint: where the state after each epoch is kept until the end; None for nowhere.
        key: of table and parameters; a checkpoint of others is refused.
        say: told how it gets on.
    """

    kind: Kind
    epochs: int
    checkpoint: Path | None
    key: str
    say: Say

    def seed(self, fresh: int) -> int:
        """The seed that the checkpoint was begun with, or a fresh one.

        Raises:
            UsageError: a file that is no checkpoint of this training.
        """
        notes = self._read()[1]
        return int(notes["seed"]) if notes else fresh

    def run(self, learner: Learner, codec: Codec, held: Records | None, seed: int) -> NetworkModel:
        """Train, and give the model at the best look, or at the end where nobody looks.

        Args:
            learner: the network.
            codec: cells of every column.
            held: records that it does not learn from; None where there are too few.
            seed: of all randomness.
        """
        progress = self._resumed(learner)
        between = max(1, round(STEPS_BETWEEN / learner.steps))
        while progress.epoch < self.epochs and progress.stale < PATIENCE:
            progress.epoch += 1
            learner.epoch(progress.epoch)
            over = progress.epoch == self.epochs
            if held is not None and (over or progress.epoch % between == 0):
                rng = np.random.default_rng([seed, progress.epoch, 1])
                model = NetworkModel.of(codec, self.kind, learner.network(rng), rng=rng)
                found = told_apart(held.cells, model.free(len(held.options), rng))
                self._judge(progress, found, model)
            self._write(learner, progress, seed)
        rng = np.random.default_rng([seed, 2])
        network = learner.network(rng)
        if progress.kept:
            network = type(network)(network.layout, progress.kept)
        if self.checkpoint is not None:
            self.checkpoint.unlink(missing_ok=True)
        told = f"Trained for {progress.best_epoch if progress.kept else progress.epoch:,} epochs"
        if progress.kept:
            told += f", told from held-out records with an AUC of {progress.best:.2f}"
        return NetworkModel.of(codec, self.kind, network, rng=rng, told=(f"{told}.",))

    def _judge(self, progress: Progress, found: float, model: NetworkModel) -> None:
        """Keep the weights where held-out records are told apart worse than ever, and say so."""
        progress.stale += 1
        if found < progress.best - BETTER or not progress.kept:
            progress.best, progress.best_epoch, progress.stale = found, progress.epoch, 0
            progress.kept = dict(model.network.weights)
        self.say(
            f"epoch {progress.epoch:,} of {self.epochs:,}: C2ST {found:.3f} on held-out records, "
            f"best {progress.best:.3f} at epoch {progress.best_epoch:,}"
            + (f"; stopping after {PATIENCE} looks without a better one"
               if progress.stale >= PATIENCE else "")
        )  # fmt: skip

    def _write(self, learner: Learner, progress: Progress, seed: int) -> None:
        if self.checkpoint is None:
            return
        notes = {
            "key": self.key, "seed": str(seed), "epoch": str(progress.epoch),
            "best": json.dumps([progress.best, progress.best_epoch, progress.stale]),
        }  # fmt: skip
        state = {f"now.{name}": array for name, array in learner.state().items()}
        state |= {f"best.{name}": array for name, array in progress.kept.items()}
        write_bytes(self.checkpoint, dump_tensors(state, notes))

    def _read(self) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
        if self.checkpoint is None or not self.checkpoint.exists():
            return {}, {}
        try:
            state, notes = parse_tensors(self.checkpoint.read_bytes())
        except (ValueError, LookupError, TypeError, AttributeError, OSError):
            state, notes = {}, {}
        if notes.get("key") != self.key:
            raise UsageError(
                f"--param checkpoint={self.checkpoint}",
                expected="a checkpoint of this table and these parameters", got="another file",
                remedy="name another file, or remove this one to start afresh",
            )  # fmt: skip
        return state, notes

    def _resumed(self, learner: Learner) -> Progress:
        state, notes = self._read()
        if not notes:
            return Progress()

        def part(name: str) -> dict[str, NDArray[Any]]:
            return {k[len(name) :]: v for k, v in state.items() if k.startswith(name)}

        learner.resume(part("now."))
        best, best_epoch, stale = json.loads(notes["best"])
        self.say(f"going on after epoch {int(notes['epoch']):,}")
        return Progress(int(notes["epoch"]), best, best_epoch, stale, part("best."))


def key_of(codes: Sequence[Codes], parameters: object) -> str:
    """A digest of what is learnt from, and with which parameters.

    Privacy: tells whether two tables are the same; stands in checkpoints, not in model files.
    """
    digest = hashlib.sha256(repr(parameters).encode())
    for column in codes:
        digest.update(np.ascontiguousarray(column, np.int64).tobytes())
    return digest.hexdigest()


def apart(records: Records, rng: np.random.Generator) -> tuple[Records, Records | None]:
    """Records to learn from, and held-out ones where there are enough."""
    count = len(records.options)
    if count < FEWEST_RECORDS:
        return records, None
    order = rng.permutation(count)
    held = min(MOST_HELD, int(HELD_SHARE * count))
    return records.take(np.sort(order[held:])), records.take(np.sort(order[:held]))


def told_apart(real: Sequence[Codes], drawn: Sequence[Codes]) -> float:
    """C2ST: how well boosted trees tell two sets of records apart, an AUC; 0.5 is perfect.

    Args:
        real: cells per column, shape (records,).
        drawn: the same of as many records.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    table = np.concatenate([np.stack(real, 1), np.stack(drawn, 1)]).astype(np.float64)
    label = np.repeat([0, 1], [len(real[0]), len(drawn[0])])
    fold = np.arange(len(label)) % 2
    areas = []
    with one_thread():
        for k in (0, 1):
            learner: Any = HistGradientBoostingClassifier(max_iter=_TREES, random_state=0)
            learner.fit(table[fold != k], label[fold != k])
            areas.append(
                roc_auc_score(label[fold == k], learner.predict_proba(table[fold == k])[:, 1])
            )
    return float(np.mean(areas))
