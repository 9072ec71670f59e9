"""States of a random-number generator, where each step needs the one before: generated, for any number of steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.harness.dataset import decoded, generated
from residency.harness.errors import WrongResult
from residency.harness.quality import metric

MULTIPLIER = 69_069  # Marsaglia's: 5 more than a multiple of 8, so that states of odd numbers return after 2³⁰ steps
STATES = 256


@dataclass(frozen=True)
class States:
    """The first states of some generators, and the number of steps to take."""

    first: NDArray[np.int32]  # (STATES,), odd numbers
    steps: int

    @property
    def rows(self) -> int:
        """Steps."""
        return self.steps


@decoded(lambda _: 4.0 * STATES)
@generated
def generator_states(rows: int, seed: int) -> States:
    """256 multiplicative generators, x → 69069 x modulo 2³², and a number of steps that they are to take.

    The states are whole numbers of 32 bits that overflow, in the same way in every library. After n steps a state is
    69069ⁿ times the first one. This can be computed directly, so a step that is left out or taken twice is noticed.
    """
    drawn = np.random.default_rng(seed).integers(-(2**31), 2**31, STATES, dtype=np.int32)
    return States(drawn | np.int32(1), rows)


@metric(name="correct states")
def states_correct(data: States, found: Any) -> float:
    """Share of the generators whose state is right after all steps."""
    if not isinstance(found, np.ndarray) or found.shape != data.first.shape or found.dtype != np.int32:
        found = f"{found.dtype} {found.shape}" if isinstance(found, np.ndarray) else type(found).__name__
        raise WrongResult(f"the result is {found}, not int32 {data.first.shape}")
    factor = pow(MULTIPLIER, data.steps, 2**32)
    expected = [(factor * state) % 2**32 for state in data.first.tolist()]
    return float(np.mean(found.view(np.uint32) == np.array(expected, np.uint32)))
