"""Texts are written from what several records share, and what few of them wrote stays out."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tabsynth import modelfile, sampler, workflow
from tabsynth.errors import DataError, ModelFileError, PrivacyError, SchemaError, UsageError
from tabsynth.generators import WITHHELD
from tabsynth.modelfile import Fitted
from tabsynth.private_fit import Spend, prepare
from tabsynth.schema.model import TableSchema
from tabsynth.table import Table
from tabsynth.wording.learn import as_texts, learn_texts, personal_data, texts_withheld
from tabsynth.wording.masking import Masker, joined, sentences, shape, slot
from tabsynth.wording.runs import FEWEST, among, runs, shared, words
from tests import tickets


@pytest.fixture(scope="module")
def table() -> Table:
    return tickets.table(1500, 1)


@pytest.fixture(scope="module")
def fitted(table: Table) -> Fitted:
    return workflow.fit(table, synthesizer="independent", seed=1)


@pytest.fixture(scope="module")
def drawn(fitted: Fitted) -> Table:
    return workflow.sample(fitted, 1500, seed=2)


def records(table: Table) -> list[dict[str, str]]:
    return [r for r in table.data.to_pylist() if r["message"] is not None]


def test_texts_go_with_the_other_columns(drawn: Table) -> None:
    said = records(drawn)
    assert not any(r["message"] == WITHHELD for r in said)
    orders = [(r["order"], found) for r in said
              if (found := re.search(r"ORD-\d+", r["message"]))]  # fmt: skip
    assert len(orders) > 300
    assert all(found[0] == own for own, found in orders)
    for category, word in (("billing", "invoice|charged"), ("login", "account|password")):
        own = [r for r in said if r["category"] == category]
        assert np.mean([bool(re.search(word, r["message"])) for r in own]) > 0.95
    urgent = [r for r in said if "urgent" in r["message"] or "24 hours" in r["message"]]
    assert np.mean([r["priority"] == "high" for r in urgent]) > 0.95
    assert np.mean([("Regards," in r["message"]) == (r["channel"] == "mail") for r in said]) > 0.98


def test_missing_texts_are_as_frequent(table: Table, drawn: Table) -> None:
    # 3 % of 1,500: the two shares differ by more than 0.025 in fewer than 1 of 10,000 seeds
    missing = [t.column("message").null_count / t.num_rows for t in (table, drawn)]
    assert abs(missing[0] - missing[1]) < 0.025


def test_names_and_addresses_are_invented(table: Table, drawn: Table) -> None:
    def mails(t: Table) -> set[str]:
        return set(re.findall(r"\S+@\S+", " ".join(r["message"] for r in records(t))))

    assert mails(drawn) and mails(table)
    assert not mails(drawn) & mails(table)
    assert all("mail.org" not in mail for mail in mails(drawn))


def test_a_story_that_few_tell_does_not_come_out(table: Table, drawn: Table) -> None:
    told = [r["message"] for r in records(table) if " keeps a " in r["message"]]
    assert len(told) > 40
    known, held = set(), {}
    for number, text in enumerate(told):
        for run in runs(words(text)).tolist():
            held.setdefault(run, set()).add(number)
    known = {run for run, by in held.items() if len(by) < FEWEST}
    story = [r["message"] for r in records(drawn) if " keeps a " in r["message"]]
    assert not any(known & set(runs(words(text)).tolist()) for text in story)


def test_no_run_of_learnt_words_is_of_few_records(table: Table, fitted: Fitted) -> None:
    """With what is invented taken out of both sides, each run was in five training records."""
    masker = Masker(("order", "product", "price"))

    def masked(t: Table) -> list[list[str]]:
        rows = t.data.to_pylist()
        for row in rows:
            row["price"] = f"{row['price']:.2f}"
        texts = [masker.mask(r["message"] or "", r) for r in rows]
        learnt = {"⟦own:1⟧", "⟦own:1:lower⟧"}
        return [
            [w for token, raw in zip(m.tokens, m.raw, strict=True)
             for w in ([token.strip()] if slot(token) and token.strip() not in learnt
                       else words(raw))]
            for m in texts
        ]  # fmt: skip

    known = shared([runs(text) for text in masked(table)], np.arange(table.num_rows))
    drawn = workflow.sample(fitted, 1000, seed=5)
    # invented persons are left out: not every form of Faker's numbers and names is found again
    plain = [
        n for n, r in enumerate(drawn.data.to_pylist())
        if not re.search("call me|reach me|Regards", r["message"] or "")
    ]  # fmt: skip
    texts = masked(drawn.take(np.array(plain)))
    assert sum(len(runs(text)) for text in texts) > 1000
    assert all(among(runs(text), known).all() for text in texts)


def test_same_seed_same_texts_whatever_the_workers(
    fitted: Fitted, drawn: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted.save(tmp_path / "m.tabsynth")
    again = modelfile.load(tmp_path / "m.tabsynth")
    assert again.describe() == fitted.describe()
    assert workflow.sample(again, 1500, seed=2).data.equals(drawn.data)
    monkeypatch.setattr(sampler, "CHUNK_ROWS", 400)
    one, two = (workflow.sample(again, 1000, seed=3, workers=w) for w in (1, 3))
    assert one.data.equals(two.data)


def test_a_fit_with_the_same_seed_writes_the_same_file(table: Table, tmp_path: Path) -> None:
    for name in ("a", "b"):
        workflow.fit(table, synthesizer="independent", seed=7).save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_no_text_of_a_single_record_is_in_the_file(fitted: Fitted, tmp_path: Path) -> None:
    import zipfile

    fitted.save(tmp_path / "m.tabsynth")
    with zipfile.ZipFile(tmp_path / "m.tabsynth") as archive:
        body = b"".join(archive.read(n) for n in archive.namelist()).decode("utf-8", "replace")
    assert "@mail.org" not in body
    assert "Walker" not in body


def one_unit(records: int, writer: str) -> Table:
    """A person who writes the same in ten records, among persons who write one each."""
    said = ["The blue lamp of my own old shop is broken once more."] * 10
    said += ["The lamp is broken."] * records
    schema = TableSchema.model_validate({
        "fields": [
            {"name": "who", "tabsynth": {"generator": {"kind": "uuid"}}},
            {"name": "kind", "type": "string"},
            {"name": "note", "tabsynth": {"free_text": "template"}},
        ],
        "tabsynth": {"privacy_unit": "who"},
    })  # fmt: skip
    who = [writer or str(n) for n in range(10)] + [f"p{n}" for n in range(records)]
    kind = pa.array(["x", "y"] * ((records + 10) // 2)).dictionary_encode()
    return Table.checked(pa.table({"who": who, "kind": kind, "note": said}), schema)


@pytest.mark.parametrize(("writer", "comes_out"), [("w", False), ("", True)])
def test_a_person_counts_once(writer: str, comes_out: bool) -> None:
    text = learn_texts(one_unit(30, writer), seed=0)["note"]
    rows = pa.table({"kind": pa.array(["x"] * 300).dictionary_encode()})
    said = text.write(rows, start=0, rng=np.random.default_rng(0)).to_pylist()
    assert ("The blue lamp of my own old shop is broken once more." in said) == comes_out


def test_texts_that_are_all_different_are_refused() -> None:
    schema = TableSchema.model_validate({"fields": [
        {"name": "a", "type": "integer"}, {"name": "note", "tabsynth": {"free_text": "template"}},
    ]})  # fmt: skip
    letters = [" ".join(chr(97 + (n * k) % 26) * 3 for k in range(1, 7)) for n in range(26)]
    alone = Table.checked(pa.table({"a": range(26), "note": letters}), schema)
    with pytest.raises(DataError, match="free_text: replace or drop"):
        learn_texts(alone, seed=0)
    empty = Table.checked(pa.table({"a": range(9), "note": pa.nulls(9, pa.string())}), schema)
    with pytest.raises(DataError, match="5 records share"):
        learn_texts(empty, seed=0)


def test_unique_texts_and_budgets_are_refused() -> None:
    field = {"name": "note", "constraints": {"unique": True}, "tabsynth": {"free_text": "template"}}
    schema = TableSchema.model_validate({"fields": [
        {"name": "a", "type": "integer", "constraints": {"minimum": 0, "maximum": 9}}, field,
    ]})  # fmt: skip
    with pytest.raises(SchemaError, match="unique"):
        learn_texts(Table.checked(pa.table({"a": [1], "note": ["x"]}), schema), seed=0)
    with pytest.raises(PrivacyError, match="replace or drop beside --epsilon"):
        prepare(schema, Spend(1.0, "s"), "mst")


def test_a_column_is_taken_for_text(table: Table) -> None:
    frame = tickets.frame(60)
    inferred = Table.from_pandas(frame)
    assert inferred.schema.field("message").tabsynth.free_text == "replace"
    assert inferred.schema.field("product").is_modelled
    texts = as_texts(inferred, {"message": "template", "product": "drop"})
    assert texts.schema.field("message").writes_text
    assert "product" not in texts.schema.emitted.names
    for methods, said in (({"price": "template"}, "text column"), ({"message": "magic"}, "one of")):
        with pytest.raises(UsageError, match=said):
            as_texts(inferred, methods)


def test_the_scan_counts_kinds(table: Table) -> None:
    kinds = personal_data(table)["message"]
    texts = [r["message"] for r in records(table)]
    assert kinds["email"] == sum("@" in t for t in texts)
    assert kinds["phone_number"] == sum("+44" in t for t in texts)
    assert kinds["name"] >= sum("Regards" in t for t in texts)


def test_masks() -> None:
    text = "Hi, my router x200 of 2024-03-05 cost $49.99 (ORD-0012).\nCall a.b@c.example 24h!"
    masked = Masker(("product",)).mask(text, {"product": "Router X200"})
    assert joined(masked.tokens) == (
        "Hi, my ⟦own:0:lower⟧ of ⟦date:%Y-%m-%d⟧ cost $⟦as:99.99⟧ (⟦as:ORD-9999⟧).\n"
        "Call ⟦email⟧ ⟦as:99h⟧!"
    )
    assert "router x200" in masked.raw
    assert joined(masked.tokens[sentences(masked.tokens)[0]]) == "Hi,"
    assert shape("a3f9c2b71d") == "¢9¢9¢9¢99¢"
    assert Masker().mask("⟦name⟧ \x1f", {}).tokens == ("[", "name", "]")


@pytest.mark.parametrize("text", ["", " ", "\n", "⟧⟦", "a" * 5000, "é" * 3, "1", "@", "🙂 ok"])
def test_any_text_can_be_masked(text: str) -> None:
    masked = Masker(("c",)).mask(text, {"c": "a"})
    assert len(masked.tokens) == len(masked.raw)


@pytest.mark.parametrize(
    "part", ["a", "a-", "A", "Aa ", "Aa-", "Dear ", "1", "1 ", "@", "a@", "a.", " \n", "www.", "-"]
)
def test_long_texts_take_no_longer_than_their_length(part: str) -> None:
    """Patterns that look back and forth would take minutes here; this takes hundredths."""
    began = time.process_time()
    Masker().mask(part * (100_000 // len(part)), {})
    assert time.process_time() - began < 5


def test_fits_that_look_at_other_columns_withhold_texts(table: Table) -> None:
    withheld = texts_withheld(table)
    assert withheld.data.equals(table.data)
    drawn = workflow.sample(workflow.fit(withheld, synthesizer="independent", seed=1), 5, seed=1)
    assert drawn.column("message").to_pylist() == [WITHHELD] * 5


def broken(name: str, settings: dict[str, Any]) -> None:
    """Spoil one thing in what a model file holds of a text column."""
    sentences_, steps = settings["sentences"], settings["steps"]
    match name:
        case "a step to nowhere":
            steps[0][2][0][1][0][0] = len(sentences_)
        case "no first step":
            settings["steps"] = [s for s in steps if s[0] != -1]
        case "no shares for all records":
            steps[0][2] = [given for given in steps[0][2] if given[0]]
        case "a column that is not there":
            steps[0][1] = [99]
        case "a choice beyond the sentence":
            sentences_[0]["choices"] = {"99": {"a": 1.0}}
        case "shares that are none":
            sentences_[0]["choices"] = {"0": {"a": 0.2}}
        case "no filler":
            del settings["filler"]


@pytest.mark.parametrize(
    "name",
    [
        "a step to nowhere", "no first step", "no shares for all records",
        "a column that is not there", "a choice beyond the sentence", "shares that are none",
        "no filler", "more text columns than the schema has",
    ],
)  # fmt: skip
def test_a_forged_file_is_refused(name: str, fitted: Fitted, tmp_path: Path) -> None:
    import hashlib
    import json
    import zipfile

    fitted.save(tmp_path / "m")
    with zipfile.ZipFile(tmp_path / "m") as archive:
        members = {n: archive.read(n) for n in archive.namelist()}
    manifest = json.loads(members.pop("manifest.json"))
    settings = json.loads(members["texts/0/state.json"])
    broken(name, settings)
    members["texts/0/state.json"] = json.dumps(settings).encode()
    if name.startswith("more"):
        members |= {n.replace("/0/", "/1/"): b for n, b in members.items() if n[:5] == "texts"}
    manifest["members"] = {
        n: {"bytes": len(b), "sha256": hashlib.sha256(b).hexdigest()} for n, b in members.items()
    }
    with zipfile.ZipFile(tmp_path / "m", "w") as archive:
        for member, body in {"manifest.json": json.dumps(manifest).encode(), **members}.items():
            archive.writestr(member, body)
    with pytest.raises(ModelFileError):
        modelfile.load(tmp_path / "m")
