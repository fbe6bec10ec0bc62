"""The model file: `manifest.json`, `state.json` and plain numbers in a zip. Nothing is executed.

manifest.json       format and version, synthesizer, parameters, schema, and for every other
member its size and SHA-256
state.json          settings of the model
arrays/<name>.npy   numbers; object arrays are refused
weights.safetensors weights, where the model is a network
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
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import scipy
from numpy.lib import format as npy
from numpy.typing import NDArray
from pydantic import ValidationError

from tabsynth import __version__, registry
from tabsynth.constraints.plan import Plan
from tabsynth.constraints.redraw import draw_kept, without_repeats
from tabsynth.constraints.uniqueness import Seen
from tabsynth.errors import ModelFileError, PrivacyError, SchemaError
from tabsynth.io.atomic import atomic_path
from tabsynth.io.tensors import dump_tensors, parse_tensors
from tabsynth.manifests import MODEL_FORMAT, MODEL_FORMAT_VERSION, Member, ModelManifest, Privacy
from tabsynth.privacy.certificate import Certificate
from tabsynth.schema.files import parse_schema
from tabsynth.schema.model import TableSchema
from tabsynth.synthesizers.protocol import Model, ModelState
from tabsynth.table import Table

MAX_MANIFEST_BYTES: Final = 64 << 20
MAX_TOTAL_BYTES: Final = 2 << 30
MAX_MEMBERS: Final = 100_000
MAX_ROWS: Final = 1 << 40
NPY_PRELUDE: Final = 10
_WEIGHTS: Final = "weights.safetensors"
_MEMBER: Final = re.compile(
    r"(state\.json|weights\.safetensors|arrays/[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.npy)\Z"
)
_NPY: Final = re.compile(
    rb"\x93NUMPY\x01\x00(..)\{'descr': '([<|](?:b1|[iu][1248]|f[48]))', 'fortran_order': False, "
    rb"'shape': \(([0-9, ]{1,60})\), \} *\n",
    re.DOTALL,
)
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Fitted:
    """A model with what is needed to use it: its schema, its maker and a default size.

    Args:
        model: draws the columns of `plan.learnt`: those that are modelled, or what stands for them
            where the schema has constraints.
        schema: all columns, the generated ones too.
        synthesizer: registered name of what fitted it.
        parameters: its hyper-parameters, JSON values.
        default_rows: the training table's size to two digits; what `sample` draws unasked.
        notes: sentences about how columns were treated, free of values and exact counts.
        certificate: of a fit under a privacy budget; None where there was none.
    """

    model: Model
    schema: TableSchema
    synthesizer: str
    parameters: dict[str, Any] = field(default_factory=dict)
    default_rows: int = 1000
    notes: tuple[str, ...] = ()
    certificate: Certificate | None = None

    @property
    def keeps_records(self) -> bool:
        """Whether the model holds training records, as some of the reference packages' do."""
        return bool(getattr(self.model, "keeps_records", False))

    def stripped(self) -> Fitted:
        """The same with what drawing needs alone; itself where the model holds no records."""
        if not self.keeps_records:
            return self
        return replace(self, model=self.model.stripped())  # type: ignore[attr-defined]

    @cached_property
    def plan(self) -> Plan:
        """How the schema's constraints are kept."""
        return Plan.of(self.schema) if self.certificate is None else Plan.unlearnt(self.schema)

    def draw(self, rows: int, *, rng: np.random.Generator, given: Table | None = None) -> Table:
        """Records of the modelled columns that keep all constraints but uniqueness.

        Raises:
            ConditionError: a condition that the model cannot meet, or meets too seldom.
            DataError: constraints that hardly any drawn record keeps.
        """
        return draw_kept(self.plan, self._sample(rng), rows, given)

    def without_repeats(
        self, drawn: Table, seen: Seen, *, rng: np.random.Generator, given: Table | None = None
    ) -> Table:
        """The records, with those that repeat one drawn before drawn again; see `draw`."""
        return without_repeats(self.plan, self._sample(rng), drawn, seen=seen, given=given)

    def _sample(self, rng: np.random.Generator) -> Any:
        return lambda rows, given: self.model.sample(rows, rng=rng, given=given)

    def save(self, path: str | Path, *, strip: bool = False) -> None:
        """Write the model file; it appears whole or not at all.

        Args:
            path: where.
            strip: leave training records out, where the model holds any.

        Raises:
            OutputError: the place cannot be written.

        Privacy: holds what the model holds (`describe`), never the exact number of records or
            where they came from, and a training record only where `keeps_records` says so and
            `strip` is off; the reference packages' models also tell the number of records.
        """
        save(self.stripped() if strip else self, path)

    def describe(self) -> list[str]:
        """What the model holds, in sentences."""
        modelled = len(self.schema.modelled_fields)
        generated = [f.name for f in self.schema.fields if f.is_generated]
        replaced = [f.name for f in self.schema.fields if f.tabsynth.free_text == "replace"]
        dropped = [f.name for f in self.schema.fields if f.tabsynth.free_text == "drop"]
        lines = [
            f"Synthesizer {self.synthesizer}; {modelled} modelled columns.",
            *self.model.describe(),
        ]
        lines += self.plan.describe()
        if generated:
            lines.append(f"Invented, not modelled: {', '.join(generated)}.")
        if replaced:
            lines.append(f"Free text, replaced by a placeholder: {', '.join(replaced)}.")
        if dropped:
            lines.append(f"Free text, left out: {', '.join(dropped)}.")
        return [*lines, *self._privacy(), *self.notes]

    def _privacy(self) -> list[str]:
        if self.certificate is None:
            return ["Not differentially private: it was fitted without a privacy budget."]
        return self.certificate.describe()

    def __repr__(self) -> str:
        return f"Fitted({self.synthesizer}, {len(self.schema.fields)} columns)"

    def _repr_html_(self) -> str:
        from html import escape

        return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in self.describe()) + "</ul>"


def save(fitted: Fitted, path: str | Path) -> None:
    """Write a model file; see `Fitted.save`."""
    state = fitted.model.state()
    members = {"state.json": json.dumps(state.settings, ensure_ascii=False).encode()}
    for name, array in sorted(state.arrays.items()):
        members[f"arrays/{name}.npy"] = _array_bytes(array)
    if state.weights:
        members[_WEIGHTS] = dump_tensors(state.weights)
    manifest = ModelManifest(
        tabsynth_version=__version__,
        libraries={
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "pyarrow": pa.__version__,
        },
        synthesizer=fitted.synthesizer,
        parameters=fitted.parameters,
        default_rows=fitted.default_rows,
        notes=list(fitted.notes),
        privacy=Privacy.of(fitted.certificate, training_records=fitted.keeps_records),
        table_schema=fitted.schema.descriptor(),
        members={
            name: Member(bytes=len(body), sha256=hashlib.sha256(body).hexdigest())
            for name, body in members.items()
        },
    )
    head = manifest.model_dump_json(by_alias=True, indent=2).encode()
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, body in {"manifest.json": head, **members}.items():
            # a fixed date, so that the same model gives the same bytes
            entry = zipfile.ZipInfo(name, _EPOCH)
            archive.writestr(entry, body, zipfile.ZIP_DEFLATED)


def load(path: str | Path) -> Fitted:
    """Open a model file, trusting nothing in it.

    Raises:
        ModelFileError: missing, damaged, hostile, from a newer version, or of a synthesizer that
            is not installed.
    """
    manifest, members = _read(Path(path))
    where = str(path)
    try:
        schema = parse_schema(manifest.table_schema, where=where)
        certificate = manifest.privacy.certificate
        plan = _plan(schema, where, private=certificate is not None)
        settings = json.loads(members.pop("state.json"))
        packed = members.pop(_WEIGHTS, None)
        weights = {} if packed is None else parse_tensors(packed)[0]
        arrays = {
            name.removeprefix("arrays/").removesuffix(".npy"): _array(body, where)
            for name, body in members.items()
        }
        kind = registry.synthesizer(manifest.synthesizer, private=certificate is not None)
        return Fitted(
            model=kind.restore(plan.learnt, ModelState(settings, arrays, weights)),
            schema=schema,
            synthesizer=manifest.synthesizer,
            parameters=manifest.parameters,
            default_rows=manifest.default_rows,
            notes=tuple(manifest.notes),
            certificate=certificate,
        )
    except registry.UnknownNameError as error:
        raise _fault(where, "a synthesizer that is installed here", "another one",
                     f"install what registers it ({error})") from None  # fmt: skip
    except (SchemaError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError,
            RecursionError, pa.ArrowException) as error:  # fmt: skip
        if isinstance(error, ModelFileError):
            raise
        raise _fault(where, "a consistent model", "parts that do not belong together") from error


def _plan(schema: TableSchema, where: str, *, private: bool) -> Plan:
    try:
        return Plan.unlearnt(schema) if private else Plan.of(schema)
    except (SchemaError, PrivacyError) as error:
        # its remedy says what to install, where a custom rule is not there
        raise _fault(where, "constraints that can be kept here", "others",
                     error.remedy) from None  # fmt: skip


def read_manifest(path: str | Path) -> ModelManifest:
    """The manifest of a model file, after all checks on the file."""
    return _read(Path(path))[0]


def _read(path: Path) -> tuple[ModelManifest, dict[str, bytes]]:
    where = str(path)
    try:
        with zipfile.ZipFile(path) as archive:
            names = _safe_names(archive, where)
            head = _member(archive, "manifest.json", MAX_MANIFEST_BYTES, where)
            manifest = _manifest(head, where)
            listed = manifest.members
            if names - {"manifest.json"} != set(listed):
                raise _fault(where, "the members that its manifest lists", "others")
            members = {n: _member(archive, n, listed[n].bytes, where) for n in listed}
    except FileNotFoundError:
        raise _fault(where, "a model file", "no such file", "check the path") from None
    except IsADirectoryError:
        raise _fault(where, "a model file", "a directory", "check the path") from None
    except PermissionError:
        raise _fault(where, "a readable file", "no permission", "check its permissions") from None
    except (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error, EOFError, OSError,
            RuntimeError, LookupError, TypeError, ValueError, AttributeError,
            ArithmeticError):  # fmt: skip
        raise _fault(where, "a whole model file", "a damaged one or something else") from None
    for name, body in members.items():
        if hashlib.sha256(body).hexdigest() != listed[name].sha256:
            raise _fault(where, "members as they were saved", f"a changed {name}")
    return manifest, members


def _safe_names(archive: zipfile.ZipFile, where: str) -> set[str]:
    entries = archive.infolist()
    names = {e.filename for e in entries}
    if len(names) != len(entries) or len(entries) > MAX_MEMBERS:
        raise _fault(where, "each member once", "repeated or too many members")
    if any(n != "manifest.json" and not _MEMBER.match(n) for n in names):
        raise _fault(where, "member names of a model", "a name that leads elsewhere")
    if any(e.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for e in entries):
        raise _fault(where, "members packed as a model's are", "another compression")
    if sum(e.file_size for e in entries) > MAX_TOTAL_BYTES:
        raise _fault(where, f"at most {MAX_TOTAL_BYTES >> 30} GiB unpacked", "more")
    return names


def _member(archive: zipfile.ZipFile, name: str, limit: int, where: str) -> bytes:
    # the size in a zip's header can lie; so never read more than the limit
    with archive.open(name) as stream:
        body = stream.read(limit + 1)
    if len(body) > limit or (name != "manifest.json" and len(body) != limit):
        raise _fault(where, f"{name} of the size stated", "another size")
    return body


def _manifest(body: bytes, where: str) -> ModelManifest:
    manifest = json.loads(body)
    if not isinstance(manifest, dict) or manifest.get("format") != MODEL_FORMAT:
        raise _fault(where, "a tabsynth model", "another kind of archive", "check the path")
    version = manifest.get("format_version")
    if type(version) is int and version > MODEL_FORMAT_VERSION:
        raise _fault(
            where, f"format version {MODEL_FORMAT_VERSION} or older", f"version {version}",
            "upgrade tabsynth to open it",
        )  # fmt: skip
    try:
        return ModelManifest.model_validate(manifest)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors(include_input=False)[0]["loc"])
        raise _fault(where, "a manifest of a model", f"something else at {place}") from None


def _array_bytes(array: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    npy.write_array(stream, little, version=(1, 0), allow_pickle=False)
    return stream.getvalue()


def _array(body: bytes, where: str) -> NDArray[Any]:
    # numpy's own reader takes headers that we never write, and evaluates them as Python literals
    found = _NPY.match(body)
    if found is None or struct.unpack("<H", found[1])[0] != found.end() - NPY_PRELUDE:
        raise _fault(where, "arrays of plain numbers in npy format 1.0", "another type or format")
    dtype = np.dtype(found[2].decode())
    shape = tuple(int(length) for length in re.findall(rb"[0-9]+", found[3]))
    if math.prod(shape) * dtype.itemsize != len(body) - found.end():
        raise _fault(where, "arrays of the shape stated", "another size")
    numbers = np.frombuffer(body, dtype, offset=found.end())
    return numbers.reshape(shape).astype(dtype.newbyteorder("="))


def _fault(
    where: str, expected: str, got: str, remedy: str = "fit the model again or get a whole copy"
) -> ModelFileError:
    return ModelFileError(where, expected=expected, got=got, remedy=remedy)
