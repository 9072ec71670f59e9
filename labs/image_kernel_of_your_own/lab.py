"""Write a kernel of your own: a blur whose blocks read their part of the picture into shared memory once.

The simulator's time says nothing, so reads of global memory are counted. Both memories live here, in the judge's
process, so each read is a question, and it is counted where nothing can be forged.

Fewer reads than a block needs would still be possible: a simulated GPU is an ordinary process, which could remember
what an earlier block has read. So every block that begins gets a picture of its own, and writes only `THREADS` pixels
at most. What a right pixel needs must be read in its own block.

`gpu.py` tells of each launch of a kernel. Without one, or with more at a time than the threads of a block can do, a
program has asked the memory itself, and fails. Launches, races, missed barriers and threads that do the work of others
are seen in the submission's process. This is for teaching: a program that imitates the simulator's questions could
hide them. It would still have to find the same tiles, halos and borders, which is the work. Values and reads are judged
here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.labs.lab import Case, Demand, Lab, Points, Random, Verdict, Within, compared, costly, right, wrong

Floats = NDArray[np.float32]

TILE, THREADS = 8, 64  # a side of a block, and the threads of a block
SPARE = 1.1  # reads as a multiple of those of a tile with a border of one pixel
MOST_BLOCKS = 4_000  # that may begin in a call
JUNK = 1e3  # what lies beyond the picture
NO_KERNEL = (
    "the picture was read or written without a kernel: launch a function with @cuda.jit, `kernel[grid, block]()`"
)
SEEN = {  # what the simulator may say of a block
    "left": "some threads of a block ended before a barrier where others wait: all threads must reach it",
    "raced": "a thread read shared memory that another one wrote, with no barrier in between: it may be too early",
    "several": "a thread wrote more than one pixel: here each thread makes one, so that all work at the same time",
    "unwritten": "a thread read shared memory that no thread of its block wrote",
}

lab = Lab(
    title="Write a kernel of your own",
    order=7,
    topic="image",
    entry="blur",
    needs=("numba",),
    service="gpu:Gpu",
    seconds=20.0,
    points=Points(visible=3, hidden=7, fast=0),
    demand=Demand(seconds=15, memory_bytes=300_000_000, tries=8),
)


@dataclass(frozen=True)
class Picture:
    """A picture in global memory: its sides, and from which numbers its pixels are made, a block at a time."""

    rows: int
    columns: int
    pitch: int  # places from one row to the next
    seed: int
    any_reads: bool = False

    def pixels(self, block: int) -> Floats:
        """What a block sees, rows x columns."""
        rng = np.random.default_rng([self.seed, block])
        return rng.uniform(0.25, 1.0, (self.rows, self.columns)).astype(np.float32)

    @property
    def blocks(self) -> int:
        """How many blocks a launch needs."""
        return -(-self.rows // TILE) * -(-self.columns // TILE)

    @property
    def most_reads(self) -> float:
        """How many reads are few: each block its tile, with a border of one pixel, once."""
        return SPARE * self.blocks * (TILE + 2) ** 2


def blurred(pixels: Floats) -> NDArray[np.float64]:
    """The blur in float64: weights 1 2 1 along each axis, over 4; beyond the border the nearest pixel counts."""
    wide = np.pad(pixels.astype(np.float64), 1, mode="edge")
    high = (wide[:-2] + 2 * wide[1:-1] + wide[2:]) / 4
    return np.asarray((high[:, :-2] + 2 * high[:, 1:-1] + high[:, 2:]) / 4)


# --- The memory -----------------------------------------------------------------------------------------------------


@lab.answers
def memory(case: Case, state: dict[str, Any], name: str, *arguments: Any) -> Any:
    """Launch a kernel, begin a block, read or write places, or note what the simulator saw of a block."""
    picture: Picture = case.secret
    if name == "launch":
        state["blocks left"], state["launched threads"] = int(arguments[0]), int(arguments[1])
        return None
    if name == "block":
        return _begin(picture, state, int(arguments[0]))
    if name in SEEN:
        return None  # `state["asked"]` counts them
    if name not in ("read", "write"):
        raise ValueError("the memory knows launch, block, read and write")
    if "pixels" not in state:
        raise ValueError("no block has begun")
    if len(arguments[0]) > state["threads here"] and name == "read":
        state["without a kernel"] = True  # the simulator reads a place for each thread
    row, column = np.divmod(_places(arguments[0]), picture.pitch)
    inside = (row >= 0) & (row < picture.rows) & (column < picture.columns)
    if not inside.all():
        state[f"{name}s outside"] = True
    row, column = row[inside], column[inside]
    if name == "read":
        state["reads"] = state.get("reads", 0) + inside.size
        values = np.full(inside.shape, JUNK, np.float32)
        values[inside] = state["pixels"][row, column]
        return values
    state["in block"] += row.size
    if state["in block"] > state["threads here"]:
        state["too many in block"] = (state["threads here"], state["in block"])
    np.add.at(state["times"], (row, column), 1)
    state["got"][row, column] = np.asarray(arguments[1], np.float64)[inside]
    state["wanted"][row, column] = state["right"][row, column]
    return None


def _places(given: Any) -> NDArray[np.int64]:
    if type(given) is not np.ndarray or given.dtype != np.int64 or given.ndim != 1:
        raise ValueError("places are a list of whole numbers")
    return given


def _begin(picture: Picture, state: dict[str, Any], threads: int) -> bool:
    """A new block: another picture. False if it has too many threads."""
    if "got" not in state:
        for name in ("got", "wanted", "times"):
            state[name] = np.zeros((picture.rows, picture.columns))
    state["threads"] = max(state.get("threads", 0), threads)
    state["blocks left"] = state.get("blocks left", 0) - 1
    if state["blocks left"] < 0 or threads != state["launched threads"]:
        state["without a kernel"] = True
    if threads > THREADS or state["asked"]["block"] > MOST_BLOCKS:
        return False
    state["pixels"], state["in block"] = picture.pixels(state["asked"]["block"]), 0
    state["threads here"] = threads
    state["right"] = blurred(state["pixels"])
    return True


# --- Is it right, and with how many reads? --------------------------------------------------------------------------


@lab.judge
def judge(case: Case, answer: Any) -> Verdict:
    """The result is in the memory, so nothing is to be returned."""
    return right() if answer is None else Verdict("type", "blur must return nothing: the result is in `gpu.blurred`")


@lab.cost
def cost(state: dict[str, Any], case: Case) -> Verdict:
    """What was written, then what was read for it."""
    picture: Picture = case.secret
    return _written(picture, state) or _read(picture, state) or right()


def _written(picture: Picture, state: dict[str, Any]) -> Verdict | None:
    asked = state["asked"]
    if state.get("without a kernel"):
        return wrong(NO_KERNEL)
    if not asked["launch"]:
        return wrong("no kernel was launched: `blur` must launch one, with `kernel[grid, block](...)`")
    if state.get("threads", 0) > THREADS:
        return wrong(f"a block has {state['threads']} threads; {THREADS} is the most here")
    if asked["block"] > MOST_BLOCKS:
        return wrong(f"more than {MOST_BLOCKS:,} blocks were launched")
    if "times" not in state or not state["times"].any():
        return wrong("no pixel was written: does the kernel write to `blurred`?")
    for seen, said in SEEN.items():
        if asked[seen]:
            return wrong(said)
    for access in ("read", "write"):
        if state.get(f"{access}s outside"):
            return wrong(f"a thread {access}s a place that is not a pixel of the picture: padding, or memory of others")
    if not state["times"].all():
        return wrong("some pixels were never written")
    if state["times"].max() > 1:
        return wrong("some pixels were written more than once")
    error = 40 * np.finfo(np.float32).eps * np.abs(state["wanted"])  # some twenty roundings of positive numbers
    verdict = compared(Within(state["wanted"], error), state["got"])
    if verdict.is_right and "too many in block" in state:
        threads, pixels = state["too many in block"]
        return Verdict("not believed", f"a block of {threads} threads wrote {pixels} pixels")
    return None if verdict.is_right else verdict


def _read(picture: Picture, state: dict[str, Any]) -> Verdict | None:
    reads, pixels = state.get("reads", 0), picture.rows * picture.columns
    if picture.any_reads or reads <= picture.most_reads:
        return None
    return costly(
        f"{reads:,} reads of global memory for {pixels:,} pixels; {picture.blocks * (TILE + 2) ** 2:,} are enough"
    )


# --- Inputs ---------------------------------------------------------------------------------------------------------


def picture(rng: Random, rows: int, columns: int, padding: int = 0, *, any_reads: bool = False) -> Case:
    """A picture whose rows are followed by some places that are no pixels."""
    made = Picture(rows, columns, columns + padding, int(rng.integers(1 << 32)), any_reads)
    return Case((rows, columns, made.pitch), made)


@lab.check("blurred, with any number of reads", visible=True, hint="README.md says what a pixel of the result is.")
def some(rng: Random) -> Case:
    return picture(rng, 8, 16, any_reads=True)


@lab.check("blurred, with few reads", visible=True, hint="README.md says what a pixel of the result is.")
def few_reads(rng: Random) -> Case:
    return picture(rng, 16, 24)


@lab.check(
    "sides that are no multiple of the block",
    visible=True,
    hint="Right where 8 divides the sides, wrong elsewhere: look at the last blocks. Who fills their tile?",
)
def odd(rng: Random) -> Case:
    return picture(rng, 11, 13)


@lab.check(
    "other sides that are no multiple of the block",
    hint="Wrong where a block at the border has one row or one column of pixels: does it read its whole tile?",
)
def one_more(rng: Random) -> Case:
    return picture(rng, 9, 17)


@lab.check(
    "rows with padding",
    hint="Wrong where the pitch is larger than the number of columns: is each place `row * pitch + column`?",
)
def padded(rng: Random) -> Case:
    return picture(rng, 8, 16, int(rng.integers(3, 8)))


@lab.check(
    "odd sides and padding",
    hint="Wrong where rows have padding and blocks reach beyond them: a row ends at `columns`, not at `pitch`.",
)
def padded_and_odd(rng: Random) -> Case:
    return picture(rng, int(rng.integers(17, 23)), 13, 5)


@lab.check("more rows than columns", hint="Wrong where there are more rows than columns: are the two mixed up?")
def tall(rng: Random) -> Case:
    return picture(rng, 32, 16)


@lab.check(
    "fewer pixels than a block has threads",
    hint="Wrong for a tiny picture: one block must still be launched, and both borders lie in it.",
)
def tiny(rng: Random) -> Case:
    return picture(rng, int(rng.integers(3, 5)), int(rng.integers(5, 7)))


@lab.check("a single row", hint="Wrong for a single row: above and below it, the nearest pixel is the row itself.")
def line(rng: Random) -> Case:
    return picture(rng, 1, int(rng.integers(17, 24)))


@lab.check("a single pixel", hint="Wrong for a single pixel: all nine neighbours are the pixel itself.")
def single(rng: Random) -> Case:
    return picture(rng, 1, 1, 2)
