"""How much memory an implementation will need, before it runs: on each GPU, and in the host's memory.

    need = what its libraries take + what it holds besides + copies of its data, in decoded bytes

The data says how large it is without being made (`Dataset.decoded`), or was made before and measured. The
implementation says how many copies it holds (`Memory`). The CPU's figures are calibrated against the reference runs'
measured peaks. Not yet seen on a real GPU: a GPU's figures follow from the same lines, and from what the libraries'
sources say that they allocate.

A card of 24 GB is counted as 24 x 10^9 bytes, about the least that cards of that name report (23.8 to 25.8 x 10^9).
Nine tenths of a memory may be used, and of a GPU in this machine no more than is free.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from residency.harness import store
from residency.harness.dataset import Dataset
from residency.harness.errors import UsageError
from residency.harness.outcomes import NOT_STARTED, Ending, Outcome
from residency.harness.task import SIZES, Implementation, Task
from residency.runners import machine, nvml
from residency.runners.plan import FULL, Group, unavailable

GB = 10**9
CARDS = (24, 48, 80, 141)  # GB
SHARE = 0.9  # of a memory that may be used
CROWDED = 0.8  # of the free memory, for workers that are alive together

CONTEXT = 700e6  # bytes of a device that a process's context and libraries take
ON_GPU = 1_500e6  # bytes of the host's memory that a process with a GPU's libraries takes
SCHEDULER = 150e6  # bytes of the host's memory: a cluster's scheduler and client, beyond one more worker's
# Bytes of the host's memory that a process takes once it has imported the library, as measured at smoke size.
LIBRARIES = {
    **dict.fromkeys(("numpy", "scipy", "collections", "PIL"), 60e6),
    **dict.fromkeys(("cv2", "duckdb", "faiss"), 110e6),
    **dict.fromkeys(("torch", "jax"), 270e6),
    "stumpy": 470e6,
}
LIBRARY = 240e6  # of any other

IGNORED = "RESIDENCY_FORECAST"  # `ignore` starts everything: a forecast can be wrong


@dataclass(frozen=True)
class Need:
    """Bytes that an implementation is expected to need at its peak."""

    device: float  # of each GPU that it uses; 0 on a CPU
    host: float  # of this machine's memory, all its processes together


@dataclass(frozen=True)
class Room:
    """Bytes that may be used, and that there are."""

    usable: float
    total: float


def decoded_bytes(dataset: Dataset, rows: int) -> float | None:
    """Bytes of so many rows in memory: as the dataset says, or by data that was made before; None if nobody knows."""
    said = dataset.decoded_bytes(rows)
    if said is not None:
        return said
    measured = store.decoded_bytes_of_row(dataset)
    return None if measured is None else measured * rows


def need(implementation: Implementation, decoded: float) -> Need:
    """What an implementation needs for data of so many decoded bytes; on a cluster, with its number of workers."""
    memory = implementation.memory
    workers = max(1, implementation.workers)
    share = 1.0 if memory.whole else 1.0 / workers
    held = memory.fixed + memory.copies * share * decoded
    if implementation.device == "gpu":
        device, each = CONTEXT + held, ON_GPU + memory.host * share * decoded
    else:
        device, each = 0.0, LIBRARIES.get(implementation.package, LIBRARY) + held
    together = SCHEDULER + LIBRARY if implementation.runner == "cluster" else 0.0
    return Need(device, workers * each + together)


def gpus() -> list[Room | None]:
    """The memory of each visible GPU; None for one that shares the host's memory."""
    if not machine.gpus()[0]:
        return []
    told = [nvml.memory(handle) for handle in nvml.handles()]
    return [None if memory is None else Room(min(memory.free, SHARE * memory.total), memory.total) for memory in told]


def card(size: float) -> Room:
    """A card of so many GB."""
    return Room(SHARE * size * GB, size * GB)


def host() -> Room:
    """This machine's memory, within the cgroup's limit."""
    limit = machine.memory_limit()
    return Room(SHARE * limit, limit)


def fits_on(implementation: Implementation, decoded: float, room: Room) -> bool:
    """Whether each GPU that it uses may be a card of this size."""
    return need(implementation, decoded).device <= room.usable


def not_started(
    group: Group, implementation: Implementation, elsewhere: bool = False, decoded: float | None = None
) -> Ending | None:
    """Why an implementation is not started: it needs more memory than there is. None if it fits, or nobody knows.

    `decoded` are the bytes of its data, if they were measured. Nothing is known of a cluster `elsewhere`.
    """
    if decoded is None and group.request.rows is not None:
        decoded = decoded_bytes(group.dataset, group.request.rows)
    if is_ignored() or decoded is None or elsewhere:
        return None
    short = _short(implementation, decoded)
    if short is None:
        return None
    hints = " or ".join(_hints(group, implementation, decoded))
    at = group.size if group.size in (*SIZES, FULL) else f"{int(group.size):,} {group.task.unit}"
    return Ending(
        Outcome.UNAVAILABLE,
        f"{NOT_STARTED}needs about {short[0]} at {at}, and {short[1]}{f': {hints}' if hints else ''} "
        f"({IGNORED}=ignore starts it anyway)",
    )


def is_ignored() -> bool:
    """Whether the user wants everything started. Raises `UsageError` for a value that means nothing."""
    value = os.environ.get(IGNORED, "")
    if value not in {"", "ignore"}:
        raise UsageError(f"{IGNORED}={value}: the only value is `ignore`, which starts what is expected not to fit")
    return value == "ignore"


def startable(group: Group, implementation: Implementation, elsewhere: bool = False) -> bool:
    """Whether an implementation can run here, by what is installed and by its forecast."""
    ready = unavailable(implementation, elsewhere) is None
    return ready and not_started(group, implementation, elsewhere) is None


def crowded(implementations: Sequence[Implementation], decoded: float) -> bool:
    """Whether memory does not allow that the workers of these implementations are alive together."""
    needs = [need(implementation, decoded) for implementation in implementations]
    on_gpu = [needed.device for needed in needs if needed.device]
    first = next(iter(gpus()), None)
    if first is not None and len(on_gpu) > 1 and sum(on_gpu) > CROWDED * first.usable:
        return True
    return sum(needed.host for needed in needs) > CROWDED * machine.memory_available()


def workers_needed(implementation: Implementation, decoded: float, room: Room) -> int | None:
    """The least number of workers whose shares fit on cards of this size; None if no number does."""
    memory = implementation.memory
    left = room.usable - CONTEXT - memory.fixed
    held = memory.copies * decoded
    if left <= 0 or (memory.whole and held > left):
        return None
    return 1 if memory.whole else max(1, math.ceil(held / left))


def rooms() -> dict[str, Room]:
    """The GPUs of this machine, by number and name; without one, the four cards."""
    known = {
        f"GPU {number}, {facts['name']}": room
        for number, (facts, room) in enumerate(zip(machine.gpus()[0], gpus(), strict=True))
        if room is not None
    }
    return known or {f"{size} GB": card(size) for size in CARDS}


def fitting(tasks: Sequence[Task]) -> list[dict[str, Any]]:
    """By memory and size: how many tasks there are, and for which of them no or not every GPU implementation fits.

    Only implementations on one GPU are counted. A task whose data nobody knows the size of is left out.
    """
    found = []
    for name, room in rooms().items():
        for size in SIZES:
            state: dict[str, list[bool]] = {}
            for task in tasks:
                decoded = decoded_bytes(task.datasets[0], task.sizes[size]) if size in task.sizes else None
                on_gpu = [known for known in task.implementations if (known.device, known.runner) == ("gpu", "local")]
                if decoded is not None and on_gpu:
                    state[task.path] = [fits_on(implementation, decoded, room) for implementation in on_gpu]
            found.append(
                {
                    "memory": name,
                    "usable_bytes": round(room.usable),
                    "size": size,
                    "tasks": len(state),
                    "too_large": [path for path, fits in state.items() if not any(fits)],
                    "in_part": [path for path, fits in state.items() if any(fits) and not all(fits)],
                }
            )
    return found


def of(task: Task, measured: Mapping[tuple[str, str, str, int | None], int]) -> list[dict[str, Any]]:
    """The forecast of a task's default data by size: what each implementation needs, and on which cards it fits.

    What was `measured` on a device beats the forecast; its key is task, dataset, implementation and rows.
    Implementations for a cluster are shown with the least number of workers of each card. Empty if nobody knows how
    large the data is.
    """
    forecasts = []
    for size, rows in task.sizes.items():
        decoded = decoded_bytes(task.datasets[0], rows)
        if decoded is not None:
            each = [
                _of(known, decoded, measured.get((task.path, task.datasets[0].name, known.id, rows)))
                for known in task.implementations
            ]
            forecasts.append({"size": size, "rows": rows, "decoded_bytes": round(decoded), "implementations": each})
    return forecasts


def _of(implementation: Implementation, decoded: float, measured: int | None) -> dict[str, Any]:
    needed, on_gpu = need(implementation, decoded), implementation.device == "gpu"
    device = needed.device if measured is None else measured
    told: dict[str, Any] = {
        "implementation": implementation.id,
        "device_bytes": round(device) if on_gpu else None,
        "measured": measured is not None,
        "host_bytes": round(needed.host),
        "fits": {f"{size} GB": device <= card(size).usable for size in CARDS} if on_gpu else None,
    }
    if implementation.runner == "cluster" and on_gpu:
        told["workers"] = {f"{size} GB": workers_needed(implementation, decoded, card(size)) for size in CARDS}
    return told


def _short(implementation: Implementation, decoded: float) -> tuple[str, str] | None:
    """What is needed and what there is, in words, if there is too little of a memory.

    A cluster's workers spill to disk what does not fit into the host's memory, unless each holds the whole data.
    """
    needed, room = need(implementation, decoded), host()
    spills = implementation.runner == "cluster" and not implementation.memory.whole
    for number, gpu in enumerate(gpus()[: max(1, implementation.workers)] if needed.device else []):
        if gpu is not None and needed.device > gpu.usable:
            where = "of GPU memory" if implementation.workers < 2 else "of memory on each GPU"
            which = "the GPU" if number == 0 and implementation.workers < 2 else f"GPU {number}"
            return f"{_gb(needed.device)} {where}", f"{which} has {_gb(gpu.usable)} usable of {_gb(gpu.total)}"
    if needed.host > room.usable and not spills:
        there = f"this machine has {_gb(room.usable)} usable of {_gb(room.total)}"
        return f"{_gb(needed.host)} of the host's memory", there
    return None


def _hints(group: Group, implementation: Implementation, decoded: float) -> list[str]:
    """What to do instead: a smaller size that fits, or workers enough."""
    hints = []
    rows = group.request.rows or 0
    smaller = sorted((fewer, size) for size, fewer in group.task.sizes.items() if fewer < rows)
    for fewer, size in reversed(smaller):
        share = decoded_bytes(group.dataset, fewer)
        if share is not None and _short(implementation, share) is None:
            hints.append(f"take --size {size}")
            break
    device = implementation.device
    cards = [room for room in gpus() if room is not None] if device == "gpu" else []
    shared = [known for known in group.task.implementations if (known.runner, known.device) == ("cluster", device)]
    if device == "cpu" and any(not known.memory.whole for known in shared):
        hints.append("--runner cluster, whose workers share it and spill to disk")
    if cards:
        least = min(cards, key=lambda room: room.usable)
        counts = [count for known in shared if (count := workers_needed(known, decoded, least)) is not None]
        if counts:
            more = f" on {min(counts)} such GPUs" if min(counts) > len(cards) else ""
            hints.append(f"--runner cluster --workers {min(counts)}{more}")
    return hints


def _gb(amount: float) -> str:
    return f"{amount / GB:,.{0 if amount >= 10 * GB else 1}f} GB"
