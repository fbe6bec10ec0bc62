from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
from pydantic import ValidationError

from tabsynth.attacks.self_test import PARTLY
from tabsynth.errors import UsageError
from tabsynth.gate import Policy, gate, held, load_policy
from tabsynth.report.model import Result


def figure(name: str, value: float | None, **settings: object) -> Result:
    return Result(name=name, family="privacy", value=value, unit="share", n=100,
                  method=settings.pop("method", "counted"), **settings)  # fmt: skip


def harmless() -> list[Result]:
    found = [
        figure("membership_p", 0.4),
        figure("membership_tpr", 0.01, ci_low=0.0, ci_high=0.02, group="classifier"),
        figure("membership_tpr", 0.02, ci_low=0.0, ci_high=0.07, group="classifier, isolated"),
        figure("linkability", 0.0, ci_low=-0.03, ci_high=0.03),
        figure("self_test_power", 0.97, ci_low=0.83, ci_high=1.0, group="1 % near copies",
               status="diagnostic"),
    ]  # fmt: skip
    return [held(r, Policy()) for r in found]


def changed(name: str, **update: object) -> list[Result]:
    fresh = {"status": "ok", "tolerance": None}
    return [
        held(r.model_copy(update={**fresh, **update}), Policy()) if r.name == name else r
        for r in harmless()
    ]


def test_a_harmless_table_passes_and_is_told_what_would_have_been_found() -> None:
    verdict, reasons = gate([], harmless(), Policy())
    assert verdict == "pass"
    assert "finds 1 % near copies of training records, each of another one" in reasons[0]
    assert "blurs numbers instead of redrawing a field" in reasons[0]
    assert "97 %" in reasons[0]
    assert "83 %" in reasons[0]
    assert "anonym" not in reasons[0].lower()


@pytest.mark.parametrize(
    ("name", "update", "told"),
    [
        ("membership_p", {"value": 0.009}, "An attacker tells training records"),
        (
            "membership_tpr",
            {"ci_low": 0.101, "value": 0.2, "ci_high": 0.3},
            "Members found (classifier, isolated): at least 10.1 % with 95 % confidence, where",
        ),
        (
            "linkability",
            {"ci_low": 0.051, "value": 0.1, "ci_high": 0.2},
            "Tying two sources together: at least 5.1 %",
        ),
    ],
)
def test_what_lies_beyond_its_tolerance_fails(
    name: str, update: dict[str, float], told: str
) -> None:
    verdict, reasons = gate([], changed(name, **update), Policy())
    assert verdict == "fail"
    assert any(told in r for r in reasons)


@pytest.mark.parametrize(
    ("name", "update", "told"),
    [
        ("membership_tpr", {"ci_high": 0.11}, "may be as high as 11 %, where 10 % is accepted"),
        ("linkability", {"ci_high": 0.06}, "may be as high as 6 %"),
        (
            "linkability",
            {"ci_high": 0.05011},
            "may be as high as a little more than 5 %, where 5 % is accepted",
        ),
        ("self_test_power", {"value": 0.8, "status": "diagnostic"}, "in only 80 % of trials"),
        ("membership_p", {"value": None, "status": "uninformative"}, "no figure"),
        ("membership_p", {"value": float("nan")}, "no figure"),
        (
            "linkability",
            {"value": None},
            "Tying two sources together: no figure; it gave no number.",
        ),
        ("linkability", {"ci_high": float("nan")}, "no figure; it gave no number"),
        ("linkability", {"value": None, "family": "bias"}, "no figure; it gave no number"),
        ("membership_tpr", {"group": "classifier"}, "Members found: no figure"),
    ],
)
def test_what_is_not_known_is_inconclusive_and_says_what_would_settle_it(
    name: str, update: dict[str, object], told: str
) -> None:
    verdict, reasons = gate([], changed(name, **update), Policy())
    assert verdict == "inconclusive"
    assert any(told in r for r in reasons)


def test_withheld_values_that_may_come_out_by_chance_or_not_are_in_doubt() -> None:
    """Five of five came out, and one of a person never in the table did not."""
    few = figure("withheld_copies", 1.0, ci_low=0.0, ci_high=1.0, column="mail")
    verdict, reasons = gate([few], harmless(), Policy())
    assert verdict == "inconclusive"
    assert reasons[0].startswith("Copies in invented columns (column mail): may be as high as 100")
    by_chance = few.model_copy(update={"value": 0.01, "ci_low": -0.01, "ci_high": 0.06})
    assert gate([by_chance], harmless(), Policy())[0] == "pass"
    unknown = few.model_copy(update={"value": None, "status": "uninformative"})
    assert gate([unknown], harmless(), Policy())[0] == "inconclusive"


def test_where_most_records_have_their_like_more_of_them_are_no_remedy() -> None:
    weak = changed("self_test_power", value=0.0, status="diagnostic")
    for alike, told in ((0.02, "more holdout records raise that."), (0.99, "no number of such")):
        copies = Result(name="exact_copies", family="privacy", value=0.9, reference=alike,
                        better="lower", unit="share", n=100, status="diagnostic",
                        method="equal")  # fmt: skip
        assert told in gate([copies], weak, Policy())[1][0]


def test_where_the_attack_cannot_try_everybody_more_records_are_no_remedy() -> None:
    weak = {"value": 0.2, "status": "diagnostic"}
    reasons = [
        gate([], changed("self_test_power", **weak, method=method), Policy())[1][0]
        for method in ("counted", f"counted; {PARTLY}")
    ]
    assert reasons[0].endswith("more holdout records raise that.")
    assert reasons[1].endswith(
        "too large to try all training records, so more records help little."
    )


def test_without_the_attack_nothing_passes() -> None:
    assert gate([], [], Policy())[0] == "inconclusive"


def test_a_broken_table_fails_whatever_the_attacks_say() -> None:
    rules = Result(name="violations", family="validity", column="age", group="maximum",
                   value=0.1, unit="share", n=10, method="expected at most 120",
                   status="fail")  # fmt: skip
    verdict, reasons = gate([rules], harmless(), Policy())
    assert verdict == "fail"
    assert "column 'age' (maximum), expected at most 120" in reasons[0]


def test_diagnostics_can_neither_pass_nor_fail() -> None:
    far = figure("dcr_share", 0.99, ci_low=0.98, ci_high=1.0, status="diagnostic")
    assert held(far, Policy()) is far
    assert gate([], [*harmless(), far], Policy())[0] == "pass"


def test_isolated_records_have_a_tolerance_of_their_own() -> None:
    found = {r.group: r.tolerance for r in harmless() if r.name == "membership_tpr"}
    assert found == {"classifier": 0.03, "classifier, isolated": 0.10}


def test_a_policy_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("tpr: 0.02\nleak: 0.005\n", encoding="utf-8")
    policy = load_policy(path)
    assert policy == Policy(tpr=0.02, leak=0.005)
    assert policy.leak_name == "0.5 % near copies"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("tprr: 0.02", "tprr: expected a known setting, got an unknown setting"),
        ("tpr: 7", "tpr: expected less than or equal to 1"),
        ("leak: 0.02", "leak: expected one of 0.001, 0.005, 0.01, 0.05"),
        ("power: yes", "power: expected a valid number"),
        ("- 1", "expected settings"),
        ("a: [", "expected a YAML or JSON file"),
    ],
)
def test_a_wrong_policy_says_what_is_wrong(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load_policy(path)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "setting", [{}, {"leak": 0.005}, {"leak": 0.02}, {"tpr": 7}, {"tprr": 0.1}, {"power": 0.5}]
)
def test_the_json_schema_takes_what_we_take(setting: dict[str, float]) -> None:
    known = jsonschema.Draft202012Validator(Policy.model_json_schema())
    try:
        Policy(**setting)
    except ValidationError:
        assert not known.is_valid(setting)
    else:
        known.validate(setting)


def test_a_policy_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="no such file"):
        load_policy("nowhere.yaml")
