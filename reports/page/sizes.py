"""Sizes in their order, wherever a page names several: smoke, lab, lecture, production; numbers of rows by number."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from residency.analysis.findings import Findings, GroupFindings
from residency.harness.task import SIZES


def place(size: str) -> tuple[int, int]:
    """By what sizes are sorted: the named ones first, then numbers of rows, then the whole of a reader's own data."""
    if size in SIZES:
        return 0, SIZES.index(size)
    return (1, int(size)) if size.isdecimal() else (2, 0)


def ordered(sizes: Iterable[str]) -> list[str]:
    """Sizes, each once, the smallest first."""
    return sorted(dict.fromkeys(sizes), key=place)


def in_order(found: Findings) -> Findings:
    """The same findings, with the sizes of each task and dataset in order; the tasks stay where they were."""
    first: dict[tuple[str, str], int] = {}
    for group in found.groups:
        first.setdefault(_data(group), len(first))
    groups = sorted(found.groups, key=lambda group: (first[_data(group)], place(group.rows[0].cell.size)))
    return replace(found, groups=groups)


def _data(group: GroupFindings) -> tuple[str, str]:
    cell = group.rows[0].cell
    return cell.task, cell.dataset
