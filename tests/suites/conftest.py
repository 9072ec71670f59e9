"""A cluster of two workers for all tests of tasks, and data in the ways that tasks are given it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from residency.harness import store
from residency.harness.dataset import Dataset, Request
from residency.runners.cluster import DaskCluster


@pytest.fixture(scope="package")
def cluster() -> Iterator[DaskCluster]:
    """Two workers of two threads. They end with the tests of this folder: idle workers use the processor too."""
    pytest.importorskip("distributed")
    with closing(DaskCluster("cpu", workers=2, threads=2, dashboard="127.0.0.1:0")) as made:
        made.open()
        yield made


@pytest.fixture
def mapped(tmp_path: Path) -> Callable[[Any], Any]:
    """The data in files, its arrays mapped from them."""

    def save(data: Any) -> Any:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        store.save(data, folder)
        return store.load(type(data), folder, mapped=True)

    return save


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Dataset, int], Any]:
    """A generated dataset of so many rows, in memory as a worker has it."""

    def made(dataset: Dataset, rows: int) -> Any:
        folder = tmp_path_factory.mktemp("made")
        data = dataset.make(Request(dataset.name, rows=rows), folder)
        store.save(data, folder)
        return store.load(type(data), folder)

    return made
