"""Are our networks faster than the package ctgan's, in less memory, and more faithful?

Each fit runs in a process of its own on one thread, on UCI Adult; CPU time counts. The parts of an
epoch are timed by wrapping the functions that do them, ours and theirs alike. `CTGAN_EPOCHS` and
`CTGAN_SEEDS` (separated by commas) make a smaller run. Needs the extra `sdv`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from time import process_time
from typing import Any

import numpy as np
import pandas as pd

import tabsynth as ts
from tabsynth.choice import configure
from tabsynth.machine import peak_memory
from tabsynth.schema.model import FieldSchema, TableSchema
from tabsynth.table import Table
from tests.bench.judge import detection, levels, variation
from tests.bench.record import REPORTS, ROOT, commit, write
from tests.bench.tables import table

OURS, THEIRS = ("ctgan", "tvae"), ("ctgan 0.12.1: CTGAN", "ctgan 0.12.1: TVAE")
EPOCHS = 8
SEEDS = (0, 1)


class Clock:
    """CPU seconds of parts; what a part calls that is timed too does not count for it."""

    def __init__(self) -> None:
        self.parts: dict[str, float] = defaultdict(float)
        self.began: float | None = None
        self._open: list[float] = []

    def wrap(self, owner: Any, name: str, part: str) -> None:
        """Time a function wherever it is called from now on."""
        inner: Callable[..., Any] = getattr(owner, name)

        @wraps(inner)
        def timed(*args: Any, **options: Any) -> Any:
            start = process_time()
            self.began = start if self.began is None else self.began
            self._open.append(0.0)
            try:
                return inner(*args, **options)
            finally:
                spent = process_time() - start
                self.parts[part] += spent - self._open.pop()
                if self._open:
                    self._open[-1] += spent

        setattr(owner, name, timed)


def watched(engine: str) -> Clock:
    """A clock on the parts of an engine's epochs; it starts with the first of them."""
    import torch

    clock = Clock()
    if engine in OURS:
        from tabsynth.synthesizers import training

        clock.wrap(training, "told_apart", "looks")
        clock.wrap(training.NetworkModel, "free", "looks")
        clock.wrap(training.NetworkModel, "of", "looks")
    if engine == "ctgan":
        from tabsynth.synthesizers import adversarial as a

        for name, part in (("_fakes", "generator"), ("_real", "critic"), ("_given", "critic"),
                           ("_critic_loss", "critic"), ("_judge", "critic")):  # fmt: skip
            clock.wrap(a.Adversaries, name, part)
        clock.wrap(a.ByOption, "draw", "batches")
    elif engine == "tvae":
        from tabsynth.synthesizers import autoencoder as b

        clock.wrap(b.Autoencoder, "_loss", "networks and loss")
    elif engine == THEIRS[0]:
        from ctgan.data_sampler import DataSampler
        from ctgan.synthesizers import ctgan as c

        for name in ("sample_condvec", "sample_data"):
            clock.wrap(DataSampler, name, "batches")
        for owner, name in ((c.Generator, "forward"), (c.CTGAN, "_apply_activate"),
                            (c.CTGAN, "_cond_loss")):  # fmt: skip
            clock.wrap(owner, name, "generator")
        for name in ("forward", "calc_gradient_penalty"):
            clock.wrap(c.Discriminator, name, "critic")
    else:
        from ctgan.synthesizers import tvae as d

        clock.wrap(d.Encoder, "forward", "networks and loss")
        clock.wrap(d.Decoder, "forward", "networks and loss")
        clock.wrap(d, "_loss_function", "networks and loss")
    clock.wrap(torch.Tensor, "backward", "backward")
    clock.wrap(torch.optim.Adam, "step", "optimizer")
    return clock


def fitted(engine: str, train: Table, epochs: int, seed: int) -> tuple[Callable[[], Any], float]:
    """Fit; what draws as many records, and the CPU time at which the fit was over."""
    if engine in OURS:
        model = configure(engine, {"epochs": epochs}).fit(train, rng=np.random.default_rng(seed))
        return (
            lambda: model.sample(train.num_rows, rng=np.random.default_rng(seed)).to_pandas()
        ), process_time()
    import ctgan
    import torch

    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - theirs draws from global state
    frame = train.to_pandas()
    texts = [f.name for f in train.schema.fields if f.is_categorical]
    frame[texts] = frame[texts].astype(object).where(frame[texts].notna(), "nobody knows")
    made = getattr(ctgan, engine.split(": ")[1])(epochs=epochs, enable_gpu=False)
    made.fit(frame, texts)
    end = process_time()

    def draw() -> pd.DataFrame:
        drawn = made.sample(len(frame))
        return drawn.replace({t: {"nobody knows": None} for t in texts})

    return draw, end


def trial(engine: str, epochs: int, seed: int) -> dict[str, Any]:
    """One engine on one split of Adult, in this process."""
    import torch

    torch.set_num_threads(1)
    train, holdout = ts.split(table("adult"), seed=seed)
    real, apart = train.to_pandas(), holdout.to_pandas()
    clock = watched(engine)
    start = process_time()
    with peak_memory() as peak:
        draw, end = fitted(engine, train, epochs, seed)
        memory = peak()
    began = clock.began or end
    looks = clock.parts.pop("looks", 0.0)
    spent = (end - began - looks) / epochs
    parts = {part: seconds / epochs for part, seconds in sorted(clock.parts.items())}
    drawn = draw()
    return {
        "engine": engine, "epochs": epochs, "seed": seed, "fit_seconds": end - start,
        "before_seconds": began - start, "epoch_seconds": spent, "parts": parts,
        "around_seconds": spent - sum(parts.values()), "look_seconds": looks, "memory": memory,
        "c2st": detection(real, apart, drawn),
        **variation(levels(real, real), levels(real, drawn)),
    }  # fmt: skip


def wide_trial(categories: int = 100_000, records: int = 500_000) -> dict[str, Any]:
    """The memory of one epoch on a column of very many categories."""
    rng = np.random.default_rng(0)
    codes = np.concatenate(
        [np.repeat(np.arange(categories), 5), rng.integers(0, categories, records - 5 * categories)]
    )
    columns = {
        "place": np.char.add("p", codes.astype(str)),
        "x": rng.normal(size=records) + codes % 7,
    }
    schema = TableSchema(
        fields=(FieldSchema(name="place", type="string"), FieldSchema(name="x", type="number"))
    )
    made = Table.from_pandas(pd.DataFrame(columns), schema)
    start = process_time()
    with peak_memory() as peak:
        configure("ctgan", {"epochs": 1}).fit(made, rng=np.random.default_rng(0))
        memory = peak()
    return {"categories": categories, "records": records, "epochs": 1, "memory": memory,
            "seconds": process_time() - start}  # fmt: skip


def asked(call: str) -> dict[str, Any]:
    """A call in a process of its own."""
    program = f"from tests.bench.ctgan import *; print(json.dumps({call}))"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], cwd=ROOT,
        capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    print(found, flush=True)
    return found


def main() -> None:
    """Every engine with every seed, two processes at a time."""
    epochs = int(os.environ.get("CTGAN_EPOCHS", EPOCHS))
    seeds = [int(s) for s in os.environ.get("CTGAN_SEEDS", ",".join(map(str, SEEDS))).split(",")]
    began = commit()
    calls = [f"trial({e!r}, {epochs}, {s})" for s in seeds for e in (*THEIRS, *OURS)]
    with ThreadPoolExecutor(int(os.environ.get("CTGAN_PROCESSES", "2"))) as pool:
        *runs, wide = pool.map(asked, [*calls, "wide_trial()"])
    body = {"commit": began, "epochs": epochs, "seeds": seeds, "runs": runs, "wide": wide}
    write("ctgan", body)
    (REPORTS / "ctgan.md").write_text(page(body), encoding="utf-8")


def page(body: dict[str, Any]) -> str:
    """The figures as a page."""
    lines = [
        "# Our networks beside those of ctgan 0.12.1", "",
        f"UCI Adult, {body['epochs']} epochs, seeds {body['seeds']}, one thread each, CPU seconds, "
        f"default settings; commit {body['commit']}. Command: `CTGAN_EPOCHS={body['epochs']} "
        f"CTGAN_SEEDS={','.join(map(str, body['seeds']))} python -m tests.bench ctgan`.", "",
        "What comes before the first epoch, and our looks at held-out records, count in the whole "
        "fit and not in the epoch. They have no looks.", "",
        "| engine | seconds an epoch | whole fit | before | memory MiB | C2ST | pairs | columns |",
        "|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for engine in (*OURS, *THEIRS):
        own = [r for r in body["runs"] if r["engine"] == engine]

        def shown(key: str, scale: float = 1.0, form: str = ".2f", own: Any = own) -> str:
            values = [r[key] / scale for r in own]
            spread = f" ({min(values):{form}} to {max(values):{form}})" if len(own) > 1 else ""
            return f"{np.mean(values):{form}}{spread}"

        lines.append(
            f"| {engine} | {shown('epoch_seconds')} | {shown('fit_seconds', form='.1f')} "
            f"| {shown('before_seconds', form='.1f')} | {shown('memory', 2**20, '.0f')} "
            f"| {shown('c2st', form='.3f')} | {shown('pairs_tv', form='.3f')} "
            f"| {shown('columns_tv', form='.3f')} |"
        )
    names = sorted({p for r in body["runs"] for p in r["parts"]})
    lines += ["", "What takes an epoch's seconds (means over seeds):", "",
              f"| engine | {' | '.join(names)} | around them |",
              "|---" * (len(names) + 2) + "|"]  # fmt: skip
    for engine in (*OURS, *THEIRS):
        own = [r for r in body["runs"] if r["engine"] == engine]
        cells = [f"{np.mean([r['parts'].get(n, 0.0) for r in own]):.2f}" for n in names]
        around = np.mean([r["around_seconds"] for r in own])
        lines.append(f"| {engine} | {' | '.join(cells)} | {around:.2f} |")
    wide = body["wide"]
    lines += ["", f"{wide['categories']:,} categories, {wide['records']:,} records, one epoch of "
              f"ours: {wide['memory'] / 2**20:,.0f} MiB at the peak beyond the table, "
              f"{wide['seconds']:.0f} s.", ""]  # fmt: skip
    return "\n".join(lines)
