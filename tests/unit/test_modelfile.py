"""A model file gives back the same model, or is refused; it never runs anything."""

from __future__ import annotations

import io
import re
import tempfile
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import tabsynth
from tabsynth import archive, modelfile, sampler, workflow
from tabsynth.archive import read_archive
from tabsynth.errors import ModelFileError, OutputError
from tabsynth.modelfile import Fitted
from tests.zoo import ZOO

SYNTHESIZERS = ("gaussian_copula", "independent")
PACKAGE = Path(tabsynth.__file__).parent


@cache
def fitted(kind: str, synthesizer: str) -> Fitted:
    return workflow.fit(ZOO[kind](), synthesizer=synthesizer, seed=3)


@cache
def saved(kind: str, synthesizer: str) -> bytes:
    return content_of(fitted(kind, synthesizer))


def content_of(model: Fitted) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "m.tabsynth")
        model.save(path)
        return path.read_bytes()


def drawn(model: Fitted) -> object:
    return sampler.sample(model, 40, seed=9).data


@pytest.mark.parametrize("synthesizer", SYNTHESIZERS)
@pytest.mark.parametrize("kind", sorted(ZOO))
def test_round_trip(kind: str, synthesizer: str, tmp_path: Path) -> None:
    model = fitted(kind, synthesizer)
    model.save(tmp_path / "m")
    loaded = modelfile.load(tmp_path / "m")
    assert drawn(loaded).equals(drawn(model))
    assert loaded.schema == model.schema
    assert loaded.describe() == model.describe()
    assert (loaded.synthesizer, loaded.parameters) == (model.synthesizer, model.parameters)
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "m").read_bytes()


@pytest.mark.parametrize("synthesizer", SYNTHESIZERS)
def test_the_same_model_gives_the_same_bytes(synthesizer: str) -> None:
    again = workflow.fit(ZOO["every_type"](), synthesizer=synthesizer, seed=3)
    assert content_of(again) == saved("every_type", synthesizer)


def opened(body: bytes, folder: Path) -> Fitted | None:
    """The model in those bytes; None where they are refused; any other error is a bug."""
    path = folder / "m.tabsynth"
    path.write_bytes(body)
    try:
        return modelfile.load(path)
    except ModelFileError as error:
        assert str(error).startswith(f"{path}: expected ")
        return None


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_any_flipped_byte_is_refused_or_harmless(data: st.DataObject) -> None:
    whole = saved("generated", data.draw(st.sampled_from(SYNTHESIZERS)))
    body = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    with tempfile.TemporaryDirectory() as folder:
        model = opened(bytes(body), Path(folder))
        if model is not None:
            original = opened(whole, Path(folder))
            assert original is not None
            assert drawn(model).equals(drawn(original))


def test_every_byte_of_the_zip_directory_may_flip(tmp_path: Path) -> None:
    """Exhaustive where a random place seldom falls: what zipfile itself parses."""
    whole = saved("constant", "independent")
    start = whole.index(b"PK\x01\x02")
    model = fitted("constant", "independent")
    expected = drawn(model)
    refused = 0
    for place in range(start, len(whole)):
        for mask in (0x01, 0xFF):
            body = bytearray(whole)
            body[place] ^= mask
            loaded = opened(bytes(body), tmp_path)
            refused += loaded is None
            assert loaded is None or drawn(loaded).equals(expected)
    assert refused > 100


@given(st.integers(0, 1_000_000), st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_truncated_file_is_refused(place: int, from_the_front: bool) -> None:
    whole = saved("generated", "gaussian_copula")
    cut = place % len(whole)
    body = whole[cut + 1 :] if from_the_front else whole[:cut]
    with tempfile.TemporaryDirectory() as folder:
        model = opened(body, Path(folder))
        assert model is None


@given(st.binary(max_size=400))
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_refused(body: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert opened(body, Path(folder)) is None


@given(st.binary(min_size=0, max_size=200))
@example(b"{'descr': '<f8', 'fortran_order': False, 'shape': (), }")
def test_only_headers_of_plain_arrays_are_read(header: bytes) -> None:
    text = header + b" " * 3 + b"\n"
    body = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(64)
    with pytest.raises(ModelFileError):
        archive.parse_array(body, "m")


@pytest.mark.parametrize("kind", ["<f8", "<f4", "|b1", "<i8", "<i2", "|u1", ">i4", ">f8"])
@pytest.mark.parametrize("shape", [(3,), (0,), (2, 3), (2, 0, 4), ()])
def test_arrays_come_back_as_they_went_in(kind: str, shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(kind)
    body = archive.array_bytes(array)
    back = archive.parse_array(body, "m")
    assert np.array_equal(back, array.reshape(back.shape))
    assert back.dtype == array.dtype.newbyteorder("=")
    assert back.flags.writeable
    # what others read, without pickle
    assert np.array_equal(np.load(io.BytesIO(body), allow_pickle=False), back)


@pytest.mark.parametrize("kind", ["O", "U3", "S3", "c16", "f2", "M8[s]", "i4,i4"])
def test_other_arrays_are_refused(kind: str) -> None:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.zeros(3, kind), allow_pickle=True)
    with pytest.raises(ModelFileError):
        archive.parse_array(stream.getvalue(), "m")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(method: int, tmp_path: Path) -> None:
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(saved("constant", "independent"))) as whole,
        zipfile.ZipFile(stream, "w", method) as other,
    ):
        for name in whole.namelist():
            other.writestr(name, whole.read(name))
    assert opened(stream.getvalue(), tmp_path) is None


def test_the_disk_says_no(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        fitted("constant", "independent").save(tmp_path)
    with pytest.raises(OutputError):
        fitted("constant", "independent").save(tmp_path / "none" / "m")
    assert list(tmp_path.iterdir()) == []


def test_a_model_file_says_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(saved("generated", "gaussian_copula"))
    manifest = read_archive(path)[0].model_dump(by_alias=True)
    assert manifest["format"] == "tabsynth-model"
    assert manifest["format_version"] == 1
    assert manifest["privacy"] == {
        "differentially_private": False, "training_records": False, "certificate": None,
    }  # fmt: skip
    with zipfile.ZipFile(path) as archive:
        assert {i.date_time for i in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_model_file_holds_no_generated_value_and_no_exact_count() -> None:
    """Sizes of train show to two digits only; nothing of identifiers and texts at all."""
    table = ZOO["generated"]()
    private = {
        str(value)
        for name in ("id", "key", "code", "name", "note", "remark")
        for value in table.data.column(name).to_pylist()
    }
    with zipfile.ZipFile(io.BytesIO(saved("generated", "gaussian_copula"))) as archive:
        for name in archive.namelist():
            text = archive.read(name).decode("latin-1")
            assert not [value for value in private if value in text]
    assert workflow.two_digits(6366) == 6400


FORBIDDEN = re.compile(
    r"\b(?:import|from) +(?:pickle|cPickle|dill|cloudpickle|joblib|shelve|marshal)\b"
    r"|allow_pickle *= *True|(?<![\w.])(?:eval|exec|__import__) *\("
    r"|\bnp\.load\((?![^)]*allow_pickle=False)|\byaml\.(?:load_all|unsafe_load|full_load)\b"
    r"|\bread_pickle\b|\bto_pickle\b"
)


def test_nothing_is_ever_executed_or_unpickled() -> None:
    for module in sorted(PACKAGE.rglob("*.py")):
        found = FORBIDDEN.search(module.read_text(encoding="utf-8"))
        assert found is None, f"{module}: {found and found[0]}"


@pytest.mark.parametrize(
    "line",
    ["import pickle", "from joblib import x", "np.load(path)", "eval('1')", "f(allow_pickle=True)"],
)
def test_the_search_for_executed_code_can_find_it(line: str) -> None:
    assert FORBIDDEN.search(line)
