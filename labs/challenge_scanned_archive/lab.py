"""Find the answer in scanned pages: from grey pictures to text, from text to an index, from a question to pages.

Pages are typed by a teleprinter, so that every letter has the same width, and scanned: turned by up to a degree,
unevenly lit, noisy. The judge knows the text of each page: reading is judged by characters, searching exactly, and the
whole by the pages that were planted as answers.
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
    team=3,
    topic="ocr",
    entry="answer",
    needs=("scipy", "matplotlib", "PIL", "skimage"),
    seconds=30.0,
    points=Points(visible=2, hidden=5, fast=3, people=4),
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
    rate = float(errors.sum() / max(1.0, letters.sum()))
    spread = errors - rate * letters
    error = float(np.sqrt((spread**2).sum() * len(letters) / max(1, len(letters) - 1)) / max(1.0, letters.sum()))
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
START = (
    "b",
    "br",
    "c",
    "d",
    "dr",
    "f",
    "g",
    "gr",
    "h",
    "j",
    "k",
    "l",
    "m",
    "n",
    "p",
    "qu",
    "r",
    "s",
    "t",
    "v",
    "w",
    "z",
)
MIDDLE, END = ("a", "e", "i", "o", "u", "y"), ("", "l", "n", "r", "s", "t", "ck", "m", "x")


def names(rng: Random, count: int) -> list[str]:
    """So many different invented words of two or three syllables."""
    made: dict[str, None] = {}
    while len(made) < count:
        syllables = (START[rng.integers(len(START))] + MIDDLE[rng.integers(len(MIDDLE))] for _ in range(3))
        parts = [syllable + END[rng.integers(len(END))] for syllable in syllables]
        made.setdefault("".join(parts[: int(rng.integers(2, 4))]))
    return list(made)


def sentence(rng: Random, count: int, special: Sequence[str] = (), share: float = 0.25) -> list[str]:
    """So many words: common ones, numbers, and a share of special ones; some are followed by a comma or a full stop."""
    made = []
    for chance, mark in zip(rng.random(count), rng.integers(0, 7, count), strict=True):
        if special and chance < share:
            word = special[int(rng.integers(len(special)))]
        elif chance > 0.95:
            word = str(rng.integers(0, 10_000))
        else:
            word = COMMON[rng.integers(len(COMMON))]
        made.append(word + {0: ",", 1: "."}.get(int(mark), ""))
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
    lamp: float = 1.0  # the brightness of the light
    light: bool = False  # of the photograph of a page that scikit-image ships

    def __call__(self, rng: Random, lines: Sequence[str], machine: Machine) -> Grey:
        """The picture of a page with these lines."""
        ink = printed(lines, machine, rng)
        if self.broken:
            ink = damaged(rng, ink, self.broken * sum(len(line.replace(" ", "")) for line in lines))
        page = turned(WHITE - ink, rng.uniform(-SKEW, SKEW)) * np.float32((PAPER - LETTER) / WHITE) + LETTER
        page *= self.lamp * (photographed(rng, page.shape) if self.light else shaded(rng, page.shape, self.shadow))
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
    """The light on scikit-image's photograph of a printed page, from either side, stretched over this shape."""
    light = _light()[:, :: 1 if rng.random() < 0.5 else -1]
    down, right = (np.linspace(0, size - 1, wanted) for size, wanted in zip(light.shape, shape, strict=True))
    tall = np.stack([np.interp(down, np.arange(len(light)), column) for column in light.T], axis=1)
    stretched = np.stack([np.interp(right, np.arange(tall.shape[1]), row) for row in tall])
    return stretched.astype(np.float32)


@functools.cache
def _light() -> Floats:
    """The brightness of the paper in the photograph, 1 in the brightest place."""
    from scipy import ndimage

    images: Any = import_module("skimage.data")  # its functions have no types
    paper: Floats = ndimage.gaussian_filter(ndimage.percentile_filter(images.page(), 80, 25).astype(np.float64), 8)
    light: Floats = paper / paper.max()
    return light


TELEPRINTER = Machine()
COLUMNS = 30  # letters in a line


def to_read(
    rng: Random,
    pages: Sequence[Sequence[str]],
    scan: Scan,
    words: Sequence[str],
    *,
    limit: float,
    machine: Machine = TELEPRINTER,
) -> Case:
    """The pictures of pages that hold these lines, and a list of likely words."""
    pictures = [scan(rng, lines, machine) for lines in pages]
    arguments = ("read", pictures, machine.glyphs(), ALPHABET, sorted({*COMMON, *words}))
    return Case(arguments, Written([whole(lines) for lines in pages], limit))


def to_print(rng: Random, special: Sequence[str], *, pages: int = 4, words: int = 50) -> list[list[str]]:
    """The lines of some pages that hold about so many words."""
    return [typed(sentence(rng, int(words * rng.uniform(0.7, 1.3)), special), COLUMNS) for _ in range(pages)]


def archive(rng: Random, pages: int, scan: Scan, *, misspelt: bool = False) -> Case:
    """Pages that have names in common, and questions of two names and a common word of one page each."""
    known = names(rng, 40)
    texts, questions, answers = [], [], []
    for _ in range(pages):
        chosen = [str(name) for name in rng.choice(known, 6, replace=False)]
        texts.append(sentence(rng, 24, chosen, 0.1))
        for place, name in zip(rng.choice(24, 6, replace=False), chosen, strict=True):
            texts[-1].insert(int(place), name)
    for _ in range(4 * pages):
        page = int(rng.integers(pages))
        special = [word for word in words_of(" ".join(texts[page])) if word in known]
        one, other = (str(name) for name in rng.choice(sorted(set(special)), 2, replace=False))
        if misspelt:
            one, other = mistyped(rng, one), mistyped(rng, other)
        asked = [one, str(rng.choice(words_of(" ".join(texts[page])))), other]
        questions.append(" ".join(rng.permutation(asked)))
        answers.append(page)
    lines = [typed(text, COLUMNS) for text in texts]
    scores, _ = similarities([whole(page) for page in lines], questions)
    sure = [
        place for place, (row, page) in enumerate(zip(scores, answers, strict=True)) if (row >= row[page]).sum() <= 2
    ]
    pictures = [scan(rng, page, TELEPRINTER) for page in lines]
    listed = sorted({*COMMON, *known})
    asked = [questions[place] for place in sure]
    arguments = ("find", pictures, TELEPRINTER.glyphs(), ALPHABET, listed, asked, FIRST)
    return Case(arguments, Planted([answers[place] for place in sure], 0.95))


def mistyped(rng: Random, word: str) -> str:
    """The word with one character inserted, deleted or replaced."""
    return str(rng.choice(sorted(variants(word))))


def documented(rng: Random, pages: int, words: int) -> list[list[str]]:
    """The beginning of the documentation of so many of NumPy's functions, in lower case, without other characters."""
    texts = [inspect.getdoc(getattr(np, name)) or "" for name in sorted(np.__all__)]
    plain = [re.sub(r"[^a-z0-9., ]+", " ", text.lower()).split() for text in texts]
    long = [text for text in plain if len(text) >= words and max(map(len, text[:words])) <= COLUMNS]
    return [long[place][:words] for place in rng.choice(len(long), pages, replace=False)]


# --- To read --------------------------------------------------------------------------------------------------------


@lab.check("read: pages in good light", visible=True)
def good(rng: Random) -> Case:
    special = names(rng, 80)
    return to_read(rng, to_print(rng, special), Scan(), special, limit=0.01)


@lab.check(
    "read: a strong shadow",
    hint="Wrong where a shadow lies on the page: paper in the shadow is darker than ink in the light. Compare "
    "each pixel with the paper around it, not with one value for the whole page.",
)
def shadow(rng: Random) -> Case:
    special = names(rng, 80)
    return to_read(rng, to_print(rng, special), Scan(shadow=0.75, noise=6.0), special, limit=0.02)


@lab.check(
    "read: the light of a photograph",
    hint="Wrong in the light of a real photograph, which changes faster at the edges than in the middle: how "
    "wide is the window in which you look for paper?",
)
def photograph(rng: Random) -> Case:
    special = names(rng, 80)
    return to_read(rng, to_print(rng, special), Scan(light=True), special, limit=0.01)


@lab.check(
    "read: white on black",
    hint="Wrong where letters are white on black: find out for each page what the few are, the bright or the "
    "dark ones. A page that is dark on average may just have had a weak lamp.",
)
def negative(rng: Random) -> Case:
    special = names(rng, 80)
    pages = to_print(rng, special, pages=6)
    case = to_read(rng, pages[:3], Scan(shadow=0.6, negative=True), special, limit=0.01)
    other = to_read(rng, pages[3:], Scan(lamp=0.4), special, limit=0.01)
    return _joined(rng, case, other)


def _joined(rng: Random, one: Case, other: Case) -> Case:
    """The pages of both cases, mixed, with the words of the first."""
    pictures, texts = [*one.arguments[1], *other.arguments[1]], [*one.secret.texts, *other.secret.texts]
    order = rng.permutation(len(pictures))
    arguments = ("read", [pictures[place] for place in order], *one.arguments[2:])
    return Case(arguments, Written([texts[place] for place in order], one.secret.limit))


@lab.check(
    "read: noise",
    hint="Wrong where the scan is noisy: single black pixels are not full stops. How much of a dot must be "
    "there, and how surely, before you read it?",
)
def noisy(rng: Random) -> Case:
    special = names(rng, 80)
    return to_read(rng, to_print(rng, special), Scan(noise=25.0, dust=0.01), special, limit=0.015)


@lab.check(
    "read: broken letters",
    hint="Wrong where pieces of letters are missing: what is left fits several letters. Which of the words on "
    "the list fits the picture of the whole word best?",
)
def broken(rng: Random) -> Case:
    special = names(rng, 80)
    pages = [
        typed(words_of(" ".join(sentence(rng, 60, special))), COLUMNS)
        for _ in range(5)  # a dot would be gone
    ]
    return to_read(rng, pages, Scan(broken=1.5), special, limit=0.015)


@lab.check(
    "read: pages of different length",
    hint="Wrong where pages have one line or many, and lines of different length: the corner of the first "
    "letter, the angle and the darkness of ink must come from each page itself.",
)
def lengths(rng: Random) -> Case:
    special = names(rng, 80)
    pages = [typed(sentence(rng, int(count), special), COLUMNS) for count in rng.permutation([1, 2, 6, 20, 50, 120])]
    for page in pages:
        if len(page) > 3:
            page[2:2] = ["", ""]  # lines without a word
    return to_read(rng, pages, Scan(), special, limit=0.01)


@lab.check(
    "read: words that are not on the list",
    hint="Wrong where words are not on the list: names are often one letter away from a word that is. If the "
    "picture is clear, believe the picture.",
)
def unlisted(rng: Random) -> Case:
    special = names(rng, 60)
    close = [mistyped(rng, word) for word in special for _ in range(6)]
    return to_read(rng, to_print(rng, special), Scan(), sorted({*close} - {*special}), limit=0.01)


@lab.check(
    "read: empty pages",
    hint="Wrong where nothing is on the page: a threshold that splits the pixels of a page in two always finds "
    "some ink. How dark is ink at least?",
)
def empty(rng: Random) -> Case:
    special = names(rng, 80)
    pages = to_print(rng, special, pages=2)
    blank = [[" " * COLUMNS] * int(count) for count in rng.integers(5, 16, 4)]
    mixed = [[*pages, *blank][place] for place in rng.permutation(6)]
    return to_read(rng, mixed, Scan(shadow=0.5), special, limit=0.01)


@lab.check(
    "read: another teleprinter",
    hint="Wrong where letters have another shape and size: both are in `glyphs`, and no number in your program "
    "may know them.",
)
def other_type(rng: Random) -> Case:
    special = names(rng, 80)
    bold = Machine("DejaVuSansMono-Bold", int(rng.integers(20, 24)), 30)
    return to_read(rng, to_print(rng, special), Scan(), special, limit=0.01, machine=bold)


# --- To search ------------------------------------------------------------------------------------------------------


def to_search(texts: list[str], questions: list[str], count: int = FIRST) -> tuple[Any, ...]:
    return "search", texts, questions, count


def corpus(rng: Random, pages: int, words: int = 40) -> list[str]:
    """Texts that have names in common."""
    known = names(rng, 60)
    made = []
    for _ in range(pages):
        chosen = [str(name) for name in rng.choice(known, 5, replace=False)]
        made.append(" ".join(sentence(rng, words, chosen)))
    return made


def asked_of(rng: Random, texts: Sequence[str], count: int, words: int = 4) -> list[str]:
    """Questions of some words of one text each."""
    full = [words_of(text) for text in texts if len(words_of(text)) >= words]
    chosen = [full[place] for place in rng.integers(0, len(full), count)]
    return [" ".join(rng.choice(text, words, replace=False)) for text in chosen]


def answered(texts: Sequence[str], questions: Sequence[str]) -> list[str]:
    """The questions for which there are enough pages."""
    scores, _ = similarities(texts, questions)
    return [question for question, row in zip(questions, scores, strict=True) if (row > EQUAL).sum() >= FIRST]


@lab.check("search: a small archive", visible=True)
def small(rng: Random) -> tuple[Any, ...]:
    texts = corpus(rng, 60)
    return to_search(texts, answered(texts, asked_of(rng, texts, 40)))


@lab.check(
    "search: texts of very different length",
    hint="Wrong where texts have very different lengths: a long text has many words by chance. A cosine "
    "divides by both lengths.",
)
def uneven(rng: Random) -> tuple[Any, ...]:
    known = names(rng, 60)
    texts = [" ".join(sentence(rng, int(words), known)) for words in rng.integers(3, 400, 50)]
    return to_search(texts, answered(texts, asked_of(rng, texts, 40, 3)))


@lab.check(
    "search: questions with typing errors",
    hint="Wrong where a question has a typing error: README.md says which word of the pages is meant. A "
    "character may be missing or too much, and several words may be as near.",
)
def typos(rng: Random) -> tuple[Any, ...]:
    texts = corpus(rng, 60)
    wrong_words = [
        " ".join(mistyped(rng, word) if rng.random() < 0.6 else word for word in question.split())
        for question in asked_of(rng, texts, 80)
    ]
    return to_search(texts, answered(texts, wrong_words))


@lab.check(
    "search: short words",
    hint="Wrong where a short word of a question stands on no page: README.md says from how many letters on a "
    "word is repaired.",
)
def brief(rng: Random) -> tuple[Any, ...]:
    texts = corpus(rng, 40)
    strange = ["".join(rng.choice(list(ALPHABET[:36]), int(rng.integers(1, 4)))) for _ in range(120)]
    questions = [f"{one} {other}" for one, other in zip(strange, asked_of(rng, texts, 120, 1), strict=True)]
    return to_search(texts, questions)


@lab.check(
    "search: pages that are equal",
    hint="Wrong where pages are equal: a sum in another order may differ in the last bit. README.md says which "
    "of equal pages is first.",
)
def equal(rng: Random) -> tuple[Any, ...]:
    texts = corpus(rng, 20)
    copies = [texts[place] for place in rng.integers(0, 20, 45)]
    shuffled = [" ".join(rng.permutation(text.split())) for text in copies]
    every = [*texts, *shuffled]
    mixed = [every[place] for place in rng.permutation(len(every))]
    return to_search(mixed, answered(mixed, asked_of(rng, texts, 40)))


@lab.check(
    "search: empty texts",
    hint="Wrong where a text is empty, as an empty page is: it still counts as one of the N pages. Its length "
    "is 0, and 0 / 0 is NaN.",
)
def blank(rng: Random) -> tuple[Any, ...]:
    texts = corpus(rng, 60)
    for place in rng.choice(60, 30, replace=False):
        texts[place] = "" if rng.random() < 0.5 else " ., \n"
    return to_search(texts, asked_of(rng, texts, 100), 35)


@lab.check(
    "search: nothing to be found",
    hint="Wrong where fewer pages than asked for have a word of the question, or none: README.md says what "
    "stands in the places left over.",
)
def nothing(rng: Random) -> tuple[Any, ...]:
    texts = corpus(rng, int(rng.integers(2, 5)))
    strange = ["0" * int(rng.integers(6, 12)) for _ in range(6)]
    asked = asked_of(rng, texts, 30, 2)
    scores, _ = similarities(texts, asked)
    alone = [question for question, row in zip(asked, scores, strict=True) if (row > EQUAL).sum() == 1]
    questions = [*strange, *alone, ""]
    return to_search(texts, [questions[place] for place in rng.permutation(len(questions))])


# --- The whole ------------------------------------------------------------------------------------------------------


@lab.check("find: a small archive", visible=True)
def whole_small(rng: Random) -> Case:
    return archive(rng, 14, Scan())


@lab.check(
    "find: broken letters and typing errors",
    hint="Wrong where pages are read with errors and questions have some, too: a name is found if it is read "
    "right on its page, or understood in the question. Which of the two stages fails?",
)
def whole_broken(rng: Random) -> Case:
    return archive(rng, 14, Scan(broken=1.0), misspelt=True)


@lab.check(
    "find: NumPy's documentation",
    hint="Wrong on real text: many of its words are not on the list, and a word that is replaced is not found.",
)
def documentation(rng: Random) -> Case:
    pages = documented(rng, 12, 40)
    lines = [typed(words, COLUMNS) for words in pages]
    texts = [whole(page) for page in lines]
    questions = asked_of(rng, texts, 48, 4)
    scores, _ = similarities(texts, questions)
    scan = Scan(shadow=0.3)
    pictures = [scan(rng, page, TELEPRINTER) for page in lines]
    sure = [place for place, row in enumerate(scores) if (row > EQUAL).sum() and (np.sort(row)[-2] < 0.8 * row.max())]
    arguments = ("find", pictures, TELEPRINTER.glyphs(), ALPHABET, sorted(COMMON), [questions[n] for n in sure], 1)
    return Case(arguments, Planted([int(scores[n].argmax()) for n in sure], 0.95))


@lab.timed
def many(rng: Random) -> Case:
    return archive(rng, int(rng.integers(7, 10)), Scan(shadow=0.5))
