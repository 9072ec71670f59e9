"""Find the answer in scanned pages: from grey pictures to text, from text to an index, from a question to pages.

Pages are typed by a teleprinter, so that every letter has the same width, and scanned: turned by up to a degree, unevenly
lit, noisy. The judge knows the text of each page, so reading is judged by characters, searching exactly, and the whole
by the pages that were planted as answers.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.ocr.lettering import WHITE, WORDS, font
from residency.datasets.ocr.pages import turned
from residency.datasets.ocr.transcripts import distances
from residency.labs.lab import Case, Demand, Lab, Points, Random, Verdict, right, wrong

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]

ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789.,"
PAPER, LETTER = 235, 70  # grey values in full light
SKEW = 1.0  # degrees that a page is turned at most
ERRORS = 3.0  # standard errors by which a rate may miss its limit, but never by more than the limit itself
EQUAL = 1e-9  # a difference of two similarities that a sum in another order may have
LEAST = 4  # letters of a word of a question in which a wrong letter is looked for
FIRST = 5  # pages asked for

lab = Lab(
    title="Find the answer in scanned pages",
    order=2,
    topic="ocr",
    entry="answer",
    needs=("scipy", "matplotlib", "PIL", "skimage"),
    seconds=30.0,
    points=Points(visible=2, hidden=5, fast=3),
    demand=Demand(seconds=40, memory_bytes=400_000_000, tries=6),
)


@dataclass(frozen=True)
class Written:
    """What is on the pages, and how many wrong characters of a hundred are still right."""

    texts: list[str]
    limit: float


@dataclass(frozen=True)
class Planted:
    """The page that each question was made from, and the share of them that must be found."""

    pages: list[int]
    limit: float


# --- The judge ------------------------------------------------------------------------------------------------------


@lab.judge
def judge(case: Case, answer: Any) -> Verdict:
    """Reading by wrong characters, searching by the exact order, the whole by planted pages."""
    task = case.arguments[0]
    if task == "read":
        return _read(case.secret, answer)
    questions, count = case.arguments[-2:]
    found = _array(answer)
    if found.dtype.kind not in "iu":
        return Verdict("type", "the answer must be whole numbers: a row of pages for each question")
    if found.shape != (len(questions), count):
        return Verdict("shape", "the answer must have a row for each question, and `count` columns")
    pages = len(case.arguments[1])
    if ((found < -1) | (found >= pages)).any():
        return wrong("a page is named that does not exist")
    if task == "search":
        return _search(case.arguments[1], questions, found)
    hits = np.array([page in row for page, row in zip(case.secret.pages, found, strict=True)], np.float64)
    share, error = float(hits.mean()), float(hits.std() / np.sqrt(len(hits)))
    limit = case.secret.limit
    if 1 - share > 1 - limit + min(ERRORS * error, 1 - limit):
        return wrong(f"{share:.2f} of the planted pages are among the first {count}; {limit:.2f} are needed", share)
    return right(share)


def _array(answer: Any) -> NDArray[Any]:
    """The answer as an array; one of texts, which no number is, for rows of different lengths."""
    try:
        return np.asarray(answer)
    except (ValueError, TypeError, OverflowError):
        return np.array("")


def _read(written: Written, answer: Any) -> Verdict:
    if type(answer) is not list or any(type(text) is not str for text in answer):
        return Verdict("type", "read must return a list of texts")
    if len(answer) != len(written.texts):
        return Verdict("shape", "read must return a text for each page, in the order of the pages")
    theirs = [" ".join(text.split()) for text in answer]
    if any(len(got) > 3 * len(text) + 1_000 for got, text in zip(theirs, written.texts, strict=True)):
        return wrong("a text is several times as long as what is on the page")
    errors = distances(np.array(written.texts), np.array(theirs)).astype(np.float64)
    letters = np.array([len(text) for text in written.texts], np.float64)
    rate = float(errors.sum() / letters.sum())
    spread = errors - rate * letters
    error = float(np.sqrt((spread**2).sum() * len(letters) / max(1, len(letters) - 1)) / letters.sum())
    said = f"{100 * rate:.1f} (give or take {100 * error:.1f}) of 100 characters are wrong"
    if rate > written.limit + min(ERRORS * error, written.limit):
        return wrong(f"{said}; at most {100 * written.limit:.1f} may be", 1 - rate)
    return right(1 - rate)


def _search(texts: Sequence[str], questions: Sequence[str], found: NDArray[Any]) -> Verdict:
    scores, same = similarities(texts, questions)
    for row, given in zip(scores, found, strict=True):
        best = np.sort(row[row > EQUAL])[::-1][: len(given)]
        known = len(best)
        if (given[:known] < 0).any() or (given[known:] != -1).any():
            return wrong("a page without any word of the question is named, or one that has such a word is missing")
        named = given[:known].astype(np.int64)
        if len(np.unique(named)) < known:
            return wrong("a page is named twice")
        if (np.abs(row[named] - best) > EQUAL).any():
            return wrong("pages are named that are not the most similar, or not in their order")
        for group in np.unique(same[named]):
            members = np.flatnonzero(same == group)
            if (named[same[named] == group] != members[: (same[named] == group).sum()]).any():
                return wrong("of pages with the same words, the one with the lower number must be first")
    return right()


def similarities(texts: Sequence[str], questions: Sequence[str]) -> tuple[Floats, NDArray[np.int64]]:
    """The cosine of each question and each page, as README.md defines it; and the first page with the same words."""
    bags = [Counter(words_of(text)) for text in texts]
    often = Counter(word for bag in bags for word in bag)
    vocabulary = sorted(often)
    place = {word: number for number, word in enumerate(vocabulary)}
    weight = np.array([np.log((1 + len(texts)) / (1 + often[word])) + 1 for word in vocabulary])

    def vectors(counted: Sequence[Counter[str]]) -> Floats:
        made = np.zeros((len(counted), len(vocabulary)))
        for row, bag in zip(made, counted, strict=True):
            for word, count in bag.items():
                row[place[word]] = count * weight[place[word]]
        length = np.linalg.norm(made, axis=1, keepdims=True)
        return made / np.where(length > 0, length, 1.0)

    asked = [
        Counter(known for word in words_of(question) if (known := understood(word, often))) for question in questions
    ]
    first = [bags.index(bag) for bag in bags]
    return vectors(asked) @ vectors(bags).T, np.array(first)


def words_of(text: str) -> list[str]:
    """The words of a text."""
    return re.findall("[a-z0-9]+", text.lower())


def understood(word: str, often: Counter[str]) -> str:
    """The word, or the one of the pages that differs in one character; empty if there is none."""
    if word in often:
        return word
    near = variants(word) & often.keys() if len(word) >= LEAST else set()
    return min(near, key=lambda known: (-often[known], known), default="")


def variants(word: str) -> set[str]:
    """All words that one character inserted, deleted or replaced makes of this one."""
    letters = ALPHABET[:36]
    cuts = [(word[:place], word[place:]) for place in range(len(word) + 1)]
    deleted = {left + rest[1:] for left, rest in cuts if rest}
    replaced = {left + letter + rest[1:] for left, rest in cuts if rest for letter in letters}
    return (deleted | replaced | {left + letter + rest for left, rest in cuts for letter in letters}) - {word}


# --- The texts ------------------------------------------------------------------------------------------------------

COMMON = tuple(word.lower() for word in WORDS)
START = ("b", "br", "c", "d", "dr", "f", "g", "gr", "h", "j", "k", "l", "m", "n", "p", "qu", "r", "s", "t", "v", "w", "z")
MIDDLE, END = ("a", "e", "i", "o", "u", "y"), ("", "l", "n", "r", "s", "t", "ck", "m", "x")


def names(rng: Random, count: int) -> list[str]:
    """So many different invented words of two or three syllables."""
    made: dict[str, None] = {}
    while len(made) < count:
        parts = [rng.choice(START) + rng.choice(MIDDLE) + rng.choice(END) for _ in range(int(rng.integers(2, 4)))]
        made.setdefault("".join(parts))
    return list(made)


def sentence(rng: Random, count: int, special: Sequence[str] = (), share: float = 0.25) -> list[str]:
    """So many words: common ones, numbers, and a share of special ones; some are followed by a comma or a full stop."""
    made = []
    for _ in range(count):
        word = str(rng.choice(COMMON))
        if special and rng.random() < share:
            word = str(rng.choice(special))
        elif rng.random() < 0.06:
            word = str(rng.integers(0, 10_000))
        made.append(word + str(rng.choice(["", "", "", "", "", ",", "."])))
    return made


def typed(words: Sequence[str], columns: int) -> list[str]:
    """The words in lines of so many columns at most; a new paragraph is indented, or follows an empty line."""
    lines = [""]
    for word in words:
        if lines[-1].strip() and len(lines[-1]) + 1 + len(word) > columns:
            lines.append("")
        lines[-1] += " " * bool(lines[-1].strip()) + word
    return lines


def whole(lines: Sequence[str]) -> str:
    """The text of the lines, one space between two words."""
    return " ".join(" ".join(lines).split())


# --- The pictures ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Machine:
    """A teleprinter: its typeface, its size in pixels, and the height of a line."""

    face: str = "DejaVuSansMono"
    pixels: int = 18
    leading: int = 24

    def glyphs(self) -> Grey:
        """Its letters black on white, (letters, height, width)."""
        return _glyphs(self)


@functools.cache
def _glyphs(machine: Machine) -> Grey:
    from PIL import Image, ImageDraw

    face = font(machine.face, machine.pixels)
    width = round(face.getlength("m"))
    made = []
    for letter in ALPHABET:
        image = Image.new("L", (width, machine.leading), WHITE)
        base = (machine.leading + round(0.5 * machine.pixels)) // 2
        ImageDraw.Draw(image).text((0, base), letter, fill=0, font=face, anchor="ls")
        made.append(np.asarray(image))
    return np.stack(made)


@dataclass(frozen=True)
class Scan:
    """What happens to a page on its way to the file."""

    shadow: float = 0.15  # part of the light that is missing in the darkest place
    noise: float = 4.0  # grey values, a standard deviation
    dust: float = 0.002  # share of the pixels that are black, and of those that are white
    broken: float = 0.0  # spots without ink, on average for each letter
    negative: bool = False  # white on black
    light: bool = False  # of a photograph that scikit-image ships

    def __call__(self, rng: Random, lines: Sequence[str], machine: Machine) -> Grey:
        """The picture of a page with these lines."""
        ink = printed(lines, machine, rng)
        if self.broken:
            ink = damaged(rng, ink, self.broken * sum(len(line.replace(" ", "")) for line in lines))
        page = turned(WHITE - ink, rng.uniform(-SKEW, SKEW)) * np.float32((PAPER - LETTER) / WHITE) + LETTER
        page = page * (photographed(rng, page.shape) if self.light else shaded(rng, page.shape, self.shadow))
        page += rng.normal(0, self.noise, page.shape)
        chance = rng.random(page.shape)
        page[chance < self.dust] = 0
        page[chance > 1 - self.dust] = WHITE
        grey: Grey = np.clip(np.rint(page), 0, WHITE).astype(np.uint8)
        return WHITE - grey if self.negative else grey


def printed(lines: Sequence[str], machine: Machine, rng: Random) -> Grey:
    """The ink of the lines, 255 where it is full, with margins by chance."""
    glyphs = WHITE - machine.glyphs()
    _, height, width = glyphs.shape
    columns = max(map(len, lines), default=0)
    top, bottom, left, right_side = (int(rng.integers(12, 40)) for _ in range(4))
    page = np.zeros((top + max(1, len(lines)) * height + bottom, left + max(4, columns) * width + right_side), np.uint8)
    for row, line in enumerate(lines):
        for column, letter in enumerate(line):
            if letter != " ":
                y, x = top + row * height, left + column * width
                page[y : y + height, x : x + width] = glyphs[ALPHABET.index(letter)]
    return page


def damaged(rng: Random, ink: Grey, spots: float) -> Grey:
    """The ink with round spots where it is gone, 1 to 2 pixels in radius, each on ink."""
    made, where = ink.copy(), np.argwhere(ink > WHITE // 2)
    if not len(where):
        return made
    for y, x in where[rng.integers(0, len(where), rng.poisson(spots))]:
        radius = rng.uniform(1.0, 2.0)
        reach = int(np.ceil(radius))
        rows, columns = slice(max(0, y - reach), y + reach + 1), slice(max(0, x - reach), x + reach + 1)
        down, across = np.ogrid[rows.start : min(rows.stop, len(ink)), columns.start : min(columns.stop, ink.shape[1])]
        made[rows, columns][(down - y) ** 2 + (across - x) ** 2 <= radius**2] = 0
    return made


def shaded(rng: Random, shape: tuple[int, ...], depth: float) -> NDArray[np.float32]:
    """Light from 1 down to 1 - depth: a slope over the page, and the soft edge of a shadow across it."""
    down, across = np.linspace(-1, 1, shape[0])[:, None], np.linspace(-1, 1, shape[1])
    turn = rng.uniform(0, 2 * np.pi)
    along = np.cos(turn) * down + np.sin(turn) * across + rng.uniform(-0.3, 0.3)
    edge = 1 / (1 + np.exp(-along * min(shape) / 20))  # some 40 pixels from light to dark
    light: NDArray[np.float32] = (1 - depth * (0.7 * edge + 0.15 * (1 + np.tanh(along)))).astype(np.float32)
    return light


def photographed(rng: Random, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The light on one of scikit-image's photographs of printed pages, stretched over this page."""
    from scipy import ndimage

    images: Any = import_module("skimage.data")  # its functions have no types
    picture = (images.page() if rng.random() < 0.5 else images.text()).astype(np.float32)
    paper = ndimage.gaussian_filter(ndimage.percentile_filter(picture, 90, 31), 8)
    stretched = ndimage.zoom(paper, (shape[0] / paper.shape[0], shape[1] / paper.shape[1]), order=1, grid_mode=False)
    light = np.zeros(shape, np.float32)
    light[:] = np.median(stretched)
    rows, columns = min(shape[0], stretched.shape[0]), min(shape[1], stretched.shape[1])
    light[:rows, :columns] = stretched[:rows, :columns]
    return np.clip(light / paper.max(), 0.2, 1.0).astype(np.float32)
