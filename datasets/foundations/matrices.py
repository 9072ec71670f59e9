"""Two square matrices to be multiplied, and how exact a product can be: generated, of any side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.foundations.numbers import draw
from residency.harness.dataset import decoded, generated, mapped
from residency.harness.errors import WrongResult
from residency.harness.quality import metric

SAMPLE = 64  # rows of a product that are checked, evenly spread
CHUNK = 1_024  # columns in float64 at a time
ROUNDING = {  # the largest relative error of rounding a number to the type
    "float64": 2.0**-53,
    "float32": 2.0**-24,
    "tf32": 2.0**-11,
    "float16": 2.0**-11,
    "bfloat16": 2.0**-8,
}
ALLOWED = 3.0  # roundings: of two factors and of the product, or of two factors if these are cut off, not rounded
TOO_EXACT = 0.2  # of a rounding: no product computed in the type has so small an error


@dataclass(frozen=True)
class Matrices:
    """Two factors in float32; they are rounded for shorter types, and exact in float64."""

    a: NDArray[np.float32]  # (rows, rows)
    b: NDArray[np.float32]  # (rows, rows)

    @property
    def rows(self) -> int:
        """The side of a matrix."""
        return len(self.a)

    @property
    def sample(self) -> slice:
        """The rows of a product that are checked."""
        return slice(None, None, max(1, self.rows // SAMPLE))

    @cached_property
    def exact(self) -> NDArray[np.float64]:
        """These rows of the product, in float64."""
        rows = self.a[self.sample].astype(np.float64)
        product = np.empty((len(rows), self.rows))
        for start in range(0, self.rows, CHUNK):
            part = slice(start, start + CHUNK)
            product[:, part] = rows @ self.b[:, part].astype(np.float64)
        return product


@decoded(lambda side: 8.0 * side**2)
@generated
def matrices(rows: int, seed: int, folder: Path) -> Matrices:
    """Two square matrices of independent standard normal numbers: a product's numbers have deviation √side."""
    generator = np.random.default_rng(seed)
    a, b = (mapped(folder, (rows, rows), np.float32) for _ in range(2))
    draw(a, generator)
    draw(b, generator)
    return Matrices(a, b)


@metric(name="error by what rounding allows", better="lower")
def error(data: Matrices, products: Mapping[str, Any]) -> float:
    """The largest error of the products, each as a share of the error that its type allows: at most 1.

    An error is the root mean square of all differences from float64, divided by that of the numbers. Three roundings to
    the type are allowed, and the error of adding up a row's terms in float32 (float64 for the product in float64): the
    sum of random rounding errors grows with the root of their number. A product that is too exact for its type was not
    computed in it, and is refused, too.
    """
    if missing := {"float64", "float32"} - set(products):
        raise WrongResult(f"no product in {' and '.join(sorted(missing))}")
    worst = 0.0
    for name, found in products.items():
        if name not in ROUNDING or found.shape != data.exact.shape:
            raise WrongResult(f"a product in {name} has shape {found.shape}, expected {data.exact.shape}")
        off = float(np.sqrt(np.mean((found.astype(np.float64) - data.exact) ** 2) / np.mean(data.exact**2)))
        rounding = ROUNDING[name]
        if name != "float64" and off < TOO_EXACT * rounding:
            raise WrongResult(f"the product in {name} has an error of {off:.1e}: too exact for the type")
        adding = min(rounding, ROUNDING["float32"]) * np.sqrt(data.rows)
        worst = max(worst, off / (ALLOWED * rounding + adding)) if np.isfinite(off) else np.inf
    return worst
