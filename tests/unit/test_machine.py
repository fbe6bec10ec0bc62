from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from tabsynth.machine import available_memory, in_words, peak_memory, slowness

GB = 10**9


def machine(
    folder: Path, *, free: int = 8 * GB, cgroup: str = "0::/\n", files: dict[str, str] | None = None
) -> dict[str, Path]:
    """The files in which a kernel tells of memory."""
    proc, groups = folder / "proc", folder / "cgroup"
    (proc / "self").mkdir(parents=True)
    groups.mkdir()
    (proc / "meminfo").write_text(f"MemTotal: 9 kB\nMemAvailable:    {free // 1024} kB\n")
    (proc / "self" / "cgroup").write_text(cgroup)
    for name, text in (files or {}).items():
        place = groups / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return {"proc": proc, "cgroup": groups}


def group(limit: str, used: int, cached: int, *, version: int, folder: str = "") -> dict[str, str]:
    names = {
        1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        2: ("memory.max", "memory.current", "inactive_file"),
    }[version]
    stat = f"anon 5\n{names[2]} {cached}\n"
    return {
        f"{folder}{names[0]}": f"{limit}\n",
        f"{folder}{names[1]}": f"{used}\n",
        f"{folder}memory.stat": stat,
    }


def test_free_memory_of_the_system(tmp_path: Path) -> None:
    assert available_memory(**machine(tmp_path)) == pytest.approx(8 * GB, rel=1e-3)


def test_a_second_version_group_limits(tmp_path: Path) -> None:
    files = group(str(4 * GB), 2 * GB, GB, version=2, folder="a/b/")
    files |= group("max", 2 * GB, GB, version=2, folder="a/")
    assert available_memory(**machine(tmp_path, cgroup="0::/a/b\n", files=files)) == 3 * GB


def test_the_group_around_limits_too(tmp_path: Path) -> None:
    files = group("max", 0, 0, version=2, folder="a/b/")
    files |= group(str(2 * GB), GB, 0, version=2, folder="a/")
    assert available_memory(**machine(tmp_path, cgroup="0::/a/b\n", files=files)) == GB


def test_a_container_sees_its_own_group_as_the_root(tmp_path: Path) -> None:
    files = group(str(4 * GB), GB, 0, version=1, folder="memory/")
    words = "9:cpu:/\n4:memory:/docker/123\n"
    assert available_memory(**machine(tmp_path, cgroup=words, files=files)) == 3 * GB


def test_no_limit_and_an_exceeded_one(tmp_path: Path) -> None:
    free = group(str(2**63 - 4096), GB, 0, version=1, folder="memory/")
    words = "4:memory:/\n"
    left = available_memory(**machine(tmp_path / "a", cgroup=words, files=free))
    assert left == pytest.approx(8 * GB, rel=1e-3)
    full = group(str(GB), 2 * GB, 0, version=1, folder="memory/")
    assert available_memory(**machine(tmp_path / "b", cgroup=words, files=full)) == 0


def test_unknown_elsewhere(tmp_path: Path) -> None:
    assert available_memory(tmp_path / "nowhere", tmp_path / "nothing") is None


def test_here_it_is_what_the_system_says() -> None:
    found = available_memory()
    assert found is not None
    assert found <= psutil.virtual_memory().available * 1.1


def test_a_limit_on_addresses_counts() -> None:
    program = (
        "import resource; from tabsynth.machine import available_memory;"
        "resource.setrlimit(resource.RLIMIT_AS, (3 * 10**9, 3 * 10**9));"
        "print(available_memory())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert 10**8 < int(done.stdout) < 3 * 10**9


def test_peak_memory_is_what_was_held_at_once() -> None:
    with peak_memory() as peak:
        for _ in range(3):
            np.ones(10_000_000)
        held = peak()
    assert held is not None
    # the system may take cold pages of the process away meanwhile
    assert 70e6 < held < 100e6
    with peak_memory() as peak:
        assert (peak() or 0) < 10e6


def test_words() -> None:
    assert [in_words(b) for b in (10, 3e6, 25.4e6, 960e6, 1.26e9, 24.1e9)] == [
        "less than 1 MB", "3.0 MB", "25 MB", "1.0 GB", "1.3 GB", "24 GB",
    ]  # fmt: skip
    assert 0.05 < slowness() < 100
