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
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from residency.labs import catalogue, sandbox, score, wire
from residency.labs.lab import Check, Lab, Verdict
from residency.runners import machine, process

HERE = Path(__file__).parent
STARTING = 60.0  # seconds in which a program must be imported
JUDGING = 120.0
PROCESSES, MOST_PROCESSES = 3, 7  # pairs of fresh processes that take turns; more where the interval straddles a step
ROUNDS = 5
LINGERING = 0.08  # seconds in which a program that has answered is watched
TOO_BUSY = 0.5  # the share of that time for which it may compute
COPY_RATE = 200e9  # bytes a second that no processor's memory or cache reaches from Python: faster is not believed
MORE_CORES = 1.6  # processor seconds in a second, for a lab of one thread
ANSWERS_BYTES = 64 << 10
Device = Literal["cpu", "gpu"]
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
    least: float | None = None  # seconds that the hardware needs at least


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
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "residency.labs.judge", str(theirs.fileno()), str(lab.folder)]
        # A service answers while the clock runs: its small products must not wait for a second thread to wake.
        environment = {**os.environ, **process.limits(1)}
        self._popen = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], env=environment)
        theirs.close()
        self._channel = ours
        ours.settimeout(JUDGING)
        self._number = 0

    def make(self, title: str, seed: int) -> tuple[int, wire.Frame]:
        """A call of a check, or the timed one if the title is empty: its number and its arguments."""
        self._number += 1
        wire.send(self._channel, wire.pack({"do": "make", "call": self._number, "title": title, "seed": seed}))
        return self._number, wire.receive(self._channel, 1 << 34)

    def again(self, call: int) -> None:
        """The next program gets the same call."""
        self._ask(call, "again")

    def answer(self, call: int, question: wire.Frame) -> tuple[wire.Frame, float]:
        """What the service answers, and after how many seconds."""
        wire.send(self._channel, wire.pack({"do": "answer", "call": call}))
        wire.send(self._channel, question)
        frame = wire.receive(self._channel, 1 << 34)
        return frame, float(wire.unpack(frame)["seconds"])

    def verdict(self, call: int, answer: wire.Frame) -> Verdict:
        """Whether an answer is right."""
        wire.send(self._channel, wire.pack({"do": "verdict", "call": call}))
        wire.send(self._channel, answer)
        return Verdict(**wire.unpack(wire.receive(self._channel, 1 << 20))["verdict"])

    def drop(self, call: int) -> None:
        """Forget a call."""
        self._ask(call, "drop")

    def _ask(self, call: int, what: str) -> None:
        wire.send(self._channel, wire.pack({"do": what, "call": call}))
        wire.receive(self._channel, 1 << 20)

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
        self, lab: Lab, folder: Path, judge: JudgeProcess, module: str = "work", device: Device = "cpu"
    ) -> None:
        self.lab, self.folder, self.judge, self.module, self.device = lab, folder, judge, module, device
        self.boxed: sandbox.Boxed | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start it and wait until it is imported; raises `Ended`."""
        ours, theirs = socket.socketpair()
        box = sandbox.place(self.folder, "/submission")
        grader = sandbox.place(HERE, "/grader")
        command = [f"{grader}/runner.py", str(theirs.fileno()), box, f"{self.module}:{self.lab.entry}"]
        library = self.lab.pair[self.device == "gpu"] if self.lab.pair else "-"
        command += [self.lab.service or "-", library]
        limits = sandbox.Limits(self.lab.memory_bytes, threads=self.lab.threads, gpu=self.device == "gpu")
        with tempfile.TemporaryDirectory(prefix="residency-lab-") as scratch:
            # Only these two of the grader's files are seen inside, and not by their own place.
            for name in ("runner.py", "wire.py"):
                (Path(scratch) / name).write_bytes((HERE / name).read_bytes())
            Path(scratch).chmod(0o755)
            if sandbox.means().kind != "bubblewrap":
                command[0] = f"{scratch}/runner.py"
            self.boxed = sandbox.start(
                command, {Path(scratch): "/grader", self.folder: "/submission"}, limits, [theirs.fileno()]
            )
            theirs.close()
            self.channel = ours
            self._expect_ready()

    def _expect_ready(self) -> None:
        self.channel.settimeout(STARTING)
        frame = self._received(time.perf_counter() + STARTING, "its import")
        told = self._told(frame)
        if "error" in told:
            raise Ended(_raised(told["error"], "while it was imported"))

    def call(self, number: int, arguments: wire.Frame) -> tuple[float, wire.Frame]:
        """One call: the seconds from the first byte sent to the last byte received, and the answer; raises `Ended`."""
        waiting: list[tuple[float, int, wire.Frame]] = []
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
            frame = self._received(deadline, "a call")
            seconds = time.perf_counter() - begun
            if self.lab.service and (told := self._told(frame)) and "ask" in told:
                answer, delay = self.judge.answer(number, frame)
                heapq.heappush(waiting, (time.perf_counter() + delay, len(waiting), answer))
                continue
            return seconds, frame

    def _readable(self, until: float) -> bool:
        """Whether something can be read before this time."""
        import select

        left = until - time.perf_counter()
        return bool(select.select([self.channel], [], [], max(0.0, left))[0])

    def _received(self, deadline: float, doing: str) -> wire.Frame:
        """The next frame. The socket's own limit starts anew with every byte, so slow dripping is caught afterwards."""
        try:
            self.channel.settimeout(max(0.001, deadline - time.perf_counter()))
            frame = wire.receive(self.channel, self.lab.output_bytes)
        except wire.Closed:
            raise Ended(self._why()) from None
        except TimeoutError:
            limit = self.lab.seconds if doing == "a call" else STARTING
            raise Ended(Verdict("timeout", f"{doing} took longer than {limit:g} s")) from None
        except wire.WireError as error:
            raise Ended(Verdict("failed", f"the channel to the grader was written to: {error}")) from None
        if time.perf_counter() > deadline:
            raise Ended(Verdict("timeout", f"{doing} took longer than {self.lab.seconds:g} s"))
        return frame

    @staticmethod
    def _told(frame: wire.Frame) -> dict[str, Any]:
        try:
            told = wire.unpack(frame)
        except wire.WireError as error:
            raise Ended(Verdict("failed", f"the channel to the grader was written to: {error}")) from None
        if not isinstance(told, dict):
            raise Ended(Verdict("failed", "the channel to the grader was written to"))
        return told

    def _why(self) -> Verdict:
        """Why it ended without an answer."""
        assert self.boxed is not None
        boxed = self.boxed
        self.close()
        if boxed.broken:
            limits = boxed.limits
            said = REASONS[boxed.broken].format(
                memory=limits.memory_bytes >> 20, processes=limits.processes, output=limits.output_bytes >> 20
            )
            return Verdict("memory" if boxed.broken == "memory" else "failed", said)
        code = boxed.popen.returncode
        how = f"by signal {-code}" if code and code < 0 else f"with status {code}"
        return Verdict("failed", f"the process ended without an answer, {how}")

    def lingers(self) -> bool:
        """Whether it goes on computing after its answer: twice in a row, since thread pools take a moment to rest."""
        assert self.boxed is not None
        for _ in range(2):
            time.sleep(LINGERING)
            before = self.boxed.busy_seconds()
            time.sleep(LINGERING)
            if self.boxed.busy_seconds() - before < TOO_BUSY * LINGERING:
                return False
        return True

    def close(self) -> None:
        """End it with all its processes."""
        if self.boxed is not None:
            self.boxed.close()
            self.boxed = None
            self.channel.close()


def _raised(error: Any, when: str) -> Verdict:
    """An exception of a submission. Its message may hold inputs, so only its type and its line are told."""
    if not isinstance(error, dict):
        return Verdict("failed", "the channel to the grader was written to")
    kind, line = str(error.get("type", ""))[:40], error.get("line")
    name = kind if kind.isidentifier() else "an exception"
    if name == "NotImplementedError":
        return Verdict("failed", "not implemented yet: replace the line that raises NotImplementedError")
    if name == "WireError":
        return Verdict("type", "it returned something else than arrays, numbers, text, or lists of these")
    where = f" in line {line}" if isinstance(line, int) and 0 < line < 1_000_000 else ""
    return Verdict("failed", f"{name}{where}, {when}")


class Grader:
    """Grades one submission of a lab: `files` is the folder with its files, the protected ones restored."""

    def __init__(self, lab: Lab, files: Path, seed: Callable[[str], int] | None = None, device: Device = "cpu") -> None:
        self.lab, self.files, self.device = lab, files, device
        self._seed = seed or (lambda _: secrets.randbits(64))
        self.graded = Graded(lab.name)
        self.judge = JudgeProcess(lab)

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
        program = Program(self.lab, self.files, self.judge, device=self.device)
        try:
            for check in wanted:
                verdict = self._answers(check) if not self.lab.entry else self._checked(program, check)
                checked = Checked(check.title, check.visible, verdict, "" if verdict.is_right else check.hint)
                self.graded.checks.append(checked)
                yield checked
        finally:
            program.close()

    def _checked(self, program: Program, check: Check) -> Verdict:
        call, arguments = self.judge.make(check.title, self.seed(check.title))
        try:
            if program.boxed is None:
                program.start()
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
            return _raised(told["error"], "during a call")
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
        with tempfile.TemporaryDirectory(prefix="residency-lab-") as place:
            solution = write(Path(place) / "solution", solved(self.lab))
            while len(ours) < PROCESSES or (len(ours) < most and score.ratio(ours, theirs).straddles):
                said(len(ours))
                mine, other = self._turns(solution, len(ours))
                ours.append(mine)
                theirs.append(other)
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
        )

    def _turns(self, solution: Path, replicate: int) -> tuple[list[float], list[float]]:
        """One pair of fresh processes that take turns, in alternating order; each answer is judged after its clock."""
        with (
            Program(self.lab, self.files, self.judge, device=self.device) as submission,
            Program(self.lab, solution, self.judge, device=self.device) as reference,
        ):
            times: dict[Program, list[float]] = {submission: [], reference: []}
            busy, wall = 0.0, 0.0
            for turn in range(ROUNDS + 1):  # the first is the warm-up
                call, arguments = self.judge.make("", self.seed(f"timing {replicate + 1}, round {turn}"))
                order = [submission, reference] if (turn + replicate) % 2 else [reference, submission]
                for program in order:
                    self.judge.again(call)
                    before = submission.boxed.busy_seconds() if submission.boxed else 0.0
                    seconds = self._turn(program, [other for other in order if other is not program], call, arguments)
                    if turn:
                        times[program].append(seconds)
                    if program is submission and submission.boxed:
                        busy += submission.boxed.busy_seconds() - before
                        wall += seconds
                self.judge.drop(call)
                if not turn and submission.lingers():
                    raise Ended(Verdict("failed", "it goes on computing after its answer"))
            if wall > 0.3 and busy > MORE_CORES * self.lab.threads * wall:
                raise Ended(Verdict("failed", f"it computes on more than {self.lab.threads} processor core"))
        return times[submission], times[reference]

    def _turn(self, program: Program, others: Sequence[Program], call: int, arguments: wire.Frame) -> float:
        for other in others:
            if other.boxed is not None:
                other.boxed.pause()
        try:
            seconds, answer = program.call(call, arguments)
        finally:
            for other in others:
                if other.boxed is not None:
                    other.boxed.go_on()
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
) -> Graded:
    """Grade the files of one submission."""
    with Grader(lab, files, seed) as grader:
        wanted = [check for check in lab.checks.values() if check.visible or hidden]
        for checked in grader.checks(wanted):
            said(checked.title)
        if timing and lab.timing is not None and grader.graded.is_right:
            grader.timing(baseline, lambda done: said(f"timing {done + 1}"))
        graded = grader.points()
    if lab.points.gpu:
        _on_gpu(lab, files, graded, seed)
    return graded


def _on_gpu(lab: Lab, files: Path, graded: Graded, seed: Callable[[str], int] | None) -> None:
    """The GPU's points: the same checks and the same timing with the pair's GPU library, where there is a GPU."""
    if not machine.gpus()[0]:
        graded.not_graded.append("gpu")
        return
    graded.possible["gpu"], graded.points["gpu"] = lab.points.gpu, 0.0
    with Grader(lab, files, seed, "gpu") as grader:
        for _ in grader.checks(list(lab.checks.values())):
            pass
        if grader.graded.is_right:
            graded.points["gpu"] = round(lab.points.gpu * grader.timing().share, 2)
    graded.gpu = grader.graded
