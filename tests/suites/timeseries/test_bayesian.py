"""Hierarchical regression by Monte Carlo: which draws pass, and that shuffled data does not."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from residency.datasets.timeseries.groups import (
    CHAINS,
    DEGREES,
    DRAWS,
    MEAN_PRIOR,
    NOISE_PRIOR,
    SPREAD_PRIOR,
    Groups,
    coverage,
    r_hat,
    width,
)
from residency.datasets.timeseries.weekly_sales import MEAN, NOISE, SPREAD
from residency.harness import store
from residency.harness.dataset import Request
from residency.harness.discovery import Catalogue
from residency.harness.errors import WrongResult
from residency.harness.execute import Execution, execute
from residency.suites import SHIPPED

TASK = Catalogue([SHIPPED]).task("timeseries/bayesian")


def make(name: str, **request: object) -> Groups:
    return TASK.dataset(name).make(Request(name, **request), Path())


@pytest.fixture(scope="module")
def sales() -> Groups:
    return make("weekly_sales", rows=40 * 156)


@pytest.fixture(scope="module")
def right(sales: Groups) -> dict[str, Any]:
    """Right draws, nearly; no test changes them."""
    return drawn(sales)


@cache
def found(size: int) -> tuple[Any, Any]:
    """The most probable coefficients of the first shops, and how they are spread: Cholesky factors."""
    data = make("weekly_sales", rows=40 * 156)
    x, y = data.x[:size].astype(float), data.y[:size].astype(float)
    at = np.broadcast_to(MEAN, (size, len(MEAN)))
    for _ in range(20):
        rest = y - np.einsum("sk,skt->st", at, x)
        weighted = x * ((DEGREES + 1) / (DEGREES * NOISE**2 + rest**2))[:, None]
        inverse = np.linalg.inv(weighted @ x.transpose(0, 2, 1) + np.diag(SPREAD**-2.0))
        at = np.einsum("skl,sl->sk", inverse, np.einsum("skt,st->sk", weighted, y) + MEAN / SPREAD**2)
    exact = x @ x.transpose(0, 2, 1) * (DEGREES + 1) / (DEGREES + 3) / NOISE**2 + np.diag(SPREAD**-2.0)
    return at, np.linalg.cholesky(np.linalg.inv(exact))


def drawn(data: Groups, width: float = 1.0, unknown: int | None = None) -> dict[str, Any]:
    """Draws that are nearly those of the posterior; a width of 2 makes the coefficients' twice as wide.

    Nothing is learned of the `unknown` column: its coefficients are those of any shop.
    """
    generator = np.random.default_rng(1)
    at, factors = found(len(data.x))
    each = (CHAINS, DRAWS)
    noise = generator.standard_normal((*each, *at.shape))
    away = np.einsum("skl,cdsl->cdsk", factors, noise)
    coefficients = at + width * away
    if unknown is not None:
        coefficients[..., unknown] = MEAN[unknown] + SPREAD[unknown] * noise[..., unknown]
    mean, spread = population(coefficients, generator)
    return {
        "coefficients": coefficients,
        "mean": mean,
        "spread": spread,
        "noise": noise_of(data, at + away, generator),
    }


def noise_of(data: Groups, coefficients: Any, generator: np.random.Generator) -> Any:
    """Noise drawn given the coefficients: its logarithm is nearly normal, and Newton's method finds the centre."""
    squares = ((data.y - np.einsum("cdsk,skt->cdst", coefficients, data.x, optimize=True)) ** 2).reshape(
        CHAINS, DRAWS, -1
    )
    centre = np.full((CHAINS, DRAWS), np.log(NOISE))
    for _ in range(3):
        noise = np.exp(centre)
        ratio = squares / noise[..., None] ** 2
        slope = ((DEGREES + 1) * ratio / (DEGREES + ratio) - 1).sum(axis=2) + 1 - (noise / NOISE_PRIOR) ** 2
        bend = (2 * DEGREES * (DEGREES + 1) * ratio / (DEGREES + ratio) ** 2).sum(axis=2) + 2 * (
            noise / NOISE_PRIOR
        ) ** 2
        centre += slope / bend
    return np.exp(centre + generator.standard_normal(centre.shape) / np.sqrt(bend))


def population(coefficients: Any, generator: np.random.Generator) -> tuple[Any, Any]:
    """Means and spreads drawn given the coefficients, in turns (Gibbs sampling); spreads from a fine grid."""
    shops, spread = coefficients.shape[2], SPREAD
    grid = np.geomspace(0.02, 3.0, 500)
    shape, rate = SPREAD_PRIOR
    for _ in range(4):
        precision = shops / spread**2 + MEAN_PRIOR**-2
        centre = coefficients.sum(axis=2) / spread**2 / precision
        mean = centre + generator.standard_normal(centre.shape) / np.sqrt(precision)
        square = ((coefficients - mean[:, :, None]) ** 2).sum(axis=2)[..., None]
        logarithm = (shape - shops) * np.log(grid) - rate * grid - square / grid**2 / 2
        spread = grid[np.argmax(logarithm + generator.gumbel(size=logarithm.shape), axis=-1)]
    return mean, spread


def test_right_intervals_hold_nine_in_ten_of_the_known_numbers(sales: Groups, right: Any) -> None:
    assert coverage(sales, right) == pytest.approx(0.9, abs=0.05)


def test_an_interval_that_tells_nothing_of_its_shop_does_not_count(sales: Groups) -> None:
    price = sales.names.index("price")
    x, y = sales.x.copy(), sales.y - sales.x[:, price] * sales.coefficients[:, price, None]
    x[:, price] = 0.0
    data = replace(sales, x=x, y=y)
    assert coverage(data, drawn(data, unknown=price)) == pytest.approx(0.9 * 5 / 6, abs=0.05)


@pytest.mark.slow
def test_draws_spread_as_widely_as_the_data_say(sales: Groups) -> None:
    few = replace(sales, x=sales.x[:8], y=sales.y[:8], coefficients=sales.coefficients[:8])  # too few to be called wide
    for factor in (0.5, 1.0, 2.0):
        assert width(few, drawn(few, factor)) == pytest.approx(factor, rel=0.06)
    for factor in (0.5, 2.0):
        with pytest.raises(WrongResult, match=r"spread [\d.]+ times as widely as the data say"):
            coverage(few, drawn(few, factor))


@pytest.mark.parametrize("name", ["mean", "spread", "noise"])
def test_draws_of_what_shops_share_lie_and_spread_as_the_others_say(sales: Groups, right: Any, name: str) -> None:
    centre, deviation = right[name].mean(axis=(0, 1)), right[name].std(axis=(0, 1))
    which = "`noise`" if name == "noise" else f"`{name}` of `level`"
    for factor in (0.5, 1.7):
        with pytest.raises(WrongResult, match=rf"the draws of {which} spread [\d.]+ times as widely as the"):
            coverage(sales, {**right, name: centre + factor * (right[name] - centre)})
    for shift, side in ((-1.0, "lower"), (1.0, "higher")):
        with pytest.raises(WrongResult, match=rf"the draws of {which} lie [\d.]+ standard deviations {side} than the"):
            coverage(sales, {**right, name: right[name] + shift * deviation})


def test_intervals_that_always_hold_the_truth_are_too_wide(sales: Groups, right: Any) -> None:
    at, _ = found(len(sales.x))
    with pytest.raises(WrongResult, match=r"the intervals are too wide: 100\.0% of the known numbers lie in them"):
        coverage(replace(sales, coefficients=at.astype(np.float32)), right)


def test_copied_draws_are_no_chains(sales: Groups, right: Any) -> None:
    one = {name: np.repeat(values[:1], CHAINS, axis=0) for name, values in right.items()}
    with pytest.raises(WrongResult, match="1400 draws are copies of earlier ones"):
        coverage(sales, one)
    still = {name: np.repeat(values, 2, axis=1) for name, values in right.items()}  # each proposal in two is refused
    assert coverage(sales, still) == coverage(sales, right)


def test_draws_that_are_not_an_answer(sales: Groups, right: Any) -> None:
    shifted = right["mean"] + np.where(np.arange(CHAINS) == 3, 2.0, 0.0)[:, None, None]  # one chain is elsewhere
    still = np.zeros((CHAINS, DRAWS))
    for name, changed, reason in (
        ("mean", shifted, "the chains disagree: R-hat is"),
        ("noise", still, "the chains disagree: R-hat is inf"),
        ("noise", -right["noise"], "`noise` has draws that are not positive"),
        ("mean", right["mean"] + 100.0, "`mean` and `spread` do not fit the coefficients of `level`"),
        ("spread", 10.0 * right["spread"], "`mean` and `spread` do not fit the coefficients of `level`"),
        ("spread", np.full_like(shifted, np.nan), "draws are not finite"),
        (
            "coefficients",
            right["coefficients"][:, : DRAWS - 1],
            r"expected \(8 chains or more, 200 draws or more, 40, 6",
        ),
        ("noise", right["noise"][: CHAINS - 1], "`noise` has the shape"),
    ):
        with pytest.raises(WrongResult, match=reason):
            coverage(sales, {**right, name: changed})
    with pytest.raises(WrongResult, match="a dict of draws: coefficients, mean, spread, noise"):
        coverage(sales, right["mean"])


def test_r_hat_is_the_textbooks() -> None:
    draws = np.random.default_rng(0).standard_normal((4, 100, 2)) + np.arange(4)[:, None, None] * [0.0, 1.0]
    halves = draws.reshape(8, 50, 2)
    within, between = halves.var(axis=1, ddof=1).mean(0), 50 * halves.mean(1).var(axis=0, ddof=1)
    np.testing.assert_allclose(r_hat(draws), np.sqrt((49 / 50 * within + between / 50) / within))
    assert r_hat(draws)[0] < 1.05 < r_hat(draws)[1]


@pytest.mark.parametrize(("rows", "digest"), [(1_248, "136d206d85842637"), (31_200, "424b3fa9ce3697ef")])
def test_a_seed_is_the_same_bytes_anywhere(rows: int, digest: str, tmp_path: Path) -> None:
    dataset = TASK.dataset("weekly_sales")
    assert store.hash_data(dataset.make(Request(dataset.name, rows=rows), tmp_path)).startswith(digest)


def test_a_shops_sales_are_its_columns_times_its_coefficients(sales: Groups) -> None:
    noise = sales.y - np.einsum("sk,skt->st", sales.coefficients, sales.x)
    assert np.median(np.abs(noise)) == pytest.approx(0.1 * 0.741, rel=0.05)  # the quartile of Student's t is 0.741
    assert np.abs(noise).max() > 0.8  # of a normal distribution, none would be
    assert np.abs(sales.x[:, 1:].mean((0, 2))).max() < 0.05


def run(data: Groups, dataset: str, identity: str = "chain_by_chain@cpu") -> Execution:
    pytest.importorskip("numpyro")
    return execute(TASK, TASK.implementation(identity), data, dataset=dataset, threads=2)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["weekly_sales", "grunfeld"])
def test_shuffled_values_do_not_pass(name: str) -> None:
    data = make(name, rows=TASK.sizes["smoke"])
    done = run(data, name)
    assert done.ending.outcome == "ok", done.ending
    assert done.figures["R-hat, the largest"] < 1.05
    assert done.figures["effective_draws_per_second"] > 0
    values = np.random.default_rng(0).permutation(data.y.ravel()).reshape(data.y.shape)
    ending = run(replace(data, y=values), name).ending
    assert ending.outcome == "wrong"
    assert "below the floor" in ending.reason or "the chains disagree" in ending.reason


def test_the_firms_are_those_of_grunfeld() -> None:
    firms = make("grunfeld")
    assert firms.x.shape == (11, 3, 17)
    assert firms.y_test is not None
    assert np.exp(firms.y_test[5, -1]) == pytest.approx(1486.7)  # General Motors in 1954
    assert firms.coefficients is None
