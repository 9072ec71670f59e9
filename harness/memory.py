"""What an implementation says about its memory: how much it holds at its peak, by the size of its data.

    task = Task(..., memory=Memory(copies=2))                          for all its implementations
    @task.pair(cpu="pandas", gpu="cudf", memory=Memory(copies=4))      where one differs
    @task.pair(..., memory={"cpu": Memory(4), "gpu": Memory(2.5)})     where its devices differ

The data's size is counted in decoded bytes (`dataset.decoded`). Libraries and a GPU's context come on top.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Memory:
    """What an implementation holds at its peak where it computes: on the device, or on a CPU in the host's memory.

    `copies` are multiples of the data's decoded bytes, the data itself included. `fixed` are bytes that do not grow
    with the data, as those of a block, in each process. `host` are the copies that a GPU implementation holds in the
    host's memory: by default the data, and the buffer through which a library copies it by itself, which may be twice
    as large. On a cluster, workers share the copies, unless each of them holds the `whole` data.
    """

    copies: float = 3.0
    fixed: float = 0.0
    host: float = 3.0
    whole: bool = False


Memories = Memory | Mapping[Literal["cpu", "gpu"], Memory]
"""For every device or by device."""
UNSAID = Memory()
"""What is assumed of an implementation that says nothing."""


def on(device: Literal["cpu", "gpu"], memory: Memories) -> Memory:
    """What is said for a device."""
    return memory if isinstance(memory, Memory) else memory.get(device, UNSAID)
