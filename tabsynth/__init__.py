"""Synthetic tables from private ones, with a truthful verdict attached.

    import tabsynth as ts

    train, holdout = ts.split(frame, seed=0)
    model = ts.fit(train)
    synthetic = ts.sample(model, seed=0)
    report = ts.evaluate(train, holdout, synthetic)
    synthetic.to_pandas()

Names load on first use, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from tabsynth.auditor import audit
    from tabsynth.augmenting import augment
    from tabsynth.contest import compare
    from tabsynth.copying import copy_safe
    from tabsynth.curation.study import curate
    from tabsynth.database import Database
    from tabsynth.database_workflow import (
        fit_database,
        read_database,
        sample_database,
        split_database,
        write_database,
    )
    from tabsynth.gate import Policy, load_policy
    from tabsynth.generations.study import collapse
    from tabsynth.mixing import mix
    from tabsynth.modelfile import Fitted
    from tabsynth.private_evaluation import evaluate_private
    from tabsynth.private_fit import Spend, fit_private
    from tabsynth.private_run import PrivateReport, run_private
    from tabsynth.relational.evaluation import evaluate_database
    from tabsynth.relations.fitted import FittedDatabase
    from tabsynth.relations.fitted import open_model as load_model
    from tabsynth.report.model import Report, Result
    from tabsynth.sampler import sample, sample_to
    from tabsynth.schema.database import DatabaseSchema, load_database_schema
    from tabsynth.schema.files import load_schema
    from tabsynth.schema.model import FieldSchema, TableSchema
    from tabsynth.simulated import simulate
    from tabsynth.table import Table
    from tabsynth.workflow import evaluate, fit, infer_schema, read_table, run, split

_HOMES = {
    "Database": "tabsynth.database:Database",
    "DatabaseSchema": "tabsynth.schema.database:DatabaseSchema",
    "FieldSchema": "tabsynth.schema.model:FieldSchema",
    "Fitted": "tabsynth.modelfile:Fitted",
    "FittedDatabase": "tabsynth.relations.fitted:FittedDatabase",
    "Policy": "tabsynth.gate:Policy",
    "PrivateReport": "tabsynth.private_run:PrivateReport",
    "Report": "tabsynth.report.model:Report",
    "Result": "tabsynth.report.model:Result",
    "Spend": "tabsynth.private_fit:Spend",
    "Table": "tabsynth.table:Table",
    "TableSchema": "tabsynth.schema.model:TableSchema",
    "audit": "tabsynth.auditor:audit",
    "augment": "tabsynth.augmenting:augment",
    "collapse": "tabsynth.generations.study:collapse",
    "compare": "tabsynth.contest:compare",
    "copy_safe": "tabsynth.copying:copy_safe",
    "curate": "tabsynth.curation.study:curate",
    "evaluate": "tabsynth.workflow:evaluate",
    "evaluate_database": "tabsynth.relational.evaluation:evaluate_database",
    "evaluate_private": "tabsynth.private_evaluation:evaluate_private",
    "fit": "tabsynth.workflow:fit",
    "fit_database": "tabsynth.database_workflow:fit_database",
    "fit_private": "tabsynth.private_fit:fit_private",
    "infer_schema": "tabsynth.workflow:infer_schema",
    "load_database_schema": "tabsynth.schema.database:load_database_schema",
    "load_model": "tabsynth.relations.fitted:open_model",
    "load_policy": "tabsynth.gate:load_policy",
    "load_schema": "tabsynth.schema.files:load_schema",
    "mix": "tabsynth.mixing:mix",
    "read_database": "tabsynth.database_workflow:read_database",
    "read_table": "tabsynth.workflow:read_table",
    "run": "tabsynth.workflow:run",
    "run_private": "tabsynth.private_run:run_private",
    "sample": "tabsynth.sampler:sample",
    "sample_database": "tabsynth.database_workflow:sample_database",
    "sample_to": "tabsynth.sampler:sample_to",
    "simulate": "tabsynth.simulated:simulate",
    "split": "tabsynth.workflow:split",
    "split_database": "tabsynth.database_workflow:split_database",
    "write_database": "tabsynth.database_workflow:write_database",
}

__all__ = [
    "Database",
    "DatabaseSchema",
    "FieldSchema",
    "Fitted",
    "FittedDatabase",
    "Policy",
    "PrivateReport",
    "Report",
    "Result",
    "Spend",
    "Table",
    "TableSchema",
    "audit",
    "augment",
    "collapse",
    "compare",
    "copy_safe",
    "curate",
    "evaluate",
    "evaluate_database",
    "evaluate_private",
    "fit",
    "fit_database",
    "fit_private",
    "infer_schema",
    "load_database_schema",
    "load_model",
    "load_policy",
    "load_schema",
    "mix",
    "read_database",
    "read_table",
    "run",
    "run_private",
    "sample",
    "sample_database",
    "sample_to",
    "simulate",
    "split",
    "split_database",
    "write_database",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tabsynth' has no attribute {name!r}")
    module, attribute = _HOMES[name].split(":")
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
