"""Counts, matching, keys that repeat nothing, and what children see: one at a time."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pytest

from tabsynth.entities import rank_in_group
from tabsynth.errors import DataError, SchemaError, UsageError
from tabsynth.relations.counts import dealt, exactly, three_digits, towards
from tabsynth.relations.drawn import Drawn, classes
from tabsynth.relations.few import unlearnt
from tabsynth.relations.fresh import fresh_values, rounded_up
from tabsynth.relations.guarding import repeats
from tabsynth.relations.learning import fit_database
from tabsynth.relations.matching import NOBODY, anyone, matched
from tabsynth.relations.model import DatabaseModel
from tabsynth.relations.recipes import depths
from tabsynth.relations.representing import representative
from tabsynth.relations.ties import ties_of
from tabsynth.relations.views import Seen, View
from tabsynth.schema.keys import ForeignKey
from tabsynth.schema.model import FieldSchema, TableSchema
from tabsynth.synthesizers.trees import Trees
from tabsynth.table import Table
from tests.database_zoo import database
from tests.related_zoo import link_table, one_to_one, optional_parents, staff
from tests.shop import shop


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_counts_move_towards_a_total_by_numbers_that_somebody_had() -> None:
    counts = rng().choice([0, 2, 7], 500)
    for total in (900, 2500):
        moved = towards(counts, total, rng(1))
        assert abs(int(moved.sum()) - total) <= 6 and int(moved.sum()) != counts.sum()
        assert set(moved.tolist()) <= {0, 2, 7}


def test_counts_come_to_a_total_exactly_within_a_bound() -> None:
    counts = rng().integers(0, 5, 100)
    assert exactly(counts, 321, rng(1)).sum() == 321
    assert exactly(np.ones(10, int), 7, rng(), most=1).tolist().count(1) == 7
    assert exactly(np.ones(10, int), 20, rng(), most=1).sum() == 10
    assert dealt(10, 35, rng()).sum() == 35 and dealt(10, 8, rng(), most=1).max() == 1
    assert len(dealt(0, 5, rng())) == 0 and three_digits(1.23456) == 1.23


def test_children_go_to_slots_that_are_like_what_they_want() -> None:
    wanted = [rng(1).integers(0, 3, 300), rng(2).integers(0, 4, 300)]
    order = rng(3).permutation(300)
    offered = [level[order] for level in wanted]
    place = matched(wanted, offered, rng())
    assert sorted(place.tolist()) == list(range(300))
    assert all(np.array_equal(o[place], w) for o, w in zip(offered, wanted, strict=True))


def test_what_cannot_be_met_in_all_is_met_in_the_first_levels() -> None:
    wanted = [np.array([0, 0, 1, 1]), np.array([5, 6, 5, 6])]
    offered = [np.array([0, 0, 1, 2]), np.array([5, 5, 7, 6])]
    place = matched(wanted, offered, rng())
    assert sorted(place.tolist()) == [0, 1, 2, 3] and set(place[:2].tolist()) == {0, 1}
    strict = matched(wanted, offered, rng(), strict=1)
    assert sorted(strict.tolist()) == [NOBODY, 0, 1, 2]


def test_anyone_is_of_the_class_that_is_asked_for() -> None:
    offered = np.array([3, 1, 3, 2])
    found = anyone(np.array([3, 3, 1, 9]), offered, rng())
    assert offered[found[:3]].tolist() == [3, 3, 1] and found[3] == NOBODY
    assert rank_in_group(np.array([4, 2, 4, 4, 2])).tolist() == [0, 0, 1, 2, 1]


def test_records_with_a_missing_part_are_of_no_common_class() -> None:
    one, other = classes([pa.array([1, None, 2])], [pa.array([2, 1, None])])
    assert one[0] == other[1] and one[2] == other[0]
    assert one[1] < 0 and other[2] < 0 and one[1] != other[2]


def test_the_main_parent_is_the_one_that_tells_most() -> None:
    passports = ties_of(one_to_one(), "passports")
    assert passports.main is not None and not passports.others
    visits = ties_of(optional_parents(), "visits")
    assert visits.main is not None and visits.main.index == 0
    # fewer children each: siblings share more
    takes = ties_of(link_table(), "takes")
    assert takes.main is not None and takes.main.key(link_table().schema).parent == "students"
    assert ties_of(staff(), "staff").main is None


def test_circles_are_refused() -> None:
    fields = [{"name": "id", "type": "integer"}, {"name": "other", "type": "integer"}]
    made = [
        {"name": name, "schema": {"fields": fields, "primaryKey": "id", "foreignKeys": [
            {"fields": "other", "reference": {"resource": there, "fields": "id"}}]}}
        for name, there in (("a", "b"), ("b", "a"))
    ]  # fmt: skip
    both = database(made, {n: {"id": [1], "other": [1]} for n in "ab"})
    with pytest.raises(SchemaError, match="a circle among the tables 'a', 'b'"):
        fit_database(both, synthesizer=Trees(), rng=rng())
    key = ForeignKey(("boss",), "staff", ("id",))
    with pytest.raises(DataError, match="lead round in a circle"):
        depths(np.array([1, 0]), "staff", key, may_lack=False)
    depth, selfish = depths(np.array([1, 0, 0, -1]), "staff", key, may_lack=True)
    assert depth.tolist() == [0, 0, 0, 0] or depth.max() <= 1
    assert not selfish


def test_children_see_no_value_of_a_single_parent() -> None:
    field = FieldSchema(name="city")
    texts = ["here"] * 30 + ["there"] * 30 + ["nobody else's"]
    table = Table.checked(pa.table({"city": texts}), TableSchema(fields=(field,)))
    view = View.of(table)
    assert view is not None
    seen = view.see(table)
    assert "nobody else's" not in str(view.state())
    assert len(set(seen.levels["city"].tolist())) == 3
    assert View.of(table.take(np.arange(4))) is None
    lost = seen.take(np.array([0, -1]))
    assert lost.levels["city"].tolist() == [seen.levels["city"][0], abs(seen.sizes["city"])]


def test_a_few_records_stand_for_many() -> None:
    levels = rng().integers(0, 8, 2400)
    seen = Seen({"x": -8}, {"x": levels})
    share = np.bincount(levels, minlength=8) / 2400

    def distance(rows: np.ndarray) -> float:
        return float(np.abs(np.bincount(levels[rows], minlength=8) / len(rows) - share).sum())

    chosen = representative(seen, {}, 80, rng(1))
    assert len(chosen) == 80
    assert distance(chosen) < 0.08 < distance(rng(2).permutation(2400)[:80])


@pytest.mark.parametrize(
    ("field", "source"),
    [
        ({"name": "k", "type": "integer"}, [1, 2, 77]),
        ({"name": "k", "type": "integer", "constraints": {"minimum": 0, "maximum": 60}},
         list(range(10, 20))),
        ({"name": "k", "type": "integer"}, [2**63 - 1, 5]),
        ({"name": "k", "type": "number", "tabsynth": {"decimals": 1}}, [0.5, 1.5]),
        ({"name": "k"}, [f"K{i:03d}" for i in range(30)]),
        ({"name": "k", "constraints": {"pattern": r"AB-\d{4}"}}, [f"AB-{i:04d}" for i in range(9)]),
        ({"name": "k", "tabsynth": {"generator": {"kind": "sequence", "prefix": "x"}}},
         ["x1", "x2", "x250"]),
        ({"name": "k", "type": "date"}, ["2020-01-01", "2020-01-05"]),
        ({"name": "k", "type": "datetime"}, ["2020-01-01T00:00:00", "2020-01-05T01:00:00"]),
    ],
)  # fmt: skip
def test_fresh_keys_are_new_and_each_once(field: dict, source: list) -> None:
    parsed = FieldSchema.model_validate(field)
    known = Table.checked(pa.table({"k": source}), TableSchema(fields=(parsed,))).column("k")
    how = fresh_values(parsed, known)
    made = how.values(20, rng()).to_pylist()
    assert how.clean and len(set(made)) == 20 and not set(made) & set(known.to_pylist())
    assert type(how).restore(how.state()).values(20, rng()).to_pylist() == made
    checked = Table.checked(pa.table({"k": made}), TableSchema(fields=(parsed,)))
    assert checked.num_rows == 20


def test_keys_that_have_no_room_are_told() -> None:
    listed = FieldSchema(name="code", categories=("a", "b", "c"))
    how = fresh_values(listed, pa.array(["a", "b", "c"]))
    assert not how.clean and how.room == 3
    assert sorted(how.values(3, rng()).to_pylist()) == ["a", "b", "c"]
    assert (rounded_up(77), rounded_up(1234), rounded_up(9_999)) == (78, 1300, 10_000)


@pytest.mark.parametrize(("high", "start"), [(9999, 9600), (9730, 9580), (9600, 1)])
def test_where_keys_go_on_does_not_tell_the_largest(high: int, start: int) -> None:
    limits = {"unique": True, "minimum": 1, "maximum": high}
    key = FieldSchema.model_validate({"name": "k", "type": "integer", "constraints": limits})
    how = fresh_values(key, pa.array(range(9500, 9573)))
    assert (how.start, how.clean) == (start, True)


def test_what_four_records_lack_all_others_have() -> None:
    key = FieldSchema.model_validate({"name": "k", "type": "integer"})
    for lacking, share in ((4, 0.0), (5, 0.048)):
        assert fresh_values(key, pa.array([*range(100), *[None] * lacking])).missing == share


def test_small_tables_come_from_the_schema_alone() -> None:
    fields = [
        {"name": "kind", "categories": ["a", "b"]}, {"name": "on", "type": "boolean"},
        {"name": "n", "type": "integer", "constraints": {"required": True, "minimum": 3}},
        {"name": "text", "constraints": {"required": True, "maxLength": 5}}, {"name": "free"},
        {"name": "day", "type": "date", "constraints": {"required": True}},
    ]  # fmt: skip
    schema = TableSchema(fields=tuple(FieldSchema.model_validate(f) for f in fields))
    made = unlearnt(schema, 50, rng())
    assert Table.checked(made.data, schema).num_rows == 50
    assert made.column("free").null_count == 50 and set(made.column("n").to_pylist()) == {3}


def test_drawn_records_are_taken_whole() -> None:
    drawn = Drawn(3, {"x": pa.array([1, 2, 3])}, {"f": np.arange(3)}, parents={0: np.arange(3)})
    part = drawn.take(np.array([2, 0]))
    assert part.rows == 2 and part.columns["x"].to_pylist() == [3, 1]
    assert part.frame["f"].tolist() == part.parents[0].tolist() == [2, 0]


def test_children_go_with_their_parents() -> None:
    source = shop(1500, 1)
    model = fit_database(source, synthesizer=Trees(), rng=rng())

    def rich_and_poor(found) -> tuple[float, float]:
        (key,) = found.schema.foreign_keys["orders"]
        rich = np.array(found.tables["clients"].column("rich").to_pylist())
        owner = found.parents("orders", key)
        amount = np.array(found.tables["orders"].column("amount").to_pylist())
        many = np.bincount(owner, minlength=len(rich))
        return (amount[rich[owner]].mean() - amount[~rich[owner]].mean(),
                many[rich].mean() - many[~rich].mean())  # fmt: skip

    real, made = rich_and_poor(source), rich_and_poor(model.sample(rng=rng(1)))
    assert real[0] > 25 and real[1] > 3
    assert made == pytest.approx(real, rel=0.2)
    with pytest.raises(UsageError, match="a number above 0"):
        model.sample(0.0, rng=rng())


def test_a_further_parent_is_chosen_by_what_it_is_like() -> None:
    """Long visits have a guide, and none but they."""
    source = optional_parents()
    model = fit_database(source, synthesizer=Trees(), rng=rng())
    found = model.sample(3.0, rng=rng(1))
    guide = found.tables["visits"].column("guide").is_valid().to_numpy(zero_copy_only=False)
    long = np.array([k == "long" for k in found.tables["visits"].column("kind").to_pylist()])
    assert np.mean(guide == long) > 0.9


def test_a_changed_model_is_refused() -> None:
    model = fit_database(shop(60, 1), synthesizer=Trees(), rng=rng())
    state = model.state()
    other = link_table().schema
    with pytest.raises(ValueError, match="the tables of the schema"):
        DatabaseModel.restore(other, state)
    tables = [dict(table) for table in state.settings["tables"]]
    tables[2]["main"] = None
    broken = dataclasses.replace(state, settings={**state.settings, "tables": tables})
    with pytest.raises(ValueError, match="a main parent among the keys"):
        DatabaseModel.restore(model.schema, broken)


def test_what_one_person_repeats_is_in_no_model() -> None:
    persons = 300
    owner = np.append(np.repeat(np.arange(persons), 2), np.zeros(40, int))
    word = ["common"] * (2 * persons) + ["nobody else's"] * 40
    number = [*(np.arange(2 * persons) % 7).tolist(), *[12345] * 40]
    made = database(
        [
            {"name": "persons", "schema": {"fields": [{"name": "id", "type": "integer"}],
                                           "primaryKey": "id"}},
            {"name": "notes", "schema": {
                "fields": [{"name": "id", "type": "integer"},
                           {"name": "word", "categories": ["common", "nobody else's"],
                            "tabsynth": {"observed": ["categories"]}},
                           {"name": "number", "type": "integer"}],
                "foreignKeys": [{"fields": "id",
                                 "reference": {"resource": "persons", "fields": "id"}}]}},
        ],
        {"persons": {"id": list(range(persons))},
         "notes": {"id": owner.tolist(), "word": word, "number": number}},
    )  # fmt: skip
    model = fit_database(made, synthesizer=Trees(), rng=rng())
    state = model.state()
    assert "nobody else's" not in str(state.settings)
    assert "nobody else's" not in str(model.schema.descriptor())
    assert not any(np.isin(12345, array) for array in state.arrays.values())
    notes = made.tables["notes"]
    words = notes.select(TableSchema(fields=(notes.schema.field("word"),)))
    # four are too few to count
    assert repeats(words, [owner]).sum() == 36


def test_what_one_person_lacks_in_many_records_others_have_in_each() -> None:
    persons = 300
    owner = np.append(np.repeat(np.arange(persons), 2), np.zeros(40, int))
    made = database(
        [
            {"name": "persons", "schema": {"fields": [{"name": "id", "type": "integer"}],
                                           "primaryKey": "id"}},
            {"name": "notes", "schema": {
                "fields": [{"name": "id", "type": "integer"},
                           {"name": "word", "categories": ["a", "b"]},
                           {"name": "number", "type": "integer"}],
                "foreignKeys": [{"fields": "id",
                                 "reference": {"resource": "persons", "fields": "id"}}]}},
        ],
        {"persons": {"id": list(range(persons))},
         "notes": {"id": owner.tolist(), "word": ["a", "b"] * persons + [None] * 40,
                   "number": [*(np.arange(2 * persons) % 7).tolist(), *[None] * 40]}},
    )  # fmt: skip
    drawn = (
        fit_database(made, synthesizer=Trees(), rng=rng()).sample(10, rng=rng(1)).tables["notes"]
    )
    assert [drawn.column(name).null_count for name in ("word", "number")] == [0, 0]


def test_a_link_table_brings_those_together_who_belong_so() -> None:
    """Students take courses of their own year, hardly any other, and none twice."""
    draw = rng(5)
    year, level = draw.integers(1, 4, 300), np.arange(30) % 3 + 1
    taken = sorted(
        {
            (student, int(course))
            for student in range(300)
            for course in draw.choice(
                30, 5, p=np.where(level == year[student], 9, 1) / (10 * 9 + 20 * 1)
            )
        }
    )

    def whole(*names: str) -> list[dict]:
        return [{"name": name, "type": "integer"} for name in names]

    keys = [{"fields": name, "reference": {"resource": f"{name}s", "fields": "id"}}
            for name in ("student", "course")]  # fmt: skip
    made = database(
        [
            {"name": "students", "schema": {"fields": whole("id", "year"), "primaryKey": "id"}},
            {"name": "courses", "schema": {"fields": whole("id", "level"), "primaryKey": "id"}},
            {"name": "takes", "schema": {"fields": whole("student", "course"), "foreignKeys": keys,
                                         "primaryKey": ["student", "course"]}},
        ],
        {
            "students": {"id": list(range(300)), "year": year.tolist()},
            "courses": {"id": list(range(30)), "level": level.tolist()},
            "takes": {"student": [s for s, _ in taken], "course": [c for _, c in taken]},
        },
    )  # fmt: skip
    found = fit_database(made, synthesizer=Trees(), rng=rng()).sample(rng=rng(1))

    def own_year(d) -> float:
        student, course = (d.parents("takes", key) for key in d.schema.foreign_keys["takes"])
        years = np.asarray(d.tables["students"].column("year"))[student]
        return float(np.mean(years == np.asarray(d.tables["courses"].column("level"))[course]))

    # any course would be of the own year in a third
    assert own_year(found) > own_year(made) - 0.15 > 0.5
    assert abs(found.tables["takes"].num_rows - len(taken)) < 0.1 * len(taken)
