"""Takes the first two empty lines below the text for the end of the page.

Fails: read: pages of different length
"""

import re

import numpy as np
from scipy import ndimage

WORD = re.compile("[a-z0-9]+")
Lists = dict[int, tuple[list[str], np.ndarray]]  # words of one length, and the places of their letters
ANGLES = np.linspace(-1.2, 1.2, 49)  # degrees
SPARSE = 3  # every third pixel of every third row shows the light
BRIGHT = 0.2  # the skewness of a negative, at least: that of empty paper is near 0
STRIP = 16  # columns that are shifted together while the angle is searched
PALEST = 0.5  # the least part of the light that ink takes
PRESENT, DOT, SURE = 0.3, 0.6, 5.0  # the part of a letter, or of a dot, that must be there; and its standard errors
DOUBT = 0.7  # a letter is replaced if the picture prefers it by less than this part of what a perfect print would


def read(pages: list[np.ndarray], glyphs: np.ndarray, alphabet: str, words: list[str]) -> list[str]:
    """The text of each page: its words from left to right and from top to bottom, with white space between them.

    pages     grey pictures (height, width) of their own shapes, uint8, 0 is black
    glyphs    (letters, height, width), uint8, black on white: the teleprinter's letters; a line is `height` high
    alphabet  the letters in the order of `glyphs`; a space has no glyph
    words     words that are likely, in any order; a page may hold others
    """
    _, height, width = glyphs.shape
    prints = (1 - glyphs.reshape(len(glyphs), -1) / np.float32(255)).astype(np.float32)
    by_length: dict[int, list[str]] = {}
    for word in words:
        by_length.setdefault(len(word), []).append(word)
    place = {letter: number for number, letter in enumerate(alphabet)}
    lists = {
        length: (same, np.array([[place[letter] for letter in word] for word in same]))
        for length, same in by_length.items()
    }
    apart = ((prints[:, None] - prints[None]) ** 2).sum(axis=2)
    texts = []
    for page in pages:
        scores, inked, depth = compared(page, prints, height, width)
        lines = [line_text(*line, alphabet, lists, apart * depth**2) for line in zip(scores, inked, strict=True)]
        texts.append("\n".join(lines).strip("\n ").split(2 * ("\n" + " " * len(lines[0])) + "\n")[0])
    return texts


def compared(page: np.ndarray, prints: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray, float]:
    """How well each letter explains each cell (lines, columns, letters), which cells hold ink, and how dark ink is."""
    ink = ink_of(page, height)
    depth, noise = measured(ink)
    upright = turned(ink)
    rows, columns = -(-upright.shape[0] // height) + 1, -(-upright.shape[1] // width) + 1
    wide = np.zeros((rows * height + 2, columns * width + 2), np.float32)
    down, right = phase(upright, prints, height, width)
    wide[down + 1 : down + 1 + upright.shape[0], right + 1 : right + 1 + upright.shape[1]] = upright
    energy = (prints**2).sum(axis=1)
    best = np.full(rows, -np.inf)
    scores, overlap = (np.zeros((rows, columns, len(prints)), np.float32) for _ in range(2))
    for top in range(3):
        for left in range(3):  # a line may be a pixel off
            part = wide[top : top + rows * height, left : left + columns * width]
            cells = part.reshape(rows, height, columns, width).swapaxes(1, 2).reshape(rows, columns, -1)
            found = cells @ prints.T
            better = 2 * depth * found - depth**2 * energy  # squared error of paper less that of the letter
            total = better.max(axis=2).clip(0).sum(axis=1)
            lines = total > best
            best[lines], scores[lines], overlap[lines] = total[lines], better[lines], found[lines]
    present = overlap / (depth * energy)  # 1 where the whole letter is there
    least = np.where(energy < np.median(energy) / 2, DOT, PRESENT)
    needed = np.maximum(least, SURE * noise / (depth * np.sqrt(energy)))
    chosen = scores.argmax(axis=2)
    inked = np.take_along_axis(present, chosen[:, :, None], 2)[:, :, 0] > needed[chosen]
    return scores, inked, depth


def measured(ink: np.ndarray) -> tuple[float, float]:
    """How dark ink is, and the standard deviation of paper."""
    depth = PALEST
    for _ in range(4):  # the mean of what is nearer to ink than to paper
        dark = ink[ink > depth / 2]
        depth = max(PALEST, float(dark.mean())) if len(dark) else PALEST
    light = ink[ink < 0]  # the brighter half of the paper
    return depth, float(np.sqrt((light**2).mean())) if len(light) else 0.0


def ink_of(page: np.ndarray, height: int) -> np.ndarray:
    """The part of the light that is missing at each pixel, compared with the paper around it: 0 is paper."""
    value = page.astype(np.float32)
    few = value[::SPARSE, ::SPARSE]  # enough to see the light, which changes slowly
    around = 2 * height // SPARSE + 1
    mean = ndimage.uniform_filter(few, around)
    beside = few - mean
    spread = float(beside.std()) + 1e-9
    if ((beside / spread).clip(-2, 2) ** 3).mean() > BRIGHT:  # the few are bright: a negative
        value, few, mean = 255 - value, 255 - few, 255 - mean
    paper = mean
    for part in (1.0, 0.8):  # the mean of what is bright, then of all that is not ink compared with it
        bright = (few >= part * paper).astype(np.float32)
        share = ndimage.uniform_filter(bright, around)
        paper = ndimage.uniform_filter(few * bright, around) / np.maximum(share, 1e-3)
    light = paper.repeat(SPARSE, axis=0).repeat(SPARSE, axis=1)[: value.shape[0], : value.shape[1]]
    return np.clip(1 - value / np.maximum(light, 1), -1, 1)


def turned(ink: np.ndarray) -> np.ndarray:
    """The page upright: at the angle where the counts of ink in rows differ most."""
    dark = ink.clip(0)
    count = -(-dark.shape[1] // STRIP)
    strips = np.pad(dark, ((0, 0), (0, count * STRIP - dark.shape[1]))).reshape(len(dark), count, STRIP).sum(axis=2)
    centre = (np.arange(count) + 0.5) * STRIP - dark.shape[1] / 2
    row, column = np.arange(len(dark))[:, None], np.arange(count)
    squares = []
    for slope in np.tan(np.radians(ANGLES)):
        shift = np.rint(slope * centre).astype(int)
        squares.append((strips[(row + shift) % len(dark), column].sum(axis=1) ** 2).sum())
    angle = ANGLES[int(np.argmax(squares))]
    return ndimage.rotate(ink, angle, reshape=False, order=1)


def phase(ink: np.ndarray, prints: np.ndarray, height: int, width: int) -> tuple[int, int]:
    """How far the page must be moved down and to the right so that cells begin at multiples of their size."""
    rows, columns = -(-ink.shape[0] // height), -(-ink.shape[1] // width)
    whole = np.zeros((rows * height, columns * width))
    whole[: ink.shape[0], : ink.shape[1]] = ink
    folded = whole.reshape(rows, height, columns, width).sum(axis=(0, 2))
    wanted = prints.mean(axis=0).reshape(height, width)
    match = np.fft.ifft2(np.fft.fft2(folded).conj() * np.fft.fft2(wanted)).real
    down, right = np.unravel_index(int(match.argmax()), match.shape)
    return int(down), int(right)


def line_text(scores: np.ndarray, inked: np.ndarray, alphabet: str, lists: Lists, apart: np.ndarray) -> str:
    """The text of a line of cells: the best letter of each, corrected by the words of the list."""
    chosen = scores.argmax(axis=1)
    text = "".join(alphabet[one] if dark else " " for one, dark in zip(chosen, inked, strict=True))
    return re.sub(r"[^ ]+", lambda found: corrected(found, scores, alphabet, lists, apart), text)


def corrected(found: re.Match[str], scores: np.ndarray, alphabet: str, lists: Lists, apart: np.ndarray) -> str:
    """The word, or the one of the list that the picture allows as well."""
    word = found.group()
    end = word[-1] if word[-1] in ".," and len(word) > 1 else ""
    word = word.removesuffix(end) if end else word
    same, codes = lists.get(len(word), ([], np.zeros((0, len(word)), int)))
    if word in same or not same or word.isdigit():
        return word + end
    cells = scores[found.start() : found.start() + len(word)]
    columns = np.arange(len(word))
    greedy = cells.argmax(axis=1)
    best = int(cells[columns, codes].sum(axis=1).argmax())
    other = codes[best]
    changed = other != greedy
    loss = (cells[columns, greedy] - cells[columns, other])[changed] / apart[greedy, other][changed]
    return (same[best] if loss.max(initial=0.0) < DOUBT else word) + end


def search(texts: list[str], questions: list[str], count: int) -> np.ndarray:
    """The pages that answer each question, (questions, count), the most similar first; -1 where there are no more.

    README.md defines the similarity, what becomes of a word that stands on no page, and which of equal pages is first.
    """
    bags = [WORD.findall(text.lower()) for text in texts]
    places: dict[str, int] = {}
    for bag in bags:
        for word in bag:
            places.setdefault(word, len(places))
    counts = np.zeros((len(texts), len(places)))
    for row, bag in zip(counts, bags, strict=True):
        np.add.at(row, [places[word] for word in bag], 1)
    often = (counts > 0).sum(axis=0)
    weight = np.log((1 + len(texts)) / (1 + often)) + 1
    pages = unit(counts * weight)
    asked = np.zeros((len(questions), len(places)))
    for row, question in zip(asked, questions, strict=True):
        for word in WORD.findall(question.lower()):
            known = word if word in places else nearest(word, places, often)
            if known:
                row[places[known]] += 1
    scores = (unit(asked * weight) @ pages.T).round(10)  # equal pages are equal, in whichever order they are summed
    order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    found = np.full((len(questions), count), -1)
    found[:, : order.shape[1]] = np.where(np.take_along_axis(scores, order, 1) > 0, order, -1)
    return found


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows divided by their length; a row of zeros stays one."""
    length = np.sqrt((rows**2).sum(axis=1, keepdims=True))
    return rows / np.where(length > 0, length, 1)


def nearest(word: str, places: dict[str, int], often: np.ndarray) -> str:
    """The word of the pages that differs by one character: the most frequent, then the first in the alphabet."""
    if len(word) < 4:
        return ""
    near = [known for known in places if abs(len(known) - len(word)) <= 1 and differs_by_one(word, known)]
    return min(near, key=lambda known: (-often[places[known]], known), default="")


def differs_by_one(one: str, other: str) -> bool:
    """Whether one character inserted, deleted or replaced makes one word the other."""
    short, long = sorted((one, other), key=len)
    same = 0
    while same < len(short) and short[same] == long[same]:
        same += 1
    return short[same + (len(short) == len(long)) :] == long[same + 1 :]


def find(
    pages: list[np.ndarray],
    glyphs: np.ndarray,
    alphabet: str,
    words: list[str],
    questions: list[str],
    *,
    count: int,
) -> np.ndarray:
    """The pages that answer each question, as `search` gives them: from the pictures."""
    return search(read(pages, glyphs, alphabet, words), questions, count)


def answer(task: str, *arguments: object) -> object:
    """What the grader calls: `read`, `search` or `find`. Leave it as it is."""
    if task == "find":
        *pages_to_questions, count = arguments
        return find(*pages_to_questions, count=count)  # type: ignore[arg-type]
    return {"read": read, "search": search}[task](*arguments)  # type: ignore[operator]
