"""Simulators: how they fail, how their parameters are found, and what a model of one may do."""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabsynth.errors import DataError, SchemaError, UsageError
from tabsynth.modelfile import Fitted, load
from tabsynth.sampler import sample
from tabsynth.simulated import simulate
from tabsynth.sources.approximate import Compared, posterior
from tabsynth.sources.priors import Gaussian
from tabsynth.table import Table
from tests.simulators import installed

PRIORS: dict[str, Any] = {
    "share": {"kind": "uniform", "low": 0, "high": 1},
    "scale": {"kind": "loguniform", "low": 2, "high": 100},
}
VISITS: dict[str, Any] = {
    "source": "simulation", "simulator": "visits", "parameters": PRIORS,
    "simulations": 300, "records": 300,
}  # fmt: skip
PROGRAM = """
import csv, random, sys
mean, n, seed, out = float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
random.seed(seed)
file = sys.stdout if out == "-" else open(out, "w")
print("x", file=file)
for _ in range(n):
    print(random.gauss(mean, 1), file=file)
"""


@pytest.fixture(scope="module", autouse=True)
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with installed(tmp_path_factory.mktemp("package")):
        importlib.invalidate_caches()
        yield


def bad(how: str, **rest: Any) -> dict[str, Any]:
    priors = {"how": {"kind": "choice", "values": [how, how]}}
    return {"source": "simulation", "simulator": "bad", "parameters": priors, **rest}


def command(*argv: str, **rest: Any) -> dict[str, Any]:
    priors = {"mean": {"kind": "normal", "mean": 0, "sd": 5}}
    return {"source": "simulation", "simulator": "mine", "parameters": priors,
            "command": list(argv), **rest}  # fmt: skip


FAILS = {
    "raises": "ValueError: the tank is empty",
    "dies": "code 7 (out of luck)",
    "no table": "no DataFrame but a int",
    "few": "20 in 20 runs",
}


@pytest.mark.parametrize("how", FAILS)
def test_a_function_that_fails_says_its_last_words(how: str) -> None:
    with pytest.raises(DataError) as caught:
        simulate(bad(how))
    assert FAILS[how] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_function_that_hangs_is_ended() -> None:
    begun = time.monotonic()
    with pytest.raises(DataError, match=r"at most 1 seconds.*still computing"):
        simulate(bad("hangs", time_limit=1))
    assert time.monotonic() - begun < 30


COMMANDS = {
    "exit code 3 (no fuel)": "import sys; sys.exit(print('no fuel', file=sys.stderr) or 3)",
    "at most 1 seconds": "import time; time.sleep(60)",
    "a table": "print('')",
}


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_that_fails_says_its_last_words(words: str) -> None:
    limit = 1 if "seconds" in words else 60
    with pytest.raises(DataError) as caught:
        simulate(command(sys.executable, "-c", COMMANDS[words], time_limit=limit))
    assert words in str(caught.value)


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(DataError, match="cannot be started"):
        simulate(command("no-such-program-anywhere"))
    with pytest.raises(UsageError, match="entry point"):
        simulate({**VISITS, "simulator": "nowhere"})


@pytest.mark.parametrize("out", ["{out}", "-"])
def test_a_command_gets_its_arguments_and_no_shell(out: str, tmp_path: Path) -> None:
    (tmp_path / "sim.py").write_text(PROGRAM)
    argv = (sys.executable, str(tmp_path / "sim.py"), "{mean}", "{n}", "{seed}", out)
    fitted = simulate(command(*argv, "; touch $HOME {unknown}"))
    one, two = (sample(fitted, 100, seed=4).data.to_pydict() for _ in range(2))
    assert one == two
    assert len(one["x"]) == 100


def test_what_another_table_is_refused_with() -> None:
    real = Table.from_pandas(pd.DataFrame({"x": np.arange(100.0)}))
    with pytest.raises(DataError, match="column 'x': is missing"):
        simulate(bad("another"), real)


def visits(share: float, scale: float, seed: int = 1) -> Table:
    function = importlib.import_module("simulators_of_tests").visits
    return Table.from_pandas(function({"share": share, "scale": scale}, 500, seed))


@pytest.fixture(scope="module")
def fitted(package: None) -> Fitted:
    return simulate(VISITS, visits(0.3, 20), seed=1)


def test_the_parameters_behind_a_table_are_found(fitted: Fitted) -> None:
    draws = fitted.model.state().arrays["draws"]
    low, high = np.quantile(draws, [0.01, 0.99], axis=0)
    assert low[0] < 0.3 < high[0]
    assert low[1] < 20 < high[1]
    # far narrower than the priors, and never outside them
    assert high[0] - low[0] < 0.3
    assert high[1] / low[1] < 2.5
    told = "\n".join(fitted.describe())
    assert "calibration p" in told
    assert "Warning" not in told
    assert "Not differentially private" in told
    drawn = sample(fitted, 2000, seed=0).to_pandas()
    assert drawn.flag.mean() == pytest.approx(0.3, abs=0.1)


def test_a_table_that_the_simulator_cannot_make_is_told() -> None:
    strange = visits(0.3, 20).to_pandas().assign(age=np.arange(500) % 40 + 1500)
    strange["age"] = strange["age"].astype("Int64")
    told = simulate({**VISITS, "simulations": 100}, Table.from_pandas(strange), seed=1).describe()
    (warning,) = [line for line in told if "lie outside those of all runs" in line]
    assert "mean of age" in warning


def test_a_choice_is_found() -> None:
    function = importlib.import_module("simulators_of_tests").chosen
    real = Table.from_pandas(function({"mean": 1.0, "shape": "skewed"}, 400, 3))
    spec = {"source": "simulation", "simulator": "chosen", "simulations": 400, "records": 300,
            "parameters": {"mean": {"kind": "normal", "mean": 0, "sd": 2},
                           "shape": {"kind": "choice", "values": ["even", "skewed"]}}}  # fmt: skip
    fitted = simulate(spec, real, seed=0)
    draws = fitted.model.state().arrays["draws"]
    assert np.mean(draws[:, 1] == 1) > 0.9
    assert any(line.startswith("shape: even") for line in fitted.describe())


def test_the_posterior_is_that_of_a_conjugate_pair_and_calibrated() -> None:
    """Normal mean with a normal prior; 20 records of spread 1, so the posterior is known."""
    rng = np.random.default_rng(0)
    prior = {"mean": Gaussian(kind="normal", mean=0, sd=1)}
    drawn = rng.normal(0, 1, (2000, 1))
    means = drawn + rng.normal(0, 1 / np.sqrt(20), (2000, 1))
    found = posterior(prior, drawn, means, np.array([0.8]), accept=0.2, rng=rng)
    assert found.draws.mean() == pytest.approx(0.8 * 20 / 21, abs=0.05)
    assert found.draws.std() == pytest.approx(np.sqrt(1 / 21), rel=0.2)
    # by chance below once in a thousand seeds
    assert found.calibration["mean"] > 1e-3
    assert not found.beyond.any()


@pytest.mark.parametrize(("off", "scale"), [(0.3, 1.0), (0.0, 0.5)])
def test_calibration_finds_draws_that_are_off(off: float, scale: float) -> None:
    """Parameters that were other than the draws are made for: shifted, or less spread."""
    rng = np.random.default_rng(0)
    prior = {"mean": Gaussian(kind="normal", mean=0, sd=1)}
    drawn = rng.normal(0, 1, (1000, 1))
    told = drawn + rng.normal(0, 1, drawn.shape)
    right = Compared(prior, drawn, drawn, told, 0.2)
    wrong = Compared(prior, off + scale * drawn, drawn, told, 0.2)
    assert right.calibration(np.random.default_rng(0))["mean"] > 1e-3
    assert wrong.calibration(np.random.default_rng(0))["mean"] < 1e-3


def test_a_model_file_holds_no_command_and_runs_nothing_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sim.py").write_text(PROGRAM)
    program = str(tmp_path / "sim.py")
    own = command(sys.executable, program, "{mean}", "{n}", "{seed}", "{out}")
    path = tmp_path / "m.tabsynth"
    simulate(own, seed=0).save(path)
    assert "sim.py" not in path.read_bytes().decode("latin-1")
    there = load(path)
    assert there.describe()
    with pytest.raises(UsageError, match="TABSYNTH_SIMULATOR"):
        sample(there, 5, seed=0)
    # whoever draws from it declares the command again, under the same name and the same priors
    spec = tmp_path / "own.json"
    monkeypatch.setenv("TABSYNTH_SIMULATOR", str(spec))
    spec.write_text(json.dumps(own))
    assert sample(there, 5, seed=0).num_rows == 5
    for change in ({"simulator": "other"}, {"parameters": {"mean": PRIORS["share"]}}):
        spec.write_text(json.dumps({**own, **change}))
        with pytest.raises(UsageError, match="TABSYNTH_SIMULATOR"):
            sample(there, 5, seed=0)


def test_a_command_in_a_model_file_is_refused(fitted: Fitted) -> None:
    from tabsynth.sources.simulation import Simulated

    state = fitted.model.state()
    state.settings["specification"]["command"] = ["touch", "/tmp/x"]
    with pytest.raises(ValueError, match="no command"):
        Simulated.restore(fitted.plan.learnt, state)


def test_nothing_is_left_running() -> None:
    simulate(VISITS)
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    if children.exists():
        import gc

        gc.collect()
        time.sleep(0.2)
        left = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children.read_text().split()]
        # the module's own model keeps its simulator while it is there
        assert sum(b"tabsynth.sources.worker" in line for line in left) <= 1


WRONG = {
    "no parameters": {"parameters": {}},
    "a prior the wrong way round": {"parameters": {"a": {"kind": "uniform", "low": 1, "high": 0}}},
    "a log of 0": {"parameters": {"a": {"kind": "loguniform", "low": 0, "high": 1}}},
    "a name that is a placeholder": {"parameters": {"seed": PRIORS["share"]}},
    "a shell line": {"command": "sim --go"},
    "a key that nobody knows": {"speed": 3},
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_specification_is_refused(case: str) -> None:
    with pytest.raises(SchemaError):
        simulate({**VISITS, **WRONG[case]})
    with pytest.raises(UsageError):
        simulate({"source": "procedural", "columns": [
            {"name": "x", "draw": {"kind": "poisson", "mean": 1}}]}, visits(0.1, 5))  # fmt: skip
