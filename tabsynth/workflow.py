"""The straight line: read, split, fit, sample, evaluate, write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from tabsynth.choice import (
    AUTO,
    Choice,
    choose,
    configure,
    cost,
    parameters_to_keep,
    resolve,
    traits,
)
from tabsynth.comparison import MAX_RECORDS, Comparison
from tabsynth.constraints.discovery import with_proposals
from tabsynth.constraints.plan import Plan, without_places
from tabsynth.constraints.training import learnable, require_kept
from tabsynth.encoding.freeze import facts_of_many
from tabsynth.errors import DataError, UsageError
from tabsynth.evaluator import judge
from tabsynth.gate import Policy
from tabsynth.io.atomic import atomic_files
from tabsynth.io.write import open_writer
from tabsynth.machine import available_memory
from tabsynth.manifests import Privacy, RunManifest
from tabsynth.metrics.copies import overlap
from tabsynth.modelfile import Fitted
from tabsynth.preflight import Preflight, size_of
from tabsynth.provenance import unlabelled
from tabsynth.refusals import (
    check_deep,
    check_protected,
    check_strata,
    check_target,
    require_generated_keys,
    require_modelled,
)
from tabsynth.report.model import Audience, Report
from tabsynth.report_files import describe_run, for_audience, write_report
from tabsynth.rerun import run_again
from tabsynth.sampler import sample
from tabsynth.schema.check import check
from tabsynth.schema.files import dump_schema
from tabsynth.schema.infer import infer
from tabsynth.schema.model import TableSchema
from tabsynth.stores.place import Place, place_of
from tabsynth.stores.tables import read_data, read_described
from tabsynth.synthesizers.margins import two_digits
from tabsynth.synthesizers.protocol import Gradual
from tabsynth.table import Table, arrow_from_pandas, require_names
from tabsynth.wording.learn import learn_texts, texts_withheld

if TYPE_CHECKING:
    from typing import TypeAlias

    import pandas as pd

    TableLike: TypeAlias = Table | pd.DataFrame

TRAIN_SHARE: Final = 0.8
FURTHER_DRAWS: Final = 4
REPORTS: Final = ("report.html", "report.json")
RESULTS: Final = (
    "synthetic.parquet",
    "model.tabsynth",
    "schema.yaml",
    *REPORTS,
    "manifest.json",
    "croissant.json",
    "datasheet.md",
)

Say = Callable[[str], object]


def run(
    table: TableLike,
    out: str | Path,
    *,
    schema: TableSchema | None = None,
    synthesizer: str = "auto",
    parameters: Mapping[str, Any] | None = None,
    n: int | None = None,
    target: str | None = None,
    protected: Sequence[str] = (),
    strata: Sequence[str] = (),
    policy: Policy | None = None,
    deep: bool = False,
    audience: Audience = "internal",
    seed: int | None = None,
    say: Say = lambda _: None,
) -> Report:
    """A private table in; a synthetic table, a model and a report out.

    Args:
        table: the private records.
        out: directory for the files named in `RESULTS`; all of them appear, or none.
        schema: what the table is; inferred when it is left out and `table` is a DataFrame.
        synthesizer: a registered name, or `auto`.
        parameters: hyper-parameters by name, values or texts.
        n: synthetic records; by default as many as were fitted.
        target: column to predict, for utility and bias.
        protected: columns that name the groups to compare, for bias.
        strata: columns in which outcomes may rightly differ: groups are compared within them too.
        policy: what the gate accepts; by default the documented one.
        deep: attack with shadow fits as well; takes minutes.
        audience: whom the report is written for; see `for_audience`.
        seed: of split, fit, sample and evaluation; by default a fresh one.
        say: called with a line before each step.

    Raises:
        DataError: a table that cannot be learnt from.
        UsageError: an unknown synthesizer, parameter, target, protected column or stratum, or n
            below 1.
        OutputError: `out` cannot be written.

    Privacy: 80 % of the records are fitted, the rest judge the result. The report holds statistics
        of private data.
    """
    if n is not None and n < 1:
        raise UsageError("-n", expected="at least 1 record", got=str(n), remedy="ask for 1 or more")
    seed = fresh_seed() if seed is None else seed
    private = as_table(table, schema)
    check_target(target, private.schema)
    check_protected(protected, private.schema)
    check_strata(strata, protected, target, private.schema)
    Plan.of(private.schema)
    require_kept(private, where="data")
    with atomic_files(out) as folder:
        train, holdout = split(private, seed=seed)
        maker, before = plan(train, synthesizer, parameters)
        fitted = _fit(train, maker, before, seed=seed, say=say)
        made_by: dict[str, Any] = {
            "synthesizer": fitted.synthesizer,
            "parameters": fitted.parameters,
            "choice": before.choice.why,
        }
        say("sampling")
        synthetic = sample(fitted, n or train.num_rows, seed=seed, beside=out, say=say)
        report = evaluate(
            train, holdout, synthetic, model=fitted, target=target, protected=protected,
            strata=strata, policy=policy, deep=() if deep else None, seed=seed, say=say,
            provenance={
                **made_by, "seed": seed,
                "command": run_again(
                    fitted, seed=seed, n=n, target=target, protected=protected, strata=strata
                ),
            },
        )  # fmt: skip
        say("writing")
        with open_writer(folder / "synthetic.parquet", synthetic.schema) as writer:
            writer.write(synthetic.data)
        fitted.save(folder / "model.tabsynth")
        (folder / "schema.yaml").write_text(dump_schema(private.schema), encoding="utf-8")
        shown = for_audience(report, audience, private.schema)
        write_report(shown, folder)
        describe_run(shown, private.schema, folder)
        manifest = RunManifest(
            **made_by, seed=seed, verdict=report.verdict, model=fitted.describe()
        ).model_dump_json(indent=2)
        (folder / "manifest.json").write_text(manifest + "\n", encoding="utf-8")
    return report


def read_table(path: str | Path | Place, schema: TableSchema | None = None) -> Table:
    """A checked table from a .csv, .csv.gz, .parquet or .jsonl file, or from a database.

    Args:
        path: the file, or a database URL with the table after `#`.
        schema: what it must be; by default inferred from its records, and in a database what is
            declared there, with what the records show where that says nothing.

    Raises:
        UsageError: a database without the name of a table.
        DataError: a table that cannot be read, or records that break the schema.
    """
    place = place_of(path)
    known, raw = (schema, read_data(place)) if schema else read_described(place)
    return Table.checked(raw, known, where=str(place))


def infer_schema(table: pd.DataFrame | pa.Table, *, constraints: bool = False) -> TableSchema:
    """Propose a schema from records; facts read from them are marked `observed`.

    Args:
        table: the records.
        constraints: whether to propose rules between columns, too, that all records keep.

    Privacy: lists categories seen in at least 5 records, and the 5th smallest and largest values
        rounded outward.
    """
    raw = raw_table(table)
    return _proposed(infer(raw), raw, constraints=constraints)


def described(path: str | Path | Place, *, constraints: bool = False) -> TableSchema:
    """The schema of a file or of a table in a database, as `read_table` takes it by default.

    Args:
        path: see `read_table`.
        constraints: see `infer_schema`.

    Raises:
        UsageError, DataError: see `read_table`.

    Privacy: as of `infer_schema`.
    """
    return _proposed(*read_described(place_of(path)), constraints=constraints)


def _proposed(schema: TableSchema, raw: pa.Table, *, constraints: bool) -> TableSchema:
    return with_proposals(schema, Table.checked(raw, schema)) if constraints else schema


def as_table(table: TableLike, schema: TableSchema | None = None) -> Table:
    """The table itself, or a DataFrame checked against a schema (inferred when left out).

    Raises:
        UsageError: it is neither.
        DataError: a DataFrame that breaks the schema.
    """
    if isinstance(table, Table):
        return table
    if not hasattr(table, "columns"):
        raise UsageError(
            "table", expected="a Table or a DataFrame", got=f"a {type(table).__name__}",
            remedy="read a file with tabsynth.read_table first",
        )  # fmt: skip
    return Table.from_pandas(table, schema)


def split(table: TableLike, *, seed: int | None = None) -> tuple[Table, Table]:
    """Training records (80 %) and a holdout that no fit may see (20 %), at random.

    Records of one privacy unit stay together; the shares are then shares of units.

    Raises:
        DataError: fewer than 2 records or privacy units.
    """
    table = as_table(table)
    units, places = np.unique(table.units, return_inverse=True)
    if len(units) < 2:
        raise DataError(
            "data", expected="at least 2 records (or privacy units), to keep one apart",
            got=str(len(units)), remedy="give more records",
        )  # fmt: skip
    rank = np.empty(len(units), np.int64)
    order = np.random.default_rng(seed).permutation(len(units))
    rank[order] = np.arange(len(units))
    size = max(1, min(len(units) - 1, int(TRAIN_SHARE * len(units))))
    rows = np.argsort(rank[places], kind="stable")
    cut = int(np.searchsorted(rank[places][rows], size))
    return table.take(rows[:cut]), table.take(rows[cut:])


def fit(
    table: TableLike,
    *,
    schema: TableSchema | None = None,
    synthesizer: str = "auto",
    parameters: Mapping[str, Any] | None = None,
    seed: int | None = None,
    say: Say | None = None,
) -> Fitted:
    """Learn a model of a private table.

    Args:
        table: the records.
        schema: what a DataFrame is; by default inferred.
        synthesizer: a registered name, or `auto`.
        parameters: hyper-parameters by name, values or texts.
        seed: the same seed gives the same model; by default a fresh one.
        say: called with lines on what the fit will cost and do, before it.

    Raises:
        DataError: a table that cannot be learnt from or that breaks a declared constraint, or a
            fit that needs more memory than is free.
        SchemaError: constraints that contradict each other or the columns.
        UsageError: an unknown synthesizer or parameter.

    Privacy: not differentially private; see the synthesizer for what the model holds.
    """
    private = as_table(table, schema)
    maker, before = plan(private, synthesizer, parameters)
    Plan.of(private.schema)
    require_kept(private, where="data")
    return _fit(private, maker, before, seed=seed, say=say)


def plan(
    table: Table, synthesizer: str = AUTO, parameters: Mapping[str, Any] | None = None
) -> tuple[Any, Preflight]:
    """The synthesizer that a fit would use, and what is known before the fit.

    Raises:
        DataError: a table that cannot be learnt from.
        UsageError: an unknown synthesizer or parameter.
    """
    given = parameters or {}
    name = resolve(synthesizer, given)
    configure(name, given)
    require_modelled(table.schema)
    require_generated_keys(table.schema)
    size, free = size_of(table), available_memory()
    choice = choose(size, free=free, parameters=given) if synthesizer == AUTO else Choice(name)
    maker = configure(choice.name, given)
    return maker, Preflight(choice, size, free, cost(maker, size))


def _fit(
    private: Table, maker: Any, before: Preflight, *, seed: int | None, say: Say | None
) -> Fitted:
    name = before.choice.name
    if say is not None:
        for line in (*before.lines(private), f"fitting {name}"):
            say(line)
    before.require_room()
    apart: tuple[str, ...] = ()
    if not getattr(traits(name), "places", False):
        private, apart = without_places(private)
    learnt, notes = learnable(Plan.of(private.schema), private)
    rng = np.random.default_rng(seed)
    if say is not None and isinstance(maker, Gradual):
        model = maker.fit_telling(learnt, rng=rng, say=say)
    else:
        model = maker.fit(learnt, rng=rng)
    return Fitted(
        model=model,
        schema=facts_of_many(private, min_count=getattr(maker, "min_count", 1)),
        synthesizer=name,
        parameters=parameters_to_keep(maker),
        default_rows=two_digits(private.num_rows),
        notes=(*apart, *notes),
        texts=learn_texts(private, seed=seed),
    )


def evaluate(
    train: TableLike,
    holdout: TableLike,
    synthetic: TableLike | pa.Table,
    *,
    schema: TableSchema | None = None,
    model: Fitted | None = None,
    target: str | None = None,
    protected: Sequence[str] = (),
    strata: Sequence[str] = (),
    policy: Policy | None = None,
    deep: Sequence[int] | None = None,
    seed: int | None = None,
    provenance: dict[str, Any] | None = None,
    say: Say = lambda _: None,
) -> Report:
    """Judge a synthetic table against real records.

    Args:
        train: real records that were fitted.
        holdout: real records that no fit saw, set apart at random: later or other people's records
            differ from train for reasons of their own, and that counts as memory.
        synthetic: the synthetic records; where they break the schema, the report says so.
        schema: what all three are; by default the training table's.
        model: what made the synthetic table; with it, intervals cover further draws.
        target: column to predict, for utility and bias.
        protected: columns that name the groups to compare, for bias.
        strata: columns in which outcomes may rightly differ: groups are compared within them too.
        policy: what the gate accepts; by default the documented one.
        deep: asks for shadow fits, which need `model` and take minutes: positions of training
            records to be attacked beside those that are chosen.
        seed: of every random draw; by default 0.
        provenance: added to the report.
        say: called with a line before each step.

    Raises:
        DataError: real records that break the schema or stand in both real tables, a table
            without records, or no column to compare.
        UsageError: a target, protected column or stratum that is not modelled, strata without
            groups and target, shadow fits without a model, or of a record that is not there.

    Privacy: reads all real records; the report holds statistics of them and is not differentially
        private.
    """
    real = as_table(train, schema)
    require_modelled(real.schema)
    check_target(target, real.schema)
    check_protected(protected, real.schema)
    check_strata(strata, protected, target, real.schema)
    check_deep(deep, model, real)
    emitted = real.schema.emitted
    raw = unlabelled(raw_table(synthetic), real.schema)
    dropped = [n for n in raw.column_names if n in real.schema.names and n not in emitted.names]
    data, violations = check(raw.drop_columns(dropped), emitted)
    apart = as_table(holdout, real.schema)
    Plan.of(real.schema)
    for kept, name in ((real, "train"), (apart, "holdout")):
        require_kept(kept, where=name)
    for rows, name in ((real, "train"), (apart, "holdout"), (data, "synthetic")):
        if rows.num_rows == 0:
            raise DataError(name, expected="records", got="none", remedy="give at least one")
    if overlap(real, apart):
        raise DataError(
            "holdout", expected="records that are not in train", got="the same records or persons",
            remedy="keep records apart before the fit (`tabsynth run` does it for you)",
        )  # fmt: skip
    seed = seed or 0
    comparison = Comparison(
        train=real.select(emitted),
        holdout=apart.select(emitted),
        synthetic=Table(emitted, data),
        violations=violations,
        target=target,
        seed=seed,
        protected=tuple(protected),
        strata=tuple(strata),
        draws=_further_draws(model, emitted, data.num_rows, seed),
        refit=None if model is None else partial(_refit, model),
    )
    if model is not None and model.certificate is not None:
        privacy = Privacy.of(model.certificate).model_dump(mode="json")
        provenance = {**(provenance or {}), "privacy": privacy}
    return judge(comparison, policy=policy, deep=deep, provenance=provenance,
                 progress=lambda step: say(f"measuring {step}"))  # fmt: skip


def _further_draws(
    model: Fitted | None, emitted: TableSchema, n: int, seed: int
) -> tuple[Table, ...]:
    """Tables beside the one that is judged, for intervals that cover the draw."""
    if model is None:
        return ()
    size = min(n, MAX_RECORDS)
    seeds = np.random.default_rng([seed, *b"draws"]).integers(0, 2**31, FURTHER_DRAWS)
    return tuple(sample(model, size, seed=int(s)).select(emitted) for s in seeds)


def _refit(model: Fitted, records: Table, seed: int) -> Table:
    """A synthetic table of other records by the method that made a model, texts withheld."""
    how: Any = {"synthesizer": model.synthesizer, "parameters": model.parameters, "seed": seed}
    return sample(fit(texts_withheld(records), **how), records.num_rows, seed=seed)


def raw_table(table: TableLike | pa.Table) -> pa.Table:
    """The Arrow columns of any kind of table, unchecked but for their names.

    Raises:
        DataError: columns that cannot be told apart by name, or of mixed types.
    """
    if isinstance(table, Table):
        return table.data
    if isinstance(table, pa.Table):
        require_names(table.column_names)
        return table
    return arrow_from_pandas(table)


def fresh_seed() -> int:
    """A seed from the operating system, short enough to write down."""
    return int(np.random.SeedSequence().generate_state(1)[0])
