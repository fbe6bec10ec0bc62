"""What other evaluators say of the same tables, as a page."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

Answer = dict[str, Any]
# for each score of a peer that has no verdict of its own: how to read it, and 1 if more is worse
SCORES: dict[str, dict[str, tuple[Callable[[Answer], float], int]]] = {
    "sdmetrics": {
        name: (lambda a, n=name: a["scores"][n], -1)
        for name in (
            "DCROverfittingProtection", "DCRBaselineProtection", "NewRowSynthesis",
            "CategoricalCAP",
        )
    },
    "mostlyai": {
        "IMS, train less holdout": (
            lambda a: a["metrics"]["distances"]["ims_training"]
            - a["metrics"]["distances"]["ims_holdout"], 1,
        ),
        "DCR share": (lambda a: a["metrics"]["distances"]["dcr_share"], 1),
        "NNDR, train less holdout": (
            lambda a: a["metrics"]["distances"]["nndr_training"]
            - a["metrics"]["distances"]["nndr_holdout"], -1,
        ),
    },
}  # fmt: skip
ATTACKS = ("singling out, univariate", "singling out, multivariate", "linkability")


def page(body: dict[str, Any]) -> str:
    """The page in Markdown."""
    kinds = body["kinds"]
    asked = [n for n in ("sdmetrics", "anonymeter", "mostlyai") if n in kinds[0]]
    parts = [
        "# Our verdict beside other evaluators\n",
        f"Written by `python -m tests.bench peers`. {body['table']}; every tool is asked about the "
        "same files. Versions: " + "; ".join(_version(n, t) for n, t in body["tools"].items())
        + ". Each runs with its defaults; linkability is tried on 2,000 records and inference on "
        "1,000 for each column, as anonymeter's example does. CPU seconds are of one table.\n",
        "*Our verdict* is the gate's with its default policy. *Power* is how often the self-test "
        "of the same run finds 1 % near copies; below 90 % nothing can pass, and so few records "
        "seldom reach it. It is high where synthetic records seldom repeat real ones, and 0 where "
        "copies abound already. Counts of exact copies (sdmetrics' NewRowSynthesis, mostlyai-qa's "
        "IMS) show smaller leaks than our gate fails, which asks for more than twice what chance "
        "may bring. A table of a model may fail without a copy in it: so few records shape the "
        "model a little.\n",
        _table(
            ["synthetic table", "pass", "inconclusive", "fail", "by", "omnibus p < 0.01",
             "p, median [least, most]", "power, median"],
            [[k["kind"], *(_count(k["tabsynth"], v) for v in ("pass", "inconclusive", "fail")),
              ", ".join(sorted({n for a in k["tabsynth"] for n in a["failed_by"]})) or "none",
              _share([a["p"] < 0.01 for a in k["tabsynth"]]),
              _spread([a["p"] for a in k["tabsynth"]]),
              f"{median(a['power'] for a in k['tabsynth']):.2f}"] for k in kinds],
        ),
    ]  # fmt: skip
    if "anonymeter" in asked:
        parts += [
            "## anonymeter\n",
            "In how many tables the 95 % interval of the risk lies above 0; anonymeter itself "
            "gives no verdict. *Inference* counts tables in which that holds for any of the "
            "columns; with so many columns some do by chance.\n",
            _table(
                ["synthetic table", *ATTACKS, "inference, any column", "inference, income"],
                [[k["kind"], *(_share([_found(a, n) for a in k["anonymeter"]]) for n in ATTACKS),
                  _share([_infers(a) for a in k["anonymeter"]]),
                  _share([_found(a, "inference, income") for a in k["anonymeter"]])]
                 for k in kinds],
            ),
        ]  # fmt: skip
    for name in (n for n in asked if n in SCORES):
        parts += [
            f"## {name}\n",
            "It gives scores, no verdict and no interval. Median [least, most]; in brackets, in "
            "how many tables the score is worse than for every table of other real people. That "
            "takes knowing how those scores come out, which its users do not.\n",
            _table(
                ["synthetic table", *SCORES[name]],
                [[k["kind"], *(_against(kinds[0][name], k[name], *how)
                               for how in SCORES[name].values())] for k in kinds],
            ),
        ]  # fmt: skip
    parts += [
        "## Fidelity side by side\n",
        "Medians. sdmetrics' quality report compares with the holdout, as ours does; mostlyai-qa's "
        "accuracy compares with train.\n",
        _table(
            ["synthetic table", *_faithful(kinds[0])],
            [[k["kind"], *_faithful(k).values()] for k in kinds],
        ),
        "## CPU seconds for one table\n",
        _table(
            ["tool", "median"],
            [[name, f"{median(a['cpu_seconds'] for k in kinds for a in k[name]):.0f}"]
             for name in ("tabsynth", *asked)],
        ),
        "Ours are those of all attacks with the self-test and the metrics that the gate reads. "
        "sdmetrics' are of the metrics shown and the quality report.\n",
    ]  # fmt: skip
    return "\n".join(parts)


def _faithful(kind: dict[str, Any]) -> dict[str, str]:
    """Title and median of each figure of fidelity that was taken."""
    ours = {n: [a["figures"][n] for a in kind["tabsynth"]] for n in kind["tabsynth"][0]["figures"]}
    shown = {f"ours: {n}": v for n, v in ours.items()}
    if "sdmetrics" in kind:
        for part in ("Column Shapes", "Column Pair Trends"):
            shown[f"sdmetrics: 1 - {part}"] = [1 - a["quality"][part] for a in kind["sdmetrics"]]
    if "mostlyai" in kind:
        said = [a["metrics"] for a in kind["mostlyai"]]
        for part in ("univariate", "bivariate", "trivariate"):
            shown[f"mostlyai-qa: 1 - {part}"] = [1 - m["accuracy"][part] for m in said]
        shown["mostlyai-qa: discriminator AUC"] = [
            m["similarity"]["discriminator_auc_training_synthetic"] for m in said
        ]
    return {title: f"{median(values):.3f}" for title, values in shown.items()}


def _found(answer: Answer, attack: str) -> bool:
    risk = answer["risks"][attack]
    return not isinstance(risk, str) and risk[1] > 0


def _infers(answer: Answer) -> bool:
    return any(_found(answer, n) for n in answer["risks"] if n.startswith("inference"))


def _against(
    nulls: Sequence[Answer], answers: Sequence[Answer], score: Callable[[Answer], float], sign: int
) -> str:
    values = [score(a) for a in answers]
    if answers is nulls:
        return _spread(values)
    worst = max(sign * score(a) for a in nulls)
    return f"{_spread(values)} ({_share([sign * v > worst for v in values])})"


def _version(name: str, tool: dict[str, str] | str) -> str:
    return f"{name}: {tool}" if isinstance(tool, str) else f"{name} {tool['version']}"


def _count(answers: Sequence[Answer], verdict: str) -> str:
    return f"{sum(a['verdict'] == verdict for a in answers)} of {len(answers)}"


def _share(seen: Sequence[bool]) -> str:
    return f"{sum(seen)} of {len(seen)}"


def _spread(values: Sequence[float]) -> str:
    known = [v for v in values if v is not None and math.isfinite(v)]
    if not known:
        return "none"
    return f"{median(known):.3g} [{min(known):.3g}, {max(known):.3g}]"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
