"""Words counted and weighed by Polars, as columns on all cores: `classify.py` without a dictionary of Python's."""

from __future__ import annotations

from typing import Any

import numpy as np

WORD = r"\w\w+"
LEAST_TEXTS = 2  # that hold a word


def weighed(pl: Any, texts: Any, texts_test: Any) -> tuple[Any, Any]:
    """TF-IDF of both parts by the words of the first, as SciPy's sparse matrices."""
    counts = count_words(pl, texts)
    dictionary = (
        counts.group_by("word")
        .agg(texts=pl.len())
        .filter(pl.col("texts") >= LEAST_TEXTS)
        .sort("word")
        .with_row_index("column")
        .with_columns(idf=((1.0 + len(texts)) / (1.0 + pl.col("texts"))).log() + 1.0)
    )
    x_test = weigh(pl, count_words(pl, texts_test), dictionary, len(texts_test))
    return weigh(pl, counts, dictionary, len(texts)), x_test


def count_words(pl: Any, texts: Any) -> Any:
    """How often each text holds each of its words."""
    words = pl.col("text").str.to_lowercase().str.extract_all(WORD)
    plan = pl.LazyFrame({"text": texts}).with_row_index("row").select("row", word=words).explode("word").drop_nulls()
    return plan.group_by("row", "word").agg(count=pl.len()).collect(engine="streaming")


def weigh(pl: Any, counts: Any, dictionary: Any, rows: int) -> Any:
    """TF-IDF of the words that the dictionary holds, rows of length 1, as SciPy's sparse matrix."""
    from scipy.sparse import csr_array

    weight = (1.0 + pl.col("count").cast(pl.Float64).log()) * pl.col("idf")
    cells = counts.join(dictionary, on="word").select("row", "column", weight=weight).sort("row", "column")
    length = pl.col("weight").pow(2).sum().over("row").sqrt()
    cells = cells.with_columns(weight=(pl.col("weight") / length).cast(pl.Float32))
    pointers = np.append(0, np.cumsum(np.bincount(cells["row"].to_numpy(), minlength=rows))).astype(np.int32)
    places = cells["column"].to_numpy().astype(np.int32)
    return csr_array((cells["weight"].to_numpy(), places, pointers), (rows, len(dictionary)))
