"""The driver: seeds, clock and score of one submission. It reads what a submission sends, and never imports it.

check    the judge makes inputs from a fresh secret seed; the submission's sandbox gets them and answers; the judge
         says what is right, after the clock
timing   the submission and the teacher's solution take turns on the same fresh inputs, each in its own sandbox; one
         is stopped while the other works. The clock runs here, from the first byte sent to the last byte received

residency.labs.grade(lab, files, ...) -> Graded
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import math
import os
import secrets
import select
import socket
import statistics
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from residency.harness.errors import UsageError
from residency.labs import catalogue, failures, limits, sandbox, score, scratch, wire
from residency.labs.lab import Check, Lab, Verdict
from residency.runners import machine, process

HERE = Path(__file__).parent
STARTING = 60.0  # seconds in which a program must be imported
ENDING = 1.0  # seconds in which a program that closed its channel may end
JUDGING = 120.0
PROCESSES, MOST_PROCESSES = 3, 7  # pairs of fresh processes that take turns; more where the interval straddles a step
ROUNDS = 5
LINGERING = 30.0  # seconds for which a program that has answered is watched at most, until it is at rest
TIDYING = 1.0  # processor seconds that it may use meanwhile
LOOK = 0.08  # seconds between two looks
TOO_BUSY = 0.5  # the share of that time for which it may compute
COPY_RATE = 200e9  # bytes a second that no processor's memory or cache reaches from Python: faster is not believed
MORE_CORES = 1.6  # processor seconds in a second, for a lab of one thread
ENOUGH, ENOUGH_TICKS = 0.05, 0.5  # seconds of calls from which that can be told; where only clock ticks are counted
MOST_QUESTIONS, MOST_WAITING = 1000, 1 << 28  # to a service, and bytes of answers, at the same time
ANSWERS_BYTES = 64 << 10
Device = Literal["cpu", "gpu"]
GPU = "gpu: "  # before the name of a seed of a call on the GPU
USED_UP = Verdict("timeout", "the time for the whole submission is used up")
REASONS = {
    "memory": "it used more than {memory} MB of memory",
    "processes": "it started more than {processes} processes or threads",
    "output": "it printed more than {output} MB",
}


@dataclass(frozen=True)
class Checked:
    """What came of one check."""

    title: str
    visible: bool
    verdict: Verdict
    hint: str = ""


@dataclass(frozen=True)
class Timed:
    """What came of the timing."""

    verdict: Verdict
    ratio: float | None = None  # the submission's time as a multiple of the solution's
    low: float | None = None
    high: float | None = None
    seconds: float | None = None  # the submission's median
    share: float = 0.0  # of the points
    processes: int = 0
    again: int = 0  # how many more pairs of processes were needed, because the interval straddled a step
    speedup: score.Ratio | None = None  # over the lab's baseline
    least: float | None = None  # seconds that this machine needs at least for the work of a call
    handed_over: float | None = None  # seconds of a call in which its data goes to the submission and back


@dataclass
class Graded:
    """The result of one submission."""

    lab: str
    checks: list[Checked] = field(default_factory=list)
    timed: Timed | None = None
    seeds: dict[str, int] = field(default_factory=dict)
    points: dict[str, float] = field(default_factory=dict)
    possible: dict[str, int] = field(default_factory=dict)
    not_graded: list[str] = field(default_factory=list)
    gpu: Graded | None = None  # the same on a GPU, where the lab gives points for it and there is one

    @property
    def total(self) -> float:
        """The points."""
        return round(sum(self.points.values()), 2)

    @property
    def all_seeds(self) -> dict[str, int]:
        """The seeds of all calls, those on the GPU under names of their own."""
        on_gpu = self.gpu.seeds if self.gpu else {}
        return {**self.seeds, **{f"{GPU}{what}": seed for what, seed in on_gpu.items()}}

    @property
    def is_right(self) -> bool:
        """Whether every check passed."""
        return all(checked.verdict.is_right for checked in self.checks)

    def as_json(self) -> dict[str, Any]:
        """Everything, for files and programs."""
        return {**asdict(self), "total": self.total, "right": self.is_right}


class Ended(Exception):
    """A program did not answer: why, as a verdict."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.what)
        self.verdict = verdict


class JudgeProcess:
    """The judge of a lab, in a process of its own."""

    def __init__(self, lab: Lab) -> None:
        self._lab, self._number = lab, 0
        self._begin(lab)

    def _begin(self, lab: Lab) -> None:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "residency.labs.judge", str(theirs.fileno()), str(lab.folder)]
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
    ) -> None:
        """`until` is when the time of the whole submission is up, by `time.perf_counter`."""
        self.lab, self.folder, self.judge, self.module, self.device = lab, folder, judge, module, device
        self.until = until
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
        command += [f"{self.module}:{self.lab.entry}", self.lab.service or "-", library]
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
        return self._broken() or failures.raised(error, self._lines, when)

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


class Grader:
    """Grades one submission of a lab: `files` is the folder with its files, the protected ones restored."""

    def __init__(
        self,
        lab: Lab,
        files: Path,
        seed: Callable[[str], int] | None = None,
        device: Device = "cpu",
        *,
        until: float = math.inf,
    ) -> None:
        """`until` is when the time of the whole submission is up, by `time.perf_counter`."""
        self.lab, self.files, self.device, self.until = lab, files, device, until
        self._seed = seed or (lambda _: fresh())
        self.graded = Graded(lab.name)
        self.judge = JudgeProcess(lab)
        self._answered = 0  # bytes of the last timed answer
        self._unusable: Verdict | None = None  # why it cannot be imported

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.judge.close()

    def seed(self, what: str) -> int:
        """A fresh secret seed, kept for the audit."""
        return self.graded.seeds.setdefault(what, self._seed(what))

    def checks(self, wanted: Sequence[Check]) -> Iterator[Checked]:
        """Run these checks, one after the other; each is yielded when it is known."""
        program = Program(self.lab, self.files, self.judge, device=self.device, until=self.until)
        try:
            for check in wanted:
                if time.perf_counter() >= self.until:
                    verdict = USED_UP
                else:
                    verdict = self._answers(check) if not self.lab.entry else self._checked(program, check)
                checked = Checked(check.title, check.visible, verdict, "" if verdict.is_right else check.hint)
                self.graded.checks.append(checked)
                yield checked
        finally:
            program.close()

    def _checked(self, program: Program, check: Check) -> Verdict:
        if self._unusable is not None:
            return self._unusable
        if program.boxed is None:
            try:
                program.start()
            except Ended as ended:  # it will not import at the next check either
                self._unusable = ended.verdict
                return ended.verdict
        call, arguments = self.judge.make(check.title, self.seed(check.title))
        try:
            _, answer = program.call(call, arguments)
            return self._judged(program, call, answer)
        except Ended as ended:
            program.close()
            return ended.verdict
        finally:
            self.judge.drop(call)

    def _judged(self, program: Program, call: int, answer: wire.Frame) -> Verdict:
        told = program._told(answer)
        if "error" in told:
            return program.raised(told["error"], "during a call")
        return self.judge.verdict(call, answer)

    def _answers(self, check: Check) -> Verdict:
        """A lab of questions: what `answers.toml` says is judged; nothing is run."""
        file = self.files / "answers.toml"
        try:
            text = file.read_bytes()[: ANSWERS_BYTES + 1]
            if len(text) > ANSWERS_BYTES:
                return Verdict("failed", f"answers.toml has more than {ANSWERS_BYTES >> 10} KB")
            frame = wire.pack({"value": tomllib.loads(text.decode())})
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError, wire.WireError) as error:
            return Verdict("failed", f"answers.toml cannot be read ({type(error).__name__})")
        call, _ = self.judge.make(check.title, self.seed(check.title))
        verdict = self.judge.verdict(call, frame)
        self.judge.drop(call)
        return verdict

    def timing(
        self, baseline: bool = False, said: Callable[[int], None] = lambda _: None, most: int = MOST_PROCESSES
    ) -> Timed:
        """Time the submission against the solution, in turns on the same inputs, until the points are known."""
        try:
            timed = self._timing(baseline, said, most)
        except Ended as ended:
            timed = Timed(ended.verdict)
        self.graded.timed = timed
        return timed

    def _timing(self, baseline: bool, said: Callable[[int], None], most: int) -> Timed:
        ours: list[list[float]] = []
        theirs: list[list[float]] = []
        slow: list[list[float]] = []
        with scratch.folder() as place:
            solution = write(place / "solution", solved(self.lab))
            while len(ours) < PROCESSES or (len(ours) < most and score.ratio(ours, theirs).straddles):
                said(len(ours))
                mine, other = self._turns(solution, len(ours))
                ours.append(mine)
                theirs.append(other)
            least = self._least() if baseline else None
            handed = self._handed_over(place) if least is not None else None
            if baseline and (self.lab.folder / "baseline.py").is_file():
                slow = self._baseline(solution, len(ours))
        found = score.ratio(ours, theirs)
        seconds = sorted(time for times in ours for time in times)[sum(map(len, ours)) // 2]
        return Timed(
            Verdict("right"),
            found.ratio,
            found.low,
            found.high,
            seconds,
            score.band(found.counted) / score.BANDS,
            len(ours),
            len(ours) - PROCESSES,
            score.ratio(slow, ours[: len(slow)]) if slow else None,
            least,
            handed,
        )

    def _least(self) -> float | None:
        """The seconds that this machine needs at least for a timed call, if the lab says what a call asks of it."""
        call, _ = self.judge.make("", self.seed("timing 1, round 1"))
        work = self.judge.work(call)
        self.judge.drop(call)
        return limits.least_seconds(work[0], work[1], self.lab.threads) if work else None

    def _handed_over(self, place: Path) -> float:
        """The seconds in which the data of a call goes to a program and back: one that does nothing, timed."""
        nothing = f"def {self.lab.entry}(*arguments):\n    return None\n".encode()
        folder = write(place / "nothing", {**catalogue.protected(self.lab), "work.py": nothing})
        times = []
        with Program(self.lab, folder, self.judge, device=self.device, until=self.until) as program:
            for turn in range(ROUNDS + 1):  # the first is the warm-up
                call, arguments = self.judge.make("", self.seed(f"timing 1, round {turn}"))
                seconds, _ = program.timed(call, arguments)
                self.judge.drop(call)
                if turn:
                    times.append(seconds * (arguments.size + self._answered) / arguments.size)
        return statistics.median(times)

    def _turns(self, solution: Path, replicate: int) -> tuple[list[float], list[float]]:
        """One pair of fresh processes that take turns, in alternating order; each answer is judged after its clock."""
        with (
            Program(self.lab, self.files, self.judge, device=self.device, until=self.until) as submission,
            Program(self.lab, solution, self.judge, device=self.device, until=self.until) as reference,
        ):
            times: dict[Program, list[float]] = {submission: [], reference: []}
            for turn in range(ROUNDS + 1):  # the first is the warm-up
                call, arguments = self.judge.make("", self.seed(f"timing {replicate + 1}, round {turn}"))
                order = [submission, reference] if (turn + replicate) % 2 else [reference, submission]
                for program in order:
                    self.judge.again(call)
                    seconds = self._turn(program, [other for other in order if other is not program], call, arguments)
                    if turn:
                        times[program].append(seconds)
                self.judge.drop(call)
                if not turn:
                    submission.busy, submission.wall = 0.0, 0.0
                    if submission.lingers():
                        raise Ended(Verdict("failed", "it goes on computing after its answer"))
            if submission.has_more_cores():
                cores = "one processor core" if self.lab.threads == 1 else f"{self.lab.threads} processor cores"
                raise Ended(Verdict("failed", f"it computes on more than {cores}"))
        return times[submission], times[reference]

    def _turn(self, program: Program, others: Sequence[Program], call: int, arguments: wire.Frame) -> float:
        for other in others:
            if other.boxed is not None:
                other.boxed.pause()
        try:
            seconds, answer = program.timed(call, arguments)
        finally:
            for other in others:
                if other.boxed is not None:
                    other.boxed.go_on()
        self._answered = answer.size
        if program.module == "baseline":
            return seconds  # the teacher's: right, but what it costs may be what the lab forbids
        verdict = self._judged(program, call, answer)
        if not verdict.is_right:
            raise Ended(Verdict(verdict.kind, f"wrong while it was timed: {verdict.what}"))
        if seconds < (arguments.size + answer.size) / COPY_RATE:
            raise Ended(Verdict("not believed", "it answered faster than memory can be read"))
        return seconds

    def _baseline(self, solution: Path, replicates: int) -> list[list[float]]:
        """The baseline's times, one in each replicate: it may be a hundred times slower."""
        times: list[list[float]] = []
        for replicate in range(min(replicates, PROCESSES)):
            with Program(self.lab, solution, self.judge, "baseline", self.device) as program:
                call, arguments = self.judge.make("", self.seed(f"timing {replicate + 1}, round 1"))
                times.append([self._turn(program, (), call, arguments)])
                self.judge.drop(call)
        return times

    def points(self) -> Graded:
        """Give the points for what was checked and timed."""
        graded, most = self.graded, self.lab.points
        for name, visible in (("visible", True), ("hidden", False)):
            wanted = [check for check in self.lab.checks.values() if check.visible == visible]
            passed = [checked for checked in graded.checks if checked.visible == visible and checked.verdict.is_right]
            graded.possible[name] = getattr(most, name)
            graded.points[name] = round(getattr(most, name) * len(passed) / len(wanted), 2) if wanted else 0.0
        if self.lab.timing is not None:
            earned = graded.timed.share if graded.timed is not None and graded.is_right else 0.0
            graded.possible["fast"], graded.points["fast"] = most.fast, round(most.fast * earned, 2)
        return graded


def fresh() -> int:
    """A secret seed."""
    return secrets.randbits(64)


def solved(lab: Lab) -> dict[str, bytes]:
    """The solution's files, with the support files and the baseline."""
    edited = {name: catalogue.solution((lab.folder / name).read_text()).encode() for name in lab.files}
    return {**catalogue.protected(lab), **edited}


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write files below a folder that another user may read."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.parent.chmod(0o755)
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(0o644)
    for inside in [folder, *(path for path in folder.rglob("*") if path.is_dir())]:
        inside.chmod(0o755)  # whatever the caller's umask
    return folder


def grade(
    lab: Lab,
    files: Path,
    *,
    hidden: bool = True,
    timing: bool = True,
    baseline: bool = False,
    seed: Callable[[str], int] | None = None,
    said: Callable[[str], None] = lambda _: None,
    limit: float = math.inf,
) -> Graded:
    """Grade the files of one submission. `limit` is how many seconds all its calls may take together."""
    until = time.perf_counter() + limit
    with Grader(lab, files, seed, until=until) as grader:
        wanted = [check for check in lab.checks.values() if check.visible or hidden]
        for checked in grader.checks(wanted):
            said(checked.title)
        if timing and lab.timing is not None and grader.graded.is_right:
            grader.timing(baseline, lambda done: said(f"timing {done + 1}"))
        graded = grader.points()
    if lab.points.gpu:
        _on_gpu(lab, files, graded, seed, until)
    return graded


def _on_gpu(lab: Lab, files: Path, graded: Graded, seed: Callable[[str], int] | None, until: float) -> None:
    """The GPU's points: the same checks and the same timing with the pair's GPU library, where there is a GPU."""
    if not machine.gpus()[0]:
        graded.not_graded.append("gpu")
        return
    graded.possible["gpu"], graded.points["gpu"] = lab.points.gpu, 0.0
    seeds = (lambda what: seed(f"{GPU}{what}")) if seed else None  # as `all_seeds` names them
    with Grader(lab, files, seeds, "gpu", until=until) as grader:
        for _ in grader.checks(list(lab.checks.values())):
            pass
        if grader.graded.is_right:
            graded.points["gpu"] = round(lab.points.gpu * grader.timing().share, 2)
    graded.gpu = grader.graded
