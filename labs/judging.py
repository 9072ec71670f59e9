"""The judge of a lab in a process of its own, as the driver sees it: `judge.py` runs there."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from dataclasses import asdict

from residency.harness.errors import UsageError
from residency.labs import wire
from residency.labs.lab import Lab, Verdict
from residency.labs.tables import Source
from residency.runners import process

JUDGING = 120.0  # seconds in which the judge must answer


class JudgeProcess:
    """The judge of a lab, in a process of its own."""

    def __init__(self, lab: Lab, table: Source | None = None) -> None:
        self._lab, self._table, self._number = lab, table, 0
        self._begin(lab)

    def _begin(self, lab: Lab) -> None:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "residency.labs.judge", str(theirs.fileno()), str(lab.folder)]
        if self._table is not None:
            command.append(json.dumps(asdict(self._table)))
        # Not in the current folder, which may hold a resident's own `numpy.py`; and Ctrl-C is for the driver alone.
        self._popen = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            cwd="/",
            # A service answers while the clock runs: its small products must not wait for a second thread to wake.
            env={**os.environ, **process.limits(1), "PYTHONSAFEPATH": "1"},
            start_new_session=True,
        )
        theirs.close()
        self._channel = ours
        ours.settimeout(JUDGING)

    def make(self, title: str, seed: int) -> tuple[int, wire.Frame]:
        """A call of a check, or the timed one if the title is empty: its number and its arguments."""
        self._number += 1
        wire.send(self._channel, wire.pack({"do": "make", "call": self._number, "title": title, "seed": seed}))
        return self._number, self._heard(1 << 34)

    def again(self, call: int) -> None:
        """The next program gets the same call."""
        self._ask(call, "again")

    def answer(self, call: int, question: wire.Frame) -> tuple[wire.Frame, float]:
        """What the service answers, and after how many seconds."""
        wire.send(self._channel, wire.pack({"do": "answer", "call": call}))
        wire.send(self._channel, question)
        frame = self._heard(1 << 34)
        return frame, float(wire.unpack(frame)["seconds"])

    def verdict(self, call: int, answer: wire.Frame) -> Verdict:
        """Whether an answer is right."""
        try:
            wire.send(self._channel, wire.pack({"do": "verdict", "call": call}))
            wire.send(self._channel, answer)
            return Verdict(**wire.unpack(wire.receive(self._channel, 1 << 20))["verdict"])
        except (wire.Closed, TimeoutError):  # an answer that brought the judge down; the next call needs another
            self.close()
            self._begin(self._lab)
            return Verdict("failed", "the judge could not read this answer")

    def work(self, call: int) -> list[float] | None:
        """The operations and bytes that a call needs at least, if the lab says so."""
        wire.send(self._channel, wire.pack({"do": "work", "call": call}))
        found: list[float] | None = wire.unpack(self._heard(1 << 20))["work"]
        return found

    def drop(self, call: int) -> None:
        """Forget a call."""
        self._ask(call, "drop")

    def _ask(self, call: int, what: str) -> None:
        wire.send(self._channel, wire.pack({"do": what, "call": call}))
        self._heard(1 << 20)

    def _heard(self, most: int) -> wire.Frame:
        try:
            return wire.receive(self._channel, most)
        except (wire.Closed, TimeoutError):
            raise UsageError(
                f"{self._lab.folder / 'lab.py'}: its judge ended or hangs; what it printed is above"
            ) from None

    def close(self) -> None:
        """End it."""
        self._channel.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(5)
        self._popen.kill()
        self._popen.wait()
