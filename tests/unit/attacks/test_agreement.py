from __future__ import annotations

from itertools import combinations

import numpy as np
import pyarrow as pa

from tabsynth.attacks.agreement import agreement, rare_part, surprise
from tabsynth.table import Table
from tests import zoo

NAMES = ("a", "b", "c", "d")


def table(rows: int, seed: int) -> Table:
    rng = np.random.default_rng(seed)
    columns = {n: [f"{n}{v}" if v else None for v in rng.integers(0, 4, rows)] for n in NAMES}
    schema = zoo.TableSchema(fields=tuple(zoo.field(n) for n in NAMES))
    return Table.checked(pa.table(columns), schema)


def test_agreement_is_that_of_trying_everything() -> None:
    asked, synthetic = table(80, 1), table(25, 2)
    weight = surprise([asked], synthetic, synthetic, NAMES)
    found = agreement([asked], synthetic, NAMES, weight=weight, rng=np.random.default_rng(0))
    people = list(zip(*asked.data.to_pydict().values(), strict=True))
    others = list(zip(*synthetic.data.to_pydict().values(), strict=True))
    for person, value, own in zip(people, found, weight, strict=True):
        best = 0.0
        for left_out in [c for k in (0, 1, 2) for c in combinations(range(4), k)]:
            kept = [j for j in range(4) if j not in left_out]
            if any(all(person[j] == o[j] for j in kept) for o in others):
                best = max(best, own[kept].sum())
        assert np.isclose(value, best)


def one_column(values: list[str]) -> Table:
    schema = zoo.TableSchema(fields=(zoo.field("a"),))
    return Table.checked(pa.table({"a": values}), schema)


def test_surprise_is_of_what_the_attacker_holds() -> None:
    """A value that the reference lacks counts more where its single values are seldom met."""
    synthetic = one_column(["x"] * 48 + ["y", "once"])
    reference = one_column(["x"] * 45 + ["y", "y", "alone", "once", "only"])
    asked = one_column(["x", "y", "once", "never seen"])
    found = surprise([asked], synthetic, reference, ("a",))[:, 0]
    met = (1 + 1) / (3 + 1)
    np.testing.assert_allclose(found, np.log(101 / np.array([94, 4, 3, 2 * met])))
    assert (found >= 0).all()


def test_the_rarest_part_is_found_and_what_several_share_is_passed_over() -> None:
    schema = zoo.TableSchema(fields=tuple(zoo.field(n) for n in "abc"))

    def rows(*people: str) -> Table:
        cells = [p.split() for p in people]
        columns = {n: [c[j] for c in cells] for j, n in enumerate("abc")}
        return Table.checked(pa.table(columns), schema)

    synthetic = rows(*["p q r"] * 40, "u v r", "p v2 w", *["s q r"] * 5)
    asked = rows("u v x", "u v2 x", "s x y", "x x x")
    weight = np.ones((4, 3))
    pair, single = 2 - np.log(3), 1 - np.log(3)
    found = rare_part([asked], synthetic, ("a", "b", "c"), weight=3 * weight,
                      rng=np.random.default_rng(0))  # fmt: skip
    np.testing.assert_allclose(found, [pair + 4, single + 2, 0, 0])


def test_many_columns_are_left_out_at_random() -> None:
    names = tuple(f"c{i}" for i in range(60))
    rng = np.random.default_rng(0)
    values = rng.integers(0, 50, (40, 60))
    schema = zoo.TableSchema(fields=tuple(zoo.field(n, "integer") for n in names))
    asked = Table.checked(pa.table({n: values[:, j] for j, n in enumerate(names)}), schema)
    weight = surprise([asked], asked, asked, names)
    found = agreement([asked], asked, names, weight=weight, rng=np.random.default_rng(0))
    np.testing.assert_allclose(found, weight.sum(axis=1))
