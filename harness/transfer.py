"""Large arrays between the host's memory and a GPU's: through two pinned buffers, filled by several threads.

A GPU can read only pinned memory by itself. From ordinary memory, the driver copies piece by piece on one core. CuPy's
`asarray` first copies the whole array into pinned memory of the next power of two in size, also on one core, and keeps
that memory (cupy#6360). Here, host memory does not grow with the array: threads fill one buffer while the GPU reads the
other. On the way back, threads empty one buffer while the GPU writes the other.

    PINNED    bytes of a buffer. A GPU takes 0.7 to 1.3 ms for 32 MiB over PCIe, at 25 to 50 GB/s, and the calls for a
              piece some 0.05 ms. Pinning both takes about 30 ms, once for a process
    PIECES    An array is moved in at least so many pieces, because the first filling overlaps with nothing
    LEAST     bytes of a piece, so that the calls stay cheap; arrays of less than two pieces take the library's own way
    THREADS   at most so many. A core fills some 10 GB/s, and PCIe 5.0 takes 50

The copies run on the library's current stream, so what is computed there afterwards waits for them, and the memory that
the library gives out is in order. An event follows each copy; before a buffer is used again, the host waits for its
event. The schedule (`Transfer`) knows nothing of GPUs; a `Link` starts the copies and waits.

JAX can neither write into an array nor tell when it has read the host's memory, so it takes an array of CuPy or Torch
by DLPack, if one of them is in the process. Otherwise JAX copies in its own way, and the record says so.

Not yet seen on a real GPU: tested with a device that copies late, and with Torch and JAX on the processor.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

PINNED = 32 * 2**20
PIECES = 8
LEAST = 4 * 2**20
THREADS = 8
KINDS = "biufc"  # NumPy's own numbers. Libraries do not hand over all others, such as JAX's bfloat16, to each other

Piece = tuple[NDArray[Any], int]  # a part of an array, and where it begins in the whole array's bytes


class Link(Protocol):
    """How one library copies between pinned buffers and its arrays. An array's bytes are counted in C order."""

    buffers: tuple[NDArray[np.uint8], NDArray[np.uint8]]

    def send(self, number: int, count: int, target: Any, start: int) -> Any:
        """Start to copy the first `count` bytes of a buffer to the array's bytes from `start`; return an event."""

    def fetch(self, number: int, count: int, source: Any, start: int) -> Any:
        """Start to copy `count` bytes of the array, from `start`, to the buffer; return an event."""

    def wait(self, event: Any) -> None:
        """Return when the copy before the event is done."""


class Transfer:
    """Moves arrays over a link, one after the other; a buffer may still be on its way when the next array begins."""

    def __init__(self, link: Link, threads: int) -> None:
        """`threads` fill and empty the buffers."""
        self.link, self.threads = link, threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="transfer")
        self._events: list[Any] = [None, None]  # of the copies that have not been waited for
        self._turn = 0

    def put(self, array: NDArray[Any], target: Any) -> None:
        """Copy a host array to a device array of its shape and type. The last copies may still run on return."""
        try:
            for piece, start in pieces(array, self._most(array)):
                number = self._next()
                self._copy(self._room(number, piece), piece)
                self._events[number] = self.link.send(number, piece.nbytes, target, start)
        except BaseException:
            self.settle()
            raise

    def get(self, source: Any, out: NDArray[Any]) -> None:
        """Copy a device array to a host array of its shape and type."""
        ahead = None
        try:
            for piece, start in pieces(out, self._most(out)):
                number = self._next()
                self._events[number] = self.link.fetch(number, piece.nbytes, source, start)
                if ahead is not None:
                    self._empty(*ahead)
                ahead = number, piece
            if ahead is not None:
                self._empty(*ahead)
        except BaseException:
            self.settle()
            raise

    def settle(self) -> None:
        """Wait until no copy uses a buffer."""
        for number in range(2):
            self._rest(number)

    def _most(self, array: NDArray[Any]) -> int:
        """Bytes of the largest piece that the array is moved in."""
        return min(len(self.link.buffers[0]), max(LEAST, array.nbytes // PIECES))

    def _next(self) -> int:
        """The number of the buffer whose turn it is, when no copy uses it any more."""
        number, self._turn = self._turn, 1 - self._turn
        self._rest(number)
        return number

    def _rest(self, number: int) -> None:
        event, self._events[number] = self._events[number], None
        if event is not None:
            self.link.wait(event)

    def _empty(self, number: int, piece: NDArray[Any]) -> None:
        self._rest(number)
        self._copy(piece, self._room(number, piece))

    def _room(self, number: int, piece: NDArray[Any]) -> NDArray[Any]:
        """The beginning of a buffer, in the shape and type of a piece."""
        room: NDArray[Any] = self.link.buffers[number][: piece.nbytes].view(piece.dtype).reshape(piece.shape)
        return room

    def _copy(self, to: NDArray[Any], source: NDArray[Any]) -> None:
        """Copy on all threads, each a strip across the longest axis. NumPy lets other threads run meanwhile."""
        list(self._pool.map(np.copyto, strips(to, self.threads), strips(source, self.threads)))


def pieces(array: NDArray[Any], most: int, start: int = 0) -> Iterator[Piece]:
    """Views of at most `most` bytes each that make up the array in C order; only small ones if its rows are small."""
    if array.nbytes == 0:
        return
    if array.flags.c_contiguous:
        array = array.reshape(-1)
    if array.nbytes <= most:
        yield array, start
        return
    row = array.nbytes // len(array)
    if row > most:
        for number, part in enumerate(array):
            yield from pieces(part, most, start + number * row)
        return
    count = most // row
    for first in range(0, len(array), count):
        yield array[first : first + count], start + first * row


def strips(array: NDArray[Any], count: int) -> list[NDArray[Any]]:
    """Views that divide the array's longest axis into `count` parts; fewer if it is shorter."""
    if array.ndim == 0:
        return [array]
    axis = int(np.argmax(array.shape))
    ends = [array.shape[axis] * number // count for number in range(count + 1)]
    before: tuple[slice, ...] = (slice(None),) * axis
    return [array[(*before, slice(first, last))] for first, last in pairwise(ends) if first < last]


class CupyLink:
    """Copies to and from contiguous arrays of CuPy."""

    def __init__(self, cupy: Any) -> None:
        """Pin the buffers."""
        self._cuda = cupy.cuda
        held = [cupy.cuda.alloc_pinned_memory(PINNED) for _ in range(2)]  # the arrays keep it alive
        self.buffers = (np.frombuffer(held[0], np.uint8, PINNED), np.frombuffer(held[1], np.uint8, PINNED))

    def send(self, number: int, count: int, target: Any, start: int) -> Any:
        """On CuPy's current stream."""
        return self._start(target.data.ptr + start, self._address(number), count, "memcpyHostToDevice")

    def fetch(self, number: int, count: int, source: Any, start: int) -> Any:
        """On CuPy's current stream."""
        return self._start(self._address(number), source.data.ptr + start, count, "memcpyDeviceToHost")

    def wait(self, event: Any) -> None:
        """Other threads may run meanwhile."""
        event.synchronize()

    def _address(self, number: int) -> int:
        return int(self.buffers[number].ctypes.data)

    def _start(self, to: int, source: int, count: int, way: str) -> Any:
        runtime, stream = self._cuda.runtime, self._cuda.get_current_stream()
        runtime.memcpyAsync(to, source, count, getattr(runtime, way), stream.ptr)
        return stream.record(self._cuda.Event(disable_timing=True))


class TorchLink:
    """Copies to and from contiguous tensors of Torch. On the processor each copy is done at once."""

    def __init__(self, torch: Any, device: str = "cuda") -> None:
        """Pin the buffers, unless the device is the processor."""
        self._torch, self.device = torch, device
        self._held = [torch.empty(PINNED, dtype=torch.uint8, pin_memory=device != "cpu") for _ in range(2)]
        self.buffers = (self._held[0].numpy(), self._held[1].numpy())

    def send(self, number: int, count: int, target: Any, start: int) -> Any:
        """On Torch's current stream."""
        self._bytes(target)[start : start + count].copy_(self._held[number][:count], non_blocking=True)
        return self._event()

    def fetch(self, number: int, count: int, source: Any, start: int) -> Any:
        """On Torch's current stream."""
        self._held[number][:count].copy_(self._bytes(source)[start : start + count], non_blocking=True)
        return self._event()

    def wait(self, event: Any) -> None:
        """Other threads may run meanwhile."""
        event.synchronize()

    def _bytes(self, tensor: Any) -> Any:
        return tensor.view(-1).view(self._torch.uint8)

    def _event(self) -> Any:
        if self.device == "cpu":
            return None
        event = self._torch.cuda.Event()
        event.record()
        return event


LINKS: dict[str, Callable[[Any], Link]] = {"cupy": CupyLink, "torch": TorchLink}
LIBRARIES = (*LINKS, "jax")  # JAX, through one of the others
_transfers: dict[str, Transfer | str] = {}  # by library: what this process has made, or why it cannot be made


def is_large(array: Any) -> bool:
    """Whether an array is worth the way through the buffers: a plain NumPy array of numbers, of two pieces at least."""
    return (
        type(array) in (np.ndarray, np.memmap)
        and array.nbytes >= 2 * LEAST
        and array.dtype.kind in KINDS
        and array.dtype.isnative
    )


def put(array: NDArray[Any], library: str, threads: int) -> Any:
    """A large host array as an array of CuPy, Torch or JAX on the GPU; None if the library must copy it itself.

    As the libraries do it themselves, CuPy keeps Fortran's order and Torch does not.
    """
    if library == "jax":
        return _put_for_jax(array, threads)
    transfer = _transfer(library, threads)
    if transfer is None or array.dtype.char in "gG":  # no GPU computes in more than 64 bits
        return None
    if library == "cupy":
        if array.flags.f_contiguous and not array.flags.c_contiguous:
            return put(array.T, library, threads).T
        target = sys.modules["cupy"].empty(array.shape, array.dtype)
    else:
        torch = sys.modules["torch"]
        kind = torch.from_numpy(np.empty(0, array.dtype)).dtype
        target = torch.empty(array.shape, dtype=kind, device=getattr(transfer.link, "device", None))
    transfer.put(array, target)
    return target


def get(value: Any, library: str, threads: int, out: NDArray[Any] | None = None) -> NDArray[Any] | None:
    """A large array of CuPy, Torch or JAX on the GPU as a NumPy array, `out` if given; None if the library must do it.

    A given `out` may lie in memory in any way. If its shape or its type is another one, the library must do it.
    """
    kind = _numpy_type(value)
    if kind is None or kind.kind not in KINDS or math.prod(value.shape) * kind.itemsize < 2 * LEAST:
        return None
    if library == "jax":
        carrier = _carrier()
        return None if carrier is None else get(sys.modules[carrier].from_dlpack(value), carrier, threads, out)
    if out is not None and (out.shape != tuple(value.shape) or out.dtype != kind):
        return None
    transfer = _transfer(library, threads)
    if transfer is None:
        return None
    out = np.empty(tuple(value.shape), kind) if out is None else out
    source = sys.modules["cupy"].ascontiguousarray(value) if library == "cupy" else value.detach().contiguous()
    transfer.get(source, out)
    return out


def room_for(value: Any, room: Callable[..., NDArray[Any]] | None) -> NDArray[Any] | None:
    """Memory from `room` for an array of any of the libraries; None without it, or if NumPy lacks the type."""
    kind = _numpy_type(value) if room is not None else None
    return None if room is None or kind is None else room(tuple(value.shape), kind)


def told() -> str:
    """What large arrays of this process travel by, for the record; empty if there were none."""
    return "; ".join(
        made if isinstance(made, str) else f"2 pinned buffers of {PINNED // 2**20} MiB, {made.threads} threads"
        for made in _transfers.values()
    )


def _transfer(library: str, threads: int) -> Transfer | None:
    """The library's own, made when it is first needed; None if its memory cannot be pinned."""
    if library not in _transfers:
        try:
            _transfers[library] = Transfer(LINKS[library](sys.modules[library]), max(1, min(threads, THREADS)))
        except (RuntimeError, MemoryError) as error:
            _transfers[library] = f"by {library} itself, because no memory could be pinned ({type(error).__name__})"
    made = _transfers[library]
    return made if isinstance(made, Transfer) else None


def _put_for_jax(array: NDArray[Any], threads: int) -> Any:
    """By DLPack from another library; None without one, or if JAX would change the type (float64 to float32)."""
    jax = sys.modules["jax"]
    carrier = _carrier()
    if carrier is None or jax.dtypes.canonicalize_dtype(array.dtype) != array.dtype:
        return None
    moved = put(np.ascontiguousarray(array), carrier, threads)
    return None if moved is None else jax.numpy.from_dlpack(moved)


def _carrier() -> str | None:
    """The library whose arrays JAX takes over: one that this process has loaded and that uses the GPU."""
    if "cupy" in sys.modules:
        return "cupy"
    torch = sys.modules.get("torch")
    if torch is not None and (torch.cuda.is_available() or isinstance(_transfers.get("torch"), Transfer)):
        return "torch"
    _transfers.setdefault("jax", "by JAX itself")
    return None


def _numpy_type(value: Any) -> np.dtype[Any] | None:
    """NumPy's type for an array's; None if it has none (Torch's bfloat16)."""
    try:
        empty = value if isinstance(value.dtype, np.dtype) else sys.modules["torch"].empty(0, dtype=value.dtype).numpy()
    except TypeError:
        return None
    kind: np.dtype[Any] = empty.dtype
    return kind
