"""Half-daily sales in two stages: what each stage learns, from what, and that the second pays for itself."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from residency.datasets.timeseries.nab import TAXI_SOURCE
from residency.datasets.timeseries.series import Panel, mase, panel
from residency.harness import Run, store
from residency.harness.dataset import Request
from residency.harness.discovery import Catalogue
from residency.harness.execute import Execution, execute
from residency.suites import SHIPPED
from residency.suites.timeseries._series_parts import parts
from residency.suites.timeseries.sales_hybrid import (
    RIDGE,
    USED,
    columns,
    moments,
    part_residuals,
    read_part,
    regression,
    residuals,
)

TASK = Catalogue([SHIPPED]).task("timeseries/sales_hybrid")
ALONE = "MASE of the regression without the forest"
SEASON = "MASE of repeating the last season"
MIRROR = os.environ.get("RESIDENCY_MIRROR")


def make(name: str, **request: object) -> Panel:
    return TASK.dataset(name).make(Request(name, **request), Path())


@pytest.fixture(scope="module")
def sales() -> Panel:
    return make("half_daily_sales", rows=TASK.sizes["smoke"])


def run(data: Panel, dataset: str, identity: str = "histograms@cpu") -> Execution:
    return execute(TASK, TASK.implementation(identity), data, dataset=dataset, threads=2)


@pytest.mark.parametrize("identity", ["histograms@cpu", "one_round@cpu"])
def test_each_stage_pays_for_itself_and_none_is_better_than_the_truth(sales: Panel, identity: str) -> None:
    done = run(sales, "half_daily_sales", identity)
    assert done.ending.outcome == "ok"
    alone, season = done.figures[ALONE], done.figures[SEASON]
    assert mase(sales, sales.expected_test) + 0.05 < done.quality
    assert done.quality + 0.2 < alone
    assert alone + 0.1 < season


def test_shuffled_sales_or_shuffled_weather_do_not_pass(sales: Panel) -> None:
    generator = np.random.default_rng(0)
    shops = sales.value.reshape(len(sales.scale), -1)
    history = generator.permuted(shops[:, : -sales.horizon], axis=1)
    value = np.concatenate([history, shops[:, -sales.horizon :]], axis=1).ravel()
    for changed in (replace(sales, value=value), replace(sales, known=generator.permuted(sales.known, axis=1))):
        ending = run(changed, "half_daily_sales").ending
        assert ending.outcome == "wrong"
        assert "above the ceiling" in ending.reason


def test_the_future_does_not_leak(sales: Panel) -> None:
    told = replace(sales, value=np.where(sales.future, 1e4 * sales.unit, sales.value))
    assert run(told, "half_daily_sales").quality == run(sales, "half_daily_sales").quality


@pytest.mark.parametrize(
    ("rows", "digest"),
    [(11_760, "453f0f8ea7ca3dfa"), (29_400, "fca33d7e353eed49")],
)
def test_a_seed_is_the_same_bytes_anywhere(rows: int, digest: str, tmp_path: Path) -> None:
    dataset = TASK.dataset("half_daily_sales")
    assert store.hash_data(dataset.make(Request(dataset.name, rows=rows), tmp_path)).startswith(digest)


@pytest.fixture
def uneven(tmp_path: Path) -> Panel:
    """Five series that begin and end at different moments, on disk as a cluster's client sees them."""
    generator = np.random.default_rng(4)
    lengths = (90, 120, 61, 70, 45)
    data = panel(
        [generator.uniform(1, 2, length) + np.arange(length) % 7 for length in lengths], horizon=7, season=7,
        starts=[30, 0, 10, 50, 75], known=generator.standard_normal((2, sum(lengths))).astype(np.float32), phases=(7,),
        names=("rain", "web"),
    )  # fmt: skip
    store.save(data, tmp_path)
    return store.load(Panel, tmp_path, mapped=True)


def table_of(data: Panel) -> dict[str, np.ndarray]:
    return {name: np.asarray(getattr(data, name)) for name in USED}


def test_all_regressions_at_once_are_one_ridge_regression_a_series(uneven: Panel) -> None:
    fitted = regression(uneven, table_of(uneven), np)
    begin, end = moments(table_of(uneven))
    terms = columns(begin, end - begin, uneven, np).astype(np.float64)
    for series in range(5):
        own = uneven.series == series
        past = own & ~uneven.future
        scaled = (uneven.value / uneven.unit)[past]
        held = np.vstack([terms[uneven.moment[past] - begin], np.sqrt(RIDGE) * np.eye(terms.shape[1])])
        wanted = np.append(scaled - scaled.mean(), np.zeros(terms.shape[1]))
        coefficients = np.linalg.lstsq(held, wanted, rcond=None)[0]
        expected = terms[uneven.moment[own] - begin] @ coefficients + scaled.mean()
        np.testing.assert_allclose(fitted[own], expected, atol=1e-3)


def test_parts_learn_from_what_the_whole_learns_from(uneven: Panel) -> None:
    table = table_of(uneven)
    fitted = regression(uneven, table, np)
    whole = (*residuals(uneven, table, fitted, np), fitted[uneven.future], uneven.unit[uneven.future])
    pieces = parts(uneven, Run("cpu", workers=2), count=2)
    made = [part_residuals(part, read_part(part, "cpu"), moments(table), "numpy") for part in pieces]
    assert len(made) == 2
    for expected, *found in zip(whole, *made, strict=True):
        np.testing.assert_allclose(np.concatenate(found), expected, atol=1e-4)


def test_the_taxis_of_half_days(tmp_path: Path) -> None:
    if not MIRROR or not (Path(MIRROR) / "nab-nyc_taxi.csv").exists():
        pytest.skip("RESIDENCY_MIRROR names no folder that holds nab-nyc_taxi.csv")
    TAXI_SOURCE.fetch(tmp_path, Path(MIRROR), lambda _: None)
    taxis = make("half_daily_taxis", source=tmp_path)
    assert (taxis.rows, taxis.moment[0] % 14, len(taxis.scale)) == (418, 2, 1)  # it begins on a Tuesday morning
    assert taxis.y_test.sum() == 4_954_059
    holidays = np.flatnonzero(taxis.known[0])
    assert len(holidays) == 2 * 11
    assert (holidays >= 404).sum() == 2  # of the last week, Monday
    done = run(taxis, "half_daily_taxis")
    assert done.ending.outcome == "ok"
    assert done.quality < done.figures[ALONE] < done.figures[SEASON]


@pytest.mark.parametrize("length", [32, 60])
def test_a_short_series_without_known_columns(length: int) -> None:
    series = 10.0 + np.arange(length) % 2 + np.random.default_rng(1).normal(0, 0.1, length)
    done = run(panel([series], horizon=14, season=14, long_season=728, phases=(14, 728)), "own_series")
    assert done.ending.outcome == "ok"
    assert done.quality < 1.5 * done.figures[SEASON]


@pytest.mark.slow
def test_prophet_is_a_first_stage(sales: Panel) -> None:
    pytest.importorskip("prophet")
    done = run(sales, "half_daily_sales", "prophet_first@cpu")
    assert done.ending.outcome == "ok", done.ending
    assert done.quality < 0.6


@pytest.mark.slow
def test_a_cluster_is_as_good_as_one_process(residency) -> None:
    pytest.importorskip("distributed")
    done = residency(
        "run", "timeseries/sales_hybrid", "--runner", "local,cluster", "--workers", "1,2", "--devices", "cpu",
        "--implementations", "histograms,shares_of_shops", "--replicates", "1", "--rounds", "1", "--json",
    )  # fmt: skip
    assert done.status == 0, done.out + done.err
    rows = {row["implementation"]: row for row in done.json["rows"]}
    assert set(rows) == {"histograms@cpu", "shares_of_shops@1xcpu", "shares_of_shops@2xcpu"}
    here = rows.pop("histograms@cpu")["quality"]
    assert all(abs(row["quality"] - here) < TASK.tolerance for row in rows.values())


@pytest.mark.slow
def test_own_sales_by_the_command(residency, tmp_path: Path) -> None:
    generator = np.random.default_rng(3)
    lines = ["time,shop,known_rain,visits,note,sales"]
    for shop in "AB":
        visits = generator.uniform(1, 4, 500)
        for step in range(480):
            rain, time = generator.uniform(0, 10), np.datetime64("2025-01-06T00") + 12 * step
            sold = 50 + 10 * (step % 2) + 3 * visits[step] - (20 if rain > 5 else 0) + generator.normal()
            lines.append(f"{time}:00,{shop},{rain:.2f},{visits[step + 14]:.2f},text,{sold:.2f}")
    path = tmp_path / "sales.csv"
    path.write_text("\n".join(lines) + "\n")
    done = residency(
        "run", "timeseries/sales_hybrid", "--data", path, "--target", "sales", "--devices", "cpu",
        "--implementations", "histograms", "--replicates", "1", "--rounds", "1", "--json",
    )  # fmt: skip
    assert done.status == 0, done.out + done.err
    (row,) = done.json["rows"]
    assert {"a step is 12 hours; 14 steps of each series are forecast, a season is 14", "not used: `note`"} <= set(
        row["remarks"]
    )
    assert "known in advance: `known_rain`" in row["remarks"]
    assert any("14 steps later, as the future is not known: `visits`" in remark for remark in row["remarks"])
    assert row["quality"] < 0.5 * row["figures"][ALONE]  # nothing but the two columns explains the difference
