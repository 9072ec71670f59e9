"""What the tests of datasets share: random numbers that do not depend on which tests ran before."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def own_random_numbers(request: pytest.FixtureRequest) -> None:
    """Every test draws the first numbers of its module's generator."""
    generator = getattr(request.module, "RANDOM", None)
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = np.random.default_rng(7).bit_generator.state
