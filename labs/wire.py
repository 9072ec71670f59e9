"""Messages between the grader's processes: a bounded JSON header, then the raw bytes of arrays. Nothing is unpickled.

A frame is `MAGIC`, two lengths, the header and the body. The header describes one value: a tree of numbers, texts,
lists and dictionaries whose arrays are numbered; the body holds these arrays one after another. Whoever receives a
frame from a submission checks every length and every type before it is used.

This file is also used inside the sandbox, so it imports the standard library and NumPy alone.
"""

from __future__ import annotations

import json
import math
import socket
import struct
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

MAGIC = b"RLAB"
LENGTHS = struct.Struct("<4sIQ")
HEADER_BYTES = 4 << 20  # the longest header
KINDS = frozenset("biufcSUmM")  # arrays of plain values; never of objects
DEEPEST = 8
CANNOT = "cannot be sent: "
Buffer = bytes | bytearray | memoryview


class WireError(Exception):
    """A message that breaks the rules. From a submission it means that somebody else wrote to the channel."""


class TooLarge(WireError):
    """More was sent than is allowed."""


class Closed(Exception):
    """The other side has ended."""


@dataclass(frozen=True)
class Frame:
    """A message as bytes. The driver passes frames on without reading what they hold."""

    header: bytes
    body: bytearray

    @property
    def size(self) -> int:
        """Bytes of the arrays."""
        return len(self.body)


def pack(value: Any) -> Frame:
    """Make a frame of a value; raises `WireError` for a type that cannot be sent."""
    arrays: list[np.ndarray[Any, Any]] = []
    tree = _described(value, arrays, 0)
    about = [{"dtype": array.dtype.str, "shape": list(array.shape)} for array in arrays]
    try:
        header = json.dumps({"value": tree, "arrays": about}, separators=(",", ":")).encode()
    except (ValueError, UnicodeEncodeError) as error:
        raise WireError(f"{CANNOT}{error}") from None
    if len(header) > HEADER_BYTES:
        raise TooLarge(f"{CANNOT}{len(header):,} bytes without its arrays, and {HEADER_BYTES:,} are allowed")
    body = bytearray(sum(array.nbytes for array in arrays))
    place = 0
    for array in arrays:
        if array.nbytes:
            np.frombuffer(body, np.uint8, array.nbytes, place)[:] = array.reshape(-1).view(np.uint8)
        place += array.nbytes
    return Frame(header, body)


def unpack(frame: Frame) -> Any:
    """The value of a frame; raises `WireError` if anything in it is not as it must be."""
    try:
        told = json.loads(frame.header)
        tree, about = told["value"], told["arrays"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise WireError("the header is not what was agreed") from None
    arrays, place = [], 0
    if not isinstance(about, list):
        raise WireError("the header lists no arrays")
    for entry in about:
        dtype, shape = _checked(entry)
        length = dtype.itemsize * math.prod(shape)
        if place + length > len(frame.body):
            raise WireError("an array is longer than what was sent")
        # A view would keep the frame's bytes, and they are overwritten after a call.
        try:
            arrays.append(np.frombuffer(frame.body, dtype, math.prod(shape), place).reshape(shape))
        except (ValueError, OverflowError):  # such as no elements, in a shape beyond NumPy's limits
            raise WireError("an array of a shape that is not allowed") from None
        place += length
    if place != len(frame.body):
        raise WireError("more was sent than the header describes")
    value = _built(tree, unused := dict(enumerate(arrays)), 0)
    if unused:
        raise WireError("more was sent than the header describes")
    return value


def send(channel: socket.socket, frame: Frame) -> None:
    """Send a frame; raises `Closed` if the other side has ended."""
    try:
        channel.sendall(LENGTHS.pack(MAGIC, len(frame.header), len(frame.body)) + frame.header)
        if frame.body:
            channel.sendall(frame.body)
    except (BrokenPipeError, ConnectionResetError):
        raise Closed from None


def receive(channel: socket.socket, most: int, deadline: float | None = None) -> Frame:
    """Receive a frame with up to `most` bytes of arrays; raises `WireError`, `Closed` or `TimeoutError`.

    The deadline is a time of `perf_counter` for the whole frame, however slowly its bytes drip.
    """
    magic, header, body = LENGTHS.unpack(_exactly(channel, LENGTHS.size, deadline))
    if magic != MAGIC:
        raise WireError("a message does not begin as agreed")
    if header > HEADER_BYTES:
        raise TooLarge(f"a header of more than {HEADER_BYTES:,} bytes")
    if body > most:
        raise TooLarge(f"arrays of more than {most:,} bytes")
    return Frame(bytes(_exactly(channel, header, deadline)), _exactly(channel, body, deadline))


def _exactly(channel: socket.socket, count: int, deadline: float | None) -> bytearray:
    buffer = bytearray(count)
    view, place = memoryview(buffer), 0
    while place < count:
        if deadline is not None:
            left = deadline - time.perf_counter()
            if left <= 0:
                raise TimeoutError
            channel.settimeout(left)
        try:
            got = channel.recv_into(view[place:])
        except ConnectionResetError:
            raise Closed from None
        if not got:
            raise Closed
        place += got
    return buffer


def _described(value: Any, arrays: list[np.ndarray[Any, Any]], depth: int) -> Any:
    if depth > DEEPEST:
        raise WireError(f"cannot be sent: nested more than {DEEPEST} deep")
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) is np.ndarray and value.dtype.kind in KINDS and value.dtype.fields is None:
        arrays.append(np.ascontiguousarray(value).reshape(value.shape))
        return {"array": len(arrays) - 1}
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        return value.item()
    if type(value) is bytes:
        arrays.append(np.frombuffer(value, np.uint8))
        return {"bytes": len(arrays) - 1}
    if type(value) in (list, tuple):
        return [_described(part, arrays, depth + 1) for part in value]
    if type(value) is dict and all(type(key) is str for key in value):
        return {"map": {key: _described(part, arrays, depth + 1) for key, part in value.items()}}
    raise WireError(f"{CANNOT}{type(value).__module__}.{type(value).__qualname__}")


def _checked(entry: Any) -> tuple[np.dtype[Any], tuple[int, ...]]:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape"}:
        raise WireError("an array is not described as agreed")
    code, shape = entry["dtype"], entry["shape"]
    try:
        dtype = np.dtype(code) if isinstance(code, str) and len(code) < 16 else None
    except (TypeError, ValueError, SyntaxError):
        dtype = None
    if dtype is None or dtype.kind not in KINDS or dtype.fields is not None or not dtype.itemsize:
        raise WireError("an array of a type that is not allowed")
    if not isinstance(shape, list) or len(shape) > 16 or not all(type(n) is int and 0 <= n < 1 << 40 for n in shape):
        raise WireError("an array of a shape that is not allowed")
    return dtype, tuple(shape)


def _built(tree: Any, arrays: dict[int, np.ndarray[Any, Any]], depth: int) -> Any:
    """The value of a tree. Each array is used once: named a thousand times it would fill the memory of who reads it."""
    if depth > DEEPEST:
        raise WireError(f"a value is nested more than {DEEPEST} deep")
    if isinstance(tree, list):
        return [_built(part, arrays, depth + 1) for part in tree]
    if not isinstance(tree, dict):
        return tree
    match list(tree.items()):
        case [("array", int(number))] if number in arrays:
            return arrays.pop(number)
        case [("bytes", int(number))] if number in arrays:
            return arrays.pop(number).tobytes()
        case [("map", dict(parts))]:
            return {key: _built(part, arrays, depth + 1) for key, part in parts.items()}
    raise WireError("a part of a value is not described as agreed")
