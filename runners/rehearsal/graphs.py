"""CUDA graphs of Torch, emulated on a processor: what is recorded is not done, and a replay does it in the same memory.

Torch's own `torch.cuda.graph` and `make_graphed_callables` run on it, and calls of the names replaced here are bound to
the real signatures. As on a GPU, recording refuses an operation that would have to wait for a number (`item`). What
`torch.compile` has compiled runs before and after as it is, but is recorded operation by operation, for compiled code
asks for none. Neither memory that is given back before a replay nor missing waits between streams would be noticed.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
from collections.abc import Callable
from typing import Any

from residency.runners.rehearsal.signatures import bind

REFUSED = {"_local_scalar_dense", "nonzero", "masked_select", "unique"}  # their results' sizes or values are waited for
WAITS = "this operation waits for the GPU, which is not permitted while a stream is being captured"


def emulate() -> None:
    """Put the emulation in the place of `torch.cuda`'s names, in this process."""
    torch: Any = importlib.import_module("torch")
    recording = _recording(torch)
    real = {name: getattr(torch.cuda, name) for name in ("CUDAGraph", "Stream")}

    def as_real(kind: type) -> type:
        """The class with each public method bound to that of the real class of this name."""
        for name, function in list(vars(kind).items()):
            if callable(function) and not name.startswith("__"):
                setattr(kind, name, _bound(f"{kind.__name__}.{name}", function, getattr(real[kind.__name__], name)))
        return kind

    @as_real
    class CUDAGraph:
        def __init__(self, keep_graph: bool = False) -> None:
            self.recording = recording()

        def capture_begin(
            self, pool: Any = None, capture_error_mode: str = "global", check_input_liveness: bool = False
        ) -> None:
            torch.compiler.set_stance("force_eager")
            self.recording.__enter__()

        def capture_end(self) -> None:
            self.recording.__exit__(None, None, None)
            torch.compiler.set_stance("default")
            self.recording.undo()

        def replay(self) -> None:
            self.recording.again()

        def reset(self) -> None:
            self.recording = recording()

        def pool(self) -> Any:
            return (0, 0)

    @as_real
    class Stream:
        def wait_stream(self, stream: Any) -> None:
            if not isinstance(stream, Stream):
                raise TypeError(f"wait_stream takes a stream, not {stream!r}")

        def synchronize(self) -> None:
            pass

    main = Stream()
    functions: dict[str, Callable[..., Any]] = {
        "current_stream": lambda device=None: main,
        "stream": contextlib.nullcontext,
        "synchronize": lambda device=None: None,
        "empty_cache": lambda: None,
        "graph_pool_handle": lambda: (0, 0),
    }
    for name, function in functions.items():
        setattr(torch.cuda, name, _bound(name, function, getattr(torch.cuda, name)))
    torch._C._host_emptyCache = lambda: None
    torch.cuda.Stream = Stream
    torch.cuda.CUDAGraph = torch.cuda.graphs.CUDAGraph = CUDAGraph
    torch.cuda.graphs.graph_pool_handle = torch.cuda.graph_pool_handle


def _bound(name: str, function: Callable[..., Any], known: Any) -> Callable[..., Any]:
    """A function whose calls are bound to the signature of the known one before."""

    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        bind(f"torch.cuda.{name}", known, arguments, keywords)
        return function(*arguments, **keywords)

    return call


def _recording(torch: Any) -> type:
    """The class that records operations and does them again."""
    modes: Any = importlib.import_module("torch.utils._python_dispatch")

    def tensors(value: Any) -> list[Any]:
        return [leaf for leaf in torch.utils._pytree.tree_leaves(value) if isinstance(leaf, torch.Tensor)]

    def changed(operation: Any, arguments: Any, keywords: Any) -> list[Any]:
        """The tensors that an operation writes to."""
        named = zip(operation._schema.arguments, arguments, strict=False)
        written = [value for known, value in named if known.alias_info is not None and known.alias_info.is_write]
        written += [
            keywords[known.name]
            for known in operation._schema.arguments
            if known.name in keywords and known.alias_info is not None and known.alias_info.is_write
        ]
        return tensors(written)

    class Recording(modes.TorchDispatchMode):  # type: ignore[misc]
        """Notes operations. They are done, for their results' shapes; what they change is set back at the end."""

        def __init__(self) -> None:
            super().__init__()
            self.noted: list[tuple[Any, Any, Any, list[Any]]] = []
            self.before: list[tuple[Any, Any]] = []

        def __torch_dispatch__(self, operation: Any, types: Any, arguments: Any = (), keywords: Any = None) -> Any:
            keywords = keywords or {}
            if operation.overloadpacket.__name__ in REFUSED:
                raise RuntimeError(f"{operation}: {WAITS}")
            if torch.Tag.inplace_view in operation.tags:  # it changes a shape, for good
                return operation(*arguments, **keywords)
            held, named = torch.utils._pytree.tree_map_only(torch.Tensor, torch.Tensor.detach, (arguments, keywords))
            self.before += [(tensor, tensor.clone()) for tensor in changed(operation, held, named)]
            result = operation(*arguments, **keywords)
            is_new = all(returned.alias_info is None for returned in operation._schema.returns)
            self.noted.append((operation, held, named, [one.detach() for one in tensors(result)] if is_new else []))
            return result

        def undo(self) -> None:
            with torch.no_grad():
                for tensor, value in reversed(self.before):
                    tensor.copy_(value)
            self.before.clear()

        def again(self) -> None:
            with torch.no_grad():
                for operation, arguments, keywords, results in self.noted:
                    for old, new in zip(results, tensors(operation(*arguments, **keywords)), strict=False):
                        old.copy_(new)

    return Recording
