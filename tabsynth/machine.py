"""What the machine offers: free memory, memory that was taken, and versions of libraries."""

from __future__ import annotations

import ctypes
import gc
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import numpy as np

from tabsynth import __version__

_PROC: Final = Path("/proc")
_CGROUP: Final = Path("/sys/fs/cgroup")
# groups without a limit hold a number near 2**63
_NO_LIMIT: Final = 1 << 60
_PROBE: Final = 50_000
# seconds that the probe takes on the machine on which costs were measured
_PROBE_SECONDS: Final = 0.0045


def available_memory(proc: Path = _PROC, cgroup: Path = _CGROUP) -> int | None:
    """Bytes that this process may still take before something ends it; None where unknown.

    The least of what the system has free, what every control group around the process leaves, and
    what is left of the limit on its address space. Known on Linux only.

    Args:
        proc: where the kernel tells of processes.
        cgroup: where it tells of control groups.
    """
    try:
        system = _field(proc / "meminfo", "MemAvailable:")
    except OSError:
        return None
    left = [system, *_left_in_groups(proc, cgroup), _left_of_addresses(proc)]
    return min((room for room in left if room is not None), default=None)


def _field(file: Path, name: str) -> int | None:
    """A figure in KiB, as bytes."""
    for line in file.read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return None


def _left_in_groups(proc: Path, cgroup: Path) -> list[int]:
    """What is left of the limit of each control group that the process is in, versions 1 and 2."""
    try:
        lines = (proc / "self" / "cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    rooms = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            root, names = cgroup, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            root = cgroup / "memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        own = root / path.strip("/")
        # within a container its own group is mounted as the root
        around = [own, *(p for p in own.parents if p == root or root in p.parents)]
        found = [_left_in_group(folder, *names) for folder in around]
        rooms += [room for room in found if room is not None]
    return rooms


def _left_in_group(folder: Path, limit: str, usage: str, cached: str) -> int | None:
    try:
        most = (folder / limit).read_text(encoding="ascii").strip()
        used = int((folder / usage).read_text(encoding="ascii"))
        stat = (folder / "memory.stat").read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return None
    if most == "max" or int(most) >= _NO_LIMIT:
        return None
    # files in memory that nobody reads are given up first
    spare = sum(int(line.split()[1]) for line in stat if line.startswith(f"{cached} "))
    return max(0, int(most) - used + spare)


def _left_of_addresses(proc: Path) -> int | None:
    """What is left of `ulimit -v`."""
    try:
        import resource
    except ImportError:
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit in (resource.RLIM_INFINITY, -1):
        return None
    try:
        taken = _field(proc / "self" / "status", "VmSize:") or 0
    except OSError:
        taken = 0
    return max(0, limit - taken)


def _give_back() -> None:
    """Let the allocator return what was freed: taking it again would not show."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


@contextmanager
def peak_memory() -> Iterator[Callable[[], int | None]]:
    """Measures the most memory that this process holds within, beyond what it held before.

    Yields:
        A function that gives the bytes so far; None where the system does not tell (it does on
        Linux).
    """
    status = _PROC / "self" / "status"
    _give_back()
    try:
        (_PROC / "self" / "clear_refs").write_text("5", encoding="ascii")
        before = _field(status, "VmRSS:")
    except OSError:
        before = None

    def taken() -> int | None:
        if before is None:
            return None
        return max(0, (_field(status, "VmHWM:") or before) - before)

    yield taken


def slowness() -> float:
    """How many times longer a small piece of work takes than where costs were measured."""
    numbers = np.random.default_rng(0).integers(0, 1 << 16, _PROBE)
    times = []
    for _ in range(3):
        start = perf_counter()
        np.argsort(numbers, kind="stable")
        np.bincount(numbers)
        times.append(perf_counter() - start)
    return min(times) / _PROBE_SECONDS


def in_words(amount: float) -> str:
    """Bytes in words, to two digits."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if amount >= 0.95 * size:
            number = amount / size
            return f"{number:,.0f} {unit}" if number >= 9.5 else f"{number:.1f} {unit}"
    return "less than 1 MB"


def versions() -> dict[str, Any]:
    """What a report is made with."""
    return {
        "tabsynth": __version__,
        "libraries": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "pandas", "pyarrow", "scikit-learn")},
        },
    }
