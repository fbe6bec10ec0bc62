"""Without the extra, the reference packages are listed, and refused before any work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tabsynth import registry
from tabsynth.backends import packages
from tabsynth.choice import configure
from tabsynth.cli import _run
from tabsynth.errors import ModelFileError, UsageError

NAMES = [name for name in registry.names("synthesizers") if ":" in name]


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without the packages, whatever this one has."""
    monkeypatch.setattr(packages, "NAMES", ("tabsynth-no-such-package",))


@pytest.mark.usefixtures("absent")
@pytest.mark.parametrize("name", NAMES)
def test_a_missing_extra_is_refused_with_the_remedy(name: str) -> None:
    with pytest.raises(UsageError, match=r"pip install 'tabsynth\[sdv\]'"):
        configure(name, {})
    traits = registry.synthesizer(name).traits
    assert (traits.extra, traits.guards_rare_values) == ("sdv", False)


@pytest.mark.usefixtures("absent")
def test_the_data_are_not_read_first(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    fit = ["fit", str(tmp_path / "none.csv"), "-o", str(tmp_path / "m"), "--synthesizer"]
    assert _run([*fit, "sdv:ctgan"]) == 2
    error = capfd.readouterr().err
    assert error.startswith("error: --synthesizer sdv:ctgan: expected the packages")
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "m").exists()


@pytest.mark.usefixtures("absent")
def test_a_model_of_theirs_cannot_be_opened() -> None:
    with pytest.raises(ModelFileError, match=r"pip install 'tabsynth\[sdv\]'"):
        packages.require_versions({"tabsynth-no-such-package": "1.0"})


def test_listing_imports_none_of_them() -> None:
    program = (
        "import sys; from tabsynth import cli; cli._run(['list', 'synthesizers']);"
        "assert not {'sdv', 'ctgan', 'rdt', 'copulas', 'deepecho', 'torch'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for name in NAMES:
        assert name in done.stdout
    assert done.stdout.count("needs tabsynth[sdv], licence BUSL-1.1") == len(NAMES)


def test_a_model_without_records_has_nothing_to_strip(tmp_path: Path) -> None:
    import pandas as pd

    from tabsynth.archive import read_archive
    from tabsynth.workflow import fit

    frame = pd.DataFrame({"x": np.arange(50.0), "y": ["a", "b"] * 25})
    fitted = fit(frame, synthesizer="independent", seed=0)
    assert fitted.stripped() is fitted
    fitted.save(tmp_path / "a.tabsynth")
    fitted.save(tmp_path / "b.tabsynth", strip=True)
    assert (tmp_path / "a.tabsynth").read_bytes() == (tmp_path / "b.tabsynth").read_bytes()
    assert not read_archive(tmp_path / "a.tabsynth")[0].privacy.training_records
