from __future__ import annotations

import json

import numpy as np
import pytest
import safetensors.numpy

from tabsynth.io.tensors import dump_tensors, parse_tensors

ARRAYS = {
    "b.weight": np.arange(12, dtype=np.float32).reshape(3, 4),
    "a": np.array([True, False]),
    "scalar": np.array(2.5),
    "none": np.zeros((0, 3), np.int64),
}


def test_the_package_reads_what_we_write() -> None:
    found = safetensors.numpy.load(dump_tensors(ARRAYS, {"key": "v"}))
    assert set(found) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_we_read_what_the_package_writes() -> None:
    found, notes = parse_tensors(safetensors.numpy.save(ARRAYS, metadata={"key": "v"}))
    assert notes == {"key": "v"}
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].shape == array.shape


def test_the_same_arrays_give_the_same_bytes() -> None:
    assert dump_tensors(ARRAYS) == dump_tensors(dict(reversed(ARRAYS.items())))


def _file(header: object, data: bytes = b"\0" * 8) -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


HOSTILE = {
    "nothing": b"",
    "a header longer than the file": (1 << 60).to_bytes(8, "little") + b"{}",
    "no object": _file([]),
    "another type": _file({"a": {"dtype": "PICKLE", "shape": [1], "data_offsets": [0, 8]}}),
    "a shape that lies": _file({"a": {"dtype": "F64", "shape": [2], "data_offsets": [0, 8]}}),
    "a negative length": _file({"a": {"dtype": "F64", "shape": [-1], "data_offsets": [0, -8]}}),
    "a gap": _file({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}),
    "bytes to spare": _file({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}),
    "beyond the end": _file({"a": {"dtype": "F64", "shape": [2], "data_offsets": [0, 16]}}),
    "no fields": _file({"a": 3}),
    "notes that are no texts": _file({"__metadata__": {"a": 3}}, b""),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_other_files_are_refused(case: str) -> None:
    with pytest.raises((ValueError, LookupError, TypeError)):
        parse_tensors(HOSTILE[case])
