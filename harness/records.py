"""A run on disk: `run.json`, written once, and `records.jsonl`, append-only, one line a sample and one an outcome.

A line is written by one call and at once, so killing the process at any moment loses at most the sample under way; a
line that did not fit on the disk is taken back. `schema.json` beside this file describes both files for other programs.
"""

from __future__ import annotations

import fcntl
import functools
import gc
import json
import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, asdict, dataclass, field, fields
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from types import TracebackType, UnionType
from typing import Any, Literal, Self, TypeVar, get_args, get_origin, get_type_hints

from residency.harness.errors import RecordError, UsageError
from residency.harness.files import write_whole
from residency.harness.outcomes import Ending, Outcome
from residency.harness.task_info import TaskInfo, twin_by_name

SCHEMA = 1
RUN_FILE = "run.json"
RECORDS_FILE = "records.jsonl"
SOURCE_FOLDER = "source"  # the code of the user's own that a run measured
SAMPLE_LINE = b'{"kind": "sample"'  # how a sample's line begins

T = TypeVar("T")
Phase = Literal["cold", "warmup", "timed"]


@dataclass(frozen=True)
class Cell:
    """One implementation of one task on one dataset at one size, somewhere: what a row of a report is about."""

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
    peak_device_bytes: int | None
    joules: float | None
    threads: int
    data_hash: str
    at: str  # UTC, ISO 8601
    calls: int = 1  # executions in the sample; all times are a call's
    other_cpu_seconds: float | None = None  # processor time that other processes took meanwhile
    cpu_joules: float | None = None  # of the processors' packages, everything on them; `joules` is the device's
    device_megahertz: int | None = None  # the GPU's lowest clock seen
    slowed_by: list[str] = field(default_factory=list)  # what held the GPU's clock down
    tenants: int | None = None  # other processes that computed on the GPU
    figures: dict[str, float] = field(default_factory=dict)  # that the implementation measured itself
    cluster: dict[str, float] = field(default_factory=dict)  # what a cluster's workers spent, in seconds and bytes
    events: list[str] = field(default_factory=list)  # what happened meanwhile that a reader must know
    key: str = ""  # of code, data, environment and parameters: samples of different keys are never mixed
    aside_seconds: float | None = None  # off the clock: judging; before a cold one making and loading the data too
    waited_seconds: float | None = None  # that the threads of its process, together, stood in line for a core


@dataclass(frozen=True)
class OutcomeRecord:
    """How a replicate of a cell ended, with what is known of it as a whole."""

    cell: Cell
    replicate: int
    outcome: str
    reason: str
    quality: float | None
    reference: float | None
    threads: int
    data_hash: str
    parameters: dict[str, Any]
    remarks: list[str]  # what a reader must know of how the data was prepared
    cores: float | None  # mean number of cores busy over the timed samples
    flops: float | None  # least work of the task, where it is declared
    bytes: float | None
    at: str
    unknown: dict[str, str] = field(default_factory=dict)  # why measures of the samples are None
    tier: int | None = None  # of a rehearsal, which holds no samples: what an `ok` says of a GPU (harness/tiers.py)
    key: str = ""
    judged: dict[str, Any] | None = None  # what the quality of an `ok` rests on, where it is an estimate (quality.py)
    asked: int | None = None  # replicates that were asked for by then: a run that is given more is looked at again
    pools: list[dict[str, Any]] = field(default_factory=list)  # BLAS and OpenMP loaded at its end (runners/pools.py)

    @property
    def ending(self) -> Ending:
        """The outcome and its reason."""
        return Ending(Outcome(self.outcome), self.reason)


@dataclass(frozen=True)
class RunInfo:
    """`run.json`: what a run was, and where."""

    id: str
    started: str
    command: list[str]
    settings: dict[str, Any]
    machine: dict[str, Any]
    versions: dict[str, str]
    commit: str | None
    tasks: dict[str, TaskInfo]
    cells: list[Cell]  # what was planned, so that what is missing can be told
    schema: int = SCHEMA
    name: str = ""  # that a person gave it
    environment: dict[str, Any] = field(default_factory=dict)  # what changes speed; in older runs empty

    def twin_of(self, task: str, implementation: str) -> str | None:
        """The id of a pair's other side; None where there is none."""
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
        """The files of code that are kept with the run."""
        return sorted((self.folder / SOURCE_FOLDER).glob("*/*.py"))


class Recorder:
    """Appends to a run's folder; use it as a context manager."""

    def __init__(self, folder: Path, info: RunInfo | None) -> None:
        """Create the folder and write `run.json`, or without `info` go on in a folder that holds a run.

        Raises `UsageError` where it cannot be written, holds a run already, or another process is writing to it.
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
        """Lock the records, then write `run.json`: of two who come at once, from two containers too, one alone may."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"another process is writing to {self.folder}; wait for it, or end it") from None
        except OSError:
            pass  # a file system without locks, as some of networks are
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
        """Take back a last line whose process was killed while it wrote."""
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
        """Append one line; on a full disk the file is left as it was and a `UsageError` says so."""
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


def now() -> str:
    """The time in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """A time as it stands in a record; what is none comes before all others."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def to_json(record: Sample | OutcomeRecord) -> dict[str, Any]:
    """A record as one flat object: its kind, its cell's fields, its own."""
    kind = "sample" if isinstance(record, Sample) else "outcome"
    own = {entry.name: getattr(record, entry.name) for entry in fields(record) if entry.name != "cell"}
    return {"kind": kind, **asdict(record.cell), **own}


def read(folder: Path, samples: bool = True) -> Records:
    """Read a run; raises `RecordError` naming the file and the line of what is damaged or of another version.

    Without `samples` the outcomes alone are read, which takes a hundredth of the time.

    A last line without its newline is a write that was cut off with its process: it counts for nothing.
    """
    return Growing(folder, samples).read()


class Growing:
    """A run that others still write to: each of its lines is read once, however often it is asked for what there is."""

    def __init__(self, folder: Path, samples: bool = True) -> None:
        """Read `run.json`; `samples` and errors are those of `read`."""
        self._records = Records(folder, read_info(folder))
        self._samples = samples
        self._bytes = self._lines = 0  # that were read

    def read(self) -> Records:
        """The run with all that was written by now: the same object each time, which grows."""
        path = self._records.folder / RECORDS_FILE
        try:
            with path.open("rb") as file:
                file.seek(self._bytes)
                text = file.read()
        except FileNotFoundError:
            return self._records
        except OSError as error:
            raise RecordError(f"cannot read {path}: {error.strerror}") from error
        lines = text.split(b"\n")[:-1]
        numbered = [
            (number, line)
            for number, line in enumerate(lines, start=self._lines + 1)
            if self._samples or not line.startswith(SAMPLE_LINE)
        ]
        _add(self._records, path, numbered)
        self._bytes += sum(map(len, lines)) + len(lines)
        self._lines += len(lines)
        return self._records


def _add(records: Records, path: Path, numbered: list[tuple[int, bytes]]) -> None:
    """Add what the lines say, which are told with their numbers."""
    with without_collection():
        for (number, _), raw in zip(numbered, _parsed(path, numbered), strict=True):
            try:
                record = _record(raw)
            except ValueError as error:
                raise _damaged(path, number, error) from None
            if isinstance(record, Sample):
                records.samples.append(record)
            else:
                records.outcomes.append(record)


def read_info(folder: Path) -> RunInfo:
    """Read `run.json` alone; raises `RecordError` as `read` does."""
    path = folder / RUN_FILE
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        missing = f"it has no {RUN_FILE}" if folder.is_dir() else "there is no such folder"
        raise RecordError(f"no run in {folder}: {missing}") from None
    except OSError as error:
        raise RecordError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise RecordError(f"{path}: damaged: {error}") from None
    if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
        found = raw.get("schema") if isinstance(raw, dict) else None
        raise RecordError(
            f"{path}: schema {found!r} is not one this version reads ({SCHEMA}); use the version that wrote it"
        )
    try:
        cells = [_build(Cell, cell) for cell in raw.pop("cells", [])]
        tasks = {name: _build(TaskInfo, task) for name, task in raw.pop("tasks", {}).items()}
        return _build(RunInfo, {**raw, "cells": cells, "tasks": tasks})
    except ValueError as error:
        raise RecordError(f"{path}: {error}") from None


def _parsed(path: Path, numbered: list[tuple[int, bytes]]) -> list[Any]:
    """What the lines say, parsed all at once, which is faster; one by one only to find which line is damaged."""
    try:
        found = json.loads(b"[" + b",".join(line for _, line in numbered) + b"]")
        if len(found) == len(numbered):
            return list(found)
    except ValueError:
        pass
    found = []
    for number, line in numbered:
        try:
            found.append(json.loads(line))
        except ValueError as error:
            raise _damaged(path, number, error) from None
    return found


def _damaged(path: Path, number: int, error: Exception) -> RecordError:
    remedy = f"the others can be read without it: sed -i {number}d {shlex.quote(str(path))}"
    return RecordError(f"{path}:{number}: damaged line: {error}; {remedy}")


def _record(raw: Any) -> Sample | OutcomeRecord:
    if not isinstance(raw, dict) or raw.get("kind") not in {"sample", "outcome"}:
        raise ValueError("not a sample or an outcome")
    try:
        cell = _cell(*_cell_values(raw))
    except (KeyError, TypeError):  # one is missing, or a list or an object where none can be
        cell = _build(Cell, raw)
    raw["cell"] = cell
    return _build(Sample, raw) if raw["kind"] == "sample" else _build(OutcomeRecord, raw)


@functools.lru_cache(maxsize=4096, typed=True)
def _cell(*values: Any) -> Cell:
    """The cell of so many of a run's lines, made once."""
    return _build(Cell, dict(zip(CELL_FIELDS, values, strict=True)))


@contextmanager
def without_collection() -> Iterator[None]:
    """Records hold no cycles: looking for some while a hundred thousand are made takes a fifth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _build(kind: type[T], raw: Mapping[str, Any]) -> T:
    """An instance of a record's class from its fields; a missing one or one of another type is a `ValueError`."""
    taken, chosen = _shape(kind, tuple(raw), tuple(map(type, raw.values())))  # type: ignore[arg-type]
    for name, options in chosen:
        if raw[name] not in options:
            raise ValueError(f"field `{name}` is {raw[name]!r}")
    return kind(**{name: raw[name] for name in taken})


@functools.lru_cache(maxsize=256)
def _shape(
    kind: type, names: tuple[str, ...], types: tuple[type, ...]
) -> tuple[list[str], list[tuple[str, tuple[Any, ...]]]]:
    """Of records with such names and types, of which a run has few kinds: the fields to take, and what each may be.

    A field of a wrong type gets no option, so that any value of it is refused.
    """
    given = dict(zip(names, types, strict=True))
    taken, chosen = [], []
    for name, allowed, choices, required in _fields(kind):
        if name in given:
            taken.append(name)
            if given[name] not in allowed:
                chosen.append((name, ()))
            elif choices:
                chosen.append((name, choices))
        elif required:
            raise ValueError(f"field `{name}` is missing")
    return taken, chosen


@functools.cache
def _fields(kind: type) -> list[tuple[str, set[Any], tuple[Any, ...], bool]]:
    """A record's fields: JSON's types for it, its choices, and whether it must be there; later ones have a default."""
    hints = get_type_hints(kind)
    found = []
    for entry in fields(kind):
        hint = hints[entry.name]
        choices = get_args(hint) if get_origin(hint) is Literal else ()
        options = get_args(hint) if get_origin(hint) is UnionType else (hint,)
        types = {type(one) for one in choices} or {get_origin(option) or option for option in options}
        types |= {int} if float in types else set()  # 1.0 may be written as 1
        required = entry.default is MISSING and entry.default_factory is MISSING
        found.append((entry.name, types, choices, required))
    return found
