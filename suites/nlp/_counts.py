"""What `word_count` is asked for, the least it must do, and its answer as NumPy's arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from residency.datasets.nlp.prose import STOP_WORDS, TOP, WORD, Prose
from residency.harness import Run

RULE = {"word": WORD, "stop_words": len(STOP_WORDS), "top": TOP}


def work(data: Prose) -> tuple[float, float]:
    """Every byte of text read once; arithmetic, a comparison or two a byte, is not what bounds it."""
    from pyarrow.parquet import read_metadata

    meta = read_metadata(data.lines)
    return 0.0, float(sum(meta.row_group(group).total_byte_size for group in range(meta.num_row_groups)))


def told(run: Run, table: Any) -> dict[str, Any]:
    """Any library's table of words and counts as fixed-width text and integers."""
    columns = run.to_host(table)
    return {"word": columns["word"].astype(np.str_), "count": columns["count"].astype(np.int64)}
