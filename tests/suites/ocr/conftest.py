"""A cluster of two workers for the tests of this topic, and data as a cluster's client has it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from residency.harness import store
from residency.runners.cluster import DaskCluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[DaskCluster]:
    pytest.importorskip("distributed")
    with closing(DaskCluster("cpu", workers=2, threads=1, dashboard="127.0.0.1:0")) as made:
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
