"""Grade a cohort: every folder of a folder is a clone. One process a submission, several at a time, resumable.

    cohort.json       what is graded and how, written first
    audit/TEAM.json   the record of a submission, written in one step when it is done
    grades.csv, grades.json, cohort.html, feedback/TEAM.md   made from the records

Ctrl-C, SIGTERM, a killed grader or a full disk lose at most the submissions under way: `resume` grades what is missing.
"""

from __future__ import annotations

import fcntl
import json
import os
import selectors
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

from residency.harness import interrupts
from residency.harness.errors import UsageError, visible
from residency.harness.files import write_whole
from residency.harness.lingering import descendants
from residency.labs import audit, catalogue, one, repository, sandbox, scratch
from residency.labs.audit import Record
from residency.labs.gradebook import Cohort
from residency.labs.lab import Lab
from residency.labs.tables import Source
from residency.labs.teams import teams
from residency.runners import machine

RESULTS = Path("results") / "labs"
PLAN, LOCK, AUDIT, FEEDBACK = "cohort.json", ".lock", "audit", "feedback"
CALLS = 30  # the calls of the longest duration that a whole submission may take, unless --seconds says otherwise
GRACE = (
    240.0  # seconds beyond the limit for starting programs and for the judge; then the process is ended from outside
)
ENDING = 8.0  # seconds in which a process that is asked to end must have ended
STEP = 0.5


@dataclass(frozen=True)
class Plan:
    """What is graded and how: all that `--resume` must do in the same way. Paths are absolute."""

    folder: str
    lab: str | None
    tag: str | None
    roster: str | None
    seconds: float | None
    versions: Mapping[str, str]  # of the labs, by name
    at: str
    table: Mapping[str, Any] | None = None  # a `tables.Source`
    schema: int = audit.SCHEMA


@dataclass(frozen=True)
class Task:
    """A submission to be graded, or `problem` why it cannot be."""

    clone: Path
    lab: Lab | None
    problem: str = ""


class Listener(Protocol):
    """Shows the progress."""

    def doing(self, running: Mapping[str, str], left: float | None) -> None:
        """What is under way, by team; and the seconds that are left, if they can be guessed."""

    def done(self, record: Record, count: int) -> None:
        """A submission is graded; `count` are."""

    def failed(self, team: str, why: str) -> None:
        """A submission could not be graded, which is the grader's fault and not the team's."""


@dataclass
class Grading:
    """A cohort that is being graded into a folder of results, which this process has locked."""

    plan: Plan
    results: Path
    tasks: Sequence[Task]
    records: dict[str, Record] = field(default_factory=dict)

    @property
    def missing(self) -> list[Task]:
        """What is not graded yet."""
        return [task for task in self.tasks if task.clone.name not in self.records]

    @property
    def labs(self) -> dict[str, Lab]:
        """The labs of the clones, by name."""
        found = {task.lab.name: task.lab for task in self.tasks if task.lab is not None}
        return dict(sorted(found.items(), key=lambda item: item[1].place))

    def file(self, clone: Path) -> Path:
        """Where the record of a clone is."""
        return self.results / AUDIT / f"{audit.file_name(clone.name)}.json"


# --- What to grade --------------------------------------------------------------------------------------------------


def clones_in(folder: Path) -> list[Path]:
    """The clones of a cohort, sorted by name; raises `UsageError` with one line if there are none."""
    try:
        found = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise UsageError(f"cannot read {visible(str(folder))}: {error.strerror}") from None
    if any(is_repository(path) for path in found):
        return found
    shown = visible(str(folder))
    if is_repository(folder):
        raise UsageError(f"{shown} is itself a clone; name the folder that holds the clones")
    if not found:
        raise UsageError(f"{shown} holds no folder: every clone must be a folder in it")
    raise UsageError(f"{shown} holds no clone: none of its {len(found)} folders is a Git repository")


def is_repository(folder: Path) -> bool:
    """Whether a folder looks like a Git repository, with a work tree or without; nothing in it is read."""
    return (folder / ".git").exists() or ((folder / "HEAD").is_file() and (folder / "objects").is_dir())


def tasks_of(clones: Sequence[Path], lab: Lab | None) -> list[Task]:
    """What there is to grade. A clone that names no lab is one of the cohort's lab, if there is only one."""
    tasks = [task(clone, lab) for clone in clones]
    labs = {todo.lab.name: todo.lab for todo in tasks if todo.lab is not None}
    only = next(iter(labs.values())) if len(labs) == 1 else None
    return [todo if todo.lab is not None else Task(todo.clone, only, todo.problem) for todo in tasks]


def task(clone: Path, lab: Lab | None) -> Task:
    """What there is to grade in a clone: the given lab, or the one that its `lab.toml` names."""
    if not is_repository(clone):
        return Task(clone, lab, "this folder is not a Git repository")
    if lab is not None:
        return Task(clone, lab)
    try:
        return Task(clone, catalogue.lab(repository.name_in(_beginning(clone / repository.MARK), repository.MARK)))
    except UsageError as error:
        return Task(clone, None, f"{error}")
    except OSError as error:
        return Task(clone, None, f"{repository.MARK} cannot be read ({error.strerror}); name the lab with --lab")


def _beginning(file: Path) -> bytes:
    """The first bytes of a stranger's file: no link is followed, and nothing else than a file is read."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "it is not a file")
        return os.read(descriptor, 10_000)
    finally:
        os.close(descriptor)


# --- The folder of results ------------------------------------------------------------------------------------------


@contextmanager
def begun(
    folder: Path,
    lab: str | None,
    results: Path | None,
    *,
    tag: str | None,
    roster: Path | None,
    seconds: float | None,
    table: Source | None = None,
) -> Iterator[Grading]:
    """Begin a cohort in a new folder of results, locked until the block ends; raises `UsageError`."""
    clones = clones_in(folder)
    chosen = catalogue.lab(lab) if lab else None
    tasks = tasks_of(clones, chosen)
    if table is not None and not any(todo.lab is not None and todo.lab.shipped for todo in tasks):
        raise UsageError("no lab here takes a table of yours: leave out --data and --target")
    if roster is not None:
        teams(clones, roster)  # a roster that cannot be read is refused before anything is graded
    plan = Plan(
        str(folder.resolve()),
        str(chosen.folder) if chosen else None,
        tag,
        str(roster.resolve()) if roster else None,
        seconds,
        {todo.lab.name: audit.version(todo.lab) for todo in tasks if todo.lab is not None},
        audit.now(),
        asdict(table) if table is not None else None,
    )
    names = list(plan.versions)
    named = names[0] if len(names) == 1 else "labs"
    place = results or RESULTS / f"{plan.at.replace(' ', 'T').replace(':', '-')}Z-{named}"
    if place.is_dir() and any(place.iterdir()) and not (place / LOCK).exists():
        raise UsageError(f"{place} is not empty; name another folder with --results")
    with _locked(place, new=True):
        if (place / PLAN).exists():
            raise UsageError(
                f"{place} holds a cohort's results: continue with --resume {place}, or name another folder"
            )
        with saving(place):
            for name in (AUDIT, FEEDBACK):
                (place / name).mkdir(exist_ok=True)
            write_whole(place / PLAN, json.dumps(asdict(plan), indent=1))
        yield Grading(plan, place, tasks)


@contextmanager
def resumed(place: Path) -> Iterator[Grading]:
    """Continue a cohort: what is graded stays as it is; raises `UsageError`."""
    plan = _plan(place)
    folder = Path(plan.folder)
    chosen = catalogue.lab(plan.lab) if plan.lab else None
    grading = Grading(plan, place, tasks_of(clones_in(folder), chosen))
    with _locked(place, new=False):
        for name in (AUDIT, FEEDBACK):
            with saving(place):
                (place / name).mkdir(exist_ok=True)
        for todo in grading.tasks:
            if (file := grading.file(todo.clone)).is_file():
                grading.records[todo.clone.name] = audit.read(file)
        if len(grading.records) < len(grading.tasks):  # else only points of people are added
            _refuse_another(grading)
        yield grading


def _refuse_another(grading: Grading) -> None:
    """Raise `UsageError` if a lab or its table has changed, so that all who are graded are graded in the same way."""
    plan, place = grading.plan, grading.results
    if plan.table is not None:
        Source(**plan.table).refuse_another(f"{place} was begun")
    for name, lab in grading.labs.items():
        if plan.versions.get(name, audit.version(lab)) != audit.version(lab):
            raise UsageError(f"lab {name} has changed since {place} was begun: grade all anew, so that all are equal")


def _plan(place: Path) -> Plan:
    file = place / PLAN
    try:
        found = json.loads(file.read_bytes())
        plan = Plan(**found)
    except FileNotFoundError:
        raise UsageError(f"{place} holds no cohort: it has no {PLAN}") from None
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from None
    except (ValueError, TypeError):
        raise UsageError(f"{file} is damaged: grade into a new folder") from None
    if plan.schema != audit.SCHEMA:
        raise UsageError(f"{file} has schema {plan.schema}; this version of Residency reads {audit.SCHEMA}")
    return plan


@contextmanager
def saving(place: Path) -> Iterator[None]:
    """Turn a failure to write into one line."""
    try:
        yield
    except OSError as error:
        raise unsaved(place, error.strerror or str(error)) from error


def unsaved(place: Path, why: str) -> UsageError:
    """The error for a folder of results that cannot be written to."""
    return UsageError(f"cannot write to {place}: {why}")


@contextmanager
def _locked(place: Path, *, new: bool) -> Iterator[None]:
    """Let only this process write to the folder. The kernel drops the lock when it ends, in any way."""
    with saving(place):
        if new:
            place.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(place / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"another grader is writing to {place}; wait for it, or end it") from None
        except OSError:
            pass  # a file system without locks, as some network file systems are
        yield
    finally:
        os.close(descriptor)


# --- Grading --------------------------------------------------------------------------------------------------------


def jobs_here(labs: Sequence[Lab], asked: int | None) -> int:
    """How many submissions are graded at a time: each has as many cores as its lab has threads."""
    threads = max((lab.threads for lab in labs), default=1)
    room = max(1, min(machine.cores(), len(os.sched_getaffinity(0))) // threads)
    if any(lab.points.gpu for lab in labs) and machine.gpus()[0]:
        room = 1  # two submissions on one GPU would slow each other
    if asked is not None and asked > room:
        each = f"{threads} cores" if threads > 1 else "a core"
        raise UsageError(f"--jobs {asked}: each submission needs {each} of its own; at most {room} fit here at a time")
    return asked or room


def slots(labs: Sequence[Lab], jobs: int) -> list[list[int]]:
    """The cores of each submission that is graded at a time, the last cores first: systems work more on the first."""
    threads = max((lab.threads for lab in labs), default=1)
    cores = sorted(os.sched_getaffinity(0), reverse=True)
    return [cores[job * threads : (job + 1) * threads] for job in range(jobs)]


@dataclass
class _Running:
    """A submission under way."""

    task: Task
    popen: subprocess.Popen[bytes]
    cores: list[int]
    until: float
    result: Path
    log: IO[bytes]
    doing: str = "starting"
    unsaved: str = ""
    rest: bytes = b""


def grade(grading: Grading, jobs: int, listener: Listener) -> list[str]:
    """Grade what is missing; gives the names of the clones for which the grader itself failed.

    Raises `UsageError` if results cannot be saved. Whatever interrupts it, all that it started has ended afterwards.
    """
    with scratch.folder() as place, selectors.DefaultSelector() as selector:
        return _Several(grading, jobs, listener, selector, place).grade()


class _Several:
    """Grades several submissions at a time."""

    def __init__(
        self, grading: Grading, jobs: int, listener: Listener, selector: selectors.BaseSelector, place: Path
    ) -> None:
        self.grading, self.jobs, self.listener = grading, jobs, listener
        self.selector, self.place = selector, place
        self.free = slots(list(grading.labs.values()), jobs)
        self.running: list[_Running] = []
        self.failed: list[str] = []

    def grade(self) -> list[str]:
        todo = self.grading.missing
        begun, whole = time.monotonic(), len(todo)
        try:
            while todo or self.running:
                while todo and self.free:
                    self.begin(todo.pop(0))
                self.listen()
                for running in [each for each in self.running if _has_ended(each)]:
                    self.running.remove(running)
                    self.free.append(running.cores)
                    self.collect(running)
                done = whole - len(todo) - len(self.running)
                left = (time.monotonic() - begun) / done * (whole - done) if done > self.jobs else None
                self.listener.doing({each.task.clone.name: each.doing for each in self.running}, left)
        finally:
            with interrupts.whole():
                _end(self.running)
                for each in self.running:
                    _close(each)
        return self.failed

    def begin(self, wanted: Task) -> None:
        """Start the process of a submission; one that cannot be graded is recorded at once."""
        clone, lab = wanted.clone, wanted.lab
        if lab is None or wanted.problem:
            record = audit.empty(clone, lab) if lab else Record(clone.name, str(clone), "")
            record.at, record.problem = audit.now(), wanted.problem
            self.save(record)
            return
        limit = self.grading.plan.seconds or CALLS * lab.seconds
        request, result = self.place / f"{audit.file_name(clone.name)}.json", self.grading.file(clone)
        cores = self.free.pop()
        request.write_text(json.dumps(_request(self.grading.plan, clone, lab, limit, cores)))
        with interrupts.whole():
            popen, log = _started(request, result)
            running = _Running(wanted, popen, cores, time.monotonic() + limit + GRACE, result, log)
            self.running.append(running)
            assert popen.stdout is not None
            self.selector.register(popen.stdout, selectors.EVENT_READ, running)

    def listen(self) -> None:
        """Wait a moment for what the processes tell."""
        for key, _ in self.selector.select(STEP) if self.running else ():
            if not _hear(key.data):
                self.selector.unregister(key.fileobj)
                with suppress(subprocess.TimeoutExpired):
                    key.data.popen.wait(STEP)

    def collect(self, ended: _Running) -> None:
        """Take the result of a process that has ended."""
        assert ended.popen.stdout is not None
        if ended.popen.stdout in self.selector.get_map():
            _hear(ended)
            self.selector.unregister(ended.popen.stdout)
        name = ended.task.clone.name
        try:
            if ended.unsaved:
                raise unsaved(self.grading.results, ended.unsaved)
            if ended.popen.returncode == 0 and ended.result.is_file():
                self.grading.records[name] = audit.read(ended.result)
                self.listener.done(self.grading.records[name], len(self.grading.records))
            elif time.monotonic() > ended.until and ended.task.lab is not None:
                record = audit.empty(ended.task.clone, ended.task.lab)
                record.problem = "its time was up, and its grading did not end"
                self.save(record)
            else:
                self.failed.append(name)
                self.listener.failed(name, _last_words(ended))
        finally:
            _close(ended)

    def save(self, record: Record) -> None:
        """Write a record that this process made itself."""
        with saving(self.grading.results):
            audit.write(self.grading.file(Path(record.team)), record)
        self.grading.records[record.team] = record
        self.listener.done(record, len(self.grading.records))


def _request(plan: Plan, clone: Path, lab: Lab, limit: float, cores: list[int]) -> dict[str, Any]:
    return {
        "clone": str(clone.resolve()),
        "lab": str(lab.folder),
        "tag": plan.tag,
        "roster": plan.roster,
        "limit": limit,
        "cores": cores,
        "seeds": None,
        "table": plan.table,
    }


def _started(request: Path, result: Path) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
    """A process that grades one submission. A terminal's Ctrl-C does not reach it: it is ended by us."""
    log = tempfile.TemporaryFile()  # noqa: SIM115 (closed when it is collected)
    popen = subprocess.Popen(
        [sys.executable, "-m", "residency.labs.one", str(request), str(result.absolute())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        start_new_session=True,
    )
    assert popen.stdout is not None
    os.set_blocking(popen.stdout.fileno(), False)
    return popen, log


def _hear(running: _Running) -> bool:
    """Read what a process has told; false at the end. A teacher's lab may print, too: that is left out."""
    assert running.popen.stdout is not None
    try:
        told = os.read(running.popen.stdout.fileno(), 65536)
    except BlockingIOError:
        return True
    *lines, running.rest = (running.rest + told).split(b"\n")
    for line in lines:
        with suppress(ValueError, AttributeError):
            said = json.loads(line)
            running.doing = said.get("doing", running.doing)
            running.unsaved = said.get("unsaved", running.unsaved)
    return bool(told)


def _has_ended(running: _Running) -> bool:
    if time.monotonic() > running.until:
        with interrupts.whole():
            _end([running])
    return running.popen.poll() is not None


def _last_words(ended: _Running) -> str:
    ended.log.seek(0)
    lines = ended.log.read(1 << 20).decode(errors="replace").strip().splitlines()
    code = ended.popen.returncode
    how = f"signal {-code}" if code < 0 else f"status {code}"
    return f"its grader ended with {how}{f': {lines[-1][:300]}' if lines else ''}"


def _end(running: Sequence[_Running]) -> None:
    """End processes with all that they started: first they are asked, so that they clean up."""
    for each in running:
        each.popen.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + ENDING
    for each in running:
        with suppress(subprocess.TimeoutExpired):
            each.popen.wait(max(0.0, deadline - time.monotonic()))
        left = descendants(each.popen.pid) if each.popen.poll() is None else []
        for process in [each.popen.pid, *left] if each.popen.returncode is None else []:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        each.popen.wait()


def _close(ended: _Running) -> None:
    for stream in (ended.popen.stdin, ended.popen.stdout, ended.log):
        if stream is not None:
            stream.close()


# --- What comes of it -----------------------------------------------------------------------------------------------


def cohort(grading: Grading, seconds: float, jobs: int) -> Cohort:
    """All that is known, for the gradebook, the page and the feedback."""
    clones = [todo.clone for todo in grading.tasks]
    told = {
        clone: record.told.encode(errors="surrogateescape")
        for clone in clones
        if (record := grading.records.get(clone.name)) is not None and record.told is not None
    }
    roster = Path(grading.plan.roster) if grading.plan.roster else None
    labs = {
        name: {"title": lab.title, "version": audit.version(lab), "possible": audit.possible(lab)}
        for name, lab in grading.labs.items()
    }
    found = Cohort(Path(grading.plan.folder), clones, grading.records, teams(clones, roster, told), labs)
    found.isolation, found.machine = sandbox.means().missing, machine.facts()
    found.at, found.seconds, found.jobs = grading.plan.at, seconds, jobs
    return found


def again(file: Path, said: Callable[[str], None] = lambda _: None) -> tuple[Record, Record]:
    """Grade the commit of an audit once more with its seeds: the first record, and the new one; raises `UsageError`."""
    first = audit.read(file)
    if first.graded is None:
        raise UsageError(f"{file}: nothing was graded, since {first.problem}")
    if first.table is not None:
        Source(**first.table).refuse_another("it was graded")
    clone = Path(first.clone)
    if not clone.is_dir():
        raise UsageError(f"{file}: the clone {visible(first.clone)} is not there any more")
    request = {
        "clone": first.clone,
        "lab": first.lab_folder,
        "tag": first.commit,
        "roster": None,
        "limit": first.limit,
        "seeds": first.seeds,
        "table": first.table,
    }
    second = one.graded(request, said)
    if second.problem:
        raise UsageError(f"{visible(first.clone)}: {second.problem}")
    return first, second
