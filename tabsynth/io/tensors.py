"""Named arrays as bytes in the safetensors format: a length, a JSON header, plain numbers.

Source: the format as https://github.com/huggingface/safetensors describes it. Nothing is executed;
a test holds both directions to the package `safetensors`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_TYPES: Final = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1", "BOOL": "|b1",
}  # fmt: skip
_NAMES: Final = {np.dtype(code).str: name for name, code in _TYPES.items()}
_LENGTH: Final = 8
_ALIGNED: Final = 8
_NOTES: Final = "__metadata__"


def dump_tensors(
    arrays: Mapping[str, NDArray[Any]], notes: Mapping[str, str] | None = None
) -> bytes:
    """The file's bytes; the same arrays give the same bytes.

    Args:
        arrays: numeric or boolean.
        notes: texts by name.
    """
    header: dict[str, Any] = {_NOTES: dict(notes)} if notes else {}
    bodies, end = [], 0
    for name, array in sorted(arrays.items()):
        little = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)
        start, end = end, end + little.nbytes
        header[name] = {
            "dtype": _NAMES[little.dtype.str], "shape": list(little.shape),
            "data_offsets": [start, end],
        }  # fmt: skip
        bodies.append(little.tobytes())
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % _ALIGNED)
    return b"".join([len(text).to_bytes(_LENGTH, "little"), text, *bodies])


def parse_tensors(body: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Arrays and notes of a file's bytes, trusting nothing in it.

    Raises:
        ValueError: another format, or parts that do not fit together.
    """
    size = int.from_bytes(body[:_LENGTH], "little")
    data = _LENGTH + size
    if len(body) < _LENGTH or data > len(body):
        raise ValueError("expected a header within the file")
    header = json.loads(body[_LENGTH:data])
    if not isinstance(header, dict):
        raise ValueError("expected a header of named arrays")
    notes = header.pop(_NOTES, {})
    if not isinstance(notes, dict) or not all(isinstance(v, str) for v in notes.values()):
        raise ValueError("expected notes that are texts")
    arrays, end = {}, 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        array = _array(entry, body, data, end)
        end += array.nbytes
        arrays[name] = array
    if data + end != len(body):
        raise ValueError("expected nothing beside the arrays")
    return arrays, notes


def _array(entry: Any, body: bytes, data: int, start: int) -> NDArray[Any]:
    """One array, which must begin where the one before it ended."""
    dtype, shape, offsets = np.dtype(_TYPES[entry["dtype"]]), entry["shape"], entry["data_offsets"]
    if any(type(n) is not int or n < 0 for n in (*shape, *offsets)) or len(offsets) != 2:
        raise ValueError("expected lengths that are whole numbers")
    if offsets != [start, start + math.prod(shape) * dtype.itemsize]:
        raise ValueError("expected arrays one after the other, of the shape stated")
    if data + offsets[1] > len(body):
        raise ValueError("expected arrays within the file")
    numbers = np.frombuffer(body, dtype, count=math.prod(shape), offset=data + start)
    return numbers.reshape(shape).astype(dtype.newbyteorder("="))
