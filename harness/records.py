"""A run on disk: `run.json` and `records.jsonl`. `schema.json` beside this file describes both for other programs.

`run.json` is written once. `records.jsonl` is append-only: one line for each sample and for each outcome. Each line is
written at once, by one call, so a killed process loses at most the sample that it was taking. If a line does not fit
on the disk, it is removed again.
"""

from __future__ import annotations

import fcntl
import functools
import gc
import itertools
import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from residency.harness.errors import RecordError, UsageError, typed
from residency.harness.files import write_whole
from residency.harness.outcomes import Ending, Outcome
from residency.harness.schema import Mistaken, described, shown
from residency.harness.task import MARK as PLUS
from residency.harness.task_info import TaskInfo, twin_by_name

SCHEMA = 1
RUN_FILE = "run.json"
RECORDS_FILE = "records.jsonl"
SOURCE_FOLDER = "source"  # the user's own code that a run measured
SAMPLE_LINE = b'{"kind": "sample"'  # how a sample's line begins
MARK = b"\xef\xbb\xbf"  # some editors begin a file in UTF-8 with it (BOM)
MOST_DIGITS = 300  # of an integer; a larger one is no number that a run can hold

RESTORE = f"a run needs both {RUN_FILE} and {RECORDS_FILE}: restore the file from a copy of the run, or measure again"

T = TypeVar("T")
Phase = Literal["cold", "warmup", "timed"]


@dataclass(frozen=True)
class Cell:
    """One implementation of one task on one dataset at one size, on one runner. A report has one row for each."""

    task: str
    dataset: str
    size: str
    rows: int | None  # None while the data could not be made
    implementation: str
    library: str
    device: str
    runner: str = "local"
    workers: int = 1


CELL_FIELDS = tuple(entry.name for entry in fields(Cell))
_cell_values = itemgetter(*CELL_FIELDS)


@dataclass(frozen=True)
class Sample:
    """One execution that returned and whose quality passed."""

    cell: Cell
    replicate: int
    round: int
    phase: Phase
    seconds: float
    stages: dict[str, float]
    quality: float
    cpu_seconds: float | None
    peak_host_bytes: int | None
    peak_device_bytes: int | None  # of all GPUs together
    joules: float | None
    threads: int
    data_hash: str
    at: str  # UTC, ISO 8601
    calls: int = 1  # executions in the sample; all times are for one call
    other_cpu_seconds: float | None = None  # processor time that other processes used meanwhile
    cpu_joules: float | None = None  # of the whole processor packages; `joules` is the device's
    device_megahertz: int | None = None  # the lowest clock of any GPU that was seen while it worked
    slowed_by: list[str] = field(default_factory=list)  # what held the GPUs' clocks down
    tenants: int | None = None  # other processes that computed on the GPUs
    figures: dict[str, float] = field(default_factory=dict)  # numbers that the implementation measured itself
    cluster: dict[str, float] = field(default_factory=dict)  # what a cluster's workers spent, in seconds and bytes
    events: list[str] = field(default_factory=list)  # events meanwhile that a reader must know
    key: str = ""  # of code, data, environment and parameters: samples with different keys are never mixed
    aside_seconds: float | None = None  # off the clock: judging; for a cold sample also making and loading the data
    waited_seconds: float | None = None  # time that all threads of its process together waited for a core
    gpus: list[dict[str, Any]] = field(default_factory=list)  # each GPU's figures (schema.json)


@dataclass(frozen=True)
class OutcomeRecord:
    """How a replicate of a cell ended, and what is known about the whole replicate."""

    cell: Cell
    replicate: int
    outcome: str
    reason: str
    quality: float | None
    reference: float | None
    threads: int
    data_hash: str
    parameters: dict[str, Any]
    remarks: list[str]  # what a reader must know about the preparation of the data
    cores: float | None  # mean number of busy cores over the timed samples
    flops: float | None  # work of the task as the best implementation does it, if the task declares it
    bytes: float | None
    at: str
    unknown: dict[str, str] = field(default_factory=dict)  # why measures of the samples are None
    tier: int | None = None  # of a rehearsal, which has no samples: what an `ok` says about a GPU (harness/tiers.py)
    key: str = ""
    judged: dict[str, Any] | None = None  # how the quality of an `ok` was judged, if it is an estimate (quality.py)
    asked: int | None = None  # replicates that were asked for by then: asking for more means another look at the run
    pools: list[dict[str, Any]] = field(default_factory=list)  # BLAS and OpenMP loaded at its end (runners/pools.py)

    @property
    def ending(self) -> Ending:
        """The outcome and its reason."""
        return Ending(Outcome(self.outcome), self.reason)


@dataclass(frozen=True)
class RunInfo:
    """`run.json`: what a run measured, and where."""

    id: str
    started: str
    command: list[str]
    settings: dict[str, Any]
    machine: dict[str, Any]
    versions: dict[str, str]
    commit: str | None
    tasks: dict[str, TaskInfo]
    cells: list[Cell]  # the plan, which shows what is missing
    schema: int = SCHEMA
    name: str = ""  # given by a person
    environment: dict[str, Any] = field(default_factory=dict)  # what changes speed; empty in older runs
    made_up: bool = False  # nothing was measured: the run was written to look at reports
    environments: dict[str, Any] = field(default_factory=dict)  # those with a name that were used, by their own word

    def environment_of(self, implementation: str) -> str:
        """The name of the environment that an implementation ran in; empty for the run's own."""
        name = implementation.partition("@")[0]
        return next((known for known in self.environments if name.endswith(f"{PLUS}{known}")), "")

    def versions_of(self, implementation: str) -> dict[str, str]:
        """The versions of the libraries that an implementation ran with."""
        name = self.environment_of(implementation)
        return dict(self.environments[name]["versions"]) if name else self.versions

    def twin_of(self, task: str, implementation: str) -> str | None:
        """The id of a pair's other side; None if the implementation is not part of a pair."""
        known = self.tasks.get(task)
        return known.twin_of(implementation) if known else twin_by_name(implementation)


@dataclass(frozen=True)
class Records:
    """A run, read back."""

    folder: Path
    info: RunInfo
    samples: list[Sample] = field(default_factory=list)
    outcomes: list[OutcomeRecord] = field(default_factory=list)

    @property
    def sources(self) -> list[Path]:
        """The source files that are kept with the run."""
        return sorted((self.folder / SOURCE_FOLDER).glob("*/*.py"))


class Recorder:
    """Appends to a run's folder; use it as a context manager."""

    def __init__(self, folder: Path, info: RunInfo | None) -> None:
        """Create the folder and write `run.json`. Without `info`, continue the run that the folder holds.

        Raises `UsageError` if the folder cannot be written, already holds a run, or is in use by another process.
        """
        self.folder = folder
        try:
            if info is not None:
                folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(folder / RECORDS_FILE, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            self._begin(info)
        except BaseException:
            os.close(self._file)
            raise

    def _begin(self, info: RunInfo | None) -> None:
        """Lock the records, then write `run.json`. Only one process gets the lock, even from several containers."""
        _lock(self._file, self.folder)
        if info is not None:
            if (self.folder / RUN_FILE).exists():
                raise UsageError(f"{self.folder} already holds a run; nothing was changed, name another folder")
            try:
                write_whole(self.folder / RUN_FILE, json.dumps(asdict(info), indent=1))
            except OSError as error:
                raise self._unwritable(error) from error
        self._drop_cut_off_line()

    def _unwritable(self, error: OSError) -> UsageError:
        return UsageError(f"cannot write results to {self.folder}: {error.strerror}; name another with --results")

    def _drop_cut_off_line(self) -> None:
        """Remove an incomplete last line, left by a process that was killed while it wrote."""
        with (self.folder / RECORDS_FILE).open("rb") as file:
            text = file.read()
        if not text.endswith(b"\n"):
            os.ftruncate(self._file, text.rfind(b"\n") + 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)

    def add(self, record: Sample | OutcomeRecord) -> None:
        """Append one line. If the disk is full, leave the file as it was and raise a `UsageError`."""
        line = (json.dumps(to_json(record), allow_nan=False) + "\n").encode()
        before = os.fstat(self._file).st_size
        try:
            written = os.write(self._file, line)
            while written < len(line):
                written += os.write(self._file, line[written:])
        except OSError as error:
            os.ftruncate(self._file, before)
            raise UsageError(
                f"cannot write to {self.folder / RECORDS_FILE}: {error.strerror}; everything before this is kept"
            ) from error


def _lock(file: int, folder: Path) -> None:
    """Lock a run's records; raises `UsageError` if another process has locked them."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(f"another process is writing to {folder}; wait for it, or end it") from None
    except OSError:
        pass  # a file system without locks, as some network file systems are


def now() -> str:
    """The time in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """The time written in a record, in UTC. Text that is not a time counts as earlier than all times."""
    return readable_moment(text) or datetime.min.replace(tzinfo=UTC)


def readable_moment(text: str) -> datetime | None:
    """The time written in a record, in UTC; None if the text is not a time. A time without a zone is in UTC."""
    try:
        read = datetime.fromisoformat(text)
        return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # overflow: the year 1 or 9999 with a zone
        return None


def to_json(record: Sample | OutcomeRecord) -> dict[str, Any]:
    """A record as one flat object: its kind, its cell's fields, its own fields."""
    kind = "sample" if isinstance(record, Sample) else "outcome"
    own = {entry.name: getattr(record, entry.name) for entry in fields(record) if entry.name != "cell"}
    return {"kind": kind, **asdict(record.cell), **own}


def read(folder: Path, samples: bool = True) -> Records:
    """Read a run; raises `RecordError` with the file and the line if it is damaged or of another version.

    Without `samples` only the outcomes are read, which takes a hundredth of the time.

    Empty lines are ignored, and so is a byte order mark (BOM) at the start. A last line without its newline is ignored
    too: its process was killed while it wrote.
    """
    return Growing(folder, samples).read()


class Growing:
    """A run that others still write to. However often it is read, each line is read only once."""

    def __init__(self, folder: Path, samples: bool = True) -> None:
        """Read `run.json`; `samples` and errors are those of `read`."""
        self._records = Records(folder, read_info(folder))
        self._samples = samples
        self._bytes = self._lines = 0  # read so far

    def read(self) -> Records:
        """The run with all that was written so far. It is the same object each time, and it grows."""
        path = self._records.folder / RECORDS_FILE
        try:
            with path.open("rb") as file:
                file.seek(self._bytes)
                text = file.read()
        except FileNotFoundError:
            raise RecordError(
                f"{self._records.folder}: damaged: it has {RUN_FILE} but no {RECORDS_FILE}; {RESTORE}"
            ) from None
        except OSError as error:
            raise RecordError(f"cannot read {path}: {error.strerror}") from error
        lines = _numbered(text, self._lines, is_start=self._bytes == 0)
        try:
            _add(self._records, [line for line in lines.values() if self._samples or not line.startswith(SAMPLE_LINE)])
        except ValueError:
            raise _damaged(path, _mistakes(lines)) from None
        self._bytes += text.rfind(b"\n") + 1
        self._lines += text.count(b"\n")
        return self._records


def _numbered(text: bytes, before: int, *, is_start: bool) -> dict[int, bytes]:
    """The whole lines of a text that are not empty, by their numbers; `before` is the number of lines before it."""
    lines = text.removeprefix(MARK).split(b"\n")[:-1] if is_start else text.split(b"\n")[:-1]
    return {number: line for number, line in enumerate(lines, start=before + 1) if line and not line.isspace()}


@dataclass(frozen=True)
class Repaired:
    """What `repair` did."""

    kept: int  # lines
    left_out: int  # damaged lines
    copy: Path | None  # of the file as it was; None if no line was damaged, and nothing was changed


def repair(folder: Path) -> Repaired:
    """Take the damaged lines out of a run's records. A copy of the file as it was is kept, under a name of its own.

    Raises `RecordError` if `run.json` cannot be read, and `UsageError` if another process writes to the run, or if a
    file cannot be written.
    """
    read_info(folder)
    path = folder / RECORDS_FILE
    try:
        with path.open("rb") as file:
            _lock(file.fileno(), folder)
            text = file.read()
            lines = _numbered(text, 0, is_start=True)
            mistakes = _mistakes(lines)
            if not mistakes:
                return Repaired(len(lines), 0, None)
            copy = _kept_copy(path, text)
            good = [line + b"\n" for number, line in lines.items() if number not in mistakes]
            write_whole(path, b"".join(good))
            return Repaired(len(good), len(mistakes), copy)
    except OSError as error:
        raise UsageError(f"cannot repair {path}: {error.strerror}; nothing was changed") from error


def _kept_copy(path: Path, content: bytes) -> Path:
    """Write the content beside the file, as the first of `records.jsonl.damaged-1`, `-2`, ... that does not exist."""
    for number in itertools.count(1):
        copy = path.with_name(f"{path.name}.damaged-{number}")
        with suppress(FileExistsError), copy.open("xb") as file:
            file.write(content)
            return copy
    raise AssertionError


def _add(records: Records, lines: list[bytes]) -> None:
    """Add the records of these lines; raises `ValueError` if one of them is damaged."""
    with without_collection():
        for record in map(_record, _parsed(lines)):
            if isinstance(record, Sample):
                records.samples.append(record)
            else:
                records.outcomes.append(record)


def read_info(folder: Path) -> RunInfo:
    """Read `run.json` alone; raises `RecordError` as `read` does."""
    path = folder / RUN_FILE
    try:
        raw = _json(path.read_bytes().removeprefix(MARK), exact=True)
    except FileNotFoundError:
        missing = f"it has no {RUN_FILE}" if folder.is_dir() else "there is no such folder"
        raise RecordError(f"no run in {folder}: {missing}") from None
    except OSError as error:
        raise RecordError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise _damaged_info(path, str(error)) from None
    if not isinstance(raw, dict):
        raise _damaged_info(path, "it is no object")
    if "schema" not in raw:
        raise _damaged_info(path, "field `schema` is missing")
    if raw["schema"] != SCHEMA:
        found = f"schema {shown(raw['schema'])} is not one this version reads ({SCHEMA})"
        raise RecordError(f"{path}: {found}; use the version that wrote it")
    try:
        described("run").check(raw)
    except Mistaken as mistaken:
        raise _damaged_info(path, str(mistaken)) from None
    cells = [_build(Cell, cell) for cell in raw.pop("cells")]
    tasks = {name: _build(TaskInfo, task) for name, task in raw.pop("tasks").items()}
    return _build(RunInfo, {**raw, "cells": cells, "tasks": tasks})


def _damaged_info(path: Path, why: str) -> RecordError:
    return RecordError(f"{path}: damaged: {why}; {RESTORE}")


def _parsed(lines: list[bytes], *, exact: bool = False) -> list[Any]:
    """The parsed lines, all at once, which is faster; raises `ValueError` if a line is no JSON."""
    parsed = _json(b"[" + b",".join(lines) + b"]", exact=exact)
    if len(parsed) != len(lines):
        raise ValueError("a line holds several values")
    return list(parsed)


def _json(text: bytes, *, exact: bool = False) -> Any:
    """The value of a JSON text in UTF-8; raises `ValueError` if it holds a NaN or an infinity, which are no JSON.

    `exact` looks at each number: one that is too large is an error that says so. This takes longer.
    """
    hooks: dict[str, Any] = {"parse_float": _finite, "parse_int": _integer} if exact else {}
    try:
        return json.loads(text.decode(), parse_constant=_no_number, **hooks)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"it is no text in UTF-8: it holds the byte {text[error.start]:#04x}") from None


def _no_number(name: str) -> None:
    raise ValueError(f"it holds {name}, which is no number")


def _finite(text: str) -> float:
    """The number; raises `ValueError` if it is too large for one."""
    if not math.isfinite(number := float(text)):
        raise ValueError(f"it holds {text[:40]}, which is too large")
    return number


def _integer(text: str) -> int:
    """The integer; raises `ValueError` if it has too many digits."""
    if len(text) > MOST_DIGITS:
        raise ValueError(f"it holds a number of {len(text):,} digits, which is too large")
    return int(text)


def _mistakes(lines: Mapping[int, bytes]) -> dict[int, ValueError]:
    """What is wrong with each damaged one of numbered lines."""
    mistakes: dict[int, ValueError] = {}
    for number, line in lines.items():
        try:
            _record(*_parsed([line], exact=True))
        except json.JSONDecodeError as error:  # its first character is the bracket before the line
            mistakes[number] = ValueError(f"it is no JSON: {error.msg} at character {error.colno - 1}")
        except ValueError as error:
            mistakes[number] = error
    return mistakes


def _damaged(path: Path, mistakes: Mapping[int, ValueError]) -> RecordError:
    """What is wrong with the first damaged line of a file, and the command that keeps the other lines."""
    first, why = next(iter(mistakes.items()))
    more = f" (the first of {len(mistakes)} damaged lines)" if len(mistakes) > 1 else ""
    remedy = f"to keep all other lines, and a copy of the file: residency report {typed(path.parent)} --repair"
    return RecordError(f"{path}:{first}: damaged line{more}: {why}; {remedy}")


def _record(raw: Any) -> Sample | OutcomeRecord:
    if not isinstance(raw, dict) or (kind := raw.get("kind")) not in ("sample", "outcome"):
        raise ValueError("not a sample or an outcome")
    try:
        cell = _cell(*_cell_values(raw))
    except (KeyError, TypeError):  # a field is missing, or is a list or an object
        cell = _checked_cell(raw)
    described(kind).check(raw)
    if kind == "outcome" and raw["outcome"] != Outcome.OK and not raw["reason"]:
        raise Mistaken("is empty, and only the outcome ok needs no reason", "reason")
    raw["cell"] = cell
    return _build(Sample, raw) if kind == "sample" else _build(OutcomeRecord, raw)


@functools.lru_cache(maxsize=4096, typed=True)
def _cell(*values: Any) -> Cell:
    """The cell with these values. Many lines of a run share a cell, so each is made only once."""
    return _checked_cell(dict(zip(CELL_FIELDS, values, strict=True)))


def _checked_cell(raw: Mapping[str, Any]) -> Cell:
    described("cell").check(raw)
    return _build(Cell, raw)


@contextmanager
def without_collection() -> Iterator[None]:
    """Switch the garbage collector off: records hold no cycles, and looking for cycles takes a fifth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _build(kind: type[T], raw: Mapping[str, Any]) -> T:
    """An instance of a record's class from its fields, which were checked; other fields are left out."""
    return kind(**{name: raw[name] for name in _fields(kind) if name in raw})  # type: ignore[arg-type]


@functools.cache
def _fields(kind: type) -> tuple[str, ...]:
    return tuple(entry.name for entry in fields(kind))
