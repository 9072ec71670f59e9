"""The schema of labelled texts, and the preparation that all real ones share.

Texts lie one after the other in one array of UTF-8 bytes, with the places where each begins: no array of Python
objects, and the very layout of Arrow's strings, so that a data frame takes them without a copy. Before that:

    a text                                     becomes
    composed and decomposed characters         composed where Unicode has such a character (NFC): é is one, not e and ´
    emoji, marks that do not compose           kept; a tokeniser finds no word in them
    what UTF-8 cannot hold (lone surrogates)   a question mark
    longer than 100,000 bytes                  cut at the last whole character before
    empty, or nothing but white space          left out
    of a class with fewer than 5 texts         left out

The remarks say how many texts were cut or left out.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.harness.errors import WrongResult
from residency.harness.quality import Items, estimate, vector
from residency.harness.truth import BestAnswer, Truth

TEST_SHARE = 0.2
LONGEST = 100_000  # bytes: one text must not decide how long all take
FEWEST = 5  # texts of a class: less cannot be learned from and tested


@dataclass(frozen=True)
class Texts:
    """Texts with a class each, split into training texts and texts to classify."""

    text: NDArray[np.uint8]  # (bytes,)
    offsets: NDArray[np.int64]  # (texts + 1,): text i is text[offsets[i] : offsets[i + 1]]
    y: NDArray[np.int32]  # (texts,): places in `classes`
    text_test: NDArray[np.uint8]
    offsets_test: NDArray[np.int64]
    y_test: Truth[NDArray[np.int32]]
    classes: tuple[str, ...]
    best_test: BestAnswer[NDArray[np.int32] | None] = None  # the likeliest class, where it is known
    remarks: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Texts in all."""
        return len(self.y) + len(self.offsets_test) - 1

    def fresh(self, generator: np.random.Generator) -> Texts:
        """The same texts to classify, in another order."""
        order = generator.permutation(len(self.y_test))
        whole, places = self.text_test.tobytes(), self.offsets_test
        parts = [whole[places[index] : places[index + 1]] for index in order]
        offsets = np.append(0, np.cumsum(np.diff(places)[order]))
        best = None if self.best_test is None else self.best_test[order]
        text = np.frombuffer(b"".join(parts), np.uint8)
        return replace(self, text_test=text, offsets_test=offsets, y_test=self.y_test[order], best_test=best)

    def strings(self) -> tuple[list[str], list[str]]:
        """The texts as Python strings: training texts, and texts to classify."""
        return _strings(self.text, self.offsets), _strings(self.text_test, self.offsets_test)

    def arrow(self) -> tuple[Any, Any]:
        """The same as Arrow's strings, without a copy of the bytes."""
        return _arrow(self.text, self.offsets), _arrow(self.text_test, self.offsets_test)


@estimate(name="macro-F1")
def macro_f1(data: Texts, predicted: Any) -> Items:
    """Mean over classes of 2 hits / (texts of the class + predictions of it); every class counts alike.

    A class that is neither among the truth nor among the predictions does not count.
    """
    truth, guess = np.asarray(data.y_test, dtype=np.float64), vector(predicted, len(data.y_test))
    if not np.isfinite(guess).all():
        raise WrongResult("a prediction is not a finite number")

    def mean(truth: NDArray[np.float64], guess: NDArray[np.float64]) -> float:
        names, code = np.unique(np.concatenate([truth, guess]), return_inverse=True)
        true, said = code[: len(truth)], code[len(truth) :]
        hits = np.bincount(true[true == said], minlength=len(names))
        counts = np.bincount(true, minlength=len(names)) + np.bincount(said, minlength=len(names))
        return float(np.mean(2.0 * hits / counts))

    values, counts = np.unique(truth, return_counts=True)
    commonest = np.full_like(truth, values[np.argmax(counts)])
    return Items(mean, (truth, guess), chance=mean(truth, commonest), unit="texts", classes=truth)


def prepared(
    texts: Sequence[str], labels: NDArray[np.integer], classes: Sequence[str], seed: int, remarks: Sequence[str] = ()
) -> Texts:
    """Texts cleaned and split as this module says; a fifth of each class is to be told apart.

    Raises `ValueError` where fewer than two classes remain.
    """
    said = list(remarks)
    cleaned = [clean(text) for text in texts]
    if cut := sum(len(text.encode(errors="replace")) > LONGEST for text in texts):
        said.append(f"texts cut at {LONGEST:,} bytes: {cut}")
    full = np.array([bool(text.strip()) for text in cleaned], dtype=bool)
    if not full.all():
        said.append(f"empty texts left out: {int((~full).sum())}")
    count = np.bincount(labels[full], minlength=len(classes))
    rare = (count > 0) & (count < FEWEST)
    if rare.any():
        said.append(f"texts left out because their class has fewer than {FEWEST}: {int(count[rare].sum())}")
    kept = np.flatnonzero(count >= FEWEST)
    if len(kept) < 2:
        raise ValueError(f"{len(kept)} classes have {FEWEST} texts or more; two are needed")
    order = np.random.default_rng(seed).permutation(np.flatnonzero(full & np.isin(labels, kept)))
    order = order[np.argsort(labels[order], kind="stable")]
    y = np.searchsorted(kept, labels[order]).astype(np.int32)
    place = np.arange(len(y)) - np.searchsorted(y, y)  # of a text within its class
    test = place < np.maximum(1, np.round(TEST_SHARE * count[kept])).astype(np.int64)[y]
    text, offsets = pack([cleaned[index] for index in order[~test].tolist()])
    text_test, offsets_test = pack([cleaned[index] for index in order[test].tolist()])
    return Texts(
        text, offsets, y[~test], text_test, offsets_test, y[test],
        classes=tuple(classes[index] for index in kept.tolist()), remarks=tuple(said),
    )  # fmt: skip


def clean(text: str) -> str:
    """A text as this module says."""
    encoded = unicodedata.normalize("NFC", text).encode(errors="replace")
    return encoded[:LONGEST].decode(errors="ignore")


def pack(texts: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """All bytes of the texts, and where each begins."""
    encoded = [text.encode() for text in texts]
    offsets = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum([len(one) for one in encoded], out=offsets[1:])
    return np.frombuffer(b"".join(encoded), np.uint8), offsets


def _strings(text: NDArray[np.uint8], offsets: NDArray[np.int64]) -> list[str]:
    whole, places = text.tobytes(), offsets.tolist()
    return [whole[start:end].decode() for start, end in pairwise(places)]


def _arrow(text: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Any:
    import pyarrow as pa

    if offsets[-1] <= np.iinfo(np.int32).max:
        return pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(text))
    return pa.LargeStringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(text))
