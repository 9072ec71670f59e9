"""Runs as a flat table, for spreadsheets and data frames: one line for each implementation at a size, CSV or Parquet.

The columns are the fields of a row of the JSON report, with the run in front. A field within a field has a dot in its
name, as `pandas.json_normalize` writes it: `seconds.median`. Lists and free objects, such as `parameters`, are JSON
text. `as_long`, which is 1 / `ratio`, is left out. Every run has the same columns with the same types. Only stages,
figures and cluster costs depend on the run.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from residency.analysis.findings import Findings
from residency.harness.errors import UsageError
from residency.harness.libraries import how_to_install
from residency.reports.document import document

Value = str | int | float | bool | None
Type = type[str] | type[int] | type[float] | type[bool]

_RUN: dict[str, Type] = {
    **dict.fromkeys(("run", "run_name", "started", "commit", "host", "cpu"), str),
    "cores": int,
}
_SECONDS: dict[str, Type] = {"median": float, "low": float, "high": float, "samples": int, "replicates": int}
_SPEEDUP: dict[str, Type] = {
    "ratio": float,
    "low": float,
    "high": float,
    "baseline": str,
    "verdict": str,
    "processes_needed": int,
}
_CLOCKS: dict[str, Type] = dict.fromkeys(
    ("io", "transfer", "compute", "other", "end_to_end", "cold", "imports", "first_call"), float
)
_ROOFLINE: dict[str, Type] = {
    "share": float,
    "limit": str,
    "least_seconds": float,
    "bytes_per_second": float,
    "flops_per_second": float,
    "mistaken": bool,
    "limiter": str,
    **dict.fromkeys(("achieved_flops_per_second", "intensity"), float),
}
_ROW: dict[str, Type | dict[str, Type]] = {
    **dict.fromkeys(("task", "dataset", "size"), str),
    "rows": int,
    **dict.fromkeys(("implementation", "library", "device", "runner"), str),
    "workers": int,
    **dict.fromkeys(("outcome", "reason"), str),
    **dict.fromkeys(("quality", "quality_error"), float),
    "metric": str,
    "reference": float,
    "seconds": _SECONDS,
    "cold_seconds": float,
    "speedup": _SPEEDUP,
    "twin": _SPEEDUP,
    **dict.fromkeys(("peak_host_bytes", "peak_device_bytes"), int),
    "peak_device_share": float,
    **dict.fromkeys(("joules", "cpu_joules"), float),
    "device_megahertz": int,
    "slowed_by": str,
    "tenants": int,
    **dict.fromkeys(("gpus", "unknown"), str),
    "threads": int,
    **dict.fromkeys(("cores_used", "flops", "bytes"), float),
    **dict.fromkeys(("data_hash", "parameters", "remarks"), str),
    "clocks": _CLOCKS,
    "break_even_calls": int,
    **dict.fromkeys(("break_even_between", "unit"), str),
    "per_second": float,
    "events": str,
    **dict.fromkeys(("other_cores", "waiting"), float),
    "roofline": _ROOFLINE,
    "resident": _SPEEDUP | {"at_least": bool},
    "resident_seconds": _SECONDS,
    "in_doubt": bool,
    "way": str,
    "lines": int,
}
_OPEN = ("stages", "cold_stages", "figures", "cluster")  # objects whose keys the task decides; their values are numbers


def _columns(fields: Mapping[str, Type | dict[str, Type]]) -> dict[str, Type]:
    columns: dict[str, Type] = {}
    for name, kind in fields.items():
        inner = {f"{name}.{key}": value for key, value in kind.items()} if isinstance(kind, dict) else {name: kind}
        columns |= inner
    return columns


COLUMNS: dict[str, Type] = _RUN | _columns(_ROW)
"""The columns that every run has, with their types."""


def table(runs: Sequence[Findings]) -> tuple[dict[str, Type], list[dict[str, Value]]]:
    """The columns with their types, and the lines of all runs."""
    lines = [line for found in runs for line in _lines(found)]
    columns = {**COLUMNS, **{column: float for field in _OPEN for column in _columns_of(field, lines)}}
    return columns, [{name: line.get(name) for name in columns} for line in lines]


def _lines(found: Findings) -> list[dict[str, Value]]:
    """The lines of one run."""
    said = document(found.records, found.rows)
    machine = said["run"]["machine"]
    run = {
        "run": said["run"]["id"],
        "run_name": said["run"]["name"],
        **{name: said["run"][name] for name in ("started", "commit")},
        **{name: machine.get(name) for name in ("host", "cpu", "cores")},
    }
    return [{_encodable(name): _encodable(value) for name, value in (run | _flat(row)).items()} for row in said["rows"]]


def _encodable(value: Any) -> Any:
    """The value; in a text, halves of characters are escapes, because UTF-8 has none. All else stays: it is data."""
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


def _columns_of(field: str, lines: Sequence[Mapping[str, Value]]) -> list[str]:
    return [column for line in lines for column in line if column.startswith(f"{field}.")]


def _flat(row: Mapping[str, Any]) -> dict[str, Value]:
    """One level of objects becomes columns; what is deeper or free becomes JSON text."""
    line: dict[str, Value] = {}
    for name, value in row.items():
        if name in _OPEN or isinstance(_ROW.get(name), dict):
            line |= {f"{name}.{key}": inner for key, inner in (value or {}).items()}
        else:
            line[name] = json.dumps(value) if isinstance(value, list | tuple | dict) else value
    return line


def csv_text(runs: Sequence[Findings]) -> str:
    """The table as CSV. What is not known is empty, and numbers have all their digits."""
    columns, lines = table(runs)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in line.values()] for line in lines)
    return text.getvalue()


def _cell(value: Value) -> Value:
    return json.dumps(value) if isinstance(value, bool) else value  # Polars reads `true`, not `True`


def parquet(runs: Sequence[Findings]) -> bytes:
    """The table as Parquet.

    Raises:
        UsageError: if pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet as files
    except ImportError as error:
        raise UsageError(
            f"a Parquet report needs pyarrow: {how_to_install('[tabular]')}; --format csv does not"
        ) from error
    types = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    columns, lines = table(runs)
    arrays = [pa.array([line[name] for line in lines], types[kind]) for name, kind in columns.items()]
    written = io.BytesIO()
    files.write_table(pa.table(arrays, names=list(columns)), written)
    return written.getvalue()
