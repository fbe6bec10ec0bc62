"""The ledger never forgets a spend, whatever happens, and shows when it was changed."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tabsynth.errors import InputError, LedgerError, UsageError
from tabsynth.privacy.accounting import epsilon_of, rho_of
from tabsynth.privacy.budget import Budget
from tabsynth.privacy.ledger import DEFAULT_CAP, RECORD, Ledger, Reservation

DELTA = 1e-6
SHARED_MEMORY = Path("/dev/shm")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite", tmp_path / "home" / "witness.sqlite", patience=0.05)


def reserve(
    ledger: Ledger, epsilon: float = 1.0, source: str = "survey", unit: str = RECORD
) -> Reservation:
    return ledger.reserve(source, unit, Budget(epsilon, DELTA), what="mst")


# what is spent


def test_a_spend_is_charged_when_it_is_reserved_and_stays_when_it_is_committed(
    ledger: Ledger,
) -> None:
    held = reserve(ledger)
    (before,) = ledger.accounts()
    ledger.commit(held)
    (after,) = ledger.accounts()
    assert before.rho == after.rho == held.rho == rho_of(1.0, DELTA)
    assert [s.committed for s in before.spends] == [False]
    assert [s.committed for s in after.spends] == [True]
    assert held.account == before


def test_spends_add_up_in_rho_and_the_cumulative_epsilon_is_below_their_sum(
    ledger: Ledger,
) -> None:
    for epsilon in (1.0, 0.5, 2.0):
        reserve(ledger, epsilon)
    (account,) = ledger.accounts()
    exact = sum(Fraction(rho_of(e, DELTA)) for e in (1.0, 0.5, 2.0))
    assert Fraction(account.rho) >= exact
    assert account.rho == pytest.approx(float(exact), rel=1e-15)
    assert account.cumulative == epsilon_of(account.rho, DELTA)
    assert 2.0 < account.cumulative < 3.5


def test_the_cap_is_enforced_and_exactly_reached(ledger: Ledger) -> None:
    ledger.cap("survey", epsilon=1, delta=DELTA)
    reserve(ledger, 1.0)
    with pytest.raises(LedgerError, match=r"at most epsilon 0 more for source 'survey'"):
        reserve(ledger, 1e-9)
    (account,) = ledger.accounts()
    assert account.cumulative <= 1


def test_what_the_refusal_says_is_left_can_be_asked_for_and_no_more(ledger: Ledger) -> None:
    reserve(ledger, 8.0)
    with pytest.raises(LedgerError) as refused:
        reserve(ledger, 8.0)
    left = float(str(refused.value).split("at most epsilon ")[1].split()[0])
    with pytest.raises(LedgerError):
        reserve(ledger, left * 1.002)
    reserve(ledger, left)
    (account,) = ledger.accounts()
    assert account.cumulative <= DEFAULT_CAP


def test_an_account_opens_with_a_cap_that_admits_its_first_fit(ledger: Ledger) -> None:
    reserve(ledger, 30.0)
    (account,) = ledger.accounts()
    assert account.epsilon == 30.0
    with pytest.raises(LedgerError):
        reserve(ledger, 0.1)


def test_a_cap_may_be_raised_and_lowered_and_both_stand_in_the_file(ledger: Ledger) -> None:
    ledger.cap("survey", epsilon=1, delta=DELTA)
    reserve(ledger)
    ledger.cap("survey", epsilon=3, delta=DELTA)
    reserve(ledger)
    ledger.cap("survey", epsilon=0.5, delta=DELTA)
    with pytest.raises(LedgerError):
        reserve(ledger, 0.01)
    caps = [e["epsilon"] for e in entries(ledger) if e["entry"] in ("open", "cap")]
    assert caps == [1, 3, 0.5]


def test_what_discovery_takes_of_delta_adds_up_too(ledger: Ledger) -> None:
    half = Budget(0.5, DELTA, discovery=0.5)
    ledger.reserve("survey", RECORD, half, what="mst")
    (account,) = ledger.accounts()
    assert account.rho == half.rho < Budget(0.5, DELTA).rho
    assert account.cumulative <= 0.5
    assert account.cumulative > epsilon_of(account.rho, DELTA)
    with pytest.raises(LedgerError, match="with what discovery takes of delta"):
        ledger.reserve("survey", RECORD, half, what="mst")
    # a fit that discovers nothing still has the other half
    reserve(ledger, 0.5)
    ledger.cap("survey", epsilon=10, delta=3 * DELTA)
    ledger.reserve("survey", RECORD, half, what="mst")
    (account,) = ledger.accounts()
    assert len(account.spends) == 3
    assert account.cumulative < 1.5


def test_each_source_has_its_own_budget(ledger: Ledger) -> None:
    reserve(ledger, 9.9)
    ledger.cap("census", epsilon=5, delta=DELTA)
    reserve(ledger, 5.0, source="census")
    assert [round(a.cumulative, 6) for a in ledger.accounts()] == [9.9, 5.0]


@pytest.mark.parametrize("source", ["", "  ", "a\nb", "x" * 101])
def test_a_source_id_must_be_readable(ledger: Ledger, source: str) -> None:
    with pytest.raises(UsageError, match="--source-id"):
        reserve(ledger, source=source)
    assert not ledger.path.exists()


def test_a_second_commit_is_refused(ledger: Ledger) -> None:
    held = reserve(ledger)
    ledger.commit(held)
    with pytest.raises(LedgerError, match="none that is open"):
        ledger.commit(held)


# another source, another unit


def test_a_source_that_the_ledger_does_not_know_is_refused_until_it_is_declared(
    ledger: Ledger,
) -> None:
    reserve(ledger)
    with pytest.raises(LedgerError, match=r"a source that it knows \('survey'\).*ledger cap"):
        reserve(ledger, source="surwey")
    assert len(ledger.accounts()) == 1
    ledger.cap("surwey", epsilon=1, delta=DELTA)
    reserve(ledger, source="surwey")


def test_another_privacy_unit_is_refused(ledger: Ledger) -> None:
    reserve(ledger, unit="all records of one person_id")
    with pytest.raises(LedgerError, match="as the privacy unit of source 'survey', got one record"):
        reserve(ledger)
    with pytest.raises(LedgerError, match="privacy unit"):
        ledger.cap("survey", RECORD, epsilon=20, delta=DELTA)


def test_the_unit_of_a_source_may_be_corrected_until_it_is_spent_on(ledger: Ledger) -> None:
    person = "all records of one person_id"
    ledger.cap("survey", epsilon=2, delta=DELTA)
    assert ledger.cap("survey", person, epsilon=2, delta=DELTA).unit == person
    reserve(ledger, unit=person)
    with pytest.raises(LedgerError, match="privacy unit"):
        ledger.cap("survey", RECORD, epsilon=2, delta=DELTA)
    assert ledger.accounts()[0].rho == rho_of(1.0, DELTA)


def test_a_cap_below_what_discovery_took_of_delta_is_told(ledger: Ledger) -> None:
    ledger.reserve("survey", RECORD, Budget(0.5, DELTA, discovery=0.5), what="mst")
    account = ledger.cap("survey", epsilon=10, delta=DELTA / 4)
    assert "epsilon inf of 10 spent" in account.sentence()
    with pytest.raises(LedgerError):
        reserve(ledger, 0.1)


# crashes and races


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("crashes")
    if SHARED_MEMORY.is_dir():
        # a killed process leaves the same files there, without waiting for a disk
        folder = SHARED_MEMORY / f"{folder.parent.name}-{folder.name}"
        folder.mkdir()
    script = Path(__file__).with_name("crashes.py")
    try:
        done = subprocess.run(
            [sys.executable, str(script), str(folder)],
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
    finally:
        shutil.rmtree(folder)
    return json.loads(done.stdout)


@pytest.mark.parametrize("act", ["reserve, first", "reserve, later", "commit"])
def test_a_kill_at_any_statement_forgets_no_spend_and_breaks_no_ledger(seen: Any, act: str) -> None:
    before = 0 if act == "reserve, first" else 1
    asked = 0 if act == "commit" else 1
    killed = seen[act][:-1]
    assert len(killed) > 10
    assert all(case["ended"] == -9 for case in killed)
    assert seen[act][-1]["ended"] == 0
    for case in seen[act]:
        assert before + case["returned"] * asked <= case["spends"] <= before + asked
        assert case["after"] == case["spends"] + 1
        assert case["committed"] <= (act == "commit")


def test_a_kill_at_any_moment_forgets_no_spend_that_a_fit_was_told_of(seen: Any) -> None:
    assert sum(case["told"] for case in seen["moments"]) > 25
    for case in seen["moments"]:
        assert case["told"] <= case["spends"] <= case["told"] + 1
        assert case["after"] == case["spends"] + 1


def test_of_fits_that_race_for_what_is_left_one_wins(seen: Any) -> None:
    assert len(seen["races"]) == 8
    for race in seen["races"]:
        assert race["codes"] == [0, 7, 7, 7]
        assert race["epsilon"] <= DEFAULT_CAP
        assert race["spends"] == 1


def test_fits_that_there_is_room_for_wait_for_each_other(seen: Any) -> None:
    for race in seen["together"]:
        assert race["codes"] == [0, 0, 0, 0]
        assert race["spends"] == 4


# tampering


def entries(ledger: Ledger) -> list[dict[str, Any]]:
    with sqlite3.connect(ledger.path) as connection:
        return [json.loads(b) for (b,) in connection.execute("SELECT body FROM entries")]


def tamper(ledger: Ledger, *statements: str) -> None:
    connection = sqlite3.connect(ledger.path)
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def put_back_an_old_copy(ledger: Ledger) -> None:
    copy = ledger.path.with_suffix(".old")
    shutil.copy(ledger.path, copy)
    reserve(ledger, 0.5)
    shutil.copy(copy, ledger.path)


def start_anew(ledger: Ledger) -> None:
    ledger.path.unlink()


def another_ledger(ledger: Ledger) -> None:
    other = Ledger(ledger.path.with_name("other.sqlite"), ledger.path.with_name("w.sqlite"))
    reserve(other, 0.1)
    shutil.copy(other.path, ledger.path)


def not_sqlite(ledger: Ledger) -> None:
    ledger.path.write_bytes(b"no ledger at all, but long enough to be taken for one" * 40)


def half_a_file(ledger: Ledger) -> None:
    ledger.path.write_bytes(ledger.path.read_bytes()[:5000])


def a_flipped_page(ledger: Ledger) -> None:
    whole = bytearray(ledger.path.read_bytes())
    whole[4096:4196] = bytes(100)
    ledger.path.write_bytes(whole)


def forged(ledger: Ledger) -> None:
    """Change a spend, and every digest after it, as somebody would who has read the code."""
    from tabsynth.privacy.chain import _digest

    connection = sqlite3.connect(ledger.path)
    with connection:
        previous = ""
        for number, text in connection.execute("SELECT number, body FROM entries").fetchall():
            changed = text.replace(f'"rho": {rho_of(1.0, DELTA)!r}', '"rho": 1e-09')
            previous = _digest(previous, number, changed)
            connection.execute(
                "UPDATE entries SET body = ?, digest = ? WHERE number = ?",
                (changed, previous, number),
            )
    connection.close()


def statements(*sql: str) -> Callable[[Ledger], None]:
    return lambda ledger: tamper(ledger, *sql)


TAMPERING = {
    "a smaller spend": statements("UPDATE entries SET body = replace(body, '0.02', '0.01')"),
    "a higher cap": statements("UPDATE entries SET body = replace(body, '10.0', '90.0')"),
    "an entry taken out": statements("DELETE FROM entries WHERE number = 3"),
    "entries renumbered": statements(
        "DELETE FROM entries WHERE number = 3", "UPDATE entries SET number = 3 WHERE number = 4"
    ),
    "the last one taken off": statements("DELETE FROM entries WHERE number = 4"),
    "the last two taken off": statements("DELETE FROM entries WHERE number > 2"),
    "all taken off": statements("DELETE FROM entries"),
    "two changed places": statements(
        "UPDATE entries SET number = 9 WHERE number = 3",
        "UPDATE entries SET number = 3 WHERE number = 4",
        "UPDATE entries SET number = 4 WHERE number = 9",
    ),
    "a trigger": statements(
        "CREATE TRIGGER forget AFTER INSERT ON entries BEGIN "
        "DELETE FROM entries WHERE number = new.number; END"
    ),
    "a table more": statements("CREATE TABLE more (x)"),
    "a newer format": statements("PRAGMA user_version = 2"),
    "a forged chain": forged,
    "an old copy": put_back_an_old_copy,
    "another ledger": another_ledger,
    "no file": start_anew,
    "no SQLite": not_sqlite,
    "half a file": half_a_file,
    "a flipped page": a_flipped_page,
}


@pytest.mark.parametrize("how", TAMPERING, ids=lambda name: name.replace(" ", "_"))
def test_tampering_is_refused_by_every_use(ledger: Ledger, how: str) -> None:
    reserve(ledger)
    reserve(ledger)
    TAMPERING[how](ledger)
    bytes_before = ledger.path.read_bytes() if ledger.path.exists() else b""
    with pytest.raises(InputError if how == "no file" else LedgerError):
        ledger.accounts()
    for use in (lambda: reserve(ledger, 0.01), lambda: ledger.cap("survey", epsilon=9, delta=0.1)):
        with pytest.raises(LedgerError, match=r"ledger\.sqlite: expected") as refused:
            use()
        assert "\n" not in str(refused.value)
    assert (ledger.path.read_bytes() if ledger.path.exists() else b"") == bytes_before


def test_an_untouched_ledger_is_not_refused(ledger: Ledger) -> None:
    # what the tests above would show if everything were refused
    reserve(ledger)
    reserve(ledger)
    copied = ledger.path.with_name("copy.sqlite")
    shutil.copy(ledger.path, copied)
    shutil.copy(copied, ledger.path)
    assert ledger.entries() == 4
    reserve(ledger)
    assert ledger.entries() == 5


def test_a_ledger_may_be_moved_and_used_from_another_machine(ledger: Ledger) -> None:
    reserve(ledger)
    moved = ledger.path.with_name("moved.sqlite")
    ledger.path.rename(moved)
    elsewhere = Ledger(moved, ledger.witness.with_name("other.sqlite"))
    reserve(elsewhere)
    here = Ledger(moved, ledger.witness)
    reserve(here)
    assert len(here.accounts()[0].spends) == 3


# files that cannot be used


def test_a_ledger_that_another_process_holds_is_refused(ledger: Ledger) -> None:
    reserve(ledger)
    other = sqlite3.connect(ledger.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(LedgerError, match="one that another process holds; wait"):
        reserve(ledger)
    with pytest.raises(LedgerError, match="another process"):
        ledger.accounts()
    other.close()
    reserve(ledger)


@pytest.mark.parametrize("which", ["path", "witness"])
def test_a_directory_in_the_place_of_a_file_is_refused(ledger: Ledger, which: str) -> None:
    getattr(ledger, which).mkdir(parents=True)
    with pytest.raises(LedgerError, match="sqlite: expected"):
        reserve(ledger)


def test_a_folder_that_is_not_there_is_refused(ledger: Ledger) -> None:
    nowhere = Ledger(ledger.path / "none" / "ledger.sqlite", ledger.witness)
    with pytest.raises(LedgerError, match="no such folder"):
        reserve(nowhere)


def test_a_damaged_witness_is_named(ledger: Ledger) -> None:
    reserve(ledger)
    ledger.witness.write_bytes(b"nothing of the kind" * 300)
    with pytest.raises(LedgerError, match=r"witness\.sqlite: expected"):
        reserve(ledger)


def test_without_a_place_for_data_the_witness_lies_beside_a_named_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TABSYNTH_DATA", str(tmp_path / "file" / "home"))
    book = Ledger.at(tmp_path / "ledger.sqlite")
    reserve(book)
    reserve(book)
    assert (tmp_path / "ledger.sqlite.witness").exists()
    tamper(book, "DELETE FROM entries WHERE number = 4")
    with pytest.raises(LedgerError, match="deleted, or an old copy"):
        book.accounts()
    with pytest.raises(LedgerError, match="TABSYNTH_DATA"):
        reserve(Ledger.at())


def test_a_place_for_data_is_made_when_something_is_spent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TABSYNTH_DATA", str(tmp_path / "new" / "home"))
    book = Ledger.at()
    assert not (tmp_path / "new").exists()
    reserve(book)
    made = {p.name for p in (tmp_path / "new" / "home").iterdir()}
    assert made == {"ledger.sqlite", "witness.sqlite"}


def test_showing_makes_no_file(ledger: Ledger) -> None:
    with pytest.raises(InputError, match="no such file"):
        ledger.accounts()
    assert not ledger.path.exists()
    assert not ledger.witness.exists()
