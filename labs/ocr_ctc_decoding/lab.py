"""From frames to text: greedy CTC decoding of a whole batch, and a beam search that adds up the paths of a text."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.labs.lab import Demand, Lab, Points, Random, Within, rounding

Scores = NDArray[np.floating[Any]]
Lengths = NDArray[np.int64]
Text = tuple[int, ...]
Call = tuple[Any, ...]

NEVER = -math.inf
SURE = 1e-6  # difference of two log probabilities that no order of summation turns round
MOST_PATHS = 250  # of a line whose paths are all added up

lab = Lab(
    title="Decode CTC: greedy, and by a beam",
    order=10,
    topic="ocr",
    entry="answer",
    points=Points(visible=2, hidden=5, fast=3),
    demand=Demand(seconds=20, memory_bytes=300_000_000, tries=6),
    work=lambda question, scores, *others: (float(scores.size), float(scores.nbytes)),
)


# --- The truth ------------------------------------------------------------------------------------------------------


@lab.truth
def truth(question: str, scores: Scores, lengths: Lengths, width: int = 0) -> Any:
    """The texts by greedy decoding; or by the beam, with their log probabilities in float64."""
    lines = [line[:length].astype(np.float64) for line, length in zip(scores, lengths, strict=True)]
    frames = scores.shape[1]
    if question == "greedy":
        return _padded([greedy(line) for line in lines], frames)
    found = [best(line, width) for line in lines]
    value = np.array([probability for _, probability in found], np.float64)
    # An addition and a sum of two or three exponentials a frame; no partial sum is larger than the last one.
    return _padded([text for text, _ in found], frames), Within(value, rounding(10 * frames, 1 + np.abs(value)))


def _padded(texts: list[Text], frames: int) -> NDArray[np.int64]:
    rows = np.zeros((len(texts), frames), np.int64)
    for row, text in zip(rows, texts, strict=True):
        row[: len(text)] = text
    return rows


def collapsed(path: Any) -> Text:
    """The text of a path: repeats count once, then blanks are removed."""
    return tuple(label for label, _ in itertools.groupby(int(label) for label in path) if label)


def greedy(line: NDArray[np.float64]) -> Text:
    """The text of the path that takes the most probable class of each frame."""
    return collapsed(line.argmax(axis=1))


def best(line: NDArray[np.float64], width: int) -> tuple[Text, float]:
    """The text that the beam finds, and its log probability. If the beam holds all texts, every path is added up."""
    frames, classes = line.shape
    if classes**frames <= MOST_PATHS:
        sums = all_texts(line)
        if len(sums) <= width:
            return max(sums.items(), key=lambda item: (item[1], [-label for label in item[0]]))
    text, probability, _ = beam(line, width)
    return text, probability


def all_texts(line: NDArray[np.float64]) -> dict[Text, float]:
    """The log probability of every text: the sum over all of its paths, written down one by one."""
    frames, classes = line.shape
    sums: dict[Text, list[float]] = {}
    for path in itertools.product(range(classes), repeat=frames):
        total = math.fsum(line[frame, label] for frame, label in enumerate(path))
        sums.setdefault(collapsed(path), []).append(math.exp(total))
    return {text: math.log(math.fsum(parts)) for text, parts in sums.items()}


def beam(line: NDArray[np.float64], width: int) -> tuple[Text, float, float]:
    """The text that the beam finds, its log probability, and the smallest difference that decided anything."""
    kept: dict[Text, tuple[float, float]] = {(): (0.0, NEVER)}  # of the paths that end in a blank, and in a letter
    least = math.inf
    for frame in line.tolist():
        grown: dict[Text, tuple[list[float], list[float]]] = {}
        for text, (blank, letter) in kept.items():
            both = _sum([blank, letter])
            grown.setdefault(text, ([], []))[0].append(both + frame[0])
            if text:
                grown[text][1].append(letter + frame[text[-1]])
            for label in range(1, len(frame)):
                before = blank if text[-1:] == (label,) else both
                grown.setdefault((*text, label), ([], []))[1].append(before + frame[label])
        summed = {text: (_sum(blank), _sum(letter)) for text, (blank, letter) in grown.items()}
        order = sorted((-_sum(list(parts)), text) for text, parts in summed.items())
        least = min(least, _gap(order, width))
        kept = {text: summed[text] for _, text in order[:width]}
    order = sorted((-_sum(list(parts)), text) for text, parts in kept.items())
    return order[0][1], -order[0][0], min(least, _gap(order, 1))


def _sum(logarithms: list[float]) -> float:
    """The logarithm of a sum of probabilities that are given as logarithms."""
    largest = max(logarithms, default=NEVER)
    if largest == NEVER:
        return NEVER
    return largest + math.log(math.fsum(math.exp(value - largest) for value in logarithms))


def _gap(order: list[tuple[float, Text]], width: int) -> float:
    """By how much the last text that is kept is more probable than the first that is not."""
    if len(order) <= width or order[width][0] == math.inf:
        return math.inf
    return order[width][0] - order[width - 1][0]


# --- The lines ------------------------------------------------------------------------------------------------------


def written(
    rng: Random, lines: int, frames: int, classes: int, *, doubled: bool = False, blanks: float = 0.4
) -> NDArray[np.float32]:
    """Log probabilities of clear writing. Without `doubled` no text has the same letter twice in a row."""
    path, last = np.zeros((lines, frames), np.int64), np.zeros(lines, np.int64)
    now = np.zeros(lines, np.int64)
    for frame in range(frames):
        letter = rng.integers(1, classes, lines)
        if doubled:
            letter = np.where((rng.random(lines) < 0.5) & (last > 0), last, letter)
        else:
            letter = np.where(letter == last, letter % (classes - 1) + 1, letter)
        fresh = np.where(rng.random(lines) < blanks, 0, letter)
        now = np.where(rng.random(lines) < 0.6, fresh, now)
        last = np.where(now > 0, now, last)
        path[:, frame] = now
    scores = rng.random((lines, frames, classes), np.float32) * 3
    np.put_along_axis(scores, path[:, :, None], np.float32(6.0) + rng.random((lines, frames, 1), np.float32), axis=2)
    made: NDArray[np.float32] = normalised(scores)
    return made


def normalised(scores: Scores) -> Any:
    """Scores as log probabilities, in the scores' type."""
    shifted = scores - scores.max(axis=2, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=2, keepdims=True))


def full(scores: Scores) -> Lengths:
    """The lengths of lines that fill the batch."""
    return np.full(len(scores), scores.shape[1], np.int64)


def unclear(
    rng: Random, lines: int, frames: int, classes: int, width: int, *, dtype: Any = np.float32, differs: bool = False
) -> Any:
    """Log probabilities of unclear writing, on which the beam decides nothing by a hair.

    With `differs` the beam finds another text in each line than the most probable path has.
    """
    made: list[Any] = []
    while len(made) < lines:
        line = normalised(1.5 * rng.normal(size=(1, frames, classes)))[0].astype(dtype)
        exact = line.astype(np.float64)
        text, _, gap = beam(exact, width)
        if gap > SURE and not (differs and text == greedy(exact)):
            made.append(line)
    return np.stack(made)


# --- Greedy ---------------------------------------------------------------------------------------------------------


@lab.check("greedy: a batch of lines", visible=True)
def greedy_batch(rng: Random) -> Call:
    scores = written(rng, 40, 60, 12)
    return "greedy", scores, full(scores)


@lab.check("beam: a batch of lines", visible=True)
def beam_batch(rng: Random) -> Call:
    scores = unclear(rng, 10, 16, 6, 6)
    return "beam", scores, full(scores), 6


@lab.check(
    "greedy: doubled letters",
    hint="Wrong where a letter stands twice: two frames of a letter are one letter, unless a blank is between them.",
)
def greedy_doubled(rng: Random) -> Call:
    scores = written(rng, 30, 50, 6, doubled=True)
    return "greedy", scores, full(scores)


@lab.check(
    "greedy: lines of different lengths",
    hint="Wrong where lines have different lengths: what stands in the frames after a line's end belongs to no line.",
)
def greedy_lengths(rng: Random) -> Call:
    scores, lengths = written(rng, 30, 40, 8, blanks=0.2), rng.integers(0, 41, 30)
    lengths[:2] = 0, 40
    return "greedy", scores, lengths


@lab.check(
    "greedy: lines of blanks only",
    hint="Wrong where nothing is written: a line of blanks has an empty text, a row of zeros.",
)
def greedy_blanks(rng: Random) -> Call:
    scores = written(rng, 12, 30, 5)
    scores[::2] = written(rng, 6, 30, 5, blanks=1.0)
    return "greedy", scores, full(scores)


@lab.check(
    "greedy: classes that are equally probable",
    hint="Wrong where two classes are equally probable: README.md says which one counts.",
)
def greedy_ties(rng: Random) -> Call:
    scores = written(rng, 20, 30, 7)
    for line, frame in itertools.product(range(20), range(0, 30, 2)):
        equal = rng.choice(7, 2, replace=False)
        scores[line, frame, equal] = scores[line, frame].max() + np.float32(1)
    return "greedy", scores, full(scores)


@lab.check(
    "greedy: probabilities that differ little",
    hint="Wrong where two classes differ little: a float64 array keeps differences that float32 does not.",
)
def greedy_close(rng: Random) -> Call:
    scores = written(rng, 20, 30, 7).astype(np.float64)
    top, second = scores.argmax(axis=2), rng.integers(0, 7, (20, 30))
    value = np.take_along_axis(scores, top[:, :, None], 2)
    np.put_along_axis(scores, second[:, :, None], value + 1e-12, 2)
    return "greedy", scores, full(scores)


@lab.check(
    "greedy: lines without any frame",
    hint="Wrong where lines have no frame at all: each text is empty, and the answer has a row for each line.",
)
def greedy_empty(rng: Random) -> Call:
    scores = np.zeros((int(rng.integers(3, 9)), 0, 7), np.float32)
    return "greedy", scores, full(scores)


# --- The beam -------------------------------------------------------------------------------------------------------


@lab.check(
    "beam: wide enough for every text",
    hint="Wrong where the beam holds every text: the probability of a text is the sum over all of its paths, "
    "and paths of the same text must be added up in each frame, not at the end.",
)
def beam_exact(rng: Random) -> Call:
    scores = unclear(rng, 12, 5, 3, 40, differs=True)
    return "beam", scores, full(scores), 40


@lab.check(
    "beam: a width of 1",
    hint="Wrong for a width of 1: the one text that is kept has the paths of several frames, so this is not greedy.",
)
def beam_narrow(rng: Random) -> Call:
    scores = unclear(rng, 8, 14, 5, 1, differs=True)
    return "beam", scores, full(scores), 1


@lab.check(
    "beam: doubled letters",
    hint="Wrong where a letter stands twice: the second one needs a path that ends in a blank, "
    "and the first one may go on without any.",
)
def beam_doubled(rng: Random) -> Call:
    scores = unclear(rng, 8, 20, 3, 8)
    return "beam", scores, full(scores), 8


@lab.check(
    "beam: lines of different lengths",
    hint="Wrong where lines have different lengths: no frame after a line's end may change its text or probability.",
)
def beam_lengths(rng: Random) -> Call:
    scores = np.array(written(rng, 8, 18, 5, blanks=0.2))
    lengths = rng.integers(3, 18, 8)
    lengths[:2] = 0, 18
    for line, length in zip(scores, lengths, strict=True):
        if length:
            line[:length] = unclear(rng, 1, int(length), 5, 4)[0]
    return "beam", scores, lengths, 4


@lab.check(
    "beam: long lines",
    hint="Wrong for long lines: the probability of a long text is smaller than the smallest number. Add logarithms.",
)
def beam_long(rng: Random) -> Call:
    scores = unclear(rng, 2, 1_200, 8, 3)
    return "beam", scores, full(scores), 3


@lab.check(
    "beam: classes that are impossible",
    hint="Wrong where a log probability is -inf: minus infinity less minus infinity is NaN, "
    "and what is impossible must stay impossible.",
)
def beam_impossible(rng: Random) -> Call:
    made: list[Any] = []
    while len(made) < 8:
        line = normalised(1.5 * rng.normal(size=(1, 12, 6)))[0]
        line[rng.random(line.shape) < 0.4] = -np.inf
        line[np.arange(12), rng.integers(0, 6, 12)] = np.log(0.3)  # one class at least is possible
        if beam(line, 5)[2] > SURE:
            made.append(line)
    scores = np.stack(made)
    return "beam", scores, full(scores), 5


@lab.check(
    "beam: texts that are equally probable",
    hint="Wrong where two texts are equally probable: README.md says which one is kept.",
)
def beam_ties(rng: Random) -> Call:
    # Certain blanks between equal letters: nothing is added up, so equal texts are equal to the last bit.
    scores = np.full((10, 9, 9), -np.inf)
    scores[:, ::2, 0] = 0.0
    for line, frame in itertools.product(range(10), range(1, 9, 2)):
        letters = rng.choice(np.arange(1, 9), 3, replace=False)
        scores[line, frame, letters] = np.log(1 / 3)
    return "beam", scores, full(scores), int(rng.integers(2, 5))


@lab.check(
    "beam: half precision",
    hint="Wrong where the network computes in float16: a sum over frames in that type loses most digits.",
)
def beam_half(rng: Random) -> Call:
    scores = unclear(rng, 6, 40, 6, 4, dtype=np.float16)
    return "beam", scores, full(scores), 4


@lab.check(
    "beam: no lines",
    hint="Wrong where there is no line: the texts then have no row, and there is no probability.",
)
def beam_none(rng: Random) -> Call:
    scores = np.zeros((0, int(rng.integers(3, 9)), 6), np.float32)
    return "beam", scores, full(scores), 4


@lab.timed
def many(rng: Random) -> Call:
    lines = int(rng.integers(900, 1_100))
    scores = written(rng, lines, 120, 24, doubled=True)
    return "greedy", scores, rng.integers(60, 121, lines)
