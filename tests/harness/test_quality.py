"""The metrics equal scikit-learn's of the same name, and refuse what cannot be judged."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from residency.harness import quality
from residency.harness.errors import WrongResult

SCORES = st.lists(st.tuples(st.booleans(), st.integers(-5, 5)), min_size=4, max_size=60).filter(
    lambda rows: len({truth for truth, _ in rows}) == 2
)


def data(truth) -> SimpleNamespace:
    return SimpleNamespace(y_test=np.asarray(truth, dtype=np.float32))


@settings(deadline=None)
@given(SCORES)
def test_ranking_metrics_with_many_ties(rows) -> None:
    from sklearn import metrics

    truth = np.array([one for one, _ in rows], dtype=float)
    score = np.array([one for _, one in rows], dtype=np.float32)
    assert quality.auc(data(truth), score) == pytest.approx(metrics.roc_auc_score(truth, score))
    expected = metrics.average_precision_score(truth, score)
    assert quality.average_precision(data(truth), score) == pytest.approx(expected)


def test_r2() -> None:
    from sklearn import metrics

    generator = np.random.default_rng(0)
    truth = generator.standard_normal(500).astype(np.float32)
    predicted = truth + generator.standard_normal(500).astype(np.float32)
    assert quality.r2(data(truth), predicted) == pytest.approx(metrics.r2_score(truth, predicted))
    assert quality.r2(data(truth), predicted[:, None]) == quality.r2(data(truth), predicted)


@pytest.mark.parametrize("metric", [quality.r2, quality.auc, quality.average_precision])
def test_a_result_of_another_shape_is_wrong(metric) -> None:
    with pytest.raises(WrongResult, match=r"shape \(3,\), expected \(4,\)"):
        metric(data([0, 1, 0, 1]), np.zeros(3))


def test_nan_never_passes() -> None:
    with pytest.raises(WrongResult, match="R² is nan"):
        quality.r2(data([0, 1, 0, 1]), np.full(4, np.nan))
    for metric in (quality.auc, quality.average_precision):
        with pytest.raises(WrongResult, match="1 of 4 values are NaN"):
            metric(data([0, 1, 0, 1]), np.array([0.0, np.nan, 0.1, 0.9]))


def test_shortfall_and_floor_follow_the_direction() -> None:
    assert quality.r2.shortfall(0.9, 1.0) == pytest.approx(0.1)
    assert quality.r2.shortfall(1.1, 1.0) < 0
    assert quality.r2.beyond(0.5, 0.5)
    loss = quality.metric(name="loss", better="lower", relative=True)(lambda _, result: float(result))
    assert loss.shortfall(110.0, 100.0) == pytest.approx(0.1)
    assert loss.beyond(1.0, 2.0)
    assert not loss.beyond(3.0, 2.0)
