"""The schema of a regression with coefficients for each group, and the metric of its intervals.

All groups have the same columns. The coefficients of a group come from a normal distribution that the groups share: the
population. Its means and spreads, and the noise, have wide distributions before the data (`MEAN_PRIOR`, `SPREAD_PRIOR`,
`NOISE_PRIOR`). An answer is a sample of all these numbers given the data (the posterior), drawn by several chains.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.harness.errors import WrongResult
from residency.harness.quality import Items, estimate
from residency.harness.truth import Truth

DEGREES = 4  # of freedom of the noise, which has Student's t distribution: a few values lie far off
CHAINS, DRAWS = 8, 200  # so many chains an answer has at least, and so many draws in each
LEVEL = 0.9  # of the intervals
NARROW = 0.5  # an interval counts up to this share of the width that one needs who knows nothing of the group
MOST_R_HAT = 1.05
BEYOND = 4.0  # standard errors: more intervals than that cannot hold the truth by chance
WIDTHS = (0.8, 1.25)  # of the draws, 1 is right; a width of 1,600 draws is known to a few percent
FARTHEST = 0.5  # standard deviations that draws may lie off on average; of right ones, 0.1
MEAN_PRIOR = 5.0  # before the data, a mean is normal with this deviation about 0
SPREAD_PRIOR = 4.0, 10.0  # shape and rate of a spread's Gamma distribution before the data; chains get stuck near 0
NOISE_PRIOR = 1.0  # before the data, the noise is half of a normal distribution with this deviation
FITTING = (0.5, 2.0)  # spread of the groups about their population, in units of the drawn spread; about 1 is right
JUDGED = 2_000  # groups at most, evenly spread
MEASURED = 50  # groups whose draws' width is measured
MOST_VALUES = 100_000  # of the data: with more, the draws of the noise are not judged, as each reads all values

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Groups:
    """Values of groups at the same number of steps, and the columns that explain them."""

    x: NDArray[np.float32]  # (groups, columns, steps); the first column is 1
    y: NDArray[np.float32]  # (groups, steps)
    names: tuple[str, ...]  # of the columns
    coefficients: Truth[Values | None] = None  # (groups, columns): those that made the values, if known
    x_test: NDArray[np.float32] | None = None  # (groups, columns, later steps): what is known of the time after
    y_test: Truth[Values | None] = None  # (groups, later steps)

    @property
    def rows(self) -> int:
        """Values to learn from."""
        return self.y.size

    def fresh(self, _: np.random.Generator) -> Groups:
        """The same values, each one higher: so is the first coefficient of every group."""
        known, later = self.coefficients, self.y_test
        higher = None if known is None else known + np.eye(known.shape[1])[0]
        return replace(self, y=self.y + 1, coefficients=higher, y_test=None if later is None else later + 1)


@estimate(name="coverage")
def coverage(data: Groups, result: Any) -> Items:
    """The share of the known numbers that lie in their 90 % intervals: about 0.9 is right.

    The numbers are the coefficients of each group if they are known, or else the values of later steps. An interval
    reaches from the 5 % to the 95 % quantile of the draws. If it is more than half as wide as the interval of one who
    knows nothing of the group, it does not count. Chains that disagree (an R-hat above 1.05) are wrong, and so are
    intervals that hold the truth far too often, copied draws, and draws that do not fit the data or each other.
    """
    draws = checked(data, result)
    if (worst := largest_r_hat(data, result)) > MOST_R_HAT:
        raise WrongResult(f"the chains disagree: R-hat is {worst:.4g}, more than {MOST_R_HAT}")
    _plausible(data, draws)
    _population(data, result)
    ends = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    if data.coefficients is not None:
        known = data.coefficients
        drawn, truth = draws["coefficients"], known[_some(len(known))]
        nothing = np.broadcast_to(np.subtract(*np.quantile(known, ends[::-1], axis=0)), truth.shape)
    else:
        drawn, truth = _predicted(data, draws), _later(data)
        nothing = np.full(truth.shape, np.subtract(*np.quantile(data.y, ends[::-1])))
    low, high = np.quantile(drawn.reshape(-1, *truth.shape), ends, axis=0)
    inside = (low <= truth) & (truth <= high)
    if inside.mean() > LEVEL + BEYOND * np.sqrt(LEVEL * (1 - LEVEL) / inside.size):
        raise WrongResult(f"the intervals are too wide: {inside.mean():.1%} of the known numbers lie in them, not 90 %")
    counted = (inside & (high - low <= NARROW * nothing)).ravel().astype(np.float64)
    return Items(lambda counted: float(counted.mean()), (counted,), chance=0.0, unit="known numbers")


def _plausible(data: Groups, draws: Mapping[str, NDArray[Any]]) -> None:
    """Raise `WrongResult` if draws are copies, or if they do not fit the data or each other."""
    if copies := _copies(draws):
        raise WrongResult(f"{copies} draws are copies of earlier ones: each chain must draw for itself")
    for name in ("spread", "noise"):
        if (draws[name] <= 0).any():
            raise WrongResult(f"`{name}` has draws that are not positive")
    apart = (draws["coefficients"] - draws["mean"][:, :, None]) / draws["spread"][:, :, None]
    for column, found in zip(data.names, np.sqrt(np.mean(apart.astype(np.float64) ** 2, axis=(0, 1, 2))), strict=True):
        if not FITTING[0] <= found <= FITTING[1]:
            raise WrongResult(
                f"`mean` and `spread` do not fit the coefficients of `{column}`: these lie {found:.3g} times the "
                "spread from the mean, about 1 is right"
            )
    if not WIDTHS[0] <= (found := width(data, draws)) <= WIDTHS[1]:
        raise WrongResult(f"the draws of the coefficients spread {found:.3g} times as widely as the data say")


def _population(data: Groups, result: Any) -> None:
    """Raise `WrongResult` if the draws of what all groups share are too narrow, too wide or elsewhere."""
    for name, (draws, slope) in _shared(data, result).items():
        evidence = "data" if name == "noise" else "coefficients"
        widths, off = np.sqrt(np.maximum(0.0, _squares(draws, slope))), _off(slope)
        for place, (found, far) in enumerate(zip(np.atleast_1d(widths), np.atleast_1d(off), strict=True)):
            which = f"`{name}`" if name == "noise" else f"`{name}` of `{data.names[place]}`"
            if abs(far) > FARTHEST:
                side = "higher" if far > 0 else "lower"
                raise WrongResult(
                    f"the draws of {which} lie {abs(far):.3g} standard deviations {side} than the {evidence} say"
                )
            if not WIDTHS[0] <= found <= WIDTHS[1]:
                raise WrongResult(f"the draws of {which} spread {found:.3g} times as widely as the {evidence} say")


def _copies(draws: Mapping[str, NDArray[Any]]) -> int:
    """How many draws were drawn before; a chain may stay where it is for some draws."""
    shared = [draws[name].reshape(*draws[name].shape[:2], -1) for name in ("mean", "spread", "noise")]
    drawn = np.concatenate(shared, axis=2)
    moves = len(drawn) + int((drawn[:, 1:] != drawn[:, :-1]).any(axis=2).sum())
    return moves - len(np.unique(drawn.reshape(-1, drawn.shape[2]), axis=0))


def width(data: Groups, draws: Mapping[str, NDArray[Any]]) -> float:
    """How widely the coefficients' draws spread, as a multiple of what is right given the other draws.

    Of draws from any density p, (draw less mean) times the slope of log p at the draw is -1 on average, as integration
    by parts shows. Draws that spread twice as widely have four times as much, if p is normal.
    """
    judged = _some(len(data.x))
    mean, spread, noise = (draws[name].astype(np.float64) for name in ("mean", "spread", "noise"))
    squares = []
    for place in np.unique(np.linspace(0, len(judged) - 1, min(len(judged), MEASURED)).astype(np.intp)):
        x, y = data.x[judged[place]].astype(np.float64), data.y[judged[place]].astype(np.float64)
        drawn = draws["coefficients"][:, :, place].astype(np.float64)
        rest = y - drawn @ x
        slope = ((DEGREES + 1) * rest / (DEGREES * noise[:, :, None] ** 2 + rest**2)) @ x.T + (mean - drawn) / spread**2
        squares.append(_squares(drawn, slope))
    return math.sqrt(max(0.0, float(np.mean(squares))))


def _squares(draws: Values, slope: Values) -> Values:
    """The squared widths of some numbers, from their draws and the slopes there: (chains, draws, numbers)."""
    squares: Values = -np.mean((draws - draws.mean(axis=(0, 1))) * slope, axis=(0, 1))
    return squares


def _off(slope: Values) -> Values:
    """How far draws lie too high, in standard deviations: at right ones, the slope of log p is 0 on average."""
    off: Values = -slope.mean(axis=(0, 1)) / np.maximum(slope.std(axis=(0, 1)), np.finfo(np.float64).tiny)
    return off


def _shared(data: Groups, result: Any) -> dict[str, tuple[Values, Values]]:
    """Draws of the means and of the logarithms of the spreads and of the noise, and the slopes there given all others.

    Shape (chains, draws, columns) each, without columns for the noise.
    """
    mean, spread = (result[name].astype(np.float64) for name in ("mean", "spread"))
    each, groups = result["coefficients"], result["coefficients"].shape[2]
    total = each.sum(axis=2, dtype=np.float64)
    square = np.einsum("cdgk,cdgk->cdk", each, each, dtype=np.float64) - 2 * mean * total + groups * mean**2
    shape, rate = SPREAD_PRIOR
    of_mean: Values = (total - groups * mean) / spread**2 - mean / MEAN_PRIOR**2
    of_spread: Values = square / spread**2 - groups + shape - rate * spread
    shared = {"mean": (mean, of_mean), "spread": (np.log(spread), of_spread)}
    if data.y.size <= MOST_VALUES:
        noise = result["noise"].astype(np.float64)
        shared["noise"] = (np.log(noise), _slope_of_noise(data, each, noise))
    return shared


def _slope_of_noise(data: Groups, coefficients: NDArray[Any], noise: Values) -> Values:
    """The slope of log p along the logarithm of the noise: shape (chains, draws)."""
    slope: Values = 1 - (noise / NOISE_PRIOR) ** 2
    for group, (x, y) in enumerate(zip(data.x.astype(np.float64), data.y.astype(np.float64), strict=True)):
        square = ((y - coefficients[:, :, group].astype(np.float64) @ x) / noise[:, :, None]) ** 2
        slope += ((DEGREES + 1) * square / (DEGREES + square) - 1).sum(axis=2)
    return slope


def largest_r_hat(data: Groups, result: Any) -> float:
    """The largest R-hat of all numbers: how much more the halves of the chains differ than they would by chance."""
    return max(float(r_hat(values).max()) for values in checked(data, result).values())


def r_hat(draws: NDArray[Any]) -> Values:
    """Split R-hat of each number (Gelman and others, Bayesian Data Analysis): 1 if all chains agree.

    `draws` has the shape (chains, draws, ...). A number that never moves has an infinite R-hat.
    """
    half = draws.shape[1] // 2
    halves = np.concatenate([draws[:, :half], draws[:, -half:]]).astype(np.float64)
    within = np.atleast_1d(halves.var(axis=1, ddof=1).mean(axis=0))
    between = half * np.atleast_1d(halves.mean(axis=1).var(axis=0, ddof=1))
    ratio = np.divide(between, within, out=np.full(within.shape, np.inf), where=within > 0)
    return np.asarray(np.sqrt((half - 1 + ratio) / half))


def checked(data: Groups, result: Any) -> dict[str, NDArray[Any]]:
    """The draws by name, of at most 2,000 groups; raises `WrongResult` if any are missing or are not finite."""
    groups, columns, _ = data.x.shape
    shapes = {"coefficients": (groups, columns), "mean": (columns,), "spread": (columns,), "noise": ()}
    if not isinstance(result, Mapping) or set(result) != set(shapes):
        raise WrongResult(f"the result must be a dict of draws: {', '.join(shapes)}")
    for name, shape in shapes.items():
        drawn = result[name].shape
        if drawn[2:] != shape or len(drawn) < 2 or drawn[0] < CHAINS or drawn[1] < DRAWS:
            wanted = f"({CHAINS} chains or more, {DRAWS} draws or more{''.join(f', {size}' for size in shape)})"
            raise WrongResult(f"`{name}` has the shape {drawn}, expected {wanted}")
    some = {**result, "coefficients": result["coefficients"][:, :, _some(groups)]}
    if unknown := sum(int((~np.isfinite(values)).sum()) for values in some.values()):
        raise WrongResult(f"{unknown} draws are not finite numbers")
    return some


def _some(groups: int) -> NDArray[np.intp]:
    """The groups that are judged."""
    return np.unique(np.linspace(0, groups - 1, min(groups, JUDGED)).astype(np.intp))


def _later(data: Groups) -> Values:
    if data.y_test is None:
        raise WrongResult("nothing is known to judge the intervals by")
    return data.y_test[_some(len(data.y_test))]


def _predicted(data: Groups, draws: Mapping[str, NDArray[Any]]) -> Values:
    """Values of the later steps, one for each draw, with noise: shape (chains, draws, groups, later steps)."""
    assert data.x_test is not None
    later = data.x_test[_some(len(data.x_test))]
    expected: Values = np.einsum("cdgk,gkt->cdgt", draws["coefficients"], later, dtype=np.float64)
    expected += draws["noise"][:, :, None, None] * student(np.random.default_rng(0), expected.shape)
    return expected


def student(generator: np.random.Generator, shape: tuple[int, ...]) -> Values:
    """Noise of Student's t distribution, made of normal numbers alone."""
    squares = np.zeros(shape)
    for _ in range(DEGREES):
        squares += generator.standard_normal(shape) ** 2
    noise: Values = generator.standard_normal(shape) * np.sqrt(DEGREES / squares)
    return noise
