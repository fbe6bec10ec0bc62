"""Answers that came, one a line, so that a run that was stopped does not ask for them again."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tabsynth.errors import OutputError

ENDING: Final = ".answers.jsonl"


class Answers:
    """Texts by the key of what was asked, in memory and in a file.

    A line is there whole or it does not count: the last one may be torn where a run was killed.

    Args:
        path: the file; made with the first answer.

    Raises:
        OutputError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: dict[str, str] = {}
        try:
            lines = path.read_bytes().splitlines() if path.exists() else []
        except OSError:
            raise _cannot(path, "read") from None
        for line in lines:
            try:
                body = json.loads(line)
            except ValueError:
                continue
            if isinstance(body, dict) and isinstance(body.get("text"), str):
                self.known[str(body.get("key"))] = body["text"]

    def add(self, texts: Mapping[str, str]) -> None:
        """Keep some answers; on the disk when this returns.

        Raises:
            OutputError: the file cannot be written.
        """
        if not texts:
            return
        self.known.update(texts)
        lines = [json.dumps({"key": key, "text": text}) for key, text in texts.items()]
        try:
            with self.path.open("ab") as file:
                # a torn line before must not take the first of these with it
                file.write(("\n" + "\n".join(lines) + "\n").encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            raise _cannot(self.path, "written") from None


def _cannot(path: Path, done: str) -> OutputError:
    return OutputError(
        str(path), expected="a file for answers beside the output",
        got=f"one that cannot be {done}", remedy="make room or choose another place",
    )  # fmt: skip
