"""Exponential smoothing of many series in Numba: series side by side on a core, a series for each thread of a GPU.

`step` says how a value moves the level, the trend and the season of its series. Each step needs the one before, so a
series alone is a chain. Series do not depend on each other. A core takes WIDE of them and steps through time: the same
operation on neighbours in memory, as its vector units need it. On a GPU a thread has one series. Time is the first axis
of the values there, so neighbours read neighbouring values. From values to forecasts it is one launch.

The three parameters of each series are found by compass search (Hooke and Jeeves, 1961): try a step along each axis in
both directions, go where the sum of squared errors is least, and halve the step if it is least at home. Its number of
rounds is fixed, so each series costs the same.

Not yet seen on a real GPU. Compiled for compute capability 9.0 it takes 60 registers a thread and spills none. A step
of the search is seven instructions of float32, two reads and a write.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numba
import numpy as np
from numba import cuda
from numpy.typing import NDArray

Floats = NDArray[np.float32]

FAST = {"contract", "nsz", "reassoc"}  # fused and reordered additions
WIDE = 64  # series side by side on a core: their values stay in its first caches
THREADS = 128  # of a block
DIRECTIONS = 6
ONE, HALF, NOUGHT = np.float32(1.0), np.float32(0.5), np.float32(0.0)


class Search(NamedTuple):
    """Where the search for (a, b, c) begins, how far it may go, the first step as a share of that, and the rounds."""

    first: tuple[float, float, float]
    highest: tuple[float, float, float]
    length: float
    rounds: int


def step(value: float, level: float, trend: float, season: float, a: float, b: float, c: float) -> Any:
    """The error of the forecast for a value, and the level, the trend and the season after it."""
    error = value - (level + trend + season)
    return error, level + trend + a * error, trend + a * b * error, season + c * (ONE - a) * error


def moved(place: Any, length: Any, highest: Any, axis: int, direction: int) -> Any:
    """A parameter's place after a step in that direction, from 0 to `highest`; it moves only along its own axis."""
    if direction >> 1 == axis:
        place = place + (length if direction & 1 else -length) * highest
    return min(max(place, NOUGHT), highest)


def prepare(value: Any, begin: int, length: int, unit: float, values: Any, start: Any, k: int) -> None:
    """Fill column k of `values` and `start` with a series' window and its first level, trend and season.

    They are `windows` and `starts` of the task, for one series.
    """
    steps, season = values.shape[0], start.shape[0] - 2
    repeats = season if length >= season else 1
    seasons = steps // season
    total = slope = 0.0
    for time in range(steps):
        place = length - steps + time
        if place < 0:
            place %= repeats
        now = (value[begin + place] - value[begin]) / unit
        values[time, k] = now
        slope += (time // season - 0.5 * (seasons - 1)) * now
        if time < 2 * season:
            total += now
    slope /= season * season * (seasons * (seasons * seasons - 1) / 12.0)
    level = total / (2 * season) - slope * (season + 0.5)
    start[0, k], start[1, k] = level, slope
    for time in range(season):
        both = values[time, k] + values[time + season, k]
        start[2 + time, k] = 0.5 * both - level - slope * (time + 1 + 0.5 * season)


def ahead(state: Any, k: int, row: int, steps: int) -> Any:
    """The forecast in column k so many steps after the end; `row` is that step's season."""
    return state[0, k] + state[1, k] * np.float32(steps) + state[2 + row, k]


# --- On a CPU -------------------------------------------------------------------------------------------------------

_step, _moved = numba.njit(step, inline="always"), numba.njit(moved, inline="always")
_prepare, _ahead = numba.njit(prepare), numba.njit(ahead)


@numba.njit(nogil=True, fastmath=FAST)
def follow(values: Floats, start: Floats, at: Floats, state: Floats, squares: Floats) -> None:
    """Smooth a strip of series from its start with the parameters `at`: the last states, and the squared errors."""
    for place in range(len(start)):
        for k in range(WIDE):
            state[place, k] = start[place, k]
    for k in range(WIDE):
        squares[k] = NOUGHT
    length = len(start) - 2
    level, trend, a, b, c = state[0], state[1], at[0], at[1], at[2]
    for time in range(len(values)):
        value, season = values[time], state[2 + time % length]
        for k in range(WIDE):
            error, level[k], trend[k], season[k] = _step(value[k], level[k], trend[k], season[k], a[k], b[k], c[k])
            squares[k] += error * error


@numba.njit(nogil=True)
def fit_strip(values: Floats, start: Floats, search: Floats, rounds: int, state: Floats) -> None:
    """Fit WIDE series and fill their last states. The rows of `search`: first places, highest, first step."""
    at, tried, best = np.empty((3, WIDE), np.float32), np.empty((3, WIDE), np.float32), np.empty((3, WIDE), np.float32)
    squares, least, reach = np.empty(WIDE, np.float32), np.empty(WIDE, np.float32), np.empty(WIDE, np.float32)
    for k in range(WIDE):
        least[k], reach[k] = np.inf, search[2, 0]
        for axis in range(3):
            at[axis, k] = best[axis, k] = search[0, axis]
    for turn in range(-1, rounds * DIRECTIONS + 1):  # the first place, six places a round, and the last place again
        direction = turn % DIRECTIONS
        for k in range(WIDE):
            for axis in range(3):
                place = at[axis, k]
                inside = 0 <= turn < rounds * DIRECTIONS
                tried[axis, k] = _moved(place, reach[k], search[1, axis], axis, direction) if inside else place
        follow(values, start, tried, state, squares)
        for k in range(WIDE):
            if squares[k] < least[k]:
                least[k] = squares[k]
                for axis in range(3):
                    best[axis, k] = tried[axis, k]
        if direction == DIRECTIONS - 1:
            settle(at, best, reach, turn > 0)


@numba.njit(nogil=True)
def settle(at: Floats, best: Floats, reach: Floats, halves: bool) -> None:
    """At the end of a round, go to the best place; who is there already halves the step."""
    for k in range(WIDE):
        stays = True
        for axis in range(3):
            stays = stays and at[axis, k] == best[axis, k]
            at[axis, k] = best[axis, k]
        if stays and halves:
            reach[k] *= HALF


@numba.njit(nogil=True)
def share_of(
    value: Floats, begins: Any, lengths: Any, units: Floats, steps: int, season: int, search: Floats, rounds: int,
    first: int, apart: int, forecast: Floats,
) -> None:  # fmt: skip
    """A thread's share: the strips of WIDE series from `first` on, so many series apart; fills their forecasts."""
    values, start = np.zeros((steps, WIDE), np.float32), np.zeros((2 + season, WIDE), np.float32)
    state = np.empty_like(start)
    for top in range(first, len(begins), apart):
        strip = min(WIDE, len(begins) - top)
        for k in range(strip):
            _prepare(value, begins[top + k], lengths[top + k], units[top + k], values, start, k)
        fit_strip(values, start, search, rounds, state)
        for k in range(strip):
            for h in range(forecast.shape[1]):
                scaled = _ahead(state, k, h % season, h + 1)
                forecast[top + k, h] = scaled * units[top + k] + value[begins[top + k]]


def forecast_by_cores(
    value: Floats, begins: Any, lengths: Any, units: Floats, *, steps: int, season: int, horizon: int, search: Search,
    threads: int,
) -> Floats:  # fmt: skip
    """The forecasts, shape (series, horizon); `value` has all series one after the other. Threads take turns."""
    forecast, places = np.empty((len(begins), horizon), np.float32), _places(search)

    def share(thread: int) -> None:
        plan = steps, season, places, search.rounds, WIDE * thread, WIDE * threads
        share_of(value, begins, lengths, units, *plan, forecast)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(share, range(threads)))
    return forecast


def _places(search: Search) -> Floats:
    return np.array([search.first, search.highest, (search.length,) * 3], np.float32)


# --- On a GPU -------------------------------------------------------------------------------------------------------

_step_there, _moved_there = cuda.jit(device=True)(step), cuda.jit(device=True)(moved)
_prepare_there, _ahead_there = cuda.jit(device=True)(prepare), cuda.jit(device=True)(ahead)


@cuda.jit(device=True)
def follow_there(values: Any, start: Any, state: Any, i: int, a: float, b: float, c: float) -> Any:
    """Smooth a thread's series: its last states, and the sum of its squared errors."""
    for place in range(2, state.shape[0]):
        state[place, i] = start[place, i]
    level, trend, squares, row = start[0, i], start[1, i], NOUGHT, 2
    for time in range(values.shape[0]):
        error, level, trend, season = _step_there(values[time, i], level, trend, state[row, i], a, b, c)
        state[row, i] = season
        squares += error * error
        row = row + 1 if row + 1 < state.shape[0] else 2
    state[0, i], state[1, i] = level, trend
    return squares


@cuda.jit
def fit_there(
    value: Any, begins: Any, lengths: Any, units: Any, search: Any, rounds: int, values: Any, start: Any, state: Any,
    forecast: Any,
) -> None:  # fmt: skip
    """Fit a thread's series and fill its forecasts. Time and state are the first axes of `values` and `state`."""
    i = cuda.grid(1)
    if i >= begins.size:
        return
    _prepare_there(value, begins[i], lengths[i], units[i], values, start, i)
    a, b, c, reach = search[0, 0], search[0, 1], search[0, 2], search[2, 0]
    least = follow_there(values, start, state, i, a, b, c)
    for _ in range(rounds):
        home, best_a, best_b, best_c = least, a, b, c
        for direction in range(DIRECTIONS):
            try_a = _moved_there(a, reach, search[1, 0], 0, direction)
            try_b = _moved_there(b, reach, search[1, 1], 1, direction)
            try_c = _moved_there(c, reach, search[1, 2], 2, direction)
            squares = follow_there(values, start, state, i, try_a, try_b, try_c)
            if squares < least:
                least, best_a, best_b, best_c = squares, try_a, try_b, try_c
        if least == home:
            reach *= HALF
        a, b, c = best_a, best_b, best_c
    follow_there(values, start, state, i, a, b, c)
    season = state.shape[0] - 2
    for h in range(forecast.shape[1]):
        forecast[i, h] = _ahead_there(state, i, h % season, h + 1) * units[i] + value[begins[i]]


def forecast_by_threads(
    value: Any, begins: Any, lengths: Any, units: Any, *, steps: int, season: int, horizon: int, search: Search
) -> Any:
    """The same on a GPU, from arrays there to an array there: one launch."""
    series = begins.size
    values = cuda.device_array((steps, series), np.float32)
    start, state = (cuda.device_array((2 + season, series), np.float32) for _ in range(2))
    forecast = cuda.device_array((series, horizon), np.float32)
    fit_there[-(-series // THREADS), THREADS](
        value, begins, lengths, units, cuda.to_device(_places(search)), search.rounds, values, start, state, forecast
    )
    return forecast
