"""The numbers of the foundations are the same bytes anywhere, and what judges them sees a single wrong one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from residency.datasets.foundations.generator_states import generator_states
from residency.datasets.foundations.matrices import matrices
from residency.datasets.foundations.numbers import Numbers, numbers, share_correct
from residency.datasets.foundations.vectors import vectors
from residency.harness import store
from residency.harness.dataset import Dataset, Request
from residency.harness.errors import WrongResult


@pytest.mark.parametrize(
    ("dataset", "rows", "digest", "size"),
    [
        (numbers, 2_000, "6ff2681c25cbd0da", 8_000),
        (matrices, 70, "0c1ac2199624eb78", 2 * 4 * 70**2),
        (generator_states, 30, "b6934583c975259f", 1_024),
        (vectors, 100, "9e08a3fd4bcf8ee2", 3_200),
    ],
    ids=lambda one: one.name if isinstance(one, Dataset) else "",
)
def test_a_seed_is_the_same_bytes_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, dataset: Dataset, rows: int, digest: str, size: int
) -> None:
    monkeypatch.setenv("RESIDENCY_CACHE", str(tmp_path))
    stored = store.make(dataset, Request(dataset.name, rows=rows))
    assert (stored.hash[:16], stored.rows, stored.bytes) == (digest, rows, size)


def test_numbers_are_drawn_part_by_part_as_at_once(tmp_path: Path) -> None:
    rows = 2**20 + 3
    drawn = numbers.maker(rows=rows, seed=1, folder=tmp_path).values
    assert (drawn == np.random.default_rng(1).standard_normal(rows, np.float32)).all()


def test_of_an_odd_number_the_last_is_left_out() -> None:
    first, second = Numbers(np.arange(5, dtype=np.float32)).halves()
    assert (first.tolist(), second.tolist()) == ([0.0, 1.0], [2.0, 3.0])


def test_one_wrong_number_among_millions_is_seen() -> None:
    right = np.ones(3 * 2**20 + 5, np.float32)

    def exact(part: slice) -> tuple[np.ndarray, np.ndarray]:
        return np.ones(len(right[part])), np.full(len(right[part]), 1e-6)

    assert share_correct(right, len(right), exact) == 1.0
    for place in (0, 2**20, len(right) - 1):
        for wrong in (1.1, np.nan):
            off = right.copy()
            off[place] = wrong
            assert share_correct(off, len(right), exact) == 1.0 - 1.0 / len(right)


@pytest.mark.parametrize("found", [np.ones(3), np.ones(4, np.float32), [1.0, 1.0, 1.0]])
def test_another_type_or_length_is_refused(found: object) -> None:
    with pytest.raises(WrongResult, match=r"expected float32 \(3,\)"):
        share_correct(found, 3, lambda part: (np.ones(3), np.ones(3)))
