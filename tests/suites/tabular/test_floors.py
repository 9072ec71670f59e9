"""What learned nothing does not pass, and a seed gives the same bytes on any machine."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from residency.harness import Run, store
from residency.harness.dataset import Request
from residency.harness.discovery import Catalogue
from residency.harness.execute import execute
from residency.suites import SHIPPED

CATALOGUE = Catalogue([SHIPPED])
MADE = [
    (name, dataset.name)
    for name in CATALOGUE.files
    if name.startswith("tabular/")
    for dataset in CATALOGUE.task(name).datasets
    if dataset.kind in {"generated", "shipped"}
]


def make(task: str, dataset: str, folder: Path) -> Any:
    found = CATALOGUE.task(task)
    rows = found.sizes["smoke"] if found.dataset(dataset).kind == "generated" else None
    return found.dataset(dataset).make(Request(dataset, rows=rows), folder)


@pytest.mark.parametrize(
    ("task", "dataset"),
    [
        pytest.param(*one, marks=pytest.mark.slow) if one[0] == "tabular/gradient_boosting" else one
        for one in MADE
        if one[0] in {"tabular/ridge", "tabular/gradient_boosting", "tabular/random_forest"}
    ],
)
def test_a_shuffled_target_teaches_nothing(task: str, dataset: str, tmp_path: Path) -> None:
    found = CATALOGUE.task(task)
    first = found.implementations[0]
    data = make(task, dataset, tmp_path)
    assert execute(found, first, data, dataset=dataset, threads=2).ending.outcome == "ok"
    shuffled = replace(data, y=np.random.default_rng(0).permutation(data.y))
    ending = execute(found, first, shuffled, dataset=dataset, threads=2).ending
    assert ending.outcome == "wrong"
    assert "below the floor" in ending.reason


@pytest.mark.parametrize(
    ("task", "dataset"),
    [one for one in MADE if one[0] in {"tabular/clustering", "tabular/anomaly", "tabular/etl", "tabular/etl_join"}],
)
def test_a_shuffled_answer_does_not_pass(task: str, dataset: str, tmp_path: Path) -> None:
    found = CATALOGUE.task(task)
    first = found.implementations[0]
    data = make(task, dataset, tmp_path)
    result = first.function(data, Run("cpu", threads=2), importlib.import_module(first.library))
    floor = found.floor_for(dataset)
    assert found.quality.beyond(found.quality(data, result), floor)
    assert not found.quality.beyond(found.quality(data, shuffled(result)), floor)


def shuffled(result: Any) -> Any:
    """The answer with its rows, or its last array's, in another order; a dict's last column."""
    order = np.random.default_rng(0).permutation
    if isinstance(result, dict):
        *_, last = result
        return {**result, last: order(result[last])}
    return (*result[:-1], order(result[-1])) if isinstance(result, tuple) else order(result)


@pytest.mark.parametrize(
    ("task", "rows", "digest"),
    [
        ("anomaly", 1_000, "76da787f6e71437f"),
        ("anomaly", 20_000, "176bbb9f58ce5d2a"),
        ("clustering", 1_000, "cb9a9040cd62fbe2"),
        ("clustering", 20_000, "c4e3a3af61f8877c"),
        ("etl", 1_000, "a82beb6e3addc1e0"),
        ("etl", 20_000, "ee731be4e28869f8"),
        ("etl_join", 1_000, "48fd99f2d3ba9d14"),
        ("etl_join", 20_000, "608d3fa393750b65"),
        ("gradient_boosting", 1_000, "6c3ee51478145c32"),
        ("gradient_boosting", 20_000, "f009f9e24fe144d6"),
        ("random_forest", 1_000, "c68d5a66b317b8fb"),
        ("random_forest", 20_000, "74afc8beb6025702"),
        ("ridge", 1_000, "0bf7742c5e6e44d2"),
        ("ridge", 20_000, "795a40212c25ccd6"),
    ],
)
def test_a_seed_is_the_same_bytes_anywhere(task: str, rows: int, digest: str, tmp_path: Path) -> None:
    dataset = CATALOGUE.task(f"tabular/{task}").datasets[0]
    assert store.hash_data(dataset.make(Request(dataset.name, rows=rows), tmp_path)).startswith(digest)
