"""The judge: makes the inputs of every call from its seed, and judges what came back. It never imports a submission.

`python -m residency.labs.judge CHANNEL LAB_FOLDER [TABLE]`. It answers the driver alone. Frames of a submission
reach it as bytes, and it reads them by `wire.unpack`, which checks everything.
"""

from __future__ import annotations

import contextlib
import json
import socket
import sys
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from residency.labs import catalogue, tables, wire
from residency.labs.lab import Case, Lab, Later, Verdict, Within, compared, right

REMEMBERED = 6  # earlier answers that are known again when a submission replays one
TELLING = 8  # values that an earlier answer must have for that: fewer can be equal by chance
LARGEST = 1 << 34


@dataclass
class _Call:
    case: Case
    state: dict[str, Any] = field(default_factory=lambda: {"asked": Counter()})
    expected: Any = None  # what is right, once it is known


class Judge:
    """Judges the calls of one lab."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._calls: dict[int, _Call] = {}
        self._earlier: deque[Any] = deque(maxlen=REMEMBERED)

    def make(self, number: int, title: str, seed: int) -> tuple[Any, ...]:
        """The arguments of a call: of a check, or of the timed call if the title is empty."""
        self._calls[number] = _Call(self.lab.case(title, seed))
        return self._calls[number].case.arguments

    def again(self, number: int) -> None:
        """Another program gets the same call: forget what the first one asked of the service."""
        call = self._calls[number]
        self._calls[number] = _Call(call.case, expected=call.expected)

    def work(self, number: int) -> list[float] | None:
        """The operations and bytes that the call needs at least; None if the lab does not say."""
        if self.lab.work is None:
            return None
        return [float(value) for value in self.lab.work(*self._calls[number].case.arguments)]

    def answer(self, number: int, name: str, arguments: list[Any]) -> tuple[Any, float]:
        """What the service answers, and after how many seconds."""
        call = self._calls[number]
        if self.lab.answering is None:
            raise ValueError("this lab offers no service")
        call.state["asked"][name] += 1
        value = self.lab.answering(call.case, call.state, name, *arguments)
        return (value.value, value.seconds) if isinstance(value, Later) else (value, 0.0)

    def verdict(self, number: int, answer: Any) -> Verdict:
        """Whether an answer is right."""
        call = self._calls[number]
        if self.lab.judging is not None:
            found = self.lab.judging(call.case, answer)
        else:
            assert self.lab.truths is not None
            is_new = call.expected is None
            if is_new:
                call.expected = self.lab.truths(*call.case.arguments)
            found = compared(call.expected, answer)
            if found.kind in ("wrong", "shape") and any(compared(old, answer).is_right for old in self._earlier):
                found = Verdict("replayed", "this is the answer to an earlier call")
            if is_new and _values(call.expected) >= TELLING:
                self._earlier.append(call.expected)
        if found.is_right and self.lab.costing is not None:
            cost = self.lab.costing(call.state, call.case)
            found = cost if not cost.is_right else right(found.quality)
        return found

    def drop(self, number: int) -> None:
        """Forget a call."""
        self._calls.pop(number, None)


def _values(expected: Any) -> int:
    """How many values an expected answer has."""
    if isinstance(expected, tuple):
        return sum(map(_values, expected))
    return int(np.size(expected.value if isinstance(expected, Within) else expected))


def main() -> None:
    """Serve the driver until it ends."""
    lab = catalogue.load(Path(sys.argv[2]))
    if len(sys.argv) > 3:
        lab.given = tables.Source(**json.loads(sys.argv[3]))
    with contextlib.suppress(wire.Closed):
        _serve(socket.socket(fileno=int(sys.argv[1])), Judge(lab))


def _serve(channel: socket.socket, judge: Judge) -> None:
    while True:
        request = wire.unpack(wire.receive(channel, LARGEST))
        number = request["call"]
        match request["do"]:
            case "make":
                reply: dict[str, Any] = {"arguments": list(judge.make(number, request["title"], request["seed"]))}
            case "again":
                judge.again(number)
                reply = {}
            case "work":
                reply = {"work": judge.work(number)}
            case "answer":
                reply = _answered(judge, number, wire.receive(channel, LARGEST))
            case "verdict":
                reply = {"verdict": asdict(_judged(judge, number, wire.receive(channel, LARGEST)))}
            case _:
                judge.drop(number)
                reply = {}
        wire.send(channel, wire.pack(reply))


def _judged(judge: Judge, number: int, frame: wire.Frame) -> Verdict:
    """Judge a frame of a submission: a value, or an error that it raised."""
    try:
        told = wire.unpack(frame)
    except wire.WireError as error:
        return Verdict("failed", f"the channel to the grader was written to: {error}")
    if not isinstance(told, dict) or "value" not in told:
        return Verdict("failed", "the channel to the grader was written to")
    try:
        return judge.verdict(number, told["value"])
    except Exception as error:  # an answer that no rule of the lab expected
        return Verdict("type", f"the answer cannot be judged ({type(error).__name__})")


def _answered(judge: Judge, number: int, frame: wire.Frame) -> dict[str, Any]:
    asked = 0
    try:
        told = wire.unpack(frame)
        asked = int(told["ask"])
        value, seconds = judge.answer(number, str(told["name"]), list(told["arguments"]))
    except Exception as error:
        return {"answer": asked, "value": None, "seconds": 0.0, "error": f"{type(error).__name__}: {error}"[:300]}
    return {"answer": asked, "value": value, "seconds": seconds}


if __name__ == "__main__":
    main()
