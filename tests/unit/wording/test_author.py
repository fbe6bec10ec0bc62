"""Texts by an endpoint, here a small local server that answers as it is told to."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tabsynth import sampler, workflow
from tabsynth.errors import DataError, OutputError, UsageError
from tabsynth.modelfile import Fitted
from tabsynth.wording.answers import Answers
from tabsynth.wording.author import Author
from tabsynth.wording.endpoint import Endpoint
from tests import tickets

ROWS = 24
KEY = "secret-key-of-the-test"


def good(asked: dict[str, Any]) -> dict[str, Any]:
    texts = [f"About {r['product']}: {r['category']}, order {r['order']}" for r in asked["records"]]
    return said(json.dumps({"texts": texts}))


def said(content: str) -> dict[str, Any]:
    usage = {"prompt_tokens": 100, "completion_tokens": 20}
    return {"choices": [{"message": {"content": content}}], "usage": usage}


@dataclass
class Service:
    """What the server does with each request in turn; the last of these goes on."""

    url: str = ""
    plan: list[Callable[[dict[str, Any]], Any]] = field(default_factory=lambda: [good])
    seen: list[dict[str, Any]] = field(default_factory=list)
    busy: int = 0
    busiest: int = 0
    keys: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def records(self) -> list[dict[str, str]]:
        return [r for body in self.seen for r in told(body)["records"]]


def told(body: dict[str, Any]) -> dict[str, Any]:
    return json.loads(body["messages"][1]["content"])


@pytest.fixture
def service() -> Iterator[Service]:
    state, lock = Service(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.seen.append(body)
            state.times.append(time.monotonic())
            state.keys.append(self.headers.get("Authorization", ""))
            act = state.plan.pop(0) if len(state.plan) > 1 else state.plan[0]
            with lock:
                state.busy += 1
                state.busiest = max(state.busiest, state.busy)
            answer = act(told(body))
            with lock:
                state.busy -= 1
            status, headers = 200, {}
            if isinstance(answer, tuple):
                status, headers = answer
                answer = {"error": told(body)}
            raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return workflow.fit(tickets.table(600, 1, method="llm"), synthesizer="independent", seed=1)


@pytest.fixture
def named(service: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    for name, value in {"URL": service.url, "MODEL": "small", "KEY": KEY}.items():
        monkeypatch.setenv(f"TABSYNTH_LLM_{name}", value)
    return service


def author(service: Service, folder: Path, **settings: Any) -> Author:
    endpoint = Endpoint(service.url, "small", pause=0.01, **{"timeout": 5, **settings})
    return Author(endpoint, Answers(folder / "a.answers.jsonl"))


def write(writer: Author, fitted: Fitted) -> list[str | None]:
    import numpy as np

    rows = workflow.sample(fitted, ROWS, seed=3)
    drafts = rows.column("message")
    others = rows.data.drop_columns(["message"])
    field = fitted.schema.field("message")
    assert np.any(drafts.is_valid())
    return writer.write(field, others, drafts, schema=fitted.schema, start=0).to_pylist()


def test_texts_follow_the_synthetic_records(named: Service, fitted: Fitted, tmp_path: Path) -> None:
    lines: list[str] = []
    out = tmp_path / "new.parquet"
    sampler.sample_to(out, fitted, ROWS, seed=3, say=lines.append)
    drawn = workflow.read_table(out, fitted.schema).data.to_pylist()
    there = [r for r in drawn if r["message"] is not None]
    assert len(there) > 15
    assert all(f"order {r['order']}" in r["message"] for r in there)
    assert all(r["message"].startswith(f"About {r['product']}") for r in there)
    asked = len(named.seen)
    assert f"{asked} requests, {100 * asked} tokens asked and {20 * asked} answered" in lines[-1]
    assert set(named.keys) == {f"Bearer {KEY}"}
    # nothing was sent but what stands in the synthetic table
    sent = {r["order"] for r in named.records()}
    assert sent == {r["order"] for r in there}


def test_no_private_text_is_sent(named: Service, fitted: Fitted, tmp_path: Path) -> None:
    sampler.sample_to(tmp_path / "new.csv", fitted, ROWS, seed=3)
    private = tickets.table(600, 1).data.to_pylist()
    sent = json.dumps(named.seen)
    assert len(told(named.seen[0])["examples"]) == 3
    assert not any(r["message"] in sent for r in private if r["message"])
    assert not any(r["order"] in sent for r in private)


def test_the_key_is_in_no_file_and_no_name(named: Service, fitted: Fitted, tmp_path: Path) -> None:
    fitted.save(tmp_path / "m.tabsynth")
    sampler.sample_to(tmp_path / "new.csv", fitted, ROWS, seed=3)
    assert KEY not in repr(Endpoint.named()) and named.url not in repr(Endpoint.named())
    assert {p.name for p in tmp_path.iterdir()} == {
        "m.tabsynth",
        "new.csv",
        "new.csv.answers.jsonl",
    }
    assert not any(KEY.encode() in p.read_bytes() for p in tmp_path.iterdir())


def test_a_stopped_run_goes_on(named: Service, fitted: Fitted, tmp_path: Path) -> None:
    out = tmp_path / "new.csv"
    named.plan = [good, lambda _: (401, {})]
    with pytest.raises(DataError, match=r"status 401; check .* with the same seed"):
        sampler.sample_to(out, fitted, ROWS, seed=3)
    assert not out.exists()
    kept = tmp_path / "new.csv.answers.jsonl"
    assert len(kept.read_text().split()) > 0
    with kept.open("ab") as file:
        file.write(b'{"key": "torn')
    named.plan, named.seen = [good], []
    sampler.sample_to(out, fitted, ROWS, seed=3)
    assert 0 < len(named.records()) < ROWS - 9
    named.seen = []
    first = out.read_bytes()
    sampler.sample_to(out, fitted, ROWS, seed=3)
    assert named.seen == [] and out.read_bytes() == first


def test_a_busy_endpoint_is_asked_again(service: Service, fitted: Fitted, tmp_path: Path) -> None:
    service.plan = [
        lambda _: (503, {}), lambda _: (429, {"Retry-After": "0"}), lambda _: b"not json", good,
    ]  # fmt: skip
    texts = write(author(service, tmp_path), fitted)
    assert sum(t is not None for t in texts) > 15
    assert len(service.seen) == 3 + 3
    assert service.times[1] - service.times[0] >= 0.01


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (lambda _: (500, {}), r"status 500, 4 times; see that it runs"),
        (lambda _: b"{}", r"no answer of a chat, 4 times"),
        (lambda _: b"[" * 100_000, r"no answer of a chat, 4 times"),
        (lambda _: (302, {"Location": "http://127.0.0.1:9/"}), r"status 302; check its address"),
        (lambda _: (404, {}), r"status 404; check"),
        (lambda _: time.sleep(0.3) or {}, r"none within 0.1 s, 4 times"),
    ],
)
def test_an_endpoint_that_fails_is_one_line(
    plan: Any, message: str, service: Service, fitted: Fitted, tmp_path: Path
) -> None:
    service.plan = [plan]
    with pytest.raises(DataError, match=f"^endpoint: expected an answer, got .*{message}") as one:
        write(author(service, tmp_path, timeout=0.1 if "0.1" in message else 5), fitted)
    assert "ORD-" not in str(one.value) and "127.0.0.1" not in str(one.value)


def test_an_endpoint_that_is_down(service: Service, fitted: Fitted, tmp_path: Path) -> None:
    service.url = "http://127.0.0.1:9/v1"
    with pytest.raises(DataError, match="no connection, 4 times"):
        write(author(service, tmp_path), fitted)


MALFORMED = [
    "I cannot do that.",
    '{"texts": "one"}',
    '{"texts": []}',
    '{"texts": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}',
    '{"texts": ["", " ", "\\u0000", "x", "x", "x", "x", "x", "x"]}',
    '{"texts": ["\\ud800"]}',
    '["no object"]',
]


@pytest.mark.parametrize("content", MALFORMED)
def test_malformed_texts_are_asked_for_again_one_by_one(
    content: str, service: Service, fitted: Fitted, tmp_path: Path
) -> None:
    service.plan = [lambda _: said(content), good]
    texts = write(author(service, tmp_path), fitted)
    asked = [len(told(body)["records"]) for body in service.seen]
    assert asked[0] == 10 and asked.count(1) >= 10
    assert all(t.startswith("About ") for t in texts if t is not None)


@pytest.mark.parametrize("content", MALFORMED[:4])
def test_texts_malformed_again_and_again_are_refused(
    content: str, service: Service, fitted: Fitted, tmp_path: Path
) -> None:
    service.plan = [good, lambda _: said(content)]
    with pytest.raises(DataError, match=r"something else for \d+ of \d+, 3 times"):
        write(author(service, tmp_path), fitted)
    assert len(Answers(tmp_path / "a.answers.jsonl").known) == 10


def test_an_answer_in_marks_of_code_is_read(
    service: Service, fitted: Fitted, tmp_path: Path
) -> None:
    def fenced(asked: dict[str, Any]) -> dict[str, Any]:
        return said("```json\n" + good(asked)["choices"][0]["message"]["content"] + "\n```")

    service.plan = [fenced]
    write(author(service, tmp_path), fitted)
    assert max(len(told(body)["records"]) for body in service.seen) == 10
    assert len(service.seen) == 3


def test_the_rate_is_kept(service: Service, fitted: Fitted, tmp_path: Path) -> None:
    write(author(service, tmp_path, per_minute=600), fitted)
    assert min(b - a for a, b in zip(service.times, service.times[1:], strict=False)) > 0.08


def test_several_are_asked_at_a_time_and_the_texts_are_the_same(
    service: Service, fitted: Fitted, tmp_path: Path
) -> None:
    """Two requests wait for each other at the server: one at a time would never be answered."""
    alone = write(author(service, tmp_path), fitted)
    assert service.busiest == 1
    meeting = threading.Barrier(2, timeout=10)

    def together(asked: dict[str, Any]) -> dict[str, Any]:
        meeting.wait()
        return good(asked)

    # two of the three requests meet, the third is answered at once
    service.plan, service.seen = [together, together, good], []
    (tmp_path / "b").mkdir()
    both = write(author(service, tmp_path / "b", parallel=2), fitted)
    assert service.busiest == 2
    assert both == alone
    assert len(service.seen) == 3


def test_the_rate_is_that_of_all_at_a_time(
    service: Service, fitted: Fitted, tmp_path: Path
) -> None:
    write(author(service, tmp_path, per_minute=600, parallel=3), fitted)
    times = sorted(service.times)
    assert min(b - a for a, b in itertools.pairwise(times)) > 0.05


def test_a_killed_run_does_not_pay_twice(named: Service, fitted: Fitted, tmp_path: Path) -> None:
    model, out = tmp_path / "m.tabsynth", tmp_path / "new.csv"
    fitted.save(model)
    words = ["sample", str(model), "-n", str(ROWS), "-o", str(out), "--seed", "3"]
    running = f"from tabsynth.cli import main; main({words!r})"
    dying = (
        "import os; from tabsynth.wording.answers import Answers as a; real, left = a.add, [2]; "
        "a.add = lambda *x: (real(*x), left.__setitem__(0, left[0] - 1), "
        f"left[0] or os.kill(os.getpid(), 9)); {running}"
    )
    done = subprocess.run([sys.executable, "-c", dying], capture_output=True, check=False)
    assert done.returncode == -9
    assert not out.exists()
    paid = len(named.records())
    assert paid == 20
    done = subprocess.run([sys.executable, "-c", running], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    drawn = workflow.read_table(out, fitted.schema).column("message")
    assert len(named.records()) == ROWS - drawn.null_count
    assert "20 there before" in done.stderr.decode()


def test_a_run_asks_for_its_synthetic_records_alone(named: Service, tmp_path: Path) -> None:
    lines: list[str] = []
    out = tmp_path / "out"
    report = workflow.run(
        tickets.table(300, 1, method="llm"), out, synthesizer="independent", n=60, seed=1,
        target="category", say=lines.append,
    )  # fmt: skip
    drawn = workflow.read_table(out / "synthetic.parquet").data.to_pylist()
    there = [r for r in drawn if r["message"] is not None]
    assert all(r["message"].startswith(f"About {r['product']}") for r in there)
    # further draws, for intervals, ask nobody
    assert {r["order"] for r in named.records()} == {r["order"] for r in there}
    assert any("tokens asked" in line for line in lines)
    assert report.find("text_transfer", "message × category").value > 0.5
    assert (tmp_path / "out.answers.jsonl").exists()
    assert KEY not in (out / "report.json").read_text() + (out / "manifest.json").read_text()


def test_without_an_output_no_endpoint_is_asked(named: Service, fitted: Fitted) -> None:
    drafts = workflow.sample(fitted, ROWS, seed=3)
    assert named.seen == []
    assert any("order" in (t or "") for t in drafts.column("message").to_pylist())
    assert any("endpoint" in line for line in fitted.describe())


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("URL", "", "an endpoint"),
        ("URL", "file:///etc/passwd", "an endpoint"),
        ("MODEL", "", "endpoint's model"),
        ("RATE", "many", "a positive number"),
        ("TIMEOUT", "0", "a positive number"),
        ("TIMEOUT", "nan", "a positive number"),
        ("EXAMPLES", "absent.jsonl", "lines such as"),
    ],
)
def test_a_bad_environment_is_refused_before_any_work(
    name: str, value: str, said: str, named: Service, fitted: Fitted, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv(f"TABSYNTH_LLM_{name}", value)
    with pytest.raises(UsageError, match=said):
        sampler.sample_to(tmp_path / "new.csv", fitted, ROWS)
    assert named.seen == [] and list(tmp_path.iterdir()) == []


def test_released_examples_are_shown_instead_of_drafts(
    named: Service, fitted: Fitted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = tmp_path / "released.jsonl"
    released.write_text('{"record": {"product": "Lamp"}, "text": "It is dark."}\n{"text": "Hm."}\n')
    monkeypatch.setenv("TABSYNTH_LLM_EXAMPLES", str(released))
    sampler.sample_to(tmp_path / "new.csv", fitted, ROWS, seed=3)
    assert [e["text"] for e in told(named.seen[0])["examples"]] == ["It is dark.", "Hm."]


def test_answers_that_cannot_be_kept(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(OutputError, match="cannot be read"):
        Answers(tmp_path / "a")
    with pytest.raises(OutputError, match="cannot be written"):
        Answers(tmp_path / "none" / "b").add({"k": "t"})


def test_who_opens_a_model_loads_no_network() -> None:
    program = "import sys, tabsynth.sampler; print('urllib.request' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "False"
