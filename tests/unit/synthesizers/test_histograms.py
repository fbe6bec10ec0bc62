"""Histograms keep what stands out, and coarse cells are few and full enough."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tabsynth.encoding.codec import NumericCodec
from tabsynth.schema.model import TableSchema
from tabsynth.synthesizers.binning import MOST, coarse_groups
from tabsynth.synthesizers.histograms import BLOCKS, measure_histograms
from tests.private_zoo import PRIVATE_ZOO, admitted
from tests.zoo import field

SPIKES = (0, 7688, 15024, 99_998)


def gains(n: int = 20_000) -> tuple[pa.Table, TableSchema]:
    """A column of 99,999 possible values: four frequent, others below 20,000, some missing."""
    rng = np.random.default_rng(0)
    values = rng.choice([*SPIKES, -1], n, p=(0.8, 0.05, 0.03, 0.02, 0.1))
    values = np.where(values < 0, rng.integers(1, 20_000, n), values)
    schema = TableSchema(
        fields=(
            field("gain", "integer", constraints={"minimum": 0, "maximum": 99_998}),
            field("sex", categories=("f", "m"), constraints={"required": True}),
        )
    )
    gain = pa.array(values, mask=rng.random(n) < 0.1)
    return pa.table({"gain": gain, "sex": rng.choice(["f", "m"], n).astype(str)}), schema


def test_frequent_values_become_cells_and_the_rest_lies_in_blocks() -> None:
    histograms = measure_histograms(admitted(gains()), blocks=0.01, fine=0.01)
    kept, sex = histograms.columns
    assert isinstance(kept.codec, NumericCodec)
    assert histograms.total == pytest.approx(20_000, rel=0.01)
    assert sex.counts.sum() == pytest.approx(histograms.total)
    assert kept.counts.sum() == pytest.approx(histograms.total)
    atoms = kept.codec.low[kept.codec.atom]
    assert set(SPIKES) <= set(atoms.tolist())
    # one false spike on average, by design
    assert len(atoms) <= len(SPIKES) + 5
    spike = int(np.flatnonzero(kept.codec.atom & (kept.codec.low == 7688))[0])
    assert kept.counts[spike] == pytest.approx(0.9 * 0.05 * 20_000, rel=0.1)
    assert kept.counts[-1] == pytest.approx(2000, rel=0.15)
    # every cell of the domain has a place, and the value of a cell lies in it
    assert np.array_equal(np.unique(kept.place), np.arange(len(kept.counts)))
    for value in (0, 1, 7687, 7688, 7689, 50_000, 99_998):
        cell = kept.place[value]
        assert kept.codec.low[cell] <= value <= kept.codec.high[cell]
    assert len(kept.counts) <= BLOCKS + len(atoms) + 1


@pytest.mark.parametrize("animal", sorted(set(PRIVATE_ZOO) - {"wide"}))
def test_cells_are_numbered_without_gaps_and_few(animal: str) -> None:
    data = admitted(PRIVATE_ZOO[animal]())
    histograms = measure_histograms(data, blocks=0.02, fine=0.02)
    # raises where a number is left out
    kept = data.coarsened([k.place for k in histograms.columns])
    for least in (1.0, 50.0, 1e9):
        groups = coarse_groups(histograms, least=least)
        sizes = kept.coarsened(groups).domain.sizes
        assert max(sizes) <= MOST + 1
        assert least < 1e9 or max(sizes) <= 2


def test_a_coarse_cell_holds_enough_or_a_frequent_value() -> None:
    histograms = measure_histograms(admitted(gains()), blocks=0.05, fine=0.05)
    for kept, groups in zip(
        histograms.columns, coarse_groups(histograms, least=100.0), strict=True
    ):
        assert np.bincount(groups, kept.counts).min() >= 100


def test_one_release_for_blocks_and_one_for_fine_cells() -> None:
    data = admitted(gains(200), rho=0.1)
    measure_histograms(data, blocks=0.03, fine=0.02)
    assert data.remaining == pytest.approx(0.05, rel=1e-6)
    narrow = admitted(PRIVATE_ZOO["constants"](), rho=0.1)
    measure_histograms(narrow, blocks=0.03, fine=0.02)
    assert narrow.remaining == pytest.approx(0.07, rel=1e-6)
