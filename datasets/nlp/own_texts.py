"""Your own texts, a CSV or Parquet file: one column of text, one with the class of each.

The column named with --target holds the classes. The text is the longest of the other columns of text, by the median
number of characters; what else the file holds is left out. How a text is prepared is told in `texts.py`, how a file is
read (delimiters, quotation marks, encodings) in `reading.py`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from residency.datasets.nlp.texts import FEWEST, Texts, prepared
from residency.datasets.reading import OwnFile, read_file
from residency.datasets.target import LEAST_ROWS, target_column
from residency.harness.dataset import number_of, own_table


@own_table
def own_texts(path: Path | None, target: str | None, seed: int) -> Texts:
    """Your file: which class does each text belong to?

    The column named as target holds the classes, the longest column of text beside it the texts. The remarks say what
    became of texts that are empty, very long, or of a class with few; what quality to expect is for your data to say.
    """
    file = read_file(path)
    wanted = target_column(file, target)
    remarks = [*file.remarks, *file.remarks_on(wanted.name)]
    if missing := int((~wanted.present).sum()):
        remarks.append(f"`{wanted.name}`: texts without a class left out: {missing}")
    column = text_column(file, wanted.name, remarks)
    texts = file.frame.loc[wanted.present, column].fillna("").astype(str).tolist()
    try:
        made = prepared(texts, wanted.ranks(), wanted.labels, seed, remarks)
    except ValueError as error:
        why = f"{file.name}: column `{wanted.name}`: {error}; name a column with fewer, fuller classes"
        raise file.refusal(why, wanted.name) from error
    if made.rows < LEAST_ROWS:
        raise file.refusal(
            f"{file.name} has {number_of(made.rows, 'text')} of a class with {FEWEST} or more; "
            f"at least {LEAST_ROWS} are needed"
        )
    if not _share_words(made.strings()[0]):
        raise file.refusal(
            f"{file.name}: no two texts of column `{column}` share a word: nothing can be learned from them"
        )
    return made


def _share_words(texts: list[str]) -> bool:
    """Whether any word of two letters or more, as vectorisers cut them, stands in two of the texts."""
    seen: set[str] = set()
    for text in texts:
        words = set(re.findall(r"\w\w+", text.lower()))
        if not words.isdisjoint(seen):
            return True
        seen |= words
    return False


def text_column(file: OwnFile, target: str | None, remarks: list[str]) -> str:
    """The column beside the target whose texts are longest in the median; raises `UsageError` if there is none."""
    others = file.frame if target is None else file.frame.drop(columns=target)
    texts: dict[str, Any] = {name: others[name].dropna() for name in others if others[name].dtype.kind not in "mMbiuf"}
    lengths = {name: float(text.astype(str).str.len().median()) for name, text in texts.items() if len(text)}
    if not lengths:
        beside = "" if target is None else f" beside `{target}`"
        raise file.refusal(f"{file.name} holds no column of text{beside}: add one")
    chosen = max(lengths, key=lambda name: lengths[name])
    remarks.append(f"`{chosen}`: the texts, {lengths[chosen]:.0f} characters in the median, the longest column of text")
    if unused := [f"`{name}`" for name in others if name != chosen]:
        remarks.append(f"left out: {', '.join(unused[:10])}{', ...' if len(unused) > 10 else ''}")
    return chosen
