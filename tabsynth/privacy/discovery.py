"""Categories and bounds that nobody declared, found at a price: each spends part of the budget.

What is found is public from then on and becomes part of the schema. Declaring costs nothing and is
better.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.special import ndtri

from tabsynth.encoding.codec import NumericCodec
from tabsynth.errors import PrivacyError
from tabsynth.privacy.calibration import SHARED, root_up, sigma_for
from tabsynth.privacy.intake import admit, distinct, kept_records, read_each, unit_bound, units_of
from tabsynth.privacy.noise import NoiseSource, OpenDPNoise
from tabsynth.privacy.spending import Account, Charge
from tabsynth.schema.model import FieldExtension, FieldSchema, TableSchema

OTHER: Final = "OTHER"
# the chance that some empty stretch of a column is taken for one that holds records: it would widen
# the bounds beyond use
FALSE_STRETCH: Final = 1e-6
# where numbers are looked for: between powers of two of either sign
POWERS: Final = range(-20, 61)


def discover_categories(
    raw: pa.Table,
    schema: TableSchema,
    account: Account,
    *,
    columns: Sequence[str],
    rho: float,
    delta: float,
    noise: NoiseSource | None = None,
) -> TableSchema:
    """Find the categories of text columns that enough privacy units hold.

    Each unit counts once for each category of its records, at most `max_records_per_unit` of them.
    Noise is added to the counts of the categories that occur, and those above a threshold are
    released. A unit moves counts by sqrt(its records) in L2; a category that it alone holds has a
    count of 1 and comes out with a chance of at most delta over all of its records.

    Args:
        raw: the table as read.
        schema: of the table.
        account: debited rho and delta.
        columns: text columns without declared categories.
        rho: what all of it costs.
        delta: what all of it may spend of the account's delta, above 0.
        noise: OpenDP's exact integers by default.

    Returns:
        The schema with the categories found, sorted, and `other` for texts that were not.

    Raises:
        PrivacyError: delta is 0, or a column that is no text or has declared categories.
        BudgetError: more than is left; nothing was drawn.

    Privacy: delta-approximate rho-zCDP for all columns together (Bun and Steinke 2016, section 8).
    """
    if not 0 < delta < 1:
        raise PrivacyError(
            "discover_categories",
            expected="a delta above 0 to spend: no pure bound can find unknown categories",
            got=f"{delta!r}",
            remedy="grant a share of delta for discovery, or declare the categories",
        )
    source = OpenDPNoise() if noise is None else noise
    fields = [_undeclared(schema, name, ("string",)) for name in columns]
    rho = account.affordable(rho, "discover_categories") / len(fields) * SHARED
    places, units, bound = _units(raw, schema)
    sigma = sigma_for(source, root_up(bound), rho)
    share = delta / len(fields) * SHARED
    threshold = rare_threshold(sigma, bound, share)
    charge = Charge("discover_categories", "threshold", root_up(bound), sigma, rho, share)
    account.debit([charge] * len(fields))
    found: dict[str, FieldSchema] = {}
    for field in fields:
        texts = _texts(raw.column(field.name), field, schema)
        # each unit once for each text it holds
        held = pa.table({"unit": units, "text": texts.take(pa.array(places))}).filter(
            pc.field("text").is_valid()
        )
        each = held.group_by(["unit", "text"]).aggregate([])
        counts = each.group_by("text").aggregate([("unit", "count")])
        noisy = source.gaussian(counts.column("unit_count").to_numpy(), sigma)
        kept = counts.column("text").filter(pa.array(noisy >= threshold)).to_pylist()
        found[field.name] = _with_categories(field, sorted(kept))
    return _replaced(schema, found)


def rare_threshold(sigma: float, bound: int, delta: float) -> int:
    """Least noisy count at which a category is released.

    A count of 1 with noise reaches it with a chance of at most delta / bound, so that any of the
    categories of a unit does with at most delta.

    Source: Canonne, Kamath and Steinke (2020), tail bounds: the discrete Gaussian reaches a
        whole number m no likelier than the continuous one m - 1.
    """
    # rounded up far beyond the error of the quantile
    return 2 + math.ceil(sigma * float(-ndtri(delta / bound)) * (1 + 1e-9) + 1e-9)


def discover_bounds(
    raw: pa.Table,
    schema: TableSchema,
    account: Account,
    *,
    columns: Sequence[str],
    rho: float,
    noise: NoiseSource | None = None,
) -> TableSchema:
    """Find the bounds of number columns to a factor of two, and of dates and datetimes to a year.

    Records are counted, with noise, in stretches that are the same for every table: between powers
    of two of either sign, or calendar years. The bounds are the ends of the outermost stretches
    whose noisy counts stand out of the noise; where none does, those of the fullest.

    Args:
        raw: the table as read.
        schema: of the table.
        account: debited rho.
        columns: number, integer, date or datetime columns without declared bounds.
        rho: what all of it costs.
        noise: OpenDP's exact integers by default.

    Returns:
        The schema with the bounds found.

    Raises:
        PrivacyError: a column of another type, or with declared bounds.
        BudgetError: more than is left; nothing was drawn.

    Privacy: rho-zCDP for all columns together.
    """
    kinds = ("integer", "number", "date", "datetime")
    fields = [_undeclared(schema, name, kinds) for name in columns]
    cut = {f.name: _stretched(f) for f in fields}
    others = [f for f in schema.fields if f.name not in cut]
    # of the other columns only the privacy unit's is looked at, and not as a value
    aside = [f.model_copy(update={"tabsynth": FieldExtension(free_text="drop")}) for f in others]
    table = schema.model_copy(update={"fields": (*cut.values(), *aside)})
    door = admit(raw, table, account, noise=noise)
    one_each = [(column,) for column in range(len(fields))]
    released = door.marginals(one_each, rho=rho, stage="discover_bounds")
    found: dict[str, FieldSchema] = {}
    columns_cut = [c for c in door.domain.codec.columns if isinstance(c, NumericCodec)]
    for field, measured, codec in zip(fields, released, columns_cut, strict=True):
        # missing has no place among the values
        counts = measured.counts[: codec.missing_cell]
        height = measured.sigma * float(-ndtri(FALSE_STRETCH / len(counts)))
        high = np.flatnonzero(counts > height)
        high = high if len(high) else np.array([counts.argmax()])
        inside = slice(int(high[0]), int(high[-1]) + 1)
        part = replace(
            codec, low=codec.low[inside], high=codec.high[inside], atom=codec.atom[inside]
        )
        found[field.name] = _with_bounds(field, part)
    return _replaced(schema, found)


def _undeclared(schema: TableSchema, name: str, kinds: Sequence[str]) -> FieldSchema:
    """The field, which must be modelled, of one of these types, and without what is to be found."""
    if name not in schema.modelled_names or schema.field(name).type not in kinds:
        raise PrivacyError(
            f"column {name!r}",
            expected=f"a modelled column of type {' or '.join(kinds)} to look for a domain in",
            got="another one",
            remedy="declare its domain, or leave it out of the discovery",
        )
    field = schema.field(name)
    known = field.declares("categories") or field.declares("minimum") or field.declares("maximum")
    if known or field.cuts:
        raise PrivacyError(
            f"column {name!r}",
            expected="a column without a declared domain",
            got="one that has one",
            remedy="leave it out of the discovery: what is declared costs nothing",
        )
    return field


def _with_categories(field: FieldSchema, found: list[str]) -> FieldSchema:
    """The field with the categories found; further texts become one of their own."""
    categories = [*(c for c in found if c != OTHER), OTHER]
    rules = field.constraints.model_copy(update={"enum": None})
    return _declared(field, {"categories": tuple(categories), "constraints": rules}, other=OTHER)


def _stretched(field: FieldSchema) -> FieldSchema:
    """The field cut into stretches that are the same for every table."""
    cuts: list[Any]
    if field.type in ("date", "datetime"):
        cuts = [f"{year:04d}-01-01" for year in range(1, 10_000)]
    else:
        powers = [2.0**k for k in POWERS if field.type == "number" or k >= 0]
        cuts = [*(-p for p in reversed(powers)), 0, *powers]
        cuts = [int(c) for c in cuts] if field.type == "integer" else cuts
    rules = field.constraints.model_copy(update={"minimum": None, "maximum": None})
    return _declared(
        field, {"constraints": rules}, cut_points=tuple(cuts), decimals=None, out_of_range="clip"
    )


def _with_bounds(field: FieldSchema, codec: NumericCodec) -> FieldSchema:
    """The field with the ends of these cells as its bounds."""
    ends = [e if isinstance(e, (int, float)) else e.isoformat() for e in codec.ends()]
    found = {"minimum": ends[0], "maximum": ends[1]}
    return _declared(field, {"constraints": field.constraints.model_copy(update=found)})


def _declared(field: FieldSchema, facts: dict[str, Any], **ours: Any) -> FieldSchema:
    """The field with new facts, none of which counts as read from records."""
    known = {"categories", "minimum", "maximum"}
    ours["observed"] = tuple(fact for fact in field.tabsynth.observed if fact not in known)
    extension = field.tabsynth.model_copy(update=ours)
    return field.model_copy(update={**facts, "tabsynth": extension})


def _replaced(schema: TableSchema, found: dict[str, FieldSchema]) -> TableSchema:
    fields = tuple(found.get(f.name, f) for f in schema.fields)
    return schema.model_copy(update={"fields": fields})


def _texts(column: pa.ChunkedArray, field: FieldSchema, schema: TableSchema) -> pa.Array:
    """The text of each record, null where it is missing; each by itself."""
    values, places = distinct(column)
    return read_each(values, field, schema.markers(field)).values.take(pa.array(places))


def _units(raw: pa.Table, schema: TableSchema) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Records that count, the unit of each, and how many of one unit there are at most."""
    unit, bound = unit_bound(schema)
    if unit is None:
        everyone = np.arange(raw.num_rows)
        return everyone, everyone, 1
    kept = kept_records(raw.column(unit), schema, bound)
    return kept, units_of(raw.column(unit), schema)[kept], bound
