"""Databases judged by entities, relations and tables. Seeds are fixed."""

from __future__ import annotations

from functools import cache

import numpy as np
import pyarrow as pa
import pytest

from tabsynth.entities import entity_table
from tabsynth.errors import DataError, UsageError
from tabsynth.relational.evaluation import NO_HOLDOUT, Found, evaluate_database
from tabsynth.relational.figures import relation_results
from tabsynth.relational.flatten import flatten, plan_entities
from tabsynth.report.html import render_html
from tabsynth.report.model import Report
from tabsynth.report.public import public_report
from tests.shop import SCHEMA, TOWNS, in_other_order, shop, shuffled, with_column

TRAIN, HOLDOUT, OTHER = shop(300, 1), shop(300, 2), shop(300, 3)


@cache
def copied() -> Report:
    return evaluate_database(TRAIN, Found(in_other_order(TRAIN, 5), {}), holdout=HOLDOUT)


def test_a_copied_database_fails_by_its_entities_alone() -> None:
    report = copied()
    assert report.verdict == "fail"
    failed = {r.name for r in report.results if r.status == "fail" and r.table is None}
    assert {"membership_p", "unique_copies"} <= failed
    assert not [r for r in report.results if r.table is not None and r.status == "fail"]


def test_the_holdout_itself_does_not_fail() -> None:
    report = evaluate_database(TRAIN, Found(in_other_order(HOLDOUT, 5), {}), holdout=HOLDOUT)
    assert report.verdict != "fail", report.reasons


def test_the_page_holds_every_table_and_the_public_one_no_count() -> None:
    page = render_html(copied())
    assert "<h1>Report on a synthetic database" in page
    assert 'id="tables"' in page and "orders: amount" in page
    assert "orders.client → clients" in page
    public = public_report(copied())
    assert public.provenance["entity"] == "clients" and "tables" not in public.provenance
    # categories that nobody declared stand in no name
    names = " ".join(public.provenance["columns"]["modelled"])
    assert "share of commonest 1" in names
    assert not any(f"share of {kind}" in public.to_json() for kind in ("web", "shop", "phone"))
    assert "orders.kind" in render_html(public)


def test_children_of_other_parents_are_seen_though_each_table_is_right() -> None:
    right, wrong = (
        {(r.name, r.column): r for r in relation_results(TRAIN, drawn, HOLDOUT, seed=0)}
        for drawn in (OTHER, shuffled(OTHER, 4))
    )
    for name in ("children_per_parent_tv", "parent_child_tv"):
        key = name, "orders.client → clients"
        assert right[key].ci_low <= right[key].reference + 0.05
        assert wrong[key].ci_low > wrong[key].reference
    pair = "parent_child_tv", "orders.amount × clients.rich"
    assert wrong[pair].value > 0.25 > right[pair].value


def test_without_a_holdout_train_is_drawn_again_for_the_reference() -> None:
    results = relation_results(TRAIN, OTHER, None, seed=0)
    (found,) = (r for r in results if r.column == "orders.client → clients"
                and r.name == "children_per_parent_tv")  # fmt: skip
    assert "bootstrap" in found.method
    assert 0 < found.reference < found.baseline
    report = evaluate_database(TRAIN, Found(OTHER, {}))
    assert (report.verdict, report.reasons) == ("inconclusive", (NO_HOLDOUT,))
    assert render_html(report)


def test_what_is_wrong_with_a_database_is_counted() -> None:
    ids = OTHER.tables["orders"].column("client").to_numpy().copy()
    ids[:3] = -1
    broken = with_column(OTHER, "orders", "client", pa.array(ids))
    raw = {name: table.data for name, table in broken.tables.items() if name != "towns"}
    raw["clients"] = raw["clients"].drop_columns(["sex"])
    report = evaluate_database(TRAIN, Found.of(raw, SCHEMA))
    assert report.verdict == "fail"
    assert report.find("orphans", "orders.client → clients").value == pytest.approx(3 / len(ids))
    assert report.find("orphans", "clients.town → towns").value == 1.0
    broken_columns = {(r.table, r.column) for r in report.results if r.name == "violations"}
    assert {("towns", "town"), ("clients", "sex")} <= broken_columns
    assert any("table 'clients', column 'sex'" in reason for reason in report.reasons)


def test_empty_tables_have_no_figures() -> None:
    raw = {name: table.data for name, table in OTHER.tables.items()}
    raw["orders"] = raw["orders"].slice(0, 0)
    report = evaluate_database(TRAIN, Found.of(raw, SCHEMA))
    assert report.verdict == "inconclusive"
    none = {"towns": TOWNS.slice(0, 0), "clients": raw["clients"].slice(0, 0)}
    report = evaluate_database(TRAIN, Found.of({**raw, **none}, SCHEMA), holdout=HOLDOUT)
    assert report.reasons == ("The synthetic database holds no entities.",)


def test_a_holdout_of_training_entities_is_refused() -> None:
    with pytest.raises(DataError, match="entities that are not in train"):
        evaluate_database(TRAIN, Found(OTHER, {}), holdout=in_other_order(TRAIN, 2))


def test_entities_are_those_that_most_hangs_from() -> None:
    sizes = {"towns": 4, "clients": 300, "orders": 900}
    assert entity_table(SCHEMA, sizes) == "clients"
    # a small firm's customers are no list, a list is no firm's customers
    assert entity_table(SCHEMA, {"towns": 4, "clients": 60, "orders": 400}) == "clients"
    assert entity_table(SCHEMA, {"towns": 30, "clients": 400, "orders": 900}) == "clients"
    assert entity_table(SCHEMA, {"towns": 4, "clients": 60, "orders": 900}) == "orders"
    assert entity_table(SCHEMA, sizes, "orders") == "orders"
    with pytest.raises(UsageError, match="one of towns, clients, orders"):
        entity_table(SCHEMA, sizes, "people")


def test_aggregates_are_those_of_the_children_and_do_not_depend_on_their_order() -> None:
    plan = plan_entities(TRAIN, "clients")
    flat = flatten(TRAIN, plan).to_pandas()
    orders = TRAIN.tables["orders"].to_pandas()
    clients = TRAIN.tables["clients"].to_pandas()
    groups = orders.groupby("client")
    many = groups.size().reindex(clients["id"], fill_value=0)
    assert flat["orders: number"].tolist() == many.tolist()
    mean = groups["amount"].mean().reindex(clients["id"]).to_numpy(float)
    np.testing.assert_allclose(flat["orders.amount: mean"].to_numpy(float), mean, atol=0.01)
    first = groups["day"].min().reindex(clients["id"])
    assert flat["orders.day: first"].tolist() == first.tolist()
    again = flatten(in_other_order(TRAIN, 3), plan).to_pandas()
    lines = (sorted(frame.to_csv(index=False).splitlines()) for frame in (flat, again))
    assert next(lines) == next(lines)
