from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tabsynth.generations.figures import Yardstick, name_of
from tabsynth.table import Table

RECORDS = 1500


def people(seed: int) -> pd.DataFrame:
    """A number, categories of which some are rare, groups, and a target that follows from both."""
    rng = np.random.default_rng(seed)
    share = np.array([0.3, 0.3, 0.36, *[0.008] * 5])
    age = rng.normal(40, 10, RECORDS).round(1)
    sex = rng.choice(["f", "m"], RECORDS)
    kind = rng.choice([f"kind {i}" for i in range(8)], RECORDS, p=share)
    ill = np.where(age + rng.normal(0, 4, RECORDS) > 50, "yes", "no")
    return pd.DataFrame({"age": age, "sex": sex, "kind": kind, "ill": ill})


@pytest.fixture(scope="module")
def yardstick() -> Yardstick:
    train = Table.from_pandas(people(0))
    holdout = Table.from_pandas(people(1), train.schema)
    return Yardstick(train, holdout, target="ill", protected=("sex",), seed=3)


def made(frame: pd.DataFrame, yardstick: Yardstick) -> Table:
    return Table.from_pandas(frame, yardstick.train.schema)


def test_other_real_records_lose_nothing(yardstick: Yardstick) -> None:
    found = yardstick.measure(made(people(2), yardstick))
    assert {name_of(name)[0] for name in found} == {
        "variance_ratio_median", "variance_ratio_worst", "variance_ratio", "entropy_ratio_median",
        "entropy_ratio_worst", "entropy_ratio", "tail_mass", "rare_survival", "pairwise_score",
        "c2st_auc", "tstr", "minority_recall", "group_tv_worst", "group_tv", "membership_auc",
    }  # fmt: skip
    # each a matter of chance under a fixed seed; the bounds are some five standard errors wide
    assert (
        found["variance_ratio:age"] == found["variance_ratio_median"] == pytest.approx(1, abs=0.2)
    )
    assert found["entropy_ratio_median"] == pytest.approx(1, abs=0.02)
    assert found["tail_mass"] == pytest.approx(1, abs=0.8)
    assert found["rare_survival"] == 1
    assert found["pairwise_score"] > 70
    assert found["c2st_auc"] == pytest.approx(0.5, abs=0.06)
    assert found["tstr"] == pytest.approx(yardstick.reference["tstr"], abs=0.03)
    assert found["minority_recall"] > 0.6
    assert found["group_tv_worst"] < 0.1
    assert found["membership_auc"] == pytest.approx(0.5, abs=0.06)
    # the same records and seed, the same figures
    assert yardstick.measure(made(people(2), yardstick)) == found


def test_what_is_lost_is_seen(yardstick: Yardstick) -> None:
    frame = people(2)
    narrow = frame.assign(age=(40 + (frame["age"] - 40) / 2).round(1))
    found = yardstick.measure(made(narrow, yardstick))
    assert found["variance_ratio:age"] == pytest.approx(0.25, abs=0.05)
    assert found["tail_mass"] == 0
    assert found["entropy_ratio:age"] < 0.95
    assert found["c2st_auc"] > 0.7
    common = frame.assign(kind=frame["kind"].where(frame["kind"] != "kind 7", "kind 0"))
    found = yardstick.measure(made(common, yardstick))
    assert found["rare_survival"] == pytest.approx(4 / 5)
    rng = np.random.default_rng(0)
    apart = pd.DataFrame({name: rng.permutation(frame[name]) for name in frame})
    found = yardstick.measure(made(apart, yardstick))
    assert found["pairwise_score"] < 60
    assert found["tstr"] < 0.7
    one_group = frame.assign(age=np.where(frame["sex"] == "f", 30.0, frame["age"]))
    found = yardstick.measure(made(one_group, yardstick))
    assert found["group_tv:sex=f"] == found["group_tv_worst"] > 0.2
    assert found["group_tv:sex=m"] < 0.1


def test_members_are_found_in_a_copy_of_them(yardstick: Yardstick) -> None:
    assert yardstick.measure(yardstick.train)["membership_auc"] > 0.7
    assert yardstick.reference["membership_auc"] == 0.5


def test_a_table_of_one_record_over_and_over(yardstick: Yardstick) -> None:
    alone = yardstick.train.take(np.zeros(RECORDS, np.int64))
    found = yardstick.measure(alone)
    assert found["variance_ratio_median"] == found["entropy_ratio_median"] == 0
    assert found["rare_survival"] == found["minority_recall"] == 0
    assert found["tstr"] == 0.5
    assert all(np.isfinite(list(found.values())))


def test_a_number_as_target_and_no_target(yardstick: Yardstick) -> None:
    number = replace(yardstick, target="age", protected=())
    found = number.measure(made(people(2), yardstick))
    assert 0 < found["tstr"] < 1
    assert "minority_recall" not in found
    assert not {"tstr", "group_tv_worst"} & set(
        replace(yardstick, target=None, protected=()).measure(yardstick.train)
    )
