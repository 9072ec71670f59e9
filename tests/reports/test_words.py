"""How numbers are written."""

from __future__ import annotations

import pytest

from residency.harness.statistics import Interval
from residency.reports import words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (15e-9, "0.015 µs"),
        (2.5e-4, "250 µs"),
        (2.534e-3, "2.53 ms"),
        (0.9999, "1,000 ms"),
        (12.34, "12.3 s"),
        (600.0, "10.0 min"),
    ],
)
def test_times_have_three_digits_and_a_unit(value: float, text: str) -> None:
    assert words.seconds(value) == text


def test_an_interval_stays_in_the_unit_of_its_middle() -> None:
    assert words.interval(Interval(0.7109, 0.6457, 0.7835)) == "711 [646, 784] ms"
    assert words.interval(Interval(0.9, 0.5, 1.5)) == "900 [500, 1,500] ms"
