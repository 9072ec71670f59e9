"""The schema of prose: lines of text in a Parquet file, and the words that occur in them most often.

Implementations and the truth use the same definition of a word:

    a word           two or more ASCII letters and digits in a row, in lower case; longer rows are not cut
    all else         separates words, as a space does: punctuation, the underscore, control characters, and all
                     characters beyond ASCII, letters with accents included. So don't is `don`, naïve is `na` and `ve`,
                     an emoji is nothing
    not counted      the words of STOP_WORDS

Text is cut into words before it becomes lower case. In the other order `K` (the sign for kelvin) becomes the letter k
in every library, and `İ` becomes i in some libraries, i and a dot in others. If words are equally frequent, they are
listed in the order of their bytes, so there is one right answer.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.parquet import decoded_bytes
from residency.harness.errors import WrongResult
from residency.harness.quality import metric
from residency.harness.truth import Truth

WORD = "[0-9A-Za-z]{2,}"
TOP = 100
STOP_WORDS = (
    *("the", "of", "and", "to", "in", "is", "for", "that", "it", "be", "as", "on", "with", "by", "or", "this", "are"),
    *("from", "at", "an", "if", "not", "was", "you", "which", "have", "has", "but", "can", "will", "he", "his", "her"),
    *("they", "we", "all", "one", "there", "their", "were", "been", "would", "when", "who", "no", "more", "so", "out"),
)

ROW_GROUP = 32_768  # lines, some four megabytes: query engines give row groups to cores, so there must be many
LARGEST_GROUP = 64 * 2**20  # bytes of text in a row group of long lines


@dataclass(frozen=True)
class Prose:
    """Lines of text, and the 100 most frequent words in falling order; fewer if there are fewer."""

    lines: Path  # a column `text` of strings
    rows: int  # lines, empty ones too
    occurrences: int  # of all words that count
    word: Truth[NDArray[np.str_]]  # (100,)
    count: Truth[NDArray[np.int64]]  # (100,)
    remarks: tuple[str, ...] = ()

    @property
    def decoded(self) -> int:
        """Bytes of the column of strings in memory."""
        return decoded_bytes(self.lines)


@metric(name="right rows")
def right_rows(data: Prose, found: Any) -> float:
    """Share of the table's rows, in falling order, whose word and count are both right; 1 if there is no word."""
    if not isinstance(found, dict) or set(found) != {"word", "count"}:
        raise WrongResult("the result must be a dict of the columns word, count")
    for name, column in found.items():
        if column.shape != data.count.shape:
            raise WrongResult(f"column {name} has shape {column.shape}, expected {data.count.shape}")
    if not len(data.count):
        return 1.0
    return float(np.mean((found["word"] == data.word) & (found["count"] == data.count)))


def work(data: Prose) -> tuple[float, float]:
    """Every byte of text is read once. There is little arithmetic, a comparison or two a byte, so it counts as 0."""
    from pyarrow.parquet import read_metadata

    meta = read_metadata(data.lines)
    return 0.0, float(sum(meta.row_group(group).total_byte_size for group in range(meta.num_row_groups)))


def counted(path: Path, lines: Iterable[str], remarks: Iterable[str] = ()) -> Prose:
    """Write the lines to `path`, and count their words one after the other, by Python's dictionary."""
    import pyarrow as pa

    counts: Counter[str] = Counter()
    rows = 0

    def groups() -> Iterator[Any]:
        nonlocal rows
        for group in _groups(lines):
            rows += len(group)
            for line in group:
                counts.update(word.lower() for word in re.findall(WORD, line))
            yield pa.array(group, pa.string())

    write(path, groups())
    return ranked(path, rows, counts, remarks)


def ranked(path: Path, rows: int, counts: Mapping[str, int], remarks: Iterable[str] = ()) -> Prose:
    """The prose in `path` with its most frequent words; `counts` holds all words, stop words included."""
    kept = {word: count for word, count in counts.items() if count and word not in STOP_WORDS}
    order = sorted(kept, key=lambda word: (-kept[word], word))[:TOP]
    count = np.array([kept[word] for word in order], np.int64)
    return Prose(path, rows, sum(kept.values()), np.array(order, np.str_), count, tuple(remarks))


def write(path: Path, groups: Iterable[Any]) -> None:
    """Write each of Arrow's arrays of lines as a row group."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([("text", pa.string())])
    with pq.ParquetWriter(path, schema, compression="snappy", use_dictionary=False) as writer:
        for group in groups:
            writer.write_table(pa.table([group], schema=schema), row_group_size=max(1, len(group)))


def _groups(lines: Iterable[str]) -> Iterator[list[str]]:
    group: list[str] = []
    size = 0
    for line in lines:
        group.append(line)
        size += len(line.encode())
        if len(group) == ROW_GROUP or size >= LARGEST_GROUP:
            yield group
            group, size = [], 0
    if group:
        yield group
