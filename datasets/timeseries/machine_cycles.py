"""A machine's repeating cycles, a few of which go wrong: generated, any number of points."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from residency.datasets.timeseries.anomalous import Anomalous
from residency.datasets.timeseries.series import Values, wave
from residency.harness.dataset import decoded, generated

CYCLE = 100  # points on average
JITTER = 5  # points by which a cycle is longer or shorter, at most
PARTS = 6  # waves in a cycle: the first makes one turn, the second two, and so on
UNSTEADY = 0.1  # by how much the parts of ordinary cycles vary
NOISE = 0.1
ORDINARY = 20  # cycles at least for each anomalous cycle
MOST = 10  # anomalies


@decoded(8)
@generated
def machine_cycles(rows: int, seed: int) -> Anomalous:
    """A sensor on a machine that repeats the same cycle and goes wrong up to ten times.

    A cycle takes 95 to 105 points. It is a sum of six waves, which make one turn to six turns, plus normal noise; the
    waves' sizes vary by a tenth from cycle to cycle. In an anomalous cycle the waves begin at other places, different
    each time. Sizes and range do not change, so no threshold finds it, but no other cycle looks like it. (If two looked
    alike, each would be the other's nearest, and both would be missed.) There are ten anomalous cycles; in a short
    series, one cycle in twenty. All are to be found: quality 1.
    """
    generator = np.random.default_rng(seed)
    lengths = generator.integers(CYCLE - JITTER, CYCLE + JITTER + 1, rows // (CYCLE - JITTER) + 1)
    ends = np.cumsum(lengths)
    lengths, ends = lengths[ends <= rows], ends[ends <= rows]
    cycles = len(lengths)
    size = 1.0 + UNSTEADY * generator.standard_normal((cycles, PARTS))
    place = np.tile(generator.random(PARTS), (cycles, 1))
    count = max(1, min(MOST, cycles // ORDINARY))
    block = cycles // count
    wrong = np.arange(count) * block + generator.integers(block // 4, max(block // 4 + 1, 3 * block // 4), count)
    place[wrong] = generator.random((count, PARTS))
    values = _sensor(lengths, size, place)
    values = np.append(values, values[: rows - len(values)])  # the cycle that the end cuts short
    values += NOISE * generator.standard_normal(rows)
    return Anomalous(values, CYCLE, np.stack([ends[wrong] - lengths[wrong], ends[wrong]], axis=1))


def _sensor(lengths: NDArray[np.int64], size: Values, place: Values) -> Values:
    """The points of all cycles one after the other. Waves are added in order: the same bytes on any machine."""
    cycle = np.repeat(np.arange(len(lengths)), lengths)
    ends = np.cumsum(lengths)
    turn = (np.arange(ends[-1]) - (ends - lengths)[cycle]) / lengths[cycle]
    values = np.zeros(len(cycle))
    for part in range(PARTS):
        values += size[cycle, part] * wave((part + 1) * turn + place[cycle, part])
    return values
