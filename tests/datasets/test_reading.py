"""A user's file: every way to write it, and what is not one."""

from __future__ import annotations

import datetime as dt
import decimal
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from residency.datasets.reading import read_file, read_lines
from residency.harness.errors import UsageError

COLUMNS = {"size": [1.5, 2.25, -3.0], "name": ["a, b", "c; 'd'", 'e | "f"'], "count": [1, 2, 3]}


def read(folder: Path, content: str | bytes) -> Any:
    path = folder / "data.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_file(path)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_and_quotes(tmp_path: Path, delimiter: str) -> None:
    frame = read(tmp_path, pd.DataFrame(COLUMNS).to_csv(index=False, sep=delimiter)).frame
    assert frame.to_dict("list") == COLUMNS


def test_spaces_after_delimiters(tmp_path: Path) -> None:
    assert read(tmp_path, 'size, name\n1, "a, b"\n').frame.to_dict("list") == {"size": [1], "name": ["a, b"]}


def test_one_column(tmp_path: Path) -> None:
    assert read(tmp_path, "size\n1\n2\n").frame.to_dict("list") == {"size": [1, 2]}


def test_delimiters_beyond_the_sample(tmp_path: Path) -> None:
    rows = 20_000
    frame = read(tmp_path, "a;b\n" + "1;2\n" * (rows - 1) + "0,5;2\n").frame
    assert len(frame) == rows
    assert frame["a"].iloc[-1] == 0.5


@pytest.mark.parametrize("mark", [".", ","])
def test_decimal_marks_beside_semicolons(tmp_path: Path, mark: str) -> None:
    content = pd.DataFrame(COLUMNS).to_csv(index=False, sep=";", decimal=mark)
    assert read(tmp_path, content).frame["size"].tolist() == COLUMNS["size"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    found = read(tmp_path, "größe,price\n1,é\n".encode(encoding))
    assert found.frame.to_dict("list") == {"größe": [1], "price": ["é"]}
    latin = ("data.csv: read as Latin-1, because it is not UTF-8",)
    assert found.remarks == (latin if encoding == "latin-1" else ())


def test_marks_of_the_missing(tmp_path: Path) -> None:
    frame = read(tmp_path, "a,b\n" + "".join(f"{mark},1\n" for mark in ("?", "-", "--", "", "NA", "nan", "7"))).frame
    assert frame["a"].isna().tolist() == [True] * 6 + [False]


def test_names_are_stripped_and_made_unique(tmp_path: Path) -> None:
    found = read(tmp_path, ' size, a.1 ,a,"a\n ",,a\n1,2,3,4,5,6\n')
    assert list(found.frame.columns) == ["size", "a.1", "a", "a.2", "Unnamed: 4", "a.3"]
    assert found.repeated == {"a"}
    assert found.remarks[0] == "`a`: column 4 has that name again, and is called `a.2` here"


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_the_index_of_pandas_and_names_that_are_numbers(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"data.{suffix}"
    frame = pd.DataFrame({0: [1, 2], 1: [3, 4]}, index=[5, 7])
    if suffix == "csv":
        frame.to_csv(path)
    else:
        frame.to_parquet(path)
    found = read_file(path)
    assert found.frame.to_dict("list") == {"0": [1, 2], "1": [3, 4]}
    assert found.remarks[0].endswith("left out, the index that pandas wrote")


def test_the_content_says_what_a_file_is(tmp_path: Path) -> None:
    path = tmp_path / "data.csv.gz"
    pd.DataFrame({"a": [1]}).to_parquet(path)
    assert read_file(path).frame.to_dict("list") == {"a": [1]}
    path.write_text("a\n1\n")
    assert read_file(path).frame.to_dict("list") == {"a": [1]}


def test_types_of_parquet(tmp_path: Path) -> None:
    columns = {
        "money": pa.array([decimal.Decimal("1.5")]),
        "level": pa.array(["x"]).dictionary_encode(),
        "code": pa.array([7]).dictionary_encode(),
        "zoned": pa.array([dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1)))]),
        "list": [[1]],
        "raw": [b"x"],
        "clock": [dt.time(12)],
    }
    pq.write_table(pa.table(columns), tmp_path / "data")
    found = read_file(tmp_path / "data")
    assert found.frame.iloc[0].tolist() == [1.5, "x", 7, pd.Timestamp("2023-12-31T23:00")]
    assert found.remarks[0] == "`list`: left out, list<element: int64> is not a number, date or text"
    assert len(found.remarks) == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b" \n", "a novel.txt is empty: name a text, CSV or Parquet file that holds text or a table"),
        (b"a\0b\n", r"tr -d '\000' < 'a novel.txt' > clean.txt"),  # as CSV, a text would be read as a table
    ],
)
def test_plain_text_that_cannot_be_read(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a novel.txt").write_bytes(content)
    with pytest.raises(UsageError, match=re.escape(message)):
        read_lines(tmp_path / "a novel.txt")


def test_repeated_names_in_parquet(tmp_path: Path) -> None:
    pq.write_table(pa.table([[1], [2]], names=["a", "a"]), tmp_path / "data")
    assert read_file(tmp_path / "data").frame.to_dict("list") == {"a": [1], "a.1": [2]}


@pytest.mark.filterwarnings("ignore")  # as users run: lost cells are a warning of pandas, which must not pass
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "data.csv is empty: name a CSV or Parquet file that holds a table"),
        (b" \n\n", "data.csv is empty"),
        (b"PK\x03\x04rest", "data.csv is neither CSV nor Parquet but looks like an Excel workbook or a ZIP archive"),
        (
            b"\x89PNG\r\n\x1a\n",
            "data.csv is neither CSV nor Parquet but looks like a picture: the tasks of image and ocr",
        ),
        (b"%PDF-1.7\n", "looks like a PDF document: write the table in it as CSV or Parquet"),
        (b"\x1f\x8brest", "looks like a compressed file: unpack it"),
        (b'[{"price": 1}]', "looks like JSON: write it as CSV or Parquet"),
        (b"\xff\xfea\0", "text in UTF-16: save it in UTF-8"),
        (b"a\0b\0", "data.csv is neither CSV nor Parquet: it is not text; write the table as CSV or Parquet"),
        (b"PAR1 and no more", "data.csv cannot be read as Parquet"),
        (b"a,price\n1,2,3\n", "its rows hold more cells than the first line has names (2 names)"),
        (b"a,price\n1,2\n1,2,3\n", "cannot be read as CSV: Expected 2 fields in line 3, saw 3; repair that line"),
        (b'a,price\n1,"2\n', "cannot be read as CSV: EOF inside string"),
        (b"1.5,2.5\n1,2\n", "its first line holds numbers: write a line with the columns' names above it"),
    ],
)
def test_what_is_no_table(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        read(tmp_path, content)


def test_text_that_is_called_parquet(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match=r"x\.parquet is not a Parquet file; if it is CSV, call it \.csv"):
        read_file(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.csv cannot be read: No such file or directory"):
        read_file(tmp_path / "none.csv")
    with pytest.raises(UsageError, match="is a folder: name one CSV or Parquet file in it"):
        read_file(tmp_path)
    with pytest.raises(UsageError, match="own data needs a file: name it with --data FILE"):
        read_file(None)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode)), rows=st.integers(0, 3))
@example(b"PAR1PAR1", 0)
@example(b"\xef\xbb\xbf", 0)
@example(b'"', 0)
@example(b"a\rb\r\nc", 2)
def test_any_file_is_a_table_or_refused_in_one_line(tmp_path: Path, content: bytes, rows: int) -> None:
    refusal = ""
    try:
        found = read(tmp_path, content + b"\n1,2" * rows)
        assert len(set(found.frame.columns)) == found.frame.shape[1]
        assert all(isinstance(name, str) for name in found.frame.columns)
        assert not any(dtype == np.complex128 for dtype in found.frame.dtypes)
    except UsageError as error:
        refusal = str(error)
    assert len(refusal.splitlines()) <= 1
