"""Which predictions a measured speedup supports."""

from __future__ import annotations

import math

import pytest

from residency.analysis.row import Speedup
from residency.analysis.vote import Choice, vote

CPU, EQUAL, LITTLE, MUCH, VERY = Choice


@pytest.mark.parametrize(
    ("ratio", "verdict", "right", "possible"),
    [
        ((0.4, 0.3, 0.5), "slower", CPU, [CPU]),
        ((1.01, 0.99, 1.02), "equivalent", EQUAL, [EQUAL]),
        ((2.5, 2.1, 3.0), "faster", LITTLE, [LITTLE]),
        ((2.9, 2.1, 3.5), "faster", LITTLE, [LITTLE, MUCH]),
        ((8.0, 2.0, 30.0), "faster", MUCH, [LITTLE, MUCH, VERY]),
        ((40.0, 30.0, 50.0), "faster", VERY, [VERY]),
        ((1.2, 0.9, 1.6), "inconclusive", None, [CPU, EQUAL, LITTLE]),
        ((1.04, 1.001, 1.08), "inconclusive", None, [EQUAL, LITTLE]),
        ((0.97, 0.95, 0.99), "inconclusive", None, [CPU, EQUAL]),
        ((2.0, 0.01, math.inf), "inconclusive", None, list(Choice)),
    ],
)
def test_the_verdict_and_the_interval_decide(ratio, verdict, right, possible) -> None:
    said = vote(Speedup(*ratio, verdict, "cpu"))
    assert (said.right, said.possible) == (right, possible)
