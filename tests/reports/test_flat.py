"""A run as CSV and Parquet, and the lines of docs/analysing.md that load it, on runs of every shape."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pytest

from residency.reports.flat import COLUMNS
from tests.class_run import write

HERE = Path(__file__).parents[2]
PAGE = (HERE / "docs" / "analysing.md").read_text()
LINE = re.compile(r"^\| (?:pandas|Polars|DuckDB) \| .*$", re.MULTILINE)
CODE = re.compile(r"`((?:pd|pl|duckdb)\.[^`]*)`")
REFERENCE = HERE / "results" / "reference"
RUNS = [
    "2-cores-amd-epyc-tabular-lab",  # parameters that differ only in the case of letters
    "2-cores-intel-xeon-foundations-lab",  # the first hundred lines do not show every figure
    "2-cores-intel-xeon-word-count-scale",  # a cluster
    "2-cores-amd-epyc-rehearsal",  # no time at all
    "made up",  # a GPU, hostile names, what was wrong and what failed
]
CLOSE = {"rel": 1e-11, "abs": 0}  # pandas reads numbers in JSON to fifteen decimals


@pytest.fixture(params=RUNS)
def folder(request: pytest.FixtureRequest, tmp_path: Path, residency_in: Callable[..., Any]) -> Iterator[Path]:
    """The working folder of a reader: a run, and the files that the page tells to write."""
    run = tmp_path / "results" / "runs" / "RUN"
    if request.param == "made up":
        write(run, tasks=3, replicates=2, rounds=3)
    else:
        shutil.copytree(REFERENCE / request.param, run)
    commands = re.findall(r"^residency (report results/runs/RUN .*)$", PAGE, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        assert residency_in(tmp_path, *command.split()).status == 0
    with contextlib.chdir(tmp_path):
        yield tmp_path


def loaded(line: str) -> pd.DataFrame:
    """What a line of the page makes, as a pandas data frame."""
    made = eval(line, {"pd": pd, "pl": pl, "duckdb": duckdb, "json": json, "open": open})
    if isinstance(made, pd.DataFrame):
        return made
    return made.to_pandas() if isinstance(made, pl.DataFrame) else made.df()


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return json.loads((folder / "report.json").read_text())["rows"]


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # `open` in a line that a reader types
def test_every_line_of_the_page_loads_all_rows_or_all_samples(folder: Path) -> None:
    tasks = [row["task"] for row in rows_of(folder)]
    records = map(json.loads, (folder / "results" / "runs" / "RUN" / "records.jsonl").read_text().splitlines())
    seconds = [record["seconds"] for record in records if record["kind"] == "sample"]
    lines = [code for row in LINE.findall(PAGE) for code in CODE.findall(row)]
    assert len(lines) == 12
    for line in lines:
        if "records.jsonl" not in line:
            assert loaded(line)["task"].tolist() == tasks, line
        else:
            table = loaded(line)
            assert len(table) == len(seconds), line
            assert table.get("seconds", pd.Series()).tolist() == pytest.approx(seconds, **CLOSE), line


def test_the_table_has_every_value_of_the_json_report(folder: Path) -> None:
    table = pd.read_parquet("rows.parquet")
    for (_, line), row in zip(table.iterrows(), rows_of(folder), strict=True):
        for name, value in row.items():
            if isinstance(value, dict) and name not in table:
                inner = {column: line[column] for column in table if column.startswith(f"{name}.")}
                kept = {column.removeprefix(f"{name}."): one for column, one in inner.items() if pd.notna(one)}
                assert kept == {key: one for key, one in value.items() if one is not None and key != "as_long"}, name
            elif isinstance(value, dict | list):
                assert json.loads(line[name]) == value, name
            elif value is None:
                assert name not in table or pd.isna(line[name]), name
            else:
                assert line[name] == value, name
    assert list(table)[: len(COLUMNS)] == list(COLUMNS)
    again = pd.read_csv("rows.csv", float_precision="round_trip")
    assert list(again) == list(table)
    for name in (name for name, kind in COLUMNS.items() if kind in {int, float}):
        assert again[name].astype(float).equals(table[name].astype(float)), name


def test_parquet_is_not_printed_and_says_what_it_needs(
    tmp_path: Path, residency_in: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = REFERENCE / "2-cores-amd-epyc-etl-lab"
    printed = residency_in(tmp_path, "report", run, "--format", "parquet")
    assert (printed.status, printed.out) == (2, "")
    assert "--output PATH" in printed.err
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    missing = residency_in(tmp_path, "report", run, "--format", "parquet", "-o", "rows.parquet")
    assert missing.status == 2
    assert "needs pyarrow" in missing.err
    assert not (tmp_path / "rows.parquet").exists()


def test_the_files_are_the_same_every_time(tmp_path: Path, residency_in: Callable[..., Any]) -> None:
    run = REFERENCE / "2-cores-amd-epyc-etl-lab"
    for form in ("csv", "parquet"):
        for name in ("first", "second"):
            assert residency_in(tmp_path, "report", run, "--format", form, "-o", name).status == 0
        assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
