"""Personal data in texts is found by form, by check digits and by lists of names."""

from __future__ import annotations

import pytest

from tabsynth.wording.personal import count, find, is_card, is_iban


def found(text: str) -> list[tuple[str, str]]:
    return [(text[s.start : s.end], s.kind) for s in find(text)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("write to anna+x@mail.example.org now", [("anna+x@mail.example.org", "email")]),
        ("call +49 170 1234567 or 0170 1234567",
         [("+49 170 1234567", "phone_number"), ("0170 1234567", "phone_number")]),
        ("call (555) 123-4567 today", [("(555) 123-4567", "phone_number")]),
        ("to DE89 3704 0044 0532 0130 00 please",
         [("DE89 3704 0044 0532 0130 00", "iban")]),
        ("my card 4111 1111 1111 1111.", [("4111 1111 1111 1111", "credit_card_number")]),
        ("from 192.168.0.17 at https://shop.example.com/a?b=1.",
         [("192.168.0.17", "ipv4"), ("https://shop.example.com/a?b=1", "url")]),
        ("number 078-05-1120", [("078-05-1120", "ssn")]),
        ("I live at 12 Baker Street since May", [("12 Baker Street", "street_address")]),
        ("Ich wohne in der Hauptstraße 12", [("Hauptstraße 12", "street_address")]),
        ("Hello, my name is Anna Smith and", [("Anna Smith", "name")]),
        ("Yesterday Laura called", [("Laura", "first_name")]),
        ("Dear Mr Xyzzywicz, thanks", [("Xyzzywicz", "first_name")]),
        ("it broke.\nRegards,\nThomas Walker", [("Thomas Walker", "name")]),
    ],
)  # fmt: skip
def test_each_kind_is_found(text: str, wanted: list[tuple[str, str]]) -> None:
    assert found(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "version 1.2.3 of 2024-03-05, 05.03.2024 at 10:30 for $1,299.00",
        "card 4111 1111 1111 1112 is wrong, so is XY88 3704 WXYZ",
        "address 999.168.0.17 is none",
        "Please send it on Monday. Thanks for your help, Support team",
        "order ORD-004812 of the Router X200",
        "",
    ],
)
def test_what_only_looks_like_it_is_left(text: str) -> None:
    assert found(text) == []


def test_a_common_word_is_no_name_where_a_sentence_begins() -> None:
    assert find("Mark the box.", ordinary={"mark"}) == []
    assert [s.kind for s in find("Hi Mark, hello", ordinary={"mark"})] == ["first_name"]


def test_check_digits() -> None:
    assert is_iban("GB82 WEST 1234 5698 7654 32")
    assert not is_iban("GB82 WEST 1234 5698 7654 33")
    assert is_card("5500-0000-0000-0004")
    assert not is_card("5500-0000-0000-0005")


def test_counts_are_of_texts_and_name_no_value() -> None:
    texts = ["a@b.example c@d.example", "mail a@b.example, Dear Anna Smith", None, "nothing"]
    assert count(texts) == {"email": 2, "name": 1}
