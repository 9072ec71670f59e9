"""How long it would take with more rows."""

from __future__ import annotations

import pytest

from residency.analysis.growth import expected


@pytest.mark.parametrize(
    ("seconds", "rows", "lasts"),
    [
        ({100: 2.0}, 1_000, 20.0),  # by the rows
        ({10: 0.1, 100: 1.0}, 1_000, 10.0),
        ({10: 0.01, 100: 1.0}, 1_000, 100.0),  # every row against every row
        ({10: 0.001, 100: 1.0}, 1_000, 1_000.0),  # a product of square matrices
        ({10: 1.0, 100: 1.0}, 1_000, 10.0),  # the smaller was all overhead
        ({10: 1e-9, 100: 1.0}, 1_000, 1_000.0),  # no steeper than that
        ({100: 2.0}, 100, 2.0),
    ],
)
def test_more_rows_take_longer(seconds: dict[int, float], rows: int, lasts: float) -> None:
    assert expected(seconds, rows) == pytest.approx(lasts)
