"""A submission, the solution or the baseline as a program in its sandbox: started, called, watched and ended.

What it sends is read by `wire`, which checks everything. `runner.py` runs inside.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import math
import select
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from residency.labs import failures, sandbox, scratch, wire
from residency.labs.judging import JudgeProcess
from residency.labs.lab import Lab, Verdict

HERE = Path(__file__).parent
STARTING = 60.0  # seconds in which a program must be imported
ENDING = 1.0  # seconds in which a program that closed its channel may end
LINGERING = 30.0  # seconds for which a program that has answered is watched at most, until it is at rest
TIDYING = 1.0  # processor seconds that it may use meanwhile
LOOK = 0.08  # seconds between two looks
TOO_BUSY = 0.5  # the share of that time for which it may compute
MORE_CORES = 1.6  # processor seconds in a second, for a lab of one thread
ENOUGH, ENOUGH_TICKS = 0.05, 0.5  # seconds of calls from which that can be told; where only clock ticks are counted
MOST_QUESTIONS, MOST_WAITING = 1000, 1 << 28  # to a service, and bytes of answers, at the same time
Device = Literal["cpu", "gpu"]
USED_UP = Verdict("timeout", "the time for the whole submission is used up")
REASONS = {
    "memory": "it used more than {memory} MB of memory",
    "processes": "it started more than {processes} processes or threads",
    "output": "it printed more than {output} MB",
}


class Ended(Exception):
    """A program did not answer: why, as a verdict."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.what)
        self.verdict = verdict


class Program:
    """A program in its sandbox: a submission, the solution or the baseline."""

    def __init__(
        self,
        lab: Lab,
        folder: Path,
        judge: JudgeProcess,
        module: str = "work",
        device: Device = "cpu",
        *,
        until: float = math.inf,
        own: bool = False,
    ) -> None:
        """`until` is when the time of the whole submission is up, by `time.perf_counter`; `own`: its author runs it."""
        self.lab, self.folder, self.judge, self.module, self.device = lab, folder, judge, module, device
        self.until, self.own = until, own
        self.boxed: sandbox.Boxed | None = None
        self.busy, self.wall = 0.0, 0.0  # processor seconds and seconds of its timed calls
        self._lines = failures.lines(folder)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start it and wait until it is imported; raises `Ended`."""
        self.channel, theirs = socket.socketpair()
        try:
            with theirs, scratch.folder() as grader:
                # Only these two of the grader's files are seen inside, and not by their own place.
                for name in ("runner.py", "wire.py"):
                    (grader / name).write_bytes((HERE / name).read_bytes())
                    (grader / name).chmod(0o644)
                self.boxed = self._started(grader, theirs.fileno())
                theirs.close()
                self._expect_ready()
        except BaseException:
            self.close()
            self.channel.close()
            raise

    def _started(self, grader: Path, channel: int) -> sandbox.Boxed:
        seen = sandbox.place(self.folder, "/submission")
        command = [f"{sandbox.place(grader, '/grader')}/runner.py", str(channel), seen]
        library = self.lab.pair[self.device == "gpu"] if self.lab.pair else "-"
        command += [f"{self.module}:{self.lab.entry}", self.lab.service or "-", library, "own" if self.own else "-"]
        limits = sandbox.Limits(self.lab.memory_bytes, threads=self.lab.threads, gpu=self.device == "gpu")
        return sandbox.start(command, {grader: "/grader", self.folder: "/submission"}, limits, [channel])

    def _expect_ready(self) -> None:
        told = self._told(self._received(time.perf_counter() + STARTING, STARTING, "its import"))
        if "error" in told:
            raise Ended(self.raised(told["error"], "while it was imported"))
        if told != {"ready": True}:
            raise Ended(Verdict("failed", failures.WRITTEN))

    def call(self, number: int, arguments: wire.Frame) -> tuple[float, wire.Frame]:
        """One call: the seconds from the first byte sent to the last byte received, and the answer; raises `Ended`."""
        self._expect_silence()
        waiting: list[tuple[float, int, wire.Frame]] = []
        order = itertools.count()
        begun = time.perf_counter()
        deadline = begun + self.lab.seconds
        try:
            self.channel.settimeout(self.lab.seconds)
            wire.send(self.channel, arguments)
        except (wire.Closed, TimeoutError):
            raise Ended(self._why()) from None
        while True:
            if waiting and not self._readable(waiting[0][0]):
                _, _, answer = heapq.heappop(waiting)
                with contextlib.suppress(wire.Closed, TimeoutError):
                    wire.send(self.channel, answer)
                continue
            frame = self._received(deadline, self.lab.seconds, "a call")
            seconds = time.perf_counter() - begun
            if self.lab.service and (told := self._told(frame)) and "ask" in told:
                answer, delay = self.judge.answer(number, frame)
                heapq.heappush(waiting, (time.perf_counter() + delay, next(order), answer))
                if len(waiting) > MOST_QUESTIONS or sum(frame.size for _, _, frame in waiting) > MOST_WAITING:
                    raise Ended(Verdict("failed", f"it asked more than {MOST_QUESTIONS} questions at the same time"))
                continue
            return seconds, frame

    def _expect_silence(self) -> None:
        """Before a call nothing may have been sent, or it would be taken for the answer."""
        if not self._readable(0.0):
            return
        with contextlib.suppress(OSError):
            if not self.channel.recv(1, socket.MSG_PEEK):
                raise Ended(self._why())
            if not self.lab.service:  # whose helpers may still ask
                raise Ended(Verdict("failed", "it wrote to the grader's channel before it was called"))

    def _readable(self, until: float) -> bool:
        """Whether something can be read before this time of `perf_counter`.

        Not by `poll`, which waits for whole milliseconds: a service's delay of 0.1 ms would become 1 ms.
        """
        return bool(select.select([self.channel], [], [], max(0.0, until - time.perf_counter()))[0])

    def _received(self, deadline: float, limit: float, doing: str) -> wire.Frame:
        """The next frame, whole before the deadline."""
        try:
            return wire.receive(self.channel, self.lab.output_bytes, min(deadline, self.until))
        except wire.Closed:
            raise Ended(self._why()) from None
        except TimeoutError:
            late = Verdict("timeout", f"{doing} took longer than {limit:g} s")
            raise Ended(self._broken() or (USED_UP if time.perf_counter() >= self.until else late)) from None
        except wire.TooLarge:
            said = f"the answer has more than {self.lab.output_bytes >> 20} MB"
            raise Ended(Verdict("failed", said)) from None
        except wire.WireError:
            raise Ended(Verdict("failed", failures.WRITTEN)) from None

    @staticmethod
    def _told(frame: wire.Frame) -> dict[str, Any]:
        try:
            told = wire.unpack(frame)
        except wire.WireError:
            raise Ended(Verdict("failed", failures.WRITTEN)) from None
        if not isinstance(told, dict):
            raise Ended(Verdict("failed", failures.WRITTEN))
        return told

    def raised(self, error: Any, when: str) -> Verdict:
        """What is told of an exception: the limit that it broke, if it did, or the exception's kind and line."""
        return self._broken() or failures.raised(error, self._lines, when, own=self.own)

    def _broken(self) -> Verdict | None:
        """The limit that it broke, if it did."""
        boxed = self.boxed
        if boxed is None or not boxed.has_broken():
            return None
        limits = boxed.limits
        said = REASONS[boxed.broken].format(
            memory=limits.memory_bytes >> 20, processes=limits.processes, output=limits.output_bytes >> 20
        )
        return Verdict("memory" if boxed.broken == "memory" else "failed", said)

    def _why(self) -> Verdict:
        """Why it ended without an answer."""
        assert self.boxed is not None
        boxed = self.boxed
        if not boxed.has_ended(ENDING) and not boxed.has_broken():
            return Verdict("failed", "it closed the channel to the grader")
        code = boxed.popen.poll()
        return self._broken() or Verdict("failed", failures.ended(code))

    def timed(self, number: int, arguments: wire.Frame) -> tuple[float, wire.Frame]:
        """A call whose processor time is counted, until its answer: what it does afterwards does not matter."""
        assert self.boxed is not None
        boxed = self.boxed
        busy, wall = boxed.busy_seconds(), time.perf_counter()
        seconds, frame = self.call(number, arguments)
        self.busy += boxed.busy_seconds() - busy
        self.wall += time.perf_counter() - wall
        return seconds, frame

    def has_more_cores(self) -> bool:
        """Whether its timed calls computed on more cores than the lab allows."""
        assert self.boxed is not None
        enough = self.wall > (ENOUGH if self.boxed.counts_finely else ENOUGH_TICKS)
        return enough and self.busy > MORE_CORES * self.lab.threads * self.wall

    def lingers(self) -> bool:
        """Whether it goes on computing after its answer, by more than tidying up takes; on a busy machine, too."""
        assert self.boxed is not None
        until = time.perf_counter() + LINGERING
        before = now = self.boxed.busy_seconds()
        while time.perf_counter() < until and now - before < TIDYING:
            last = now
            time.sleep(LOOK)
            now = self.boxed.busy_seconds()
            if now - last < TOO_BUSY * LOOK and self.boxed.is_at_rest():
                return False
        return now - before >= TIDYING

    def close(self) -> None:
        """End it with all its processes."""
        if self.boxed is not None:
            self.boxed.close()
            self.boxed = None
            self.channel.close()
