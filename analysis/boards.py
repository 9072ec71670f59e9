"""What each GPU did for an implementation that computed on several, and how much of their memory it took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from residency.analysis.row import Facts
from residency.harness.records import Sample


def boards(samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """The figures of each GPU over all samples: the highest memory, the lowest clock, the median energy.

    As for all GPUs together, memory is of any sample; clocks and energy are of the timed ones.
    """
    seen: dict[int, list[tuple[bool, dict[str, Any]]]] = {}
    for sample in samples:
        for gpu in sample.gpus:
            seen.setdefault(gpu["index"], []).append((sample.phase == "timed", gpu))
    return [_board(index, looks) for index, looks in sorted(seen.items())]


def _board(index: int, looks: Sequence[tuple[bool, dict[str, Any]]]) -> dict[str, Any]:
    timed = [gpu for is_timed, gpu in looks if is_timed]
    energies = [gpu["joules"] for gpu in timed if gpu["joules"] is not None]
    return {
        "index": index,
        "peak_bytes": max((gpu["peak_bytes"] for _, gpu in looks if gpu["peak_bytes"] is not None), default=None),
        "joules": median(energies) if energies else None,
        "megahertz": min((gpu["megahertz"] for gpu in timed if gpu["megahertz"] is not None), default=None),
        "slowed_by": sorted({reason for gpu in timed for reason in gpu["slowed_by"]}),
    }


def share_of_cards(facts: Facts, machine: Mapping[str, Any]) -> float | None:
    """The peak of device memory as a share of the memory of the GPUs that were used.

    None if either is not known, or if the machine's GPUs differ.
    """
    sizes = {gpu.get("memory_bytes") for gpu in machine.get("gpus") or []}
    (size,) = sizes if len(sizes) == 1 else (None,)
    if facts.peak_device_bytes is None or not size:
        return None
    return float(facts.peak_device_bytes / (size * max(1, len(facts.gpus))))
