"""When a cold start has paid."""

from __future__ import annotations

import pytest

from residency.analysis.clocks import break_even, clocks


@pytest.mark.parametrize(
    ("cold", "warm", "baseline_cold", "baseline_warm", "calls"),
    [
        (5.0, 0.1, 1.0, 1.0, 6),  # 4 s behind after the first call, 0.9 s gained by each that follows
        (0.5, 0.1, 1.0, 1.0, 1),
        (5.0, 1.0, 1.0, 0.1, None),
        (1.0, 1.0, 1.0, 1.0, 1),
        (2.0, 1.0, 1.0, 1.0, None),
    ],
)
def test_the_call_from_which_it_pays(cold, warm, baseline_cold, baseline_warm, calls) -> None:
    assert break_even(cold, warm, baseline_cold, baseline_warm) == calls
    if calls is not None and calls > 1:
        total = cold + (calls - 1) * warm
        assert total <= baseline_cold + (calls - 1) * baseline_warm
        assert total - warm > baseline_cold + (calls - 2) * baseline_warm


def test_clocks_add_up() -> None:
    stages = {"load": 1.0, "put": 0.5, "fit": 2.0, "predict": 0.25, "get": 0.25, "other": 0.1}
    found = clocks(stages, cold=9.0, cold_stages={"import": 3.0, **stages})
    assert (found.io, found.transfer, found.compute, found.other) == (1.0, 0.75, 2.25, 0.1)
    assert found.end_to_end == pytest.approx(4.1)
    assert found.imports == 3.0
    assert found.first_call == pytest.approx(9.0 - 3.0 - 4.1)
