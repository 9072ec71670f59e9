"""The driver: seeds, clock and score of one submission. It reads what a submission sends, and never imports it.

check    the judge makes inputs from a fresh secret seed; the submission's sandbox gets them and answers; the judge
         says what is right, after the clock
timing   the submission and the teacher's solution take turns on the same fresh inputs, each in its own sandbox; one
         is stopped while the other works. The clock runs in `program.py`, from the first byte sent to the last byte
         received

residency.labs.grade(lab, files, ...) -> Graded
"""

from __future__ import annotations

import math
import secrets
import statistics
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from residency.labs import catalogue, limits, score, scratch, wire
from residency.labs.judging import JudgeProcess
from residency.labs.lab import Check, Lab, Verdict
from residency.labs.program import USED_UP, Device, Ended, Program
from residency.labs.tables import Source
from residency.runners import machine

PROCESSES, MOST_PROCESSES = 3, 7  # pairs of fresh processes that take turns; more where the interval straddles a step
ROUNDS = 5
COPY_RATE = 200e9  # bytes a second that no processor's memory or cache reaches from Python: faster is not believed
ANSWERS_BYTES = 64 << 10
GPU = "gpu: "  # before the name of a seed of a call on the GPU


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
    by_people: int = 0  # points that people give for `report.md`; they are part of `points` only once they are given
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
        table: Source | None = None,
    ) -> None:
        """`until` is when the time of the whole submission is up, by `time.perf_counter`; `table` is the user's own."""
        self.lab, self.files, self.device, self.until = lab, files, device, until
        self._seed = seed or (lambda _: fresh())
        self.graded = Graded(lab.name)
        self.judge = JudgeProcess(lab, table)
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
        graded.by_people = most.people
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
    table: Source | None = None,
) -> Graded:
    """Grade the files of one submission. `limit` is how many seconds all its calls may take together."""
    until = time.perf_counter() + limit
    with Grader(lab, files, seed, until=until, table=table) as grader:
        wanted = [check for check in lab.checks.values() if check.visible or hidden]
        for checked in grader.checks(wanted):
            said(checked.title)
        if timing and lab.timing is not None and grader.graded.is_right:
            grader.timing(baseline, lambda done: said(f"timing {done + 1}"))
        graded = grader.points()
    if lab.points.gpu:
        _on_gpu(lab, files, graded, seed, until=until, table=table)
    return graded


def _on_gpu(
    lab: Lab,
    files: Path,
    graded: Graded,
    seed: Callable[[str], int] | None,
    *,
    until: float,
    table: Source | None,
) -> None:
    """The GPU's points: the same checks and the same timing with the pair's GPU library, where there is a GPU."""
    if not machine.gpus()[0]:
        graded.not_graded.append("gpu")
        return
    graded.possible["gpu"], graded.points["gpu"] = lab.points.gpu, 0.0
    seeds = (lambda what: seed(f"{GPU}{what}")) if seed else None  # as `all_seeds` names them
    with Grader(lab, files, seeds, "gpu", until=until, table=table) as grader:
        for _ in grader.checks(list(lab.checks.values())):
            pass
        if grader.graded.is_right:
            graded.points["gpu"] = round(lab.points.gpu * grader.timing().share, 2)
    graded.gpu = grader.graded
