"""Your own texts, a CSV or Parquet file: one column of text, and one column with the class of each text.

The column named with --target holds the classes. The texts are in the longest of the other columns of text, by the
median number of characters; all other columns are left out. `texts.py` says how a text is prepared, `reading.py` how a
file is read (delimiters, quotation marks, encodings).
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

    The column named as target holds the classes, the longest other column of text holds the texts. The remarks say what
    became of texts that are empty or very long, or whose class has few texts. What quality to expect depends on your
    data.
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
        why = f"{file.name}: column `{wanted.name}`: {error}; name a column with fewer classes and more texts in each"
        raise file.refusal(why, wanted.name) from error
    if made.rows < LEAST_ROWS:
        raise file.refusal(
            f"{file.name} has {number_of(made.rows, 'text')} in classes with {FEWEST} texts or more; "
            f"at least {LEAST_ROWS} are needed"
        )
    if not _share_words(made.strings()[0]):
        raise file.refusal(
            f"{file.name}: no two texts of column `{column}` share a word, so nothing can be learned from them"
        )
    return made


def _share_words(texts: list[str]) -> bool:
    """Whether two of the texts have a word in common, a word as vectorisers cut it: two letters or more."""
    seen: set[str] = set()
    for text in texts:
        words = set(re.findall(r"\w\w+", text.lower()))
        if not words.isdisjoint(seen):
            return True
        seen |= words
    return False


def text_column(file: OwnFile, target: str | None, remarks: list[str]) -> str:
    """The column, except the target, whose texts have the longest median; raises `UsageError` if there is none."""
    others = file.frame if target is None else file.frame.drop(columns=target)
    texts: dict[str, Any] = {name: others[name].dropna() for name in others if others[name].dtype.kind not in "mMbiuf"}
    lengths = {name: float(text.astype(str).str.len().median()) for name, text in texts.items() if len(text)}
    if not lengths:
        beside = "" if target is None else f" beside `{target}`"
        raise file.refusal(f"{file.name} holds no column of text{beside}: add one")
    chosen = max(lengths, key=lambda name: lengths[name])
    remarks.append(f"`{chosen}`: the texts, median length {lengths[chosen]:.0f} characters, the longest column of text")
    if unused := [f"`{name}`" for name in others if name != chosen]:
        remarks.append(f"left out: {', '.join(unused[:10])}{', ...' if len(unused) > 10 else ''}")
    return chosen
