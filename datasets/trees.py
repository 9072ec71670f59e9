"""The work of growing trees by histograms, as the best implementations do it: what tasks with trees have in common.

Columns are binned, a byte a cell. A row has a gradient and a curvature, eight bytes, and in every node each of its
cells adds both to one bin. Of two sister nodes only the smaller is counted: the other is their parent less it. So below
the root at most half of the rows are counted. Rows stand in the order of their nodes, so a node's rows are found by
their numbers, four bytes each.

How many bins are searched for splits depends on the trees that are grown, and is left out.
"""

from __future__ import annotations

CELL, PAIR, NUMBER = 1, 8, 4  # bytes: a binned cell, gradient and curvature, a row's number or a float32
LIMITER = "scattered additions to histograms (atomics on a GPU)"  # at addresses that depend on the data
COMPARED = 8  # numbers that a binary search among 255 compares


def binning(rows: int, columns: int) -> tuple[float, float]:
    """Operations and bytes of binning: each number is read, compared with its column's bounds, and becomes a byte."""
    cells = float(rows * columns)
    return COMPARED * cells, (NUMBER + CELL) * cells


def boosting(rows: int, columns: int, trees: int, levels: int, predicted: int = 0) -> tuple[float, float]:
    """Operations and bytes of binning, of boosting, and of predicting further rows.

    For each tree, gradients come from predictions and targets. At each level rows are counted, all at the first,
    half at the others. Then their numbers are rewritten in the order of their nodes, by the cell of the column that
    splits. At the end the leaves' values are added to the predictions.
    """
    gradient, update = (4.0, 2 * NUMBER + PAIR), (1.0, 3 * NUMBER)
    counted = (2.0 * columns, float(columns * CELL + PAIR))
    below = (levels - 1) / 2
    flops = gradient[0] + counted[0] * (1 + below) + levels + update[0]
    moved = gradient[1] + counted[1] + below * (counted[1] + NUMBER) + levels * (2 * NUMBER + CELL) + update[1]
    binned = binning(rows, columns)
    return (
        binned[0] + trees * rows * flops + float(predicted * trees * levels),
        binned[1] + trees * rows * moved + float(NUMBER * predicted * (columns + 1)),
    )
