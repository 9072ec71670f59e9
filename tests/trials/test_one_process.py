"""The rule of the trials that take turns in one process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from residency.harness import statistics


def test_inside_one_process_a_change_of_clock_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processor runs at one of two speeds, a tenth apart, for some rounds at a time."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    from one_process import ratio_in_one_process

    generator = np.random.default_rng(0)

    def sides(slower: float):
        speed = np.repeat(generator.choice([0.0, 0.1], 3), 5)[:, None]
        noise = generator.normal(0, 0.005, (2, 15, 2)) + 0.5 * (generator.random((2, 15, 2)) < 0.1)
        return np.exp(speed + noise[0]), np.exp(speed + noise[1] + slower)

    same = [statistics.verdict(ratio_in_one_process(*sides(0.0))) for _ in range(300)]
    assert np.mean([one in {"faster", "slower"} for one in same]) <= 0.01
    slow = [statistics.verdict(ratio_in_one_process(*sides(0.05))) for _ in range(300)]
    assert np.mean([one == "slower" for one in slow]) >= 0.95
    with pytest.raises(ValueError, match="the same rounds"):
        ratio_in_one_process([[1.0]], [[1.0]])
