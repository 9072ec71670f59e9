"""A step of Torch as a CUDA graph: recorded once, then replayed by one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def recorded(torch: Any, step: Callable[[], None]) -> Callable[[], None]:
    """A function's kernels as a CUDA graph. It first runs three times: nothing may be compiled or chosen meanwhile."""
    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay  # type: ignore[no-any-return]
