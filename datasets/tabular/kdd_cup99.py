"""Network connections with a few attacks among them: KDD Cup 1999, fetched by scikit-learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from residency.datasets.sources import ScikitLearn
from residency.datasets.tabular.outliers import NEIGHBOURS, Outliers, standardised
from residency.harness.dataset import public

SOURCE = ScikitLearn(
    "fetch_kddcup99",
    "https://ndownloader.figshare.com/files/5976042",
    "2.1 MB",
    options=(("subset", None), ("percent10", True)),
)
SYMBOLS = ("protocol_type", "service", "flag")
NORMAL = b"normal."


@public(SOURCE, "sklearn.datasets")
def kdd_cup99(seed: int, source: Path) -> Outliers:
    """The normal connections of the ten-percent file, each once, and at most ten of each of its 22 kinds of attack.

    38 numeric columns of 41: the three symbolic columns are left out. The others become log(1 + value), because bytes
    and counts span nine orders of magnitude, and are standardised. Stolfo, Fan, Lee, Prodromidis, Chan (2000),
    "Cost-based modeling for fraud and intrusion detection". In the file four of five rows are attacks, most of them
    floods of equal rows; a flood is a cluster, not an anomaly. A kind of attack has at most as many rows as there are
    neighbours to find, so every attack's tenth neighbour is of another kind. About 88,000 rows, 0.2 % of them attacks,
    which is also the average precision of a random guess.
    """
    bunch = SOURCE.load(source)
    columns = [column for column, name in enumerate(bunch.feature_names) if name not in SYMBOLS]
    numbers = np.log1p(bunch.data[:, columns].astype(np.float64))
    kinds, kind = np.unique(bunch.target.astype(bytes), return_inverse=True)
    _, first = np.unique(np.column_stack([numbers, kind]), axis=0, return_index=True)
    generator = np.random.default_rng(seed)
    kept: list[np.ndarray] = []
    for code, name in enumerate(kinds):
        rows = np.sort(first[kind[first] == code])
        kept.append(rows if name == NORMAL else generator.permutation(rows)[:NEIGHBOURS])
    order = np.sort(np.concatenate(kept))
    remarks = (
        f"{len(numbers) - len(first)} repeated rows left out",
        f"at most {NEIGHBOURS} rows of each attack kept",
        f"symbolic columns left out: {', '.join(SYMBOLS)}",
    )
    names = [bunch.feature_names[column] for column in columns]
    return standardised(numbers[order], kinds[kind[order]] != NORMAL, names, remarks)
