"""The copula recovers what it should: correlations, conditionals, orders of categories."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tabsynth.encoding.codec import POOLED
from tabsynth.sampler import sample
from tabsynth.schema.model import TableSchema
from tabsynth.synthesizers.correlation import latent_correlation
from tabsynth.synthesizers.gaussian_copula import GaussianCopula
from tabsynth.synthesizers.latent import LatentColumn
from tabsynth.synthesizers.margins import draw, margin
from tabsynth.synthesizers.scaling import lay_out
from tabsynth.synthesizers.truncated import truncated_normal
from tabsynth.table import Table
from tabsynth.workflow import fit
from tests.zoo import field


def normals(rho: float, rows: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], size=rows)


def column(share: list[float]) -> LatentColumn:
    p = np.array(share)
    return LatentColumn(np.arange(len(p)), p / p.sum())


@pytest.mark.parametrize("rho", [-0.9, -0.4, 0.0, 0.3, 0.8])
@pytest.mark.parametrize("levels", [(2, 2), (2, 5), (4, 200)])
def test_latent_correlation_is_recovered_from_coarse_cells(
    rho: float, levels: tuple[int, int]
) -> None:
    """Plain correlations of two-level columns would be far smaller; 20,000 records, error 0.03."""
    z = normals(rho, 20_000)
    codes = [
        np.searchsorted(stats.norm.ppf(np.arange(1, k) / k), z[:, j]) for j, k in enumerate(levels)
    ]
    columns = [
        column(margin(c, k, min_count=1).tolist()) for c, k in zip(codes, levels, strict=True)
    ]
    assert latent_correlation(columns, codes)[0, 1] == pytest.approx(rho, abs=0.03)


def test_skewed_two_level_columns_are_recovered_too() -> None:
    z = normals(0.6, 50_000)
    codes = [(z[:, 0] > 1.5).astype(int), (z[:, 1] > -0.5).astype(int)]
    columns = [column(margin(c, 2, min_count=1).tolist()) for c in codes]
    assert latent_correlation(columns, codes)[0, 1] == pytest.approx(0.6, abs=0.05)


def test_few_records_shrink_the_correlation() -> None:
    rng = np.random.default_rng(0)
    few = [np.argsort(rng.random(12)) for _ in range(30)]
    columns = [column([1.0] * 12) for _ in few]
    shrunk = latent_correlation(columns, few)
    plain = np.corrcoef(np.array(few))
    off = ~np.eye(30, dtype=bool)
    assert np.abs(shrunk[off]).mean() < 0.3 * np.abs(plain[off]).mean()
    assert np.linalg.eigvalsh(shrunk).min() > 0


def test_contradicting_pairs_still_give_a_correlation() -> None:
    """Pairwise solutions need not fit together; the result is positive definite."""
    rng = np.random.default_rng(1)
    codes = [rng.integers(0, 2, 40) for _ in range(3)]
    codes.append(codes[0])
    codes.append(1 - codes[0])
    columns = [column(margin(c, 2, min_count=1).tolist()) for c in codes]
    matrix = latent_correlation(columns, codes)
    assert np.linalg.eigvalsh(matrix).min() > 0
    np.testing.assert_allclose(np.diag(matrix), 1.0)


def test_pooled_records_do_not_weaken_a_correlation() -> None:
    z = normals(0.7, 20_000)
    codes = [np.searchsorted([-0.5, 0.5], z[:, j]) for j in range(2)]
    codes[0][np.random.default_rng(0).random(20_000) < 0.3] = POOLED
    columns = [column(margin(c, 3, min_count=1).tolist()) for c in codes]
    assert latent_correlation(columns, codes)[0, 1] == pytest.approx(0.7, abs=0.03)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=80), st.integers(0, 2**32 - 1))
def test_the_guide_table_agrees_with_a_search(shares: list[float], seed: int) -> None:
    shares = [s if s > 1e-3 else 0.0 for s in shares]
    if not sum(shares):
        shares[0] = 1.0
    layout = column(shares)
    z = np.random.default_rng(seed).standard_normal(4000).astype(np.float32)
    z = np.append(z, np.float32([-9, 9, 0, -6.5, 6.5]))
    place = np.searchsorted(layout.edges[1:-1].astype(np.float32), z, side="right")
    np.testing.assert_array_equal(layout.cells(z), layout.order[place])
    assert np.all(layout.share_by_cell[layout.cells(z)] > 0)


def test_cells_are_drawn_by_their_shares() -> None:
    share = np.array([0.5, 0.0, 0.3, 0.15, 0.05, 0.0])
    rng = np.random.default_rng(0)
    layout = LatentColumn(np.array([3, 1, 0, 5, 4, 2]), share[[3, 1, 0, 5, 4, 2]])
    for drawn in (
        layout.cells(rng.standard_normal(100_000).astype(np.float32)),
        draw(share, 100_000, rng),
    ):
        counts = np.bincount(drawn, minlength=6)
        assert counts[1] == counts[5] == 0
        present = share > 0
        # false alarm 1 in 1,000; the seed is fixed
        assert stats.chisquare(counts[present], share[present] * 100_000).pvalue > 1e-3


def test_scores_are_the_means_of_the_latent_variable_within_cells() -> None:
    layout = column([0.2, 0.5, 0.3])
    z = np.random.default_rng(0).standard_normal(400_000)
    cells = np.searchsorted(layout.edges[1:-1], z)
    means = [z[cells == k].mean() for k in range(3)]
    np.testing.assert_allclose(layout.scores[:-1], means, atol=0.01)


def test_categories_are_ordered_by_what_goes_with_them() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=5000)
    rank = np.clip(np.round(x * 1.5 + 3), 0, 6).astype(int)
    shuffled = np.array([4, 0, 6, 2, 5, 1, 3])[rank]
    numeric = np.argsort(np.argsort(x))
    codes = [shuffled, numeric]
    margins = [margin(shuffled, 8, min_count=1), margin(numeric, 5001, min_count=1)]
    layout = lay_out(codes, margins, [False, True])[0]
    order = [c for c in layout.order if c != 7]
    wanted = [4, 0, 6, 2, 5, 1, 3]
    assert order in (wanted, wanted[::-1])


def test_given_one_column_the_rest_follows_the_conditional_normal() -> None:
    z = normals(0.8, 40_000, seed=3)
    schema = TableSchema(fields=(field("a", "number"), field("b", "number")))
    fitted = fit(Table.checked(pa.table({"a": z[:, 0], "b": z[:, 1]}), schema), seed=0)
    drawn = sample(fitted, 20_000, seed=0, given={"a": 1.0}).column("b").to_numpy()
    assert drawn.mean() == pytest.approx(0.8, abs=0.03)
    assert drawn.std() == pytest.approx(0.6, abs=0.03)


def test_given_two_columns_the_rest_agrees_with_rejection() -> None:
    """Conditional draws against plain draws filtered by the condition; 4 standard errors."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=20_000)
    raw = pa.table(
        {
            "a": (x + rng.normal(size=20_000) > 0.5),
            "b": np.array(["lo", "mid", "hi"])[np.searchsorted([-0.7, 0.7], x)],
            "c": x * 0.5 + rng.normal(size=20_000),
        }
    )
    schema = TableSchema(
        fields=(field("a", "boolean"), field("b", categories=("lo", "mid", "hi")),
                field("c", "number"))
    )  # fmt: skip
    fitted = fit(Table.checked(raw, schema), seed=0)
    plain = sample(fitted, 400_000, seed=1).to_pandas()
    kept = plain[(plain["a"] == True) & (plain["b"] == "lo")]["c"].to_numpy(float)  # noqa: E712
    conditional = sample(fitted, 40_000, seed=2, given={"a": True, "b": "lo"})
    drawn = conditional.column("c").to_numpy()
    assert len(kept) > 2000
    error = np.hypot(kept.std() / np.sqrt(len(kept)), drawn.std() / np.sqrt(len(drawn)))
    assert abs(kept.mean() - drawn.mean()) < 4 * error
    assert stats.ks_2samp(kept, drawn).pvalue > 1e-3


def test_truncated_normals_stay_inside_even_far_out() -> None:
    rng = np.random.default_rng(0)
    low = np.array([[8.0] * 100, [-np.inf] * 100])
    high = np.array([[np.inf] * 100, [-9.0] * 100])
    drawn = truncated_normal(np.array([[1, 0.5], [0.5, 1]]), low, high, rng)
    assert np.all(np.isfinite(drawn))
    assert np.all((drawn >= low) & (drawn <= high))


def test_truncated_normals_have_the_right_moments() -> None:
    """E[Z1 | Z1 > 0, Z2 > 0] for correlation r is (1 + r) / sqrt(2 pi) / (2 P), P the orthant."""
    r = 0.6
    rng = np.random.default_rng(0)
    low, high = np.zeros((2, 100_000)), np.full((2, 100_000), np.inf)
    drawn = truncated_normal(np.array([[1, r], [r, 1]]), low, high, rng)
    orthant = 0.25 + np.arcsin(r) / (2 * np.pi)
    expected = (1 + r) / np.sqrt(2 * np.pi) / (2 * orthant)
    assert drawn[0].mean() == pytest.approx(expected, abs=0.01)
    assert drawn[1].mean() == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("bounded", [0, 1])
def test_free_dimensions_follow_exactly_however_close_they_are(bounded: int) -> None:
    """E[Z1 | Z2 > 0] is r sqrt(2 / pi); 20,000 draws, so an error of 0.02 is 4 standard errors.

    Half of the draws are free in both, as records of one table of conditions may be.
    """
    r = 0.995
    low, high = np.full((2, 40_000), -np.inf), np.full((2, 40_000), np.inf)
    low[bounded, ::2] = 0.0
    drawn = truncated_normal(np.array([[1, r], [r, 1]]), low, high, np.random.default_rng(0))
    assert np.all(drawn[bounded, ::2] >= 0)
    assert drawn[:, ::2].mean(axis=1) == pytest.approx(np.sqrt(2 / np.pi), abs=0.02)
    assert drawn[:, 1::2].mean(axis=1) == pytest.approx(0, abs=0.03)
    assert np.corrcoef(drawn[:, 1::2])[0, 1] == pytest.approx(r, abs=0.001)


def test_conditions_of_many_patterns_are_drawn_together() -> None:
    """Set by set, these would take minutes."""
    rng = np.random.default_rng(0)
    low = np.where(rng.random((40, 3000)) < 0.5, 0.5, -np.inf)
    high = np.full(low.shape, np.inf)
    drawn = truncated_normal(np.full((40, 40), 0.5) + 0.5 * np.eye(40), low, high, rng)
    assert np.all(drawn >= low)
    assert np.all(np.isfinite(drawn))


def test_two_nominal_columns_keep_part_of_their_dependence() -> None:
    """One latent scale cannot hold it all, but the matching order keeps about a third of it."""
    rng = np.random.default_rng(0)
    hidden = rng.integers(0, 6, 20_000)
    first = np.array(list("dbfaec"))[hidden]
    noise = rng.random(20_000) < 0.2
    second = np.array(list("zxvywu"))[np.where(noise, rng.integers(0, 6, 20_000), hidden)]
    schema = TableSchema(fields=(field("p"), field("q")))
    raw = pa.table({"p": first, "q": second})
    drawn = sample(fit(Table.checked(raw, schema), seed=0), 20_000, seed=0).to_pandas()

    def shares(p: np.ndarray, q: np.ndarray) -> np.ndarray:
        keys, counts = np.unique(np.char.add(p.astype(str), q.astype(str)), return_counts=True)
        table = dict(zip(keys, counts / len(p), strict=True))
        return np.array([table.get(a + b, 0.0) for a in "abcdef" for b in "uvwxyz"])

    real = shares(first, second)
    independent = np.outer(real.reshape(6, 6).sum(1), real.reshape(6, 6).sum(0)).ravel()
    kept = shares(drawn["p"].to_numpy(str), drawn["q"].to_numpy(str))
    assert np.abs(kept - real).sum() < 0.7 * np.abs(independent - real).sum()


def test_min_count_is_a_parameter() -> None:
    raw = pa.table({"c": ["a"] * 100 + ["b"] * 7})
    table = Table.checked(raw, TableSchema(fields=(field("c"),)))
    model = GaussianCopula(min_count=8).fit(table, rng=np.random.default_rng(0))
    assert set(model.sample(5000, rng=np.random.default_rng(0)).column("c").to_pylist()) == {"a"}
