"""A table of support tickets, made up with a fixed seed: a text beside structured columns.

Some writers add a story of their own, which nobody else tells: `stories` lists these.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from tabsynth.schema.model import TableSchema
from tabsynth.table import Table

PRODUCTS: Final = ("Kettle K2", "Router X200", "Vacuum V9", "Lamp Lumo")
ISSUES: Final = {
    "delivery": (
        "my order {order} of {day} has not arrived yet and the tracking page shows nothing.",
        "the parcel with order {order} was left at the wrong address {days} days ago.",
        "order {order} came without the {product} that I paid for.",
    ),
    "billing": (
        "I was charged ${price} twice for order {order} on my card last week.",
        "the invoice for order {order} shows ${price} although the shop said less.",
        "please send me the invoice of {day} again, I cannot find it in my account.",
    ),
    "defect": (
        "the {product} stopped working after {days} days and does not turn on any more.",
        "my {product} makes a loud noise whenever I switch it on in the morning.",
        "the {product} from order {order} arrived with a crack in the side.",
    ),
    "login": (
        "I cannot sign in to my account since {day} and the reset mail never comes.",
        "the page says that my password is wrong although I changed it {days} days ago.",
        "my account is locked and the app asks for a code that I do not get.",
    ),
}
ASKS: Final = {
    "high": (
        "This is urgent, call me at {phone} today.",
        "I need an answer within 24 hours.",
    ),
    "normal": ("Please let me know what to do next.", "You can reach me at {email} at any time."),
    "low": ("There is no hurry, thank you for your help.", "Just wanted to let you know."),
}
GREETINGS: Final = {"mail": ("Dear support team,", "Hello,"), "chat": ("hi there,", "hey,")}
FIRST: Final = ("Anna", "Thomas", "Maria", "Peter", "Laura", "James", "Sophie", "Daniel")
LAST: Final = ("Smith", "Walker", "Garcia", "Fischer", "Brown", "Martin", "Jones", "Weber")
_PARTS: Final = (
    "neighbour", "garage", "balcony", "dentist", "cousin", "accordion", "harbour", "violin",
    "greenhouse", "librarian", "ferry", "parrot", "lighthouse", "tailor", "orchard", "caravan",
)  # fmt: skip

SCHEMA: Final = {
    "fields": [
        {"name": "order", "type": "string",
         "tabsynth": {"generator": {"kind": "pattern", "pattern": r"ORD-7\d{5}"}}},
        {"name": "opened", "type": "date"},
        {"name": "channel", "type": "string"},
        {"name": "category", "type": "string"},
        {"name": "priority", "type": "string"},
        {"name": "product", "type": "string"},
        {"name": "price", "type": "number", "tabsynth": {"decimals": 2}},
        {"name": "message", "type": "string", "tabsynth": {"free_text": "template"}},
    ],
}  # fmt: skip


def schema(method: str = "template") -> TableSchema:
    """Of the tickets, with texts treated so."""
    fields = [*SCHEMA["fields"][:-1], {"name": "message", "tabsynth": {"free_text": method}}]
    return TableSchema.model_validate({"fields": fields})


def frame(records: int, seed: int = 0, *, stories: float = 0.05) -> pd.DataFrame:
    """So many tickets; a share of them tells a story of its own."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame([_ticket(rng, n, stories) for n in range(records)])


def table(records: int, seed: int = 0, *, method: str = "template", stories: float = 0.05) -> Table:
    """The same, checked."""
    return Table.from_pandas(frame(records, seed, stories=stories), schema(method))


def _ticket(rng: np.random.Generator, number: int, stories: float) -> dict[str, object]:
    def pick(values: tuple[str, ...]) -> str:
        return values[int(rng.integers(len(values)))]

    category, channel = pick(tuple(ISSUES)), pick(tuple(GREETINGS))
    priority = str(rng.choice(["high", "normal", "low"], p=[0.2, 0.5, 0.3]))
    opened = pd.Timestamp("2025-01-01") + pd.Timedelta(days=int(rng.integers(365)))
    product, order = pick(PRODUCTS), f"ORD-{100_000 + int(rng.integers(500_000))}"
    price = round(float(rng.gamma(3.0, 20.0)) + 5, 2)
    first, last = pick(FIRST), pick(LAST)
    values = {
        "order": order, "product": product, "price": f"{price:.2f}",
        "day": f"{opened - pd.Timedelta(days=int(rng.integers(1, 20))):%Y-%m-%d}",
        "days": str(rng.integers(2, 9)), "phone": f"+44 20 7946 {rng.integers(1000, 9999)}",
        "email": f"{first}.{last}{rng.integers(1000)}@mail.org".lower(),
    }  # fmt: skip
    parts = [pick(GREETINGS[channel]), pick(ISSUES[category]).format(**values)]
    if rng.random() < stories:
        parts.append(_story(rng))
    parts.append(pick(ASKS[priority]).format(**values))
    text = " ".join(parts)
    if channel == "mail":
        text += f"\nRegards,\n{first} {last}"
    return {
        "order": order, "opened": opened.date(), "channel": channel, "category": category,
        "priority": priority, "product": product, "price": price,
        "message": None if rng.random() < 0.03 else text,
    }  # fmt: skip


def _story(rng: np.random.Generator) -> str:
    a, b, c, d, e = (_PARTS[i] for i in rng.choice(len(_PARTS), 5, replace=False))
    return f"My {a} keeps a {b} near the {c} and sold me a {d} with an {e} on top of it."
