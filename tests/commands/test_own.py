"""A user's own table, by the command they type."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from residency.harness.discovery import Catalogue
from residency.harness.store import no_table
from residency.suites import SHIPPED
from tests import passed
from tests.test_contract import BEYOND

ROWS = 3_000
CATALOGUE = Catalogue([SHIPPED])
OWN = [
    name
    for name in CATALOGUE.files
    if name.startswith("tabular/") and any(dataset.kind == "own" for dataset in CATALOGUE.task(name).datasets)
]
CANARY = "tabular/gradient_boosting"  # always runs: it tells what breaks one's own table for all


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A CSV file with numbers, a category, missing values, a constant and a text column."""
    generator = np.random.default_rng(0)
    size = generator.normal(100, 20, ROWS)
    city = generator.choice(["Aachen", "Berlin", "Celle"], ROWS)
    rent = 5 * size + 200 * (city == "Berlin") + generator.normal(0, 20, ROWS)
    dear = size + generator.normal(0, 20, ROWS) > 100
    lines = ["size,city,note,year,rent,dear"]
    for row in range(ROWS):
        cell = "" if row % 10 == 0 else f"{size[row]:.2f}"
        lines.append(f"{cell},{city[row]},note {row % 2900},2026,{rent[row]:.1f},{int(dear[row])}")
    path = tmp_path / "rents.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.slow
@pytest.mark.parametrize("name", OWN)
def test_what_would_a_gpu_do_for_my_table(name: str, residency, table: Path, thorough: bool) -> None:
    """Every task that takes one's own table, but for those that passed with the code that they have now."""
    label, code = f"{name} on one's own table", passed.code_of_task(CATALOGUE.task(name))
    if not thorough and name != CANARY and passed.is_unchanged(label, code, passed.CONTRACT):
        pytest.skip("passed with the code that it has now; --thorough runs it all the same")
    target = ("--target", "rent" if name == "tabular/ridge" else "dear")
    done = residency("run", name, "--data", table, *target, "--replicates", "1", "--rounds", "1", "--json")
    assert done.status == 0, [row["reason"] for row in done.json["rows"] if row["outcome"] not in ("ok", "unavailable")]
    rows = {row["implementation"]: row for row in done.json["rows"] if row["device"] == "cpu"}
    missing = [row for row in rows.values() if row["outcome"] == "unavailable"]
    assert all(any(sign in row["reason"] for sign in BEYOND) for row in missing), missing
    assert {row["outcome"] for row in rows.values() if row not in missing} == {"ok"}
    remarks = next(iter(rows.values()))["remarks"]
    assert any("`year`: left out, constant" in one for one in remarks)
    assert any("`note`: left out, text" in one for one in remarks)
    assert any("`size`: 300 missing values" in one for one in remarks)
    assert "`note`: left out, text" in residency("report", "--details").out
    passed.note(label, code, passed.CONTRACT)


def test_the_tasks_that_take_a_table() -> None:
    names = (
        "anomaly",
        "automl",
        "clustering",
        "density",
        "embedding",
        "explain",
        "fair_private",
        "gradient_boosting",
        "imbalance",
        "isolation_forest",
    )
    assert {
        f"tabular/{name}" for name in (*names, "neighbour_graph", "random_forest", "ridge", "stacking", "tuning")
    } <= set(OWN)


@pytest.mark.parametrize(
    ("task", "target", "message"),
    [
        ("tabular/ridge", ["--target", "rnet"], "no column `rnet` in rents.csv; did you mean `rent`?"),
        ("tabular/ridge", ["--target", "rent\r"], "no column `rent\\r` in rents.csv; did you mean `rent`?"),
        ("tabular/ridge", [], "name the column to predict with --target COLUMN; there are: `size`"),
        (
            "tabular/gradient_boosting",
            ["--target", "rent"],
            "this task predicts two classes: try tabular/random_forest",
        ),
        ("tabular/tuning", ["--target", "rent"], "this task predicts two classes: try tabular/random_forest"),
        (
            "nlp/search",
            ["--target", "rent"],
            "nothing to run: nlp/search: takes no own data; `residency data list` says which tasks take which data",
        ),
    ],
)
def test_a_table_that_does_not_suit(refused, table: Path, task: str, target: list[str], message: str) -> None:
    assert message in refused("run", task, "--data", table, *target)


def test_a_folder_of_texts_is_no_table(tmp_path: Path) -> None:
    assert str(no_table(tmp_path)) == f"{tmp_path.name} is a folder: name a CSV or Parquet file"
    for name in ("rec/1.txt", "rec/2.txt", "sci/1.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a text")
    assert "is a folder of 3 text files: write them into one CSV file" in str(no_table(tmp_path))
    for number in range(5):
        (tmp_path / f"{number}.CSV").touch()
    name = tmp_path.name
    assert str(no_table(tmp_path)).endswith(f"in it: {name}/0.CSV, {name}/1.CSV, {name}/2.CSV and 2 more")


def test_a_folder_is_no_table(residency, tmp_path: Path) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    (folder / os.fsdecode(b"n\xf6.csv")).write_text("a,y\n1,2\n")
    text = "is a folder: name a CSV or Parquet file in it:"
    done = residency("run", "tabular/ridge", "--data", folder, "--target", "y")
    assert (done.status, done.err) == (2, f"residency: d {text} d/n�.csv\n")
    done = residency("run", "tabular/ridge", "--data", "", "--target", "y")
    assert (done.status, done.err) == (2, f"residency: {tmp_path.name} {text} {tmp_path.name}/d/n�.csv\n")


@pytest.mark.slow
def test_a_folder_of_files_with_names_in_any_encoding(residency, tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"n\xf6.txt")).write_text("no picture")
    done = residency("run", "image/preprocess", "--data", tmp_path)
    assert done.status == 2
    assert "holds no picture (`n�.txt`: left out, no picture that Pillow knows)" in done.err
    assert len(done.err.strip().splitlines()) == 1
