"""What an implementation sees of its data, and other ways to ask the same."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from residency.datasets.tabular.linear import linear
from residency.datasets.tabular.table import Table
from residency.datasets.timeseries.retail import retail
from residency.datasets.timeseries.series import mase, seasonal_naive
from residency.harness import quality, truth
from residency.harness.dataset import Request


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    return linear.make(Request("linear", rows=200), tmp_path_factory.mktemp("linear"))


def test_everything_but_the_truth_can_be_read(table: Table) -> None:
    shown = truth.without_truth(table)
    assert isinstance(shown, Table)
    assert shown.x is table.x
    assert shown.rows == table.rows
    for name in ("y_test", "expected_test"):
        with pytest.raises(truth.TruthError, match=f"`{name}` is what the result is judged by"):
            getattr(shown, name)
    with pytest.raises(truth.TruthError):
        replace(shown, x=shown.x)
    assert repr(shown).startswith("Table(x=")
    assert "y_test=<hidden>" in repr(shown)
    assert shown != table


def test_data_without_its_truth_can_be_sent_and_given_another(table: Table) -> None:
    sent = pickle.loads(pickle.dumps(truth.without_truth(table)))
    assert np.array_equal(sent.x, table.x)
    with pytest.raises(truth.TruthError):
        _ = sent.y_test
    given = replace(sent, y_test=np.zeros(3), expected_test=None)
    assert given.y_test.shape == (3,)
    assert pickle.loads(pickle.dumps(given)).expected_test is None


def test_the_best_answer_is_a_truth_that_may_be_missing(table: Table) -> None:
    assert truth.best_answer(table) is table.expected_test
    assert truth.best_answer(replace(table, expected_test=None)) is None


def test_questions_in_another_order_have_their_answers_with_them(table: Table) -> None:
    other = truth.fresh(table, seed=1)
    assert not np.array_equal(other.x_test, table.x_test)
    assert quality.r2(other, other.expected_test) == pytest.approx(quality.r2(table, table.expected_test))
    assert quality.r2(other, table.expected_test) < 0.3  # whoever remembers is wrong
    assert other.x is table.x


def test_series_in_another_unit_have_twice_the_forecast(tmp_path: Path) -> None:
    panel = retail.make(Request("retail", rows=20_000), tmp_path)
    other = truth.fresh(panel, seed=1)
    assert mase(other, seasonal_naive(other)) == pytest.approx(mase(panel, seasonal_naive(panel)))
    assert mase(other, seasonal_naive(panel)) > 1.2 * mase(panel, seasonal_naive(panel))
