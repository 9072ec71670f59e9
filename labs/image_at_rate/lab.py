"""Images at full rate: read ahead from a slow store, with few images in memory, in order, whatever one image does.

The store lives here, in the judge's process. It counts what no submission can forge: how many reads are under way, how
many images were asked for and not yet handed over, and how often each was asked for. A right program never breaks a
limit on a slow machine: a read ends here before its answer is received, and an image is counted until its result comes.
"""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.labs.lab import Case, Demand, Lab, Later, Random, Verdict, Within, compared, costly, right, wrong

SIDE = 8  # of a thumbnail
READS, HELD = 8, 16  # at most under way, and in the program
SPARE = 2  # images more: a program may ask for the next one just before it hands over a result
NEAR = 1e-4  # a fortieth of a grey level
MODES = ("RGB", "L", "P", "RGBA")

lab = Lab(
    title="Read images at full rate",
    order=9,
    topic="image",
    entry="prepare",
    needs=("PIL",),
    service="store:Store",
    seconds=20.0,
    demand=Demand(seconds=30, memory_bytes=300_000_000, tries=6),
)


@dataclass(frozen=True)
class Stored:
    """An image in the store: None instead of a file that cannot be read, None instead of a thumbnail there is not."""

    file: bytes | None
    thumbnail: NDArray[np.float64] | None
    seconds: float  # that reading it takes


# --- The store ------------------------------------------------------------------------------------------------------


@lab.answers
def store(case: Case, state: dict[str, Any], name: str, *arguments: Any) -> Any:
    """Read an image, or take a result."""
    album: dict[int, Stored] = case.secret
    image = arguments[0]
    if type(image) is not int:
        raise ValueError("an image's name is a whole number")
    if name == "put":
        put = state.setdefault("put", [])
        if len(put) <= len(album):  # a result too many is enough to know
            put.append((image, _small(arguments[1])))
        return None
    if name != "read":
        raise ValueError("the store knows read and put")
    now = time.perf_counter()
    state["under way"] = [ends for ends in state.get("under way", []) if ends > now]
    stored = album.get(image)
    seconds = stored.seconds if stored else 0.0
    state["under way"].append(now + seconds)
    state["most reads"] = max(state.get("most reads", 0), len(state["under way"]))
    state["most held"] = max(state.get("most held", 0), state["asked"]["read"] - state["asked"]["put"])
    state.setdefault("read", []).append(image)
    return Later(stored.file if stored else None, seconds)


def _small(result: Any) -> Any:
    """A result as it is, if it has the size of one: what is kept here must not fill the judge's memory."""
    fits = result is None or (type(result) is np.ndarray and result.shape == (SIDE, SIDE, 3))
    return result if fits else np.zeros(0)


@lab.judge
def judge(case: Case, answer: Any) -> Verdict:
    """Results are put, so nothing is to be returned."""
    return right() if answer is None else Verdict("type", "prepare must return nothing: results are put")


@lab.cost
def cost(state: dict[str, Any], case: Case) -> Verdict:
    """What was put, then what it cost."""
    album: dict[int, Stored] = case.secret
    return _put(state.get("put", []), album) or _asked(state, album) or right()


def _put(put: list[tuple[int, Any]], album: dict[int, Stored]) -> Verdict | None:
    names = list(album)  # in the order in which they were given
    done = [name for name, _ in put]
    if len(done) != len(names):
        return wrong(f"{'more' if len(done) > len(names) else 'fewer'} results were put than there are images")
    if done != names:
        same = sorted(done) == sorted(names)
        return wrong("results were put in another order" if same else "results were put for other images")
    for name, thumbnail in put:
        expected = album[name].thumbnail
        if (expected is None) != (thumbnail is None):
            return wrong(f"{'a thumbnail' if expected is None else 'None'} was put where the other is right")
        if expected is not None and not (verdict := compared(Within(expected, NEAR), thumbnail)).is_right:
            return Verdict(verdict.kind, f"a thumbnail: {verdict.what}")
    return None


def _asked(state: dict[str, Any], album: dict[int, Stored]) -> Verdict | None:
    reads, most = state["asked"]["read"], state.get("most reads", 0)
    if reads > len(album) or len(set(state.get("read", []))) < reads:
        return costly(f"{reads} reads for {len(album)} images: each may be read once")
    if most > READS:
        return costly(f"{most} reads were under way at once; {READS} are allowed")
    if state.get("most held", 0) > HELD + SPARE:
        return costly(f"{state['most held']} images were asked for and not put yet; {HELD} are allowed")
    return None


# --- Inputs ---------------------------------------------------------------------------------------------------------


def image(rng: Random, mode: str = "RGB", seconds: float = 0.03) -> Stored:
    """An image of random tiles with some grain, as a PNG file, which loses nothing."""
    from PIL import Image  # late: `residency lab list` loads this file, also where Pillow is missing

    tall, wide = (int(side) for side in rng.integers(3, 9, 2))
    wide += tall == wide  # never square
    height, width = SIDE * tall, SIDE * wide
    tiles = rng.integers(20, 236, (SIDE, SIDE, 3)).repeat(tall, axis=0).repeat(wide, axis=1)
    pixels = (tiles + rng.integers(-20, 20, (height, width, 3))).astype(np.uint8)
    if mode == "L":
        pixels[:] = pixels[:, :, :1]
        made = Image.fromarray(np.ascontiguousarray(pixels[:, :, 0]))
    elif mode == "P":
        palette, index = rng.integers(0, 256, (256, 3)), rng.integers(0, 256, (height, width))
        pixels = palette[index].astype(np.uint8)
        made = Image.fromarray(index.astype(np.uint8))
        made.putpalette(palette.astype(np.uint8).tobytes())
    elif mode == "RGBA":
        made = Image.fromarray(np.dstack([pixels, rng.integers(0, 256, (height, width), dtype=np.uint8)]))
    else:
        made = Image.fromarray(pixels)
    file = io.BytesIO()
    made.save(file, "PNG")
    thumbnail = pixels.reshape(SIDE, tall, SIDE, wide, 3).mean(axis=(1, 3), dtype=np.float64) / 255
    return Stored(file.getvalue(), thumbnail, seconds)


def album(rng: Random, images: list[Stored]) -> Case:
    """Images under names in any order."""
    names = rng.choice(np.arange(1_000, 100_000), len(images), replace=False)
    return Case((names,), dict(zip(names.tolist(), images, strict=True)))


def some(rng: Random, count: int, seconds: float = 0.03, first: float = 0.15) -> list[Stored]:
    """Images in RGB. The first takes much longer than the others, so that they arrive in another order."""
    return [image(rng, seconds=first if number == 0 else seconds) for number in range(count)]


@lab.check("twelve images", visible=True, hint="README.md says what a thumbnail is, and in which order they are put.")
def twelve(rng: Random) -> Case:
    return album(rng, some(rng, 12, 0.12, 0.3))


@lab.check(
    "twenty images, the first one slow",
    visible=True,
    hint="Wrong where the first image is the last to arrive: results are put in the order of `names`.",
)
def first_slow(rng: Random) -> Case:
    return album(rng, some(rng, 20, 0.08, 0.7))


@lab.check("grey, palette and transparent images", hint="Wrong for files that are not RGB: what does decoding give?")
def modes(rng: Random) -> Case:
    return album(rng, [image(rng, mode, seconds) for mode, seconds in zip(MODES * 2, [0.15] + [0.03] * 7, strict=True)])


@lab.check(
    "damaged files",
    hint="Wrong where a file cannot be decoded: its result is None, and all other images get theirs.",
)
def damaged(rng: Random) -> Case:
    images = some(rng, 8)
    whole = images[1].file or b""
    for number, file in ((1, whole[: len(whole) // 2]), (4, b"no image at all"), (7, b"")):
        images[number] = Stored(file, None, 0.03)
    return album(rng, images)


@lab.check(
    "images that the store cannot read",
    hint="Wrong where `read` raises: the result is None, the others go on, and nothing is read twice.",
)
def unreadable(rng: Random) -> Case:
    images = some(rng, 8)
    for number in (0, 4, 5):
        images[number] = Stored(None, None, images[number].seconds)
    return album(rng, images)


@lab.check("three images", hint="Wrong for fewer images than reads may be under way: are the last ones put?")
def three(rng: Random) -> Case:
    return album(rng, some(rng, 3))


@lab.check("no image at all", hint="Wrong without any image: then nothing is put.")
def none(rng: Random) -> Case:
    return album(rng, [])


@lab.timed
def many(rng: Random) -> Case:
    return album(rng, some(rng, int(rng.integers(32, 37)), 0.025, 0.025))
