"""Made data comes back as it was, under a hash of every byte."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from residency.datasets.tabular.linear import linear
from residency.datasets.tabular.table import Table
from residency.harness import store
from residency.harness.dataset import Request, generated


@dataclass(frozen=True)
class Mixed:
    x: np.ndarray
    file: Path
    names: tuple[str, ...]
    scale: float
    truth: np.ndarray | None = None

    @property
    def rows(self) -> int:
        return len(self.x)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESIDENCY_CACHE", str(tmp_path / "cache"))


def test_a_schema_comes_back_as_it_was() -> None:
    @generated
    def mixed(rows: int, seed: int, folder: Path) -> Mixed:
        (folder / "part").write_bytes(b"columns")
        return Mixed(np.arange(rows) + seed, folder / "part", ("a", "b"), 0.5)

    stored = store.make(mixed, Request("mixed", rows=5, seed=1))
    assert (stored.rows, stored.bytes) == (5, 47)
    found = store.load(Mixed, stored.folder)
    np.testing.assert_array_equal(found.x, [1, 2, 3, 4, 5])
    assert found.file.read_bytes() == b"columns"
    assert (found.names, found.scale, found.truth) == (("a", "b"), 0.5, None)
    assert store.hash_data(found) == stored.hash
    assert list((store.cache_folder() / "data").iterdir()) == [stored.folder]


def test_the_hash_covers_values_types_and_shapes() -> None:
    table = linear.make(Request("linear", rows=100), Path())
    hashes = {store.hash_data(table)}
    hashes.add(store.hash_data(replace(table, y=table.y + 1)))
    hashes.add(store.hash_data(replace(table, y=table.y.astype(np.float64))))
    hashes.add(store.hash_data(replace(table, y=table.y[:, None])))
    hashes.add(store.hash_data(replace(table, names=("other", *table.names[1:]))))
    assert len(hashes) == 5


def test_made_once_then_found(monkeypatch: pytest.MonkeyPatch) -> None:
    first = store.make(linear, Request("linear", rows=100))
    monkeypatch.setattr("residency.harness.store.save", lambda *_: pytest.fail("made again"))
    assert store.make(linear, Request("linear", rows=100)) == first


def test_another_request_is_other_data() -> None:
    first = store.make(linear, Request("linear", rows=100))
    assert store.make(linear, Request("linear", rows=100, seed=5)).hash != first.hash
    assert store.make(linear, Request("linear", rows=200)).folder != first.folder


def test_a_maker_that_fails_leaves_nothing() -> None:
    @generated
    def broken(rows: int, folder: Path) -> Table:
        (folder / "half").write_text("done")
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        store.make(broken, Request("broken", rows=1))
    assert list((store.cache_folder() / "data").iterdir()) == []
