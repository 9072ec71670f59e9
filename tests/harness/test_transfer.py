"""Large arrays through two buffers: on a device that copies as late, or as early, as it may, and on Torch's processor.

The device reads and writes the buffers only when it is waited for, or at once. So a buffer that is filled again too
early, or emptied before it is there, gives wrong numbers every time, however fast the machine is.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from residency.harness import device, transfer
from residency.harness.run import Run
from residency.harness.transfer import Transfer, is_large, pieces

ROOM = 4096  # bytes of a test's buffers
SHAPES = [(0,), (0, 7), (5, 0), (1,), (1023,), (1024,), (1025,), (4096,), (9999,), (700, 9), (3, 5000), (2, 3, 1100)]
TYPES = ["bool", "int8", "uint16", "int32", "uint64", "float16", "float32", "float64", "complex64", "complex128"]


class Device:
    """Device memory is NumPy's. Copies are done in order: at once, or when somebody waits for one of them."""

    def __init__(self, late: bool, room: int = ROOM) -> None:
        self.buffers = (np.zeros(room, np.uint8), np.zeros(room, np.uint8))
        self.late, self.waited, self.most = late, 0, 0
        self._left: list[Callable[[], None]] = []
        self._done = 0

    def send(self, number: int, count: int, target: Any, start: int) -> Any:
        room, place = self.buffers[number][:count], target.reshape(-1).view(np.uint8)[start : start + count]
        return self._start(lambda: np.copyto(place, room))

    def fetch(self, number: int, count: int, source: Any, start: int) -> Any:
        room, place = self.buffers[number][:count], source.reshape(-1).view(np.uint8)[start : start + count]
        return self._start(lambda: np.copyto(room, place))

    def wait(self, event: int) -> None:
        self.waited += 1
        self._finish(event)

    def finish(self) -> None:
        self._finish(self._done + len(self._left))

    def _start(self, copy: Callable[[], None]) -> int:
        self._left.append(copy)
        self.most = max(self.most, len(self._left))
        event = self._done + len(self._left)
        if not self.late:
            self._finish(event)
        return event

    def _finish(self, event: int) -> None:
        while self._done < event:
            self._left.pop(0)()
            self._done += 1


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(transfer, "LEAST", ROOM // 4)
    monkeypatch.setattr(transfer, "_transfers", {})
    yield
    for made in transfer._transfers.values():
        if isinstance(made, Transfer):
            made._pool.shutdown()


def some(shape: tuple[int, ...], dtype: str = "float32") -> NDArray[Any]:
    """Numbers that differ from place to place."""
    noise = np.random.default_rng(1).integers(0, 256, math.prod(shape) * np.dtype(dtype).itemsize, np.uint8)
    return ((noise & 1) if dtype == "bool" else noise).view(dtype).reshape(shape)


def bits(array: NDArray[Any]) -> bytes:
    return np.ascontiguousarray(array).tobytes()


@pytest.mark.parametrize("late", [True, False], ids=["late", "early"])
@pytest.mark.parametrize("threads", [1, 3])
def test_every_shape_comes_back_bit_for_bit(late: bool, threads: int) -> None:
    link = Device(late)
    moving = Transfer(link, threads)
    sent = []
    for shape in SHAPES:  # one after the other: a buffer may still be on its way when the next array begins
        array = some(shape)
        sent.append((array, np.zeros_like(array)))
        moving.put(*sent[-1])
    link.finish()
    for array, there in sent:
        back = np.zeros_like(array)
        assert bits(there) == bits(array), array.shape
        moving.get(there, back)
        assert bits(back) == bits(array), array.shape
    assert link.most == (2 if late else 1)  # one buffer is filled while the other is on its way
    moving._pool.shutdown()


@pytest.mark.parametrize("dtype", TYPES)
def test_every_type_and_layout_both_ways(dtype: str) -> None:
    moving = Transfer(Device(late=True), 2)
    whole = some((60, 70, 3), dtype)
    views = [
        whole,
        whole[::2, 1:],
        whole[:, ::-3],
        whole.T,
        whole.transpose(1, 0, 2),
        np.broadcast_to(whole[0], (9, 70, 3)),
    ]
    for view in views:
        there, room = np.zeros(view.shape, dtype), np.zeros((*view.shape[:-1], 2 * view.shape[-1]), dtype)
        moving.put(view, there)
        moving.settle()
        assert bits(there) == bits(view)
        out = room[..., ::2]
        moving.get(there, out)
        assert bits(out) == bits(view)
        assert not room[..., 1::2].any()  # nothing was written beside the view
    moving._pool.shutdown()


def test_pieces_make_up_the_whole_and_rows_larger_than_a_buffer_are_divided() -> None:
    for array in (some((3, 5000)), some((3, 5000))[:, ::2], some((7, 11, 13))[::2], np.array(3.0)):
        parts = list(pieces(array, ROOM))
        assert b"".join(bits(part) for part, _ in parts) == bits(array)
        assert [start for _, start in parts] == list(np.cumsum([0, *(part.nbytes for part, _ in parts[:-1])]))
        assert all(0 < part.nbytes <= ROOM and np.shares_memory(part, array) for part, _ in parts)


@pytest.mark.parametrize("way", ["put", "get"])
def test_after_an_error_midway_no_copy_uses_a_buffer_and_the_next_array_is_right(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = Device(late=True)
    moving = Transfer(link, 2)
    array, there = some((5000,)), some((5000,)).copy()
    copy, copies = moving._copy, []

    def fails_at_the_third(to: NDArray[Any], source: NDArray[Any]) -> None:
        copies.append(to)
        if len(copies) == 3:
            raise OSError("the file under the array was cut")
        copy(to, source)

    monkeypatch.setattr(moving, "_copy", fails_at_the_third)
    with pytest.raises(OSError, match="was cut"):
        moving.put(array, there) if way == "put" else moving.get(there, array.copy())
    assert not link._left
    other, place = some((9999,)), np.zeros(9999, np.float32)
    moving.put(other, place)
    moving.settle()
    assert bits(place) == bits(other)
    moving._pool.shutdown()


@pytest.mark.parametrize("forgotten", ["_rest", "_empty"])
def test_the_device_finds_a_wait_that_is_forgotten(forgotten: str, monkeypatch: pytest.MonkeyPatch) -> None:
    array = some((9999,))
    moving = Transfer(Device(late=True), 1)
    monkeypatch.setattr(moving, "_rest", lambda number: None)
    there, back = np.zeros_like(array), np.zeros_like(array)
    if forgotten == "_rest":
        moving.put(array, there)
        moving.link.finish()  # type: ignore[attr-defined]
        assert bits(there) != bits(array)
    else:
        moving.get(array, back)
        assert bits(back) != bits(array)
    moving._pool.shutdown()


def test_small_and_odd_arrays_take_the_library_s_own_way() -> None:
    assert is_large(np.zeros(ROOM))
    assert is_large(np.zeros((ROOM, 2))[:, ::2])
    for array in (
        np.zeros(2 * transfer.LEAST - 1, np.uint8),
        np.zeros(ROOM, ">f4"),
        np.zeros(ROOM, object),
        np.zeros(ROOM, "datetime64[s]"),
        np.zeros(ROOM, [("a", "f4")]),
        np.ma.masked_array(np.zeros(ROOM)),
        [0.0] * ROOM,
    ):
        assert not is_large(array)


class OnDevice:
    """An array of CuPy, in the host's memory; what is not listed here, the code under test must not use."""

    __module__ = "cupy"

    def __init__(self, memory: NDArray[Any]) -> None:
        self.memory, self.shape, self.dtype = memory, memory.shape, memory.dtype
        self.data = SimpleNamespace(ptr=memory.ctypes.data)

    @property
    def T(self) -> OnDevice:  # noqa: N802 (CuPy's name)
        return OnDevice(self.memory.T)


@pytest.fixture
def cupy(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A stand-in for CuPy whose copies are done when an event is waited for."""
    link = Device(late=True)
    ways = {1: "to the device", 2: "to the host"}

    def view(address: int, count: int) -> NDArray[np.uint8]:
        import ctypes

        return np.ctypeslib.as_array((ctypes.c_uint8 * count).from_address(address))

    def memcpy_async(to: int, source: int, count: int, way: int, stream: int) -> None:
        assert way in ways
        assert stream == 7
        link._start(lambda: np.copyto(view(to, count), view(source, count)))

    class Event:
        def __init__(self, *, disable_timing: bool) -> None:
            assert disable_timing

        def synchronize(self) -> None:
            link.wait(self.after)

    def record(event: Event) -> Event:
        event.after = link._done + len(link._left)  # type: ignore[attr-defined]
        return event

    runtime = SimpleNamespace(memcpyAsync=memcpy_async, memcpyHostToDevice=1, memcpyDeviceToHost=2)
    cuda = SimpleNamespace(
        runtime=runtime,
        Event=Event,
        get_current_stream=lambda: SimpleNamespace(ptr=7, record=record),
        alloc_pinned_memory=lambda size: memoryview(bytearray(size)),
    )
    made = SimpleNamespace(
        __name__="cupy",
        cuda=cuda,
        empty=lambda shape, dtype: OnDevice(np.empty(shape, dtype)),
        asarray=lambda array: OnDevice(np.array(array)),
        ascontiguousarray=lambda array: OnDevice(np.ascontiguousarray(array.memory)),
        link=link,
    )
    monkeypatch.setitem(sys.modules, "cupy", made)
    monkeypatch.delenv("RAPIDS_NO_INITIALIZE", raising=False)
    monkeypatch.setattr(transfer, "PINNED", ROOM)
    return made


def test_a_run_moves_cupys_arrays_through_two_buffers_made_once(cupy: SimpleNamespace) -> None:
    run = Run("gpu", threads=3)
    arrays = [some((9999,)), some((70, 300))[:, ::2], some((300, 70)).T, some((3,))]
    moved = run.to_device(*arrays)
    cupy.link.finish()
    for array, there in zip(arrays, moved, strict=True):
        assert bits(there.memory) == bits(array)
        assert there.memory.flags.f_contiguous == array.flags.f_contiguous  # as CuPy's own `asarray` keeps it
    for array, there in zip(arrays[:3], moved, strict=False):
        assert bits(run.to_host(there)) == bits(array)
        room = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
        out = room[..., 1::2]
        assert run.to_host(there, out=out) is out
        assert bits(out) == bits(array)
        assert bits(run.to_host(there, out=run.output)) == bits(array)
    assert transfer.told() == "2 pinned buffers of 0 MiB, 3 threads"
    assert list(transfer._transfers) == ["cupy"]


def test_where_no_memory_can_be_pinned_cupy_copies_in_its_own_way(
    cupy: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(size: int) -> None:
        raise MemoryError

    monkeypatch.setattr(cupy.cuda, "alloc_pinned_memory", refuse)
    array = some((9999,))
    assert bits(Run("gpu").to_device(array).memory) == bits(array)
    assert transfer.told() == "by cupy itself, because no memory could be pinned (MemoryError)"


def test_nothing_travels_where_the_processor_stands_in(cupy: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAPIDS_NO_INITIALIZE", "1")
    Run("gpu").to_device(some((9999,)))
    monkeypatch.delenv("RAPIDS_NO_INITIALIZE")
    monkeypatch.setattr(device, "_emulated", True)
    array = some((9999,))
    assert Run("gpu").to_device(array) is array
    assert Run("cpu").to_device(array) is array
    assert transfer.told() == ""


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Torch's tensors on the processor take the way of those on a GPU."""
    module = pytest.importorskip("torch")
    monkeypatch.setattr(transfer, "PINNED", ROOM)
    monkeypatch.setitem(transfer.LINKS, "torch", lambda torch: transfer.TorchLink(torch, "cpu"))
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    return module


@pytest.mark.parametrize("dtype", TYPES)
def test_torchs_tensors_take_the_same_way(torch: Any, dtype: str) -> None:
    for array in (some((9999,), dtype), some((90, 50, 2), dtype)[:, ::2], some((500, 9), dtype).T):
        made = transfer.put(array, "torch", 2)
        assert made.is_contiguous()
        assert bits(made.numpy()) == bits(array)
        back = transfer.get(made.T if made.ndim == 2 else made, "torch", 2)
        assert back is not None
        assert bits(back.T if made.ndim == 2 else back) == bits(array)
    assert transfer.get(torch.zeros(ROOM, dtype=torch.bfloat16), "torch", 2) is None  # NumPy lacks the type
    assert transfer.get(torch.zeros(ROOM), "torch", 2, np.zeros(ROOM)) is None  # Torch converts it itself


def test_jax_takes_over_torchs_tensors_and_copies_itself_without_another_library(
    torch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    jax = pytest.importorskip("jax")
    array = some((9999,), "int32")
    assert transfer.put(array, "jax", 2) is None
    assert transfer.told() == "by JAX itself"
    monkeypatch.setattr(transfer, "_transfers", {})
    transfer._transfer("torch", 2)
    moved = transfer.put(array, "jax", 2)
    assert isinstance(moved, jax.Array)
    assert bits(np.asarray(moved)) == bits(array)
    back = transfer.get(moved, "jax", 2)
    assert back is not None
    assert bits(back) == bits(array)
    assert transfer.put(some((9999,), "float64"), "jax", 2) is None  # JAX would make it float32


def test_jax_copies_itself_what_no_other_library_takes_over(
    cupy: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Types that NumPy lacks, and arrays that are spread over several GPUs: DLPack refuses both."""
    numbers = pytest.importorskip("jax").numpy.arange(9999.0, dtype="bfloat16")
    monkeypatch.setattr(cupy, "from_dlpack", lambda array: pytest.fail("asked for it"), raising=False)
    assert transfer.get(numbers, "jax", 2) is None
    gpu, found = SimpleNamespace(platform="gpu"), []
    for gpus in ([gpu], [gpu, gpu]):
        about = {"__module__": "jaxlib._jax", "dtype": np.dtype("f4"), "devices": lambda _, gpus=gpus: gpus}
        found.append(device._library_on_gpu(type("ArrayImpl", (), about)()))
    assert found == ["jax", None]
