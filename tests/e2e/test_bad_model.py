"""Model files that are damaged, forged or hostile, through the command line."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.e2e.scene import Done, Place, Run

Refuses = Callable[..., str]
Members = dict[str, bytes]


def unpacked(path: Path) -> Members:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(members: Members) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return sink.getvalue()


def forged(members: Members) -> bytes:
    """A model file whose manifest fits its members: what a forger would make."""
    manifest = json.loads(members["manifest.json"])
    manifest["members"] = {
        name: {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
        for name, body in members.items()
        if name != "manifest.json"
    }
    return packed(members | {"manifest.json": json.dumps(manifest).encode()})


def with_manifest(path: Path, **changes: Any) -> bytes:
    members = unpacked(path)
    manifest = json.loads(members["manifest.json"])
    for key, value in changes.items():
        manifest[key] = value(manifest[key]) if callable(value) else value
    return packed(members | {"manifest.json": json.dumps(manifest).encode()})


def with_state(path: Path, change: Callable[[Any], Any]) -> bytes:
    members = unpacked(path)
    state = change(json.loads(members["state.json"]))
    return forged(members | {"state.json": json.dumps(state).encode()})


def npy(array: np.ndarray[Any, Any], **settings: Any) -> bytes:
    sink = io.BytesIO()
    np.lib.format.write_array(sink, array, **settings)
    return sink.getvalue()


def with_array(path: Path, name: str, change: Callable[[Any], Any]) -> bytes:
    members = unpacked(path)
    key = f"arrays/{name}.npy"
    array = change(np.load(io.BytesIO(members[key]), allow_pickle=False))
    body = array if isinstance(array, bytes) else npy(array)
    return forged(members | {key: body})


def with_header(path: Path, header: str, *, version: bytes = b"\x01\x00") -> bytes:
    text = header.encode() + b"\n"
    body = b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text + b"\0" * 800
    return forged(unpacked(path) | {"arrays/correlation.npy": body})


def object_array(_: Any) -> bytes:
    return npy(np.array([{"a": 1}], dtype=object), allow_pickle=True)


def flipped_with_new_crc(path: Path) -> bytes:
    """One byte of an array changed and packed again, so that the zip itself is sound."""
    members = unpacked(path)
    body = bytearray(members["arrays/correlation.npy"])
    body[-3] ^= 1
    return packed(members | {"arrays/correlation.npy": bytes(body)})


def without(path: Path, name: str, pack: Callable[[Members], bytes]) -> bytes:
    members = unpacked(path)
    del members[name]
    return pack(members)


def bomb(path: Path, *, admitted: bool) -> bytes:
    """Zeros that deflate a thousandfold: 3 GiB in the manifest too, or 512 MiB that are not."""
    members = unpacked(path)
    manifest = json.loads(members["manifest.json"])
    size = (3 << 30) if admitted else len(members["state.json"])
    manifest["members"]["state.json"]["bytes"] = size
    sink, zeros = io.BytesIO(), bytes(16 << 20)
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("manifest.json", json.dumps(manifest))
        for name in manifest["members"]:
            if name != "state.json":
                archive.writestr(name, members[name])
        with archive.open("state.json", "w", force_zip64=True) as stream:
            for _ in range(3 * 64 if admitted else 32):
                stream.write(zeros)
    return sink.getvalue()


def lying_bomb(path: Path) -> bytes:
    """The same zeros, 64 MiB, in an archive whose directory says they are few."""
    members = unpacked(path)
    body = bytearray(packed(members | {"state.json": b" " * (64 << 20)}))
    true, said = struct.pack("<I", 64 << 20), struct.pack("<I", len(members["state.json"]))
    return bytes(body).replace(true, said)


def shares(array: Any) -> Any:
    return array * 0.5


CASES: dict[str, Callable[[Path], bytes]] = {
    "empty": lambda _: b"",
    "no zip": lambda _: b"ZQX-SECRET-7731,987654\n" * 50,
    "another zip": lambda _: packed({"a.txt": b"hello"}),
    "a zip without members": lambda _: packed({}),
    "truncated": lambda p: p.read_bytes()[:-30],
    "half": lambda p: p.read_bytes()[: p.stat().st_size // 2],
    "tail only": lambda p: p.read_bytes()[200:],
    "bytes overwritten": lambda p: (b := p.read_bytes())[:900] + b"\xff" * 60 + b[960:],
    "changed array": flipped_with_new_crc,
    "missing member": lambda p: without(p, "arrays/correlation.npy", packed),
    "missing array, forged": lambda p: without(p, "arrays/correlation.npy", forged),
    "missing state": lambda p: without(p, "state.json", packed),
    "missing state, forged": lambda p: without(p, "state.json", forged),
    "missing manifest": lambda p: without(p, "manifest.json", packed),
    "extra member": lambda p: packed(unpacked(p) | {"arrays/extra.npy": npy(np.ones(3))}),
    "path escaping": lambda p: packed(unpacked(p) | {"../evil.npy": b"x"}),
    "path escaping, listed": lambda p: forged(unpacked(p) | {"arrays/../../evil.npy": b"x"}),
    "absolute path": lambda p: forged(unpacked(p) | {"/tmp/evil.npy": b"x"}),
    "backslashes": lambda p: forged(unpacked(p) | {"arrays\\..\\evil.npy": b"x"}),
    "newer version": lambda p: with_manifest(p, format_version=3),
    "version true": lambda p: with_manifest(p, format_version=True),
    "version 0": lambda p: with_manifest(p, format_version=0),
    "version text": lambda p: with_manifest(p, format_version="1"),
    "another format": lambda p: with_manifest(p, format="other"),
    "manifest is a list": lambda p: packed(unpacked(p) | {"manifest.json": b"[]"}),
    "manifest is no JSON": lambda p: packed(unpacked(p) | {"manifest.json": b"{"}),
    "manifest is not UTF-8": lambda p: packed(unpacked(p) | {"manifest.json": b'{"a": "\xff"}'}),
    "manifest too deep": lambda p: packed(unpacked(p) | {"manifest.json": b"[" * 200_000}),
    "members is a list": lambda p: with_manifest(p, members=[]),
    "members without sizes": lambda p: with_manifest(p, members=lambda m: dict.fromkeys(m, 1)),
    "sizes are texts": lambda p: with_manifest(
        p, members=lambda m: {k: {"bytes": "many", "sha256": ""} for k in m}
    ),
    "sizes are infinite": lambda p: with_manifest(
        p, members=lambda m: {k: {"bytes": float("inf"), "sha256": ""} for k in m}
    ),
    "negative sizes": lambda p: with_manifest(
        p, members=lambda m: {k: {"bytes": -1, "sha256": ""} for k in m}
    ),
    "unknown synthesizer": lambda p: with_manifest(p, synthesizer="magic"),
    "synthesizer is a list": lambda p: with_manifest(p, synthesizer=["independent"]),
    "another synthesizer": lambda p: with_manifest(p, synthesizer="independent"),
    "schema is a text": lambda p: with_manifest(p, schema="none"),
    "schema of other columns": lambda p: with_manifest(
        p, schema=lambda s: s | {"fields": s["fields"][:2]}
    ),
    "schema of other types": lambda p: with_manifest(
        p, schema=lambda s: s | {"fields": [f | {"type": "string"} for f in s["fields"]]}
    ),
    "schema without fields": lambda p: with_manifest(p, schema={"fields": []}),
    "parameters is a number": lambda p: with_manifest(p, parameters=3),
    "default_rows is a text": lambda p: with_manifest(p, default_rows="many"),
    "default_rows is infinite": lambda p: with_manifest(p, default_rows=float("inf")),
    "default_rows is negative": lambda p: with_manifest(p, default_rows=-4),
    "notes is a number": lambda p: with_manifest(p, notes=3),
    "state is a list": lambda p: with_state(p, lambda s: [s]),
    "state without columns": lambda p: with_state(p, lambda s: {}),
    "columns is a number": lambda p: with_state(p, lambda s: {"columns": 3}),
    "fewer columns": lambda p: with_state(p, lambda s: {"columns": s["columns"][1:]}),
    "categories is a number": lambda p: with_state(
        p, lambda s: {"columns": [s["columns"][0] | {"categories": 3}, *s["columns"][1:]]}
    ),
    "categories of mixed types": lambda p: with_state(
        p,
        lambda s: {
            "columns": [
                s["columns"][0] | {"categories": [1, [2], None][: len(s["columns"][0])]},
                *s["columns"][1:],
            ]
        },
    ),
    "step 0": lambda p: with_state(
        p, lambda s: {"columns": [c | {"step": 0} for c in s["columns"]]}
    ),
    "step past 64 bits": lambda p: with_state(
        p, lambda s: {"columns": [c | {"step": 10**30} for c in s["columns"]]}
    ),
    "offset past 64 bits": lambda p: with_state(
        p, lambda s: {"columns": [c | {"offset": -(10**30)} for c in s["columns"]]}
    ),
    "offset beyond all dates": lambda p: with_state(
        p, lambda s: {"columns": [c | {"offset": 2**61} for c in s["columns"]]}
    ),
    "state too deep": lambda p: forged(unpacked(p) | {"state.json": b"[" * 200_000}),
    "shares that do not add up": lambda p: with_array(p, "1.share", shares),
    "negative shares": lambda p: with_array(p, "1.share", lambda a: -a),
    "shares that are not numbers": lambda p: with_array(p, "1.share", lambda a: a * np.nan),
    "shares as integers": lambda p: with_array(p, "1.share", lambda a: a.astype(np.int64)),
    "shares as half floats": lambda p: with_array(p, "1.share", lambda a: a.astype(np.float16)),
    "shares in two dimensions": lambda p: with_array(p, "1.share", lambda a: a[None]),
    "shares too short": lambda p: with_array(p, "1.share", lambda a: a[:1] / a[0]),
    "order repeats": lambda p: with_array(p, "1.order", np.zeros_like),
    "order as floats": lambda p: with_array(p, "1.order", lambda a: a.astype(float)),
    "order in two dimensions": lambda p: with_array(p, "1.order", lambda a: a[None]),
    "cells upside down": lambda p: with_array(p, "1.low", lambda a: a[::-1]),
    "cells as floats": lambda p: with_array(p, "1.low", lambda a: a + 0.5),
    "cells as texts": lambda p: with_array(p, "1.low", lambda a: a.astype(str)),
    "cells that are not numbers": lambda p: with_array(p, "1.low", lambda a: a * np.nan),
    "atoms as floats": lambda p: with_array(p, "1.atom", lambda a: a + np.nan),
    "a cell is missing": lambda p: with_array(p, "1.low", lambda a: a[1:]),
    "zero dimensions": lambda p: with_array(p, "1.low", lambda a: np.int64(3)),
    "no correlation": lambda p: with_array(p, "correlation", np.zeros_like),
    "correlation above 1": lambda p: with_array(p, "correlation", lambda a: a * 9),
    "correlation that is no number": lambda p: with_array(p, "correlation", lambda a: a * np.nan),
    "correlation not symmetric": lambda p: with_array(
        p, "correlation", lambda a: a + np.triu(np.full_like(a, 0.4), 1)
    ),
    "correlation of another shape": lambda p: with_array(p, "correlation", lambda a: a[:2, :2]),
    "correlation complex": lambda p: with_array(p, "correlation", lambda a: a + 0j),
    "object array": lambda p: with_array(p, "correlation", object_array),
    "array is no npy": lambda p: with_array(p, "correlation", lambda _: b"hello"),
    "array is empty": lambda p: with_array(p, "correlation", lambda _: b""),
    "array with more bytes": lambda p: with_array(p, "correlation", lambda a: npy(a) + b"\0" * 8),
    "array of format 2": lambda p: with_array(p, "correlation", lambda a: npy(a, version=(2, 0))),
    "array of huge shape": lambda p: with_header(
        p, "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }"
    ),
    "array of overflowing shape": lambda p: with_header(
        p, "{'descr': '<f8', 'fortran_order': False, 'shape': (0, 9999999999999999999), }"
    ),
    "array of negative shape": lambda p: with_header(
        p, "{'descr': '<f8', 'fortran_order': False, 'shape': (-10, -10), }"
    ),
    "array header is code": lambda p: with_header(p, "__import__('os').abort()"),
    "array header is open": lambda p: with_header(p, "{'descr': '''"),
    "array header is deep": lambda p: with_header(p, "(" * 5000),
    "array header of Python 2": lambda p: with_header(
        p, "{'descr': '<f8', 'fortran_order': False, 'shape': (10L, 10L), }"
    ),
    "structured array": lambda p: with_header(
        p, "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (100,), }"
    ),
    "admitted bomb": lambda p: bomb(p, admitted=True),
    "hidden bomb": lambda p: bomb(p, admitted=False),
    "lying bomb": lying_bomb,
}


@pytest.mark.parametrize("case", [c for c in CASES if "bomb" not in c])
def test_bad_model_files(case: str, place: Place, refuses: Refuses) -> None:
    bad = place.given("bad.tabsynth", CASES[case](place.model))
    where = refuses("sample", bad, "-n", 50, out="out.csv")
    assert where.startswith(str(bad))
    refuses("inspect", bad)
    refuses("inspect", bad, "--json")


@pytest.mark.parametrize("case", [c for c in CASES if "bomb" in c])
def test_bombs_are_not_unpacked(
    case: str, place: Place, tabsynth_process: Callable[..., Done]
) -> None:
    bad = place.given("bomb.tabsynth", CASES[case](place.model))
    assert bad.stat().st_size < 32 << 20
    # 1 GiB above what the libraries themselves map
    limit = """
import resource
mapped = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (mapped + (1 << 30),) * 2)
import tracemalloc, atexit
tracemalloc.start()
atexit.register(lambda: print("peak", tracemalloc.get_traced_memory()[1]))
"""
    out = place.outputs / "out.csv"
    done = tabsynth_process("sample", bad, "-o", out, "--quiet", before=limit)
    done.refused()
    assert int(done.out.split()[1]) < 16 << 20
    assert not out.exists()


def test_a_missing_model_and_a_folder(place: Place, refuses: Refuses) -> None:
    for bad in (place.inputs / "absent", place.inputs, place.table, place.table / "x"):
        assert refuses("sample", bad, out="out.csv") == str(bad)
        assert refuses("inspect", bad) == str(bad)


def test_a_table_is_no_model_and_half_a_model_is_not_whole(place: Place, tabsynth: Run) -> None:
    assert "fit a model first: tabsynth fit" in tabsynth("inspect", place.table).err
    half = place.given("half.tabsynth", place.model.read_bytes()[:300])
    assert "expected a whole model file" in tabsynth("inspect", half).err


def test_a_newer_version_says_so(place: Place, tabsynth: Run) -> None:
    bad = place.given("new.tabsynth", with_manifest(place.model, format_version=7))
    assert "version 7; upgrade tabsynth" in tabsynth("inspect", bad).err


def test_the_forger_of_these_tests_makes_good_files(place: Place, tabsynth: Run) -> None:
    """Otherwise the cases above would be refused for the wrong reason."""
    for case, body in {
        "forged": forged(unpacked(place.model)),
        "array": with_array(place.model, "1.low", lambda a: a),
        "state": with_state(place.model, lambda s: s),
        "manifest": with_manifest(place.model),
    }.items():
        copy = place.given(f"{case}.tabsynth", body)
        out = place.outputs / f"{case}.csv"
        assert tabsynth("sample", copy, "-o", out, "--seed", 1, "--quiet").code == 0
        original = place.outputs / "original.csv"
        assert tabsynth("sample", place.model, "-o", original, "--seed", 1, "--quiet").code == 0
        assert out.read_bytes() == original.read_bytes()
