"""How the GPUs of a machine are connected, in a sentence or two.

Not yet seen on a real GPU: tested with a stand-in for the driver's libraries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from residency.reports import words

Pair = tuple[int, int]


def described(machine: Mapping[str, Any]) -> list[str]:
    """What connects several GPUs with each other and with the host's memory; empty with one, or if nobody told."""
    gpus, links = machine.get("gpus") or [], machine.get("links") or []
    if len(gpus) < 2:
        return []
    return [*_between(gpus, links), *_nodes(gpus)]


def _between(gpus: Sequence[Mapping[str, Any]], links: Sequence[Mapping[str, Any]]) -> list[str]:
    """What each two GPUs have; equal pairs together, the most frequent kind as the rest."""
    kinds: dict[str, list[Pair]] = {}
    for link in links:
        if (kind := _kind(link)) is not None:
            first, second = link["gpus"]
            kinds.setdefault(kind, []).append((first, second))
    if not kinds:
        return []
    ranked = sorted(kinds, key=lambda kind: len(kinds[kind]))
    rest = ranked.pop()
    parts = [f"{_pairs(kinds[kind])}: {kind}" for kind in reversed(ranked)]
    parts.append(f"{'all other pairs' if parts else f'any two of {len(gpus)}'}: {rest}")
    counts = {int(gpu["nvlinks"]) for gpu in gpus if gpu.get("nvlinks")}
    links_up = f"; {words.listed(sorted(counts))} NVLinks of each are up" if counts else ""
    return [f"Between GPUs: {'; '.join(parts)}{links_up}"]


def _kind(link: Mapping[str, Any]) -> str | None:
    if link["nvlink"]:
        return "NVLink"
    through = f" through {link['path']}" if link["path"] else ""
    if link["peer"] is None:
        return f"PCIe{through}, peer access not told" if through else None
    return f"peer access over PCIe{through}" if link["peer"] else f"no peer access{through and f', PCIe{through}'}"


def _pairs(pairs: Sequence[Pair]) -> str:
    """`0 to 3 and 4 to 7`, if each two of a group are among these pairs; else the pairs: `0-1, 2-5`."""
    groups: list[set[int]] = []
    for pair in pairs:
        touched = [group for group in groups if group & set(pair)]
        groups = [group for group in groups if group not in touched] + [set(pair).union(*touched)]
    whole = {pair for group in groups for pair in combinations(sorted(group), 2)}
    if whole == set(pairs) and len(groups) < len(pairs):
        return " and ".join(f"each two of {words.listed(sorted(group))}" for group in groups)
    return ", ".join(f"{first}-{second}" for first, second in pairs)


def _nodes(gpus: Sequence[Mapping[str, Any]]) -> list[str]:
    """Which GPUs are near which of the host's memory nodes."""
    nodes: dict[int, list[int]] = {}
    for number, gpu in enumerate(gpus):
        if gpu.get("numa_node") is not None:
            nodes.setdefault(gpu["numa_node"], []).append(number)
    parts = [f"node {node} is near GPU {words.listed(numbers)}" for node, numbers in sorted(nodes.items())]
    return [f"The host's memory (NUMA): {'; '.join(parts)}"] if parts else []
