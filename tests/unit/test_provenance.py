from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from tabsynth.errors import DataError
from tabsynth.io.write import open_writer
from tabsynth.provenance import GENERATION, SOURCE, Labelled, stacked
from tabsynth.table import Table
from tests import zoo


def test_every_record_keeps_its_source_and_its_place(tmp_path: Path) -> None:
    table = zoo.every_type()
    drawn = table.take(np.array([3, 1]))
    whole = stacked([Labelled("real", table), Labelled("synthetic", drawn)])
    assert whole.schema.names == (*table.schema.names, SOURCE)
    assert whole.data.select(list(table.schema.names)).slice(table.num_rows) == drawn.data
    assert whole.column(SOURCE).to_pylist() == ["real"] * table.num_rows + ["synthetic"] * 2
    # it is a table like any other: written, and read by others
    with open_writer(tmp_path / "table.parquet", whole.schema) as writer:
        writer.write(whole.data)
    read = pq.read_table(tmp_path / "table.parquet")
    assert read.column(SOURCE).to_pylist()[-1] == "synthetic"


def test_generations_are_counted_where_somebody_counts() -> None:
    table = Table.from_pandas(pd.DataFrame({"a": [1, 2]}))
    nothing = table.take(np.array([], np.int64))
    parts = [Labelled("real", table, 0), Labelled("simulated", table), Labelled("synthetic",
             nothing, 2), Labelled("synthetic", table, 1)]  # fmt: skip
    whole = stacked(parts)
    assert whole.column(GENERATION).to_pylist() == [0, 0, None, None, 1, 1]
    assert whole.column(SOURCE).to_pylist() == ["real"] * 2 + ["simulated"] * 2 + ["synthetic"] * 2


def test_a_column_of_that_name_is_refused() -> None:
    table = Table.from_pandas(pd.DataFrame({"a": [1, 2], "_source": ["x", "y"]}))
    with pytest.raises(DataError, match="column '_source': expected a name that is free"):
        stacked([Labelled("real", table)])
