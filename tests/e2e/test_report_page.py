"""Report pages in a real browser: nothing overflows, fades, overlaps or is out of reach.

Each page is put into frames of a desktop's and a phone's width and looked at from outside, by
`measure.js`; the pages themselves have no scripts.
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tabsynth.report.html import render_html
from tabsynth.report.model import Report
from tabsynth.report.public import public_report
from tests.unit.report.full import audit_report, base_report, figure, full_report

DESKTOP, PHONE = 1280, 390
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars",
)  # fmt: skip
LONG = "a_column_whose_name_is_much_longer_than_anybody_would_like_it_to_be_in_a_report"

Figures = dict[str, Any]


def browser() -> str:
    """The browser; without one these tests fail, since skipping would look like passing."""
    named = os.environ.get("CHROMIUM")
    found = named or next((path for b in BROWSERS if (path := shutil.which(b))), None)
    if found is None:
        pytest.fail(
            "no Chromium found: install it (Debian: apt-get install chromium) or name it in the "
            "environment variable CHROMIUM"
        )
    return found


def look(page: Path, folder: Path, *more: str) -> str:
    """What a headless browser says about a page."""
    command = [browser(), *FLAGS, f"--user-data-dir={folder / 'profile'}", *more, page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture
def measured(tmp_path: Path) -> Callable[..., list[Figures]]:
    """Measure pages at both widths."""
    script = Path(__file__).with_name("measure.js").read_text(encoding="utf-8")

    def measure(*texts: str, dark: bool = False) -> list[Figures]:
        pages = [{"html": text, "width": width} for text in texts for width in (DESKTOP, PHONE)]
        data = json.dumps(pages).replace("<", "\\u003c")
        outer = tmp_path / "outer.html"
        outer.write_text(
            '<!DOCTYPE html><meta charset="utf-8"><body>'
            f"<script>window.PAGES = {data};\n{script}</script>",
            encoding="utf-8",
        )
        colours = ["--blink-settings=preferredColorScheme=0"] if dark else []
        # time for the frames to load, counted in the browser's own clock
        dom = look(outer, tmp_path, "--dump-dom", "--virtual-time-budget=20000", *colours)
        answer = re.search(r"<pre>(.*)</pre>", dom, flags=re.S)
        assert answer, dom[:500]
        found: list[Figures] = json.loads(html.unescape(answer[1]))
        assert len(found) == len(pages)
        return found

    return measure


def hard() -> Report:
    """Long names, missing figures, and numbers of every size."""
    base = base_report((LONG, f"{LONG}_2", "年齢", "<b>bold</b>"))
    odd = (
        figure("membership_p", value=None, status="uninformative"),
        figure("plugin", "bias", column=LONG, group=f"{LONG}, {LONG}", value=1e12, unit="money"),
        figure("plugin", "bias", column="b", group="x", value=-1e-9, unit="money"),
    )
    return full_report(base, verdict="inconclusive", reasons=(f"{LONG}: {LONG} " * 3,)).model_copy(
        update={"results": (*full_report(base).results, *odd)}
    )


def check(found: Figures) -> None:
    assert found["width"] in (DESKTOP, PHONE)
    assert found["charts"] >= 2
    assert found["closed"] == {"scroll": found["width"], "wide": []}
    assert found["scroll"] == found["width"]
    assert found["wide"] == []
    assert found["faint"] == []
    assert found["overlaps"] == []
    assert found["focus"]["count"] > 10
    assert found["focus"]["wrong"] == []
    assert found["hidden"]
    assert found["skip"]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_pages_fit_can_be_read_and_reached(
    dark: bool, measured: Callable[..., list[Figures]]
) -> None:
    full = full_report(base_report())
    leaky = full_report(base_report(), leak=True)
    pages = [render_html(r) for r in (full, public_report(full), leaky, hard(), audit_report())]
    for found in measured(*pages, dark=dark):
        assert found["dark"] == dark
        check(found)


def test_no_column_of_a_small_table_is_out_of_sight(
    measured: Callable[..., list[Figures]],
) -> None:
    """What was gained stands in the last columns, which nobody looks for beyond a phone's edge."""
    for name in ("augment-adult", "mix-adult", "curate-independent"):
        kept = Path("reports/examples", name, "report.json").read_text(encoding="utf-8")
        page = render_html(Report.model_validate_json(kept))
        for found in measured(page):
            assert found["cut"] == [], (name, found["width"])
        squeezed = page.replace("</style>", "main { width: 12rem }</style>")
        assert all(found["cut"] for found in measured(squeezed))


def test_the_measurement_sees_defects(measured: Callable[..., list[Figures]]) -> None:
    good = render_html(full_report(base_report()))
    bad = good.replace(
        "</style>",
        ".banner { width: 1500px } .note { color: #999 } summary:focus-visible { outline: none }"
        " .label { font-size: 60px } .skip:focus { top: -5rem }</style>",
    )
    for found in measured(bad):
        assert found["scroll"] > found["width"]
        assert any("banner" in name for name in found["wide"])
        assert any("note" in name for name in found["faint"])
        assert found["overlaps"]
        assert any(name.startswith("summary") for name in found["focus"]["wrong"])
        assert not found["skip"]


def test_a_page_makes_a_picture(tmp_path: Path) -> None:
    page, picture = tmp_path / "report.html", tmp_path / "report.png"
    page.write_text(render_html(full_report(base_report())), encoding="utf-8")
    look(page, tmp_path, f"--screenshot={picture}", f"--window-size={DESKTOP},2000")
    assert picture.stat().st_size > 50_000


def test_a_missing_browser_is_a_failure_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CHROMIUM", raising=False)
    with pytest.raises(pytest.fail.Exception, match="apt-get install chromium"):
        browser()
