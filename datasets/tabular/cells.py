"""What the tables of queries share: how a result is judged cell by cell, and how many bytes a query must read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.harness.errors import WrongResult

Columns = Mapping[str, NDArray[Any]]


def checked(result: Any, names: Collection[str], rows: int) -> Columns:
    """The result, if it is a dict of these columns with so many rows each; raises `WrongResult` otherwise."""
    if not isinstance(result, dict) or set(result) != set(names):
        raise WrongResult(f"the result must be a dict of the columns {', '.join(names)}")
    for name in names:
        if result[name].shape != (rows,):
            raise WrongResult(f"column {name} has shape {result[name].shape}, expected {(rows,)}")
    return result


def equal_cells(result: Columns, truth: Columns) -> int:
    """How many cells are exactly right."""
    return int(sum(np.sum(result[name] == values) for name, values in truth.items()))


def fixed_width(columns: dict[str, Any]) -> dict[str, Any]:
    """Columns of Python strings, as all libraries export text, as NumPy's own fixed-width text."""
    return {name: column.astype(np.str_) if column.dtype == object else column for name, column in columns.items()}


def stored_bytes(path: Path, columns: Collection[str]) -> int:
    """Compressed bytes of these columns of a Parquet file."""
    from pyarrow.parquet import read_metadata

    meta = read_metadata(path)
    groups = [meta.row_group(group) for group in range(meta.num_row_groups)]
    chunks = [group.column(column) for group in groups for column in range(group.num_columns)]
    return sum(chunk.total_compressed_size for chunk in chunks if chunk.path_in_schema in columns)
