"""The schema of one long series in which a few stretches are anomalous, and how a profile of its windows is judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.harness.errors import WrongResult
from residency.harness.quality import metric, vector
from residency.harness.truth import Truth

CHECKED = 8  # windows whose distance is computed anew
CLOSE = 1e-4  # a correlation's error that float32 may leave
CHUNK = 2**22  # numbers held at a time


@dataclass(frozen=True)
class Anomalous:
    """A series without gaps in which no window is constant, and the anomalies known to the judge alone."""

    values: NDArray[np.float64]  # (rows,)
    window: int  # points that are compared with one another
    anomalies: Truth[NDArray[np.int64]]  # (anomalies, 2): the first point of each, and the first after it
    remarks: tuple[str, ...] = ()  # what the preparation did that a reader must know

    @property
    def rows(self) -> int:
        """Points."""
        return len(self.values)

    @property
    def zone(self) -> int:
        """Windows that begin no farther apart than this share most of their points: such a match is trivial."""
        return -(-self.window // 4)


def exact_profile(data: Anomalous, places: NDArray[np.integer]) -> NDArray[np.float64]:
    """In float64: how far each of these windows is from the nearest that is no trivial match, both normalised.

    Normalised means less its mean, divided by its standard deviation; far means the Euclidean distance.
    """
    windows = np.lib.stride_tricks.sliding_window_view(data.values, data.window)
    wanted = _normalised(windows[places])
    best = np.full(len(places), -1.0)
    step = max(1, CHUNK // data.window)
    for start in range(0, len(windows), step):
        similar = wanted @ _normalised(windows[start : start + step]).T
        apart = np.abs(places[:, None] - np.arange(start, start + similar.shape[1]))
        similar[apart <= data.zone] = -1.0
        best = np.maximum(best, similar.max(axis=1))
    return np.sqrt(2.0 * data.window * np.maximum(1.0 - best, 0.0))


def _normalised(windows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Windows with mean 0 and length 1."""
    centred = windows - windows.mean(axis=1, keepdims=True)
    shaped: NDArray[np.float64] = centred / np.sqrt(np.sum(centred**2, axis=1, keepdims=True))
    return shaped


def discords(profile: NDArray[np.float64], window: int, count: int) -> list[int]:
    """Where the windows begin that are farthest from their nearest, one for each event.

    They are two windows apart at least: nearer than that two could show parts of the same stretch.
    """
    left, found = profile.copy(), []
    for _ in range(count):
        place = int(np.argmax(left))
        if left[place] < 0:
            break
        found.append(place)
        left[max(0, place - 2 * window + 1) : place + 2 * window] = -1.0
    return found


def hit(data: Anomalous, places: list[int]) -> NDArray[np.bool_]:
    """Which anomalies one of the windows that begin here overlaps: a window is strange with any part of one in it."""
    begin, end = data.anomalies[:, :1], data.anomalies[:, 1:]
    place = np.array(places)
    shared = np.minimum(end, place + data.window) - np.maximum(begin, place)
    hits: NDArray[np.bool_] = (shared > 0).any(axis=1)
    return hits


@metric(name="anomalies found")
def anomalies_found(data: Anomalous, profile: Any) -> float:
    """The share of the known anomalies that the greatest discords hit, as many of them as there are anomalies.

    Raises `WrongResult` where the profile is not what it should be: the greatest discord and windows spread over the
    series are computed anew in float64.
    """
    distances = vector(profile, data.rows - data.window + 1)
    if not np.isfinite(distances).all():
        raise WrongResult(f"{int((~np.isfinite(distances)).sum())} distances of the profile are not finite numbers")
    spread = np.linspace(0, len(distances) - 1, CHECKED).astype(np.int64)
    places = np.append(spread, np.argmax(distances))
    exact = exact_profile(data, places)
    wrong = np.abs(distances[places] ** 2 - exact**2) > CLOSE * 2 * data.window
    if wrong.any():
        place = int(places[wrong][0])
        raise WrongResult(f"window {place} is {exact[wrong][0]:.6g} from its nearest, not {distances[place]:.6g}")
    return float(hit(data, discords(distances, data.window, len(data.anomalies))).mean())
