"""A page's clean-up, by the definition of `datasets/ocr/pages.py`, as one function that JAX compiles for a batch.

A compiler fuses steps that work pixel by pixel: one kernel reads a page, computes and writes a page. Where a step reads
the results around a pixel, `optimization_barrier` keeps it apart from the step before, so that no result is computed
again for each of its readers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial, reduce
from typing import Any

import numpy as np

from residency.datasets.ocr.pages import ANGLES, SPECK, STRIPS, WINDOW, K, R, shifts

COSINE, SINE = (table(np.radians(ANGLES)).astype(np.float32) for table in (np.cos, np.sin))
HALVES = (1, 2, 4, 8)  # 31 = 16 + 8 + 4 + 2 + 1


def part(jax: Any, page: Any, axis: int, first: int, length: int) -> Any:
    """`length` rows or columns."""
    return jax.lax.slice_in_dim(page, first, first + length, axis=axis)


def three(jax: Any, page: Any, axis: int) -> list[Any]:
    """A padded page, shifted back, not at all, and forward along an axis."""
    return [part(jax, page, axis, first, page.shape[axis] - 2) for first in range(3)]


def sorted_three(jnp: Any, low: Any, middle: Any, high: Any) -> tuple[Any, Any, Any]:
    """Three pages, sorted pixel by pixel."""
    low, middle = jnp.minimum(low, middle), jnp.maximum(low, middle)
    return jnp.minimum(low, high), jnp.maximum(low, jnp.minimum(middle, high)), jnp.maximum(middle, high)


def denoise(jax: Any, page: Any) -> Any:
    """The median of nine: that of the greatest low, the median middle and the least high of three sorted columns."""
    jnp = jax.numpy
    columns = three(jax, jnp.pad(page, 1, mode="edge"), 0)
    low, middle, high = (three(jax, ranks, 1) for ranks in sorted_three(jnp, *columns))
    return sorted_three(jnp, reduce(jnp.maximum, low), sorted_three(jnp, *middle)[1], reduce(jnp.minimum, high))[1]


def window_sum(jax: Any, value: Any) -> Any:
    """Exact sums of the 31 x 31 whole numbers around: along an axis, eight additions instead of thirty."""
    jnp = jax.numpy
    value = jnp.pad(value, WINDOW // 2, mode="reflect")
    for axis in (0, 1):
        length, sums = value.shape[axis] - WINDOW + 1, {1: value}
        for half in HALVES:
            longest = sums[half].shape[axis] - half
            sums[2 * half] = part(jax, sums[half], axis, 0, longest) + part(jax, sums[half], axis, half, longest)
        starts = {16: 0, 8: 16, 4: 24, 2: 28, 1: 30}
        value = jax.lax.optimization_barrier(
            reduce(jnp.add, [part(jax, sums[width], axis, start, length) for width, start in starts.items()])
        )
    return value


def threshold(jax: Any, page: Any) -> Any:
    """Sauvola's."""
    jnp = jax.numpy
    value = page.astype(jnp.int32)
    mean = window_sum(jax, value).astype(jnp.float32) / WINDOW**2
    variance = window_sum(jax, value * value).astype(jnp.float32) / WINDOW**2 - mean * mean
    return page < mean * (1 - K + K / R * jnp.sqrt(jnp.maximum(variance, 0)))


def over_neighbours(jax: Any, pick: Callable[..., Any], label: Any, beyond: int) -> Any:
    """The least or greatest of the nine labels around; `beyond` the borders."""
    jnp = jax.numpy
    for axis in (0, 1):
        pads = [(1, 1) if side == axis else (0, 0) for side in (0, 1)]
        label = reduce(pick, three(jax, jnp.pad(label, pads, constant_values=beyond), axis))
    return label


def despeckle(jax: Any, ink: Any) -> Any:
    """Without labels for whole components: a chain of lookups suits no GPU, and specks are small.

    Each pixel begins with a label of its own and takes the least one around, six times. Then a component of fewer than
    8 pixels has one label. A larger one has a label of 8 pixels, or labels that meet: a pixel beside another label
    counts for 8.
    """
    jnp, paper = jax.numpy, ink.size

    def exchange(_: Any, label: Any) -> Any:
        return jnp.where(ink, over_neighbours(jax, jnp.minimum, label, paper), paper)

    label = jnp.where(ink, jnp.arange(paper, dtype=jnp.int32).reshape(ink.shape), paper)
    label = jax.lax.fori_loop(0, SPECK - 2, exchange, label)
    least = over_neighbours(jax, jnp.minimum, label, paper)
    greatest = over_neighbours(jax, jnp.maximum, jnp.where(ink, label, -1), -1)
    counts = jnp.where(least < greatest, jnp.int32(SPECK), jnp.int32(1))
    size = jnp.zeros(paper, jnp.int32).at[label].add(counts, mode="drop")  # the label of paper is beyond the end
    return ink & (size.at[label].get(mode="fill", fill_value=0) >= SPECK)


def skew(jax: Any, ink: Any) -> Any:
    """The number of the best angle, as `profile_squares` finds it."""
    jnp = jax.numpy
    height, width = ink.shape
    broad = -(-width // STRIPS)
    first, reach = shifts(width, broad, np)
    strips = jnp.pad(ink, ((0, 0), (0, STRIPS * broad - width))).reshape(height, STRIPS, broad)
    counts = jnp.pad(strips.sum(2, dtype=jnp.int32).T, ((0, 0), (reach, reach)))

    def rows_from(strip: Any, start: Any) -> Any:
        return jax.lax.dynamic_slice(strip, (start,), (height,))

    slid = jax.vmap(jax.vmap(rows_from), (None, 0))(counts, first.astype(np.int32))  # (angles, strips, height)
    return (slid.sum(1, dtype=jnp.int64) ** 2).sum(1).argmax()


def rotate(jax: Any, ink: Any, best: Any) -> Any:
    """By the angle of that number."""
    jnp = jax.numpy
    height, width = ink.shape
    down = jnp.arange(height, dtype=jnp.float32)[:, None] - (height - 1) / 2
    right = jnp.arange(width, dtype=jnp.float32) - (width - 1) / 2
    cosine, sine = jnp.asarray(COSINE)[best], jnp.asarray(SINE)[best]
    rows = cosine * down + sine * right + (height - 1) / 2
    columns = cosine * right - sine * down + (width - 1) / 2
    return jax.scipy.ndimage.map_coordinates(ink.astype(jnp.float32), [rows, columns], order=1) >= 0.5


def clean(jax: Any, page: Any) -> Any:
    """A page of uint8, (height, width); in the result 1 is ink."""
    apart = jax.lax.optimization_barrier
    ink = apart(despeckle(jax, apart(threshold(jax, apart(denoise(jax, page))))))
    return rotate(jax, ink, skew(jax, ink)).astype(jax.numpy.uint8)


@cache  # what is compiled stays with the function: all executions of a process must use the same
def compiled_clean(jax: Any) -> Callable[[Any], Any]:
    """The clean-up of a batch, (pages, height, width); compiled anew for each shape, which takes seconds.

    It needs 64 bits (`jax.enable_x64`), for the squares of the rows' counts.
    """
    compiled: Callable[[Any], Any] = jax.jit(jax.vmap(partial(clean, jax)))
    return compiled
