"""The scaling law, fitted to times whose law is known."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from residency.analysis.scaling import _law

COUNTS = (1, 2, 4, 8)


def law(contention: float, coherence: float, seed: int, counts: tuple[int, ...] = COUNTS) -> Any:
    """Fitted to five processes of each, which differ by 3 %."""
    generator = np.random.default_rng(seed)
    rows: Any = [
        SimpleNamespace(
            key=count,
            cell=SimpleNamespace(workers=count),
            facts=SimpleNamespace(threads=1),
            measured=SimpleNamespace(seconds=SimpleNamespace(value=1.0), waiting=0.0),
        )
        for count in counts
    ]
    timed: Any = {
        count: {
            process: [(1 + contention * (count - 1) + coherence * count * (count - 1)) / count * np.exp(spread)]
            for process, spread in enumerate(generator.normal(0, 0.03, 5))
        }
        for count in counts
    }
    return _law(timed, rows[0], rows)


@pytest.mark.parametrize(("contention", "coherence"), [pytest.param(0.1, 0.0, marks=pytest.mark.slow), (0.05, 0.005)])
def test_intervals_of_the_law_hold_what_they_claim(contention: float, coherence: float) -> None:
    found = [law(contention, coherence, seed) for seed in range(50)]
    assert np.mean([one.contention.low <= contention <= one.contention.high for one in found]) >= 0.9
    assert np.mean([one.coherence.low <= coherence <= one.coherence.high for one in found]) >= 0.9


def test_nothing_is_said_of_more_workers_where_coherence_is_not_known() -> None:
    found = law(0.1, 0.02, 0, (1, 2))
    assert found.coherence is None
    assert found.predicted == {}
    assert set(law(0.1, 0.02, 0).predicted) == {12, 16}
