"""The zip of a model file: `manifest.json`, `state.json` and plain numbers. Nothing is executed.

manifest.json       format and version, synthesizer, parameters, schema, and for every other
member its size and SHA-256
state.json          settings of the model
arrays/<name>.npy   numbers; object arrays are refused
weights.safetensors weights, where the model is a network
texts/<n>/...       the same three of the n-th column that texts are written for
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.lib import format as npy
from numpy.typing import NDArray
from pydantic import ValidationError

from tabsynth import registry
from tabsynth.errors import ModelFileError, SchemaError
from tabsynth.io.atomic import atomic_path
from tabsynth.io.tensors import dump_tensors, parse_tensors
from tabsynth.manifests import DatabaseManifest, Member, ModelManifest
from tabsynth.synthesizers.protocol import ModelState
from tabsynth.wording.state import TextState

MAX_MANIFEST_BYTES: Final = 64 << 20
MAX_TOTAL_BYTES: Final = 2 << 30
MAX_MEMBERS: Final = 100_000
NPY_PRELUDE: Final = 10
# what an archive may be of, by the format that its manifest names
KINDS: Final[dict[str, type[ModelManifest] | type[DatabaseManifest]]] = {
    kind.model_fields["format"].default: kind for kind in (ModelManifest, DatabaseManifest)
}
_WEIGHTS: Final = "weights.safetensors"
_TEXTS: Final = "texts/"
# what every zip file begins with
_ARCHIVE: Final = b"PK\x03\x04"
_MEMBER: Final = re.compile(
    r"(texts/[0-9]{1,4}/)?"
    r"(state\.json|weights\.safetensors|arrays/[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.npy)\Z"
)
_NPY: Final = re.compile(
    rb"\x93NUMPY\x01\x00(..)\{'descr': '([<|](?:b1|[iu][1248]|f[48]))', 'fortran_order': False, "
    rb"'shape': \(([0-9, ]{1,60})\), \} *\n",
    re.DOTALL,
)
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


def write_archive(
    path: str | Path,
    state: ModelState,
    manifest: Callable[[dict[str, Member]], ModelManifest | DatabaseManifest],
    *,
    texts: Sequence[TextState] = (),
) -> None:
    """Write a model file; it appears whole or not at all, with the same bytes for the same model.

    Args:
        path: where.
        state: all that the model is.
        manifest: makes the manifest for the members that it is to list.
        texts: what the models of text columns are, in the order of the columns.

    Raises:
        OutputError: the place cannot be written.
    """
    members = _members(state, "")
    for number, text in enumerate(texts):
        members |= _members(text, f"{_TEXTS}{number}/")
    listed = {
        name: Member(bytes=len(body), sha256=hashlib.sha256(body).hexdigest())
        for name, body in members.items()
    }
    head = manifest(listed).model_dump_json(by_alias=True, indent=2).encode()
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, body in {"manifest.json": head, **members}.items():
            # a fixed date, so that the same model gives the same bytes
            entry = zipfile.ZipInfo(name, _EPOCH)
            archive.writestr(entry, body, zipfile.ZIP_DEFLATED)


def _members(state: ModelState | TextState, folder: str) -> dict[str, bytes]:
    members = {f"{folder}state.json": json.dumps(state.settings, ensure_ascii=False).encode()}
    for name, array in sorted(state.arrays.items()):
        members[f"{folder}arrays/{name}.npy"] = array_bytes(array)
    if state.weights:
        members[folder + _WEIGHTS] = dump_tensors(state.weights)
    return members


def libraries() -> dict[str, str]:
    """Versions of the libraries that a model is fitted with."""
    return {name: version(name) for name in ("numpy", "scipy", "pyarrow")}


def read_archive(
    path: str | Path,
) -> tuple[ModelManifest | DatabaseManifest, dict[str, bytes]]:
    """The manifest and the other members of a model file, after all checks on the file.

    Raises:
        ModelFileError: missing, damaged, hostile, or from a newer version.
    """
    where = str(path)
    try:
        with zipfile.ZipFile(Path(path)) as archive:
            names = _safe_names(archive, where)
            head = _member(archive, "manifest.json", MAX_MANIFEST_BYTES, where)
            manifest = _manifest(head, where)
            listed = manifest.members
            if names - {"manifest.json"} != set(listed):
                raise fault(where, "the members that its manifest lists", "others")
            members = {n: _member(archive, n, listed[n].bytes, where) for n in listed}
    except FileNotFoundError:
        raise fault(where, "a model file", "no such file", "check the path") from None
    except IsADirectoryError:
        raise fault(where, "a model file", "a directory", "check the path") from None
    except PermissionError:
        raise fault(where, "a readable file", "no permission", "check its permissions") from None
    except (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error, EOFError, OSError,
            RuntimeError, LookupError, TypeError, ValueError, AttributeError,
            ArithmeticError):  # fmt: skip
        raise _unread(Path(path)) from None
    for name, body in members.items():
        if hashlib.sha256(body).hexdigest() != listed[name].sha256:
            raise fault(where, "members as they were saved", f"a changed {name}")
    return manifest, members


def _unread(path: Path) -> ModelFileError:
    """What is wrong with a file that is no archive: a model file that was damaged, or none."""
    try:
        with path.open("rb") as file:
            begins = file.read(len(_ARCHIVE))
    except OSError:
        begins = b""
    if begins and not _ARCHIVE.startswith(begins):
        remedy = "fit a model first: tabsynth fit TABLE -o MODEL.tabsynth"
        return fault(str(path), "a model file", "a file of another kind", remedy)
    return fault(str(path), "a whole model file", "a damaged one or something else")


def parse_state(members: dict[str, bytes], where: str) -> ModelState:
    """All that a model is, from the members of its file; those of text columns are left out.

    Raises:
        ModelFileError, ValueError: they are something else.
    """
    return ModelState(*_parts({n: b for n, b in members.items() if _folder(n) == ""}, where))


def parse_texts(members: dict[str, bytes], where: str) -> list[TextState]:
    """What the models of text columns are, in the order of the columns.

    Raises:
        ModelFileError, ValueError: the members are something else.
    """
    folders = {_folder(name) for name in members} - {""}
    wanted = [f"{_TEXTS}{number}/" for number in range(len(folders))]
    if folders != set(wanted):
        raise fault(where, "text columns numbered from 0", "other numbers")
    return [
        TextState(*_parts({n.removeprefix(folder): b for n, b in members.items()
                           if _folder(n) == folder}, where))
        for folder in wanted
    ]  # fmt: skip


def _folder(name: str) -> str:
    """The folder of a text column that a member is in, such as `texts/0/`; "" for none."""
    return name[: name.index("/", len(_TEXTS)) + 1] if name.startswith(_TEXTS) else ""


def _parts(
    members: dict[str, bytes], where: str
) -> tuple[dict[str, Any], dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    settings = json.loads(members.pop("state.json"))
    packed = members.pop(_WEIGHTS, None)
    weights = {} if packed is None else parse_tensors(packed)[0]
    arrays = {
        name.removeprefix("arrays/").removesuffix(".npy"): parse_array(body, where)
        for name, body in members.items()
    }
    return settings, arrays, weights


@contextmanager
def consistent(where: str) -> Iterator[None]:
    """Turn whatever goes wrong with parts that do not belong together into our error.

    Raises:
        ModelFileError: the parts of a model file do not make a model here.
    """
    try:
        yield
    except registry.UnknownNameError as error:
        raise fault(where, "a synthesizer that is installed here", "another one",
                    f"install what registers it ({error})") from None  # fmt: skip
    except (SchemaError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError,
            RecursionError, pa.ArrowException) as error:  # fmt: skip
        if isinstance(error, ModelFileError):
            raise
        raise fault(where, "a consistent model", "parts that do not belong together") from error


def _safe_names(archive: zipfile.ZipFile, where: str) -> set[str]:
    entries = archive.infolist()
    names = {e.filename for e in entries}
    if len(names) != len(entries) or len(entries) > MAX_MEMBERS:
        raise fault(where, "each member once", "repeated or too many members")
    if any(n != "manifest.json" and not _MEMBER.match(n) for n in names):
        raise fault(where, "member names of a model", "a name that leads elsewhere")
    if any(e.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for e in entries):
        raise fault(where, "members packed as a model's are", "another compression")
    if sum(e.file_size for e in entries) > MAX_TOTAL_BYTES:
        raise fault(where, f"at most {MAX_TOTAL_BYTES >> 30} GiB unpacked", "more")
    return names


def _member(archive: zipfile.ZipFile, name: str, limit: int, where: str) -> bytes:
    # the size in a zip's header can lie; so never read more than the limit
    with archive.open(name) as stream:
        body = stream.read(limit + 1)
    if len(body) > limit or (name != "manifest.json" and len(body) != limit):
        raise fault(where, f"{name} of the size stated", "another size")
    return body


def _manifest(body: bytes, where: str) -> ModelManifest | DatabaseManifest:
    manifest = json.loads(body)
    named = manifest.get("format") if isinstance(manifest, dict) else None
    if not isinstance(named, str) or named not in KINDS:
        raise fault(where, "a tabsynth model", "another kind of archive", "check the path")
    kind = KINDS[named]
    newest = kind.model_fields["format_version"].default
    version = manifest.get("format_version")
    if type(version) is int and version > newest:
        raise fault(
            where, f"format version {newest} or older", f"version {version}",
            "upgrade tabsynth to open it",
        )  # fmt: skip
    try:
        return kind.model_validate(manifest)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"])
        raise fault(where, "a manifest of a model", f"something else at {place}") from None


def array_bytes(array: NDArray[Any]) -> bytes:
    """An array in npy format 1.0, little-endian."""
    stream = io.BytesIO()
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    npy.write_array(stream, little, version=(1, 0), allow_pickle=False)
    return stream.getvalue()


def parse_array(body: bytes, where: str) -> NDArray[Any]:
    """The array that `array_bytes` wrote.

    Raises:
        ModelFileError: anything else.
    """
    # numpy's own reader takes headers that we never write, and evaluates them as Python literals
    found = _NPY.match(body)
    if found is None or struct.unpack("<H", found[1])[0] != found.end() - NPY_PRELUDE:
        raise fault(where, "arrays of plain numbers in npy format 1.0", "another type or format")
    dtype = np.dtype(found[2].decode())
    shape = tuple(int(length) for length in re.findall(rb"[0-9]+", found[3]))
    if math.prod(shape) * dtype.itemsize != len(body) - found.end():
        raise fault(where, "arrays of the shape stated", "another size")
    numbers = np.frombuffer(body, dtype, offset=found.end())
    return numbers.reshape(shape).astype(dtype.newbyteorder("="))


def fault(
    where: str, expected: str, got: str, remedy: str = "fit the model again or get a whole copy"
) -> ModelFileError:
    """What is wrong with a model file."""
    return ModelFileError(where, expected=expected, got=got, remedy=remedy)
