"""The process in which a submission runs, in the sandbox.

    python -I runner.py CHANNEL FOLDER ENTRY SERVICE LIBRARY OWN

It imports the submission, calls its function for each frame that arrives, and sends back what it returned. Whatever the
submission changes in this process (clocks, NumPy, this file's own functions) changes nothing elsewhere: the driver
measures from outside, and the judge looks at what came back.

Arguments: the number of the channel's descriptor, the submission's folder, `module:function`; then, or `-`, a service
(`module:Class` of the support files, made with `ask`) and a library (NumPy or its GPU twin). What there is of them is
given to the function before the call's own arguments. Last `own` if the submission's author runs it, or `-`.

This file is used inside the sandbox, where this project cannot be imported.
"""

from __future__ import annotations

import builtins
import contextlib
import gc
import importlib
import itertools
import socket
import sys
import threading
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from residency.labs import wire
else:
    sys.path.insert(0, str(Path(__file__).parent))
    import wire

POISON = 0xA5  # what a call's arrays hold after it: who keeps a view of them finds this
LARGEST_INPUT = 1 << 32
LONGEST_MESSAGE = 1_000  # of an exception
# By identity: a class may lie about its name, its module and what it equals.
KNOWN = {
    id(kind): kind.__name__
    for kind in [*vars(builtins).values(), wire.WireError, wire.TooLarge]
    if isinstance(kind, type) and issubclass(kind, BaseException)
}


class Service:
    """What the lab offers besides its arguments, such as a slow store. It answers from another process."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._numbers = itertools.count()
        self._writing, self._changed = threading.Lock(), threading.Condition()
        self._answers: dict[int, Any] = {}
        self._reading = False

    def ask(self, name: str, *arguments: Any) -> Any:
        """Ask for something and wait for the answer. Several threads may ask at the same time."""
        number = next(self._numbers)
        frame = wire.pack({"ask": number, "name": name, "arguments": list(arguments)})
        with self._writing:
            wire.send(self._channel, frame)
        while True:
            with self._changed:
                while self._reading and number not in self._answers:
                    self._changed.wait()
                if number in self._answers:
                    answer = self._answers.pop(number)
                    break
                self._reading = True
            self._read()
        if answer.get("error"):
            raise ValueError(answer["error"])
        return answer["value"]

    def _read(self) -> None:
        """Read one answer, which may be another thread's."""
        try:
            got = wire.unpack(wire.receive(self._channel, LARGEST_INPUT))
        except BaseException:
            with self._changed:
                self._reading = False
                self._changed.notify_all()
            raise
        with self._changed:  # both at once: who reads next must see that its answer has come
            self._answers[got["answer"]] = got
            self._reading = False
            self._changed.notify_all()


def main() -> None:
    """Serve calls until the driver ends."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    folder, (module, _, name) = sys.argv[2], sys.argv[3].partition(":")
    sys.path.insert(0, folder)
    first: list[Any] = []
    try:
        if sys.argv[4] != "-":
            offered, _, kind = sys.argv[4].partition(":")
            first.append(getattr(importlib.import_module(offered), kind)(Service(channel).ask))
        if sys.argv[5] != "-":
            first.append(importlib.import_module(sys.argv[5]))
        function = getattr(importlib.import_module(module), name)
    except BaseException as error:
        wire.send(channel, wire.pack(_error(error, folder)))
        return
    wire.send(channel, wire.pack({"ready": True}))
    while True:
        try:
            frame = wire.receive(channel, LARGEST_INPUT)
        except wire.Closed:
            return
        arguments = wire.unpack(frame)["arguments"]
        wire.send(channel, _call(function, [*first, *arguments], folder))
        del arguments
        frame.body[:] = bytes([POISON]) * len(frame.body)
        gc.collect()


def _call(function: Callable[..., Any], arguments: list[Any], folder: str) -> wire.Frame:
    try:
        return wire.pack({"value": _plain(function(*arguments))})
    except BaseException as error:
        return wire.pack(_error(error, folder))


def _plain(value: Any) -> Any:
    """What was returned as plain arrays: generators are run to their end, here, while the clock runs."""
    if isinstance(value, types.GeneratorType | map | zip | filter | range):
        return [_plain(part) for part in value]
    if type(value) in (list, tuple):
        return [_plain(part) for part in value]
    if type(value) is dict:
        return {key: _plain(part) for key, part in value.items()}
    return value


def _error(error: BaseException, folder: str) -> dict[str, Any]:
    """Which exception it is, and where it was raised. Its message may hold inputs: only its author reads it."""
    told: dict[str, Any] = {"type": "Exception"}
    with contextlib.suppress(BaseException):
        told["type"] = next(KNOWN[id(kind)] for kind in type.mro(type(error)) if id(kind) in KNOWN)
        if sys.argv[6] == "own":
            told["message"] = str(error.msg if isinstance(error, SyntaxError) else error)[:LONGEST_MESSAGE]
        if isinstance(error, wire.WireError):
            told["returned"] = str(error).removeprefix(wire.CANNOT)
        for step in traceback.extract_tb(error.__traceback__, limit=-100):
            if step.filename.startswith(f"{folder}/"):
                told["file"], told["line"] = step.filename[len(folder) + 1 :], step.lineno or 0
        if isinstance(error, SyntaxError) and (error.filename or "").startswith(f"{folder}/"):
            told["file"], told["line"] = str(error.filename)[len(folder) + 1 :], error.lineno or 0
    return {"error": told}


if __name__ == "__main__":
    main()
