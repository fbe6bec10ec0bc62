"""Pseudonyms: names that stand for others, the same for the same one, made with a key.

The key is the person's who asks for them, and is read from the environment each time; no file of
ours holds it. Who has the key can find out whom a pseudonym stands for by trying names.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from tabsynth.errors import SchemaError

PREFIX: Final = "psn-"
# base32 of 120 bits: among 10^9 names two have one pseudonym once in 10^18
_DIGITS: Final = 24
LENGTH: Final = len(PREFIX) + _DIGITS
_FORM: Final = f"^{PREFIX}[a-z2-7]{{{_DIGITS}}}$"
SHORTEST_KEY: Final = 16


def pseudonyms(names: pa.Array, variable: str, *, where: str) -> pa.Array:
    """Pseudonyms of texts: HMAC-SHA256 under the key. What is a pseudonym already stays.

    Args:
        names: texts, shape (n,); null stays null.
        variable: the environment variable that holds the key; or, with `_FILE` behind its name, the
            path of a file that does.
        where: how messages name the column.

    Raises:
        SchemaError: no key, or a short one; not where there is nothing to make.

    Privacy: one way for everybody without the key, and a means of linking records for everybody:
        the same name has the same pseudonym wherever the key is the same.
    """
    coded = names.dictionary_encode()
    texts = coded.dictionary.cast(pa.string())
    done = pc.match_substring_regex(texts, _FORM)
    if pc.all(done).as_py() is not False:
        return names
    key = _key(variable, where)
    made = [text if is_one else _pseudonym(text, key)
            for text, is_one in zip(texts.to_pylist(), done.to_pylist(), strict=True)]  # fmt: skip
    return pa.array(made, pa.string()).take(coded.indices)


def _pseudonym(text: str, key: bytes) -> str:
    digest = hmac.new(key, text.encode(), hashlib.sha256).digest()
    return PREFIX + base64.b32encode(digest).decode().lower()[:_DIGITS]


def _key(variable: str, where: str) -> bytes:
    key = os.environ.get(variable, "").encode()
    file = os.environ.get(f"{variable}_FILE")
    if not key and file:
        try:
            key = Path(file).read_bytes().rstrip(b"\r\n")
        except OSError:
            raise _lacking(where, variable, "a file that cannot be read") from None
    if len(key) < SHORTEST_KEY:
        raise _lacking(where, variable, "a shorter one" if key else "none")
    return key


def _lacking(where: str, variable: str, got: str) -> SchemaError:
    return SchemaError(
        where, expected=f"a key for pseudonyms of at least {SHORTEST_KEY} bytes", got=got,
        remedy=f"set {variable}, or {variable}_FILE to the path of a file that holds it",
    )  # fmt: skip
