"""An endpoint that answers chats in OpenAI's form: asked with patience, believed in nothing.

Where it is, and its key, stand in the environment; neither gets into a model, a report or a
message. Redirects are not followed, since the key would go with them.
"""

from __future__ import annotations

import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tabsynth.errors import DataError, UsageError

URL: Final = "TABSYNTH_LLM_URL"
MODEL: Final = "TABSYNTH_LLM_MODEL"
KEY: Final = "TABSYNTH_LLM_KEY"
TIMEOUT: Final = "TABSYNTH_LLM_TIMEOUT"
RATE: Final = "TABSYNTH_LLM_RATE"
PARALLEL: Final = "TABSYNTH_LLM_PARALLEL"
WHERE: Final = "endpoint"
MAX_BYTES: Final = 8 << 20
MOST_PARALLEL: Final = 64
_TRIES: Final = 4
_LONGEST_WAIT: Final = 60.0
_TOO_MANY: Final = 429
_ITS_FAULT: Final = 500
_READ: Final = 1 << 16


@dataclass(frozen=True)
class Answer:
    """What came back: the text, and the tokens that were counted for question and answer."""

    text: str
    asked: int
    answered: int


@dataclass(frozen=True)
class Endpoint:
    """Where to ask.

    Args:
        url: of the service, up to and including `/v1`.
        model: which of its models.
        key: sent as a bearer token; "" for none.
        timeout: seconds for one whole answer.
        per_minute: requests at most; 0 for no limit.
        pause: seconds before the second try; doubled for each further one.
        parallel: requests at a time.
    """

    url: str = field(repr=False)
    model: str
    key: str = field(default="", repr=False)
    timeout: float = 60.0
    per_minute: float = 0.0
    pause: float = 0.5
    parallel: int = 1

    @classmethod
    def named(cls, environment: Mapping[str, str] = os.environ) -> Endpoint:
        """The endpoint that the environment names.

        Raises:
            UsageError: none is named, or not so that it can be used.
        """
        url = environment.get(URL, "").rstrip("/")
        if not url.startswith(("http://", "https://")):
            raise UsageError(
                URL, expected="the address of an endpoint, such as http://localhost:8000/v1",
                got="none" if not url else "something else",
                remedy="set it, or use free_text: template",
            )  # fmt: skip
        if not environment.get(MODEL):
            raise UsageError(MODEL, expected="the name of the endpoint's model", got="none",
                             remedy="set it")  # fmt: skip
        return cls(
            url, environment[MODEL], environment.get(KEY, ""),
            timeout=_number(environment, TIMEOUT, 60.0),
            per_minute=_number(environment, RATE, 0.0),
            parallel=min(MOST_PARALLEL, max(1, int(_number(environment, PARALLEL, 1.0)))),
        )  # fmt: skip

    def ask(self, messages: list[dict[str, str]]) -> Answer:
        """One answer, asked for again where the endpoint is down, slow or busy.

        Raises:
            DataError: none came, or none that is an answer.
        """
        trouble, wait = "", self.pause
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(min(wait, _LONGEST_WAIT))
            wait = self.pause * 2**attempt
            try:
                return _parsed(self._sent(messages))
            except urllib.error.HTTPError as error:
                error.close()
                trouble = f"status {error.code}"
                if error.code != _TOO_MANY and error.code < _ITS_FAULT:
                    raise _no_answer(trouble, "check its address, key and model") from None
                wait = max(wait, _seconds(error.headers.get("Retry-After", "")))
            except TimeoutError:
                trouble = f"none within {self.timeout:g} s"
            except (OSError, http.client.HTTPException):
                trouble = "no connection"
            except ValueError:
                trouble = "something that is no answer of a chat"
        raise _no_answer(f"{trouble}, {_TRIES} times", "see that it runs, then do the same again")

    def _sent(self, messages: list[dict[str, str]]) -> bytes:
        headers = {"Content-Type": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        body = json.dumps({"model": self.model, "messages": messages}).encode()
        request = urllib.request.Request(
            f"{self.url}/chat/completions", body, headers, method="POST"
        )
        deadline = time.monotonic() + self.timeout
        opener = urllib.request.build_opener(_NoRedirect)
        try:
            with opener.open(request, timeout=self.timeout) as response:
                read = b""
                # what comes in drops would never end a read of it all
                while part := response.read1(_READ):
                    read += part
                    if time.monotonic() > deadline:
                        raise TimeoutError
                    if len(read) > MAX_BYTES:
                        raise ValueError("expected a shorter answer")
                return read
        except urllib.error.URLError as error:
            if isinstance(error.reason, TimeoutError):
                raise TimeoutError from None
            raise


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an error of its status."""

    def redirect_request(self, *_: Any) -> None:
        """None, which has the opener raise."""
        return


def _parsed(body: bytes) -> Answer:
    try:
        whole = json.loads(body)
        text = whole["choices"][0]["message"]["content"]
    except (UnicodeDecodeError, LookupError, TypeError, RecursionError) as error:
        raise ValueError("expected an answer") from error
    if not isinstance(text, str):
        raise ValueError("expected a text")
    usage = whole.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    return Answer(text, *(_count(counts.get(f"{k}_tokens")) for k in ("prompt", "completion")))


def _count(tokens: Any) -> int:
    return tokens if type(tokens) is int and tokens > 0 else 0


def _seconds(text: str) -> float:
    return float(text) if text.isdigit() and len(text) < 6 else 0.0


def _number(environment: Mapping[str, str], name: str, default: float) -> float:
    try:
        value = float(environment.get(name) or default)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e6 or (name == TIMEOUT and value == 0):
        raise UsageError(name, expected="a positive number", got="something else",
                         remedy="correct it or leave it out")  # fmt: skip
    return value


def _no_answer(trouble: str, remedy: str) -> DataError:
    return DataError(
        WHERE, expected="an answer", got=trouble,
        remedy=f"{remedy}; with the same seed, answers that came are not asked for again",
    )  # fmt: skip
