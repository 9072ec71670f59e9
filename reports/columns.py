"""The columns of a report's tables. A line holds numbers, and each column writes one of them in several widths."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from residency.analysis.doubt import in_doubt
from residency.analysis.row import Resident, Row, Speedup
from residency.harness.outcomes import Outcome
from residency.harness.statistics import Interval
from residency.reports import words
from residency.reports.endings import ending

NONE = "-"
RESIDENT = "resident [95 %]"


@dataclass(frozen=True)
class Quality:
    """How good a result is, and how exactly that is known."""

    value: float
    error: float | None  # its standard error
    told: float  # the smallest difference that counts if there is no error; 0 if every digit counts


@dataclass(frozen=True)
class Line:
    """One implementation in a table. A number is None if it is missing or does not count."""

    implementation: str
    library: str
    outcome: str
    device: str
    threads: int | None
    cores_used: float | None
    seconds: Interval | None
    against: Speedup | None  # how many times as fast as the baseline
    resident: Resident | None  # the same with the data resident
    in_doubt: bool  # whether nobody can tell that it ran on the GPU, so that no ratio is credited
    quality: Quality | None
    stages: Mapping[str, float]  # seconds
    cold_seconds: float | None
    host_bytes: int | None
    device_bytes: int | None

    @property
    def is_baseline(self) -> bool:
        """Whether the others are compared with it."""
        return self.against is not None and self.against.baseline == self.implementation


@dataclass(frozen=True)
class Form:
    """A way to write a column."""

    header: str
    text: Callable[[Line], str]


@dataclass(frozen=True)
class Column:
    """A column: its name, its text for a line, and narrower ways to write the same."""

    name: str
    text: Callable[[Line], str]
    narrower: tuple[Form, ...] = ()
    right: bool = False  # numbers are aligned to the right

    @property
    def forms(self) -> tuple[Form, ...]:
        """All ways to write it, the widest first."""
        return Form(self.name, self.text), *self.narrower


def line(row: Row, told: float) -> Line:
    """A row's numbers. `told` is the smallest difference in quality that counts for the task."""
    measured, result = row.measured, row.result
    correct = result.quality is not None and result.outcome == Outcome.OK
    return Line(
        implementation=row.cell.implementation,
        library=row.cell.library,
        outcome=ending(row),
        device=row.cell.device,
        threads=row.facts.threads,
        cores_used=measured.cores_used if measured else None,
        seconds=measured.seconds if measured else None,
        against=row.compared.speedup,
        resident=row.compared.resident,
        in_doubt=in_doubt(row),
        quality=Quality(result.quality or 0.0, result.error, told) if correct else None,
        stages=measured.stages if measured else {},
        cold_seconds=measured.cold_seconds if measured else None,
        host_bytes=row.facts.peak_host_bytes,
        device_bytes=row.facts.peak_device_bytes,
    )


def _cores(entry: Line) -> str:
    """`1.8 of 2`, or `2.5 (limit 2)` if a library uses more threads than it was told to."""
    if entry.cores_used is None:
        return NONE
    used = f"{entry.cores_used:.1f}"
    above = entry.threads is not None and float(used) > entry.threads
    return f"{used} (limit {entry.threads})" if above else f"{used} of {entry.threads}"


def _time(entry: Line) -> str:
    return words.interval(entry.seconds) if entry.seconds else entry.outcome


def _against(entry: Line, after: str = " ") -> str:
    """The verdict and the ratio, with `after` between them."""
    if entry.seconds is None:
        return NONE
    if entry.in_doubt:
        return f"not known whether{after}on the GPU"
    if entry.against is None:
        return "not compared"
    return "baseline" if entry.is_baseline else f"{entry.against.verdict}:{after}{words.times(entry.against)}"


def _resident(entry: Line, after: str = " ") -> str:
    """The ratio with the data resident, which says itself who is faster; if that is not sure, it says so."""
    if entry.seconds is None or entry.in_doubt:
        return NONE
    if entry.resident is None:
        return "not known"
    if entry.resident.baseline == entry.implementation:
        return "baseline"
    unsure = f"inconclusive:{after}" if entry.resident.verdict == "inconclusive" and not entry.resident.at_least else ""
    return f"{unsure}{words.resident(entry.resident)}"


def _quality(entry: Line) -> str:
    return words.quality(entry.quality.value, entry.quality.told, entry.quality.error) if entry.quality else NONE


def _stages(entry: Line) -> str:
    return words.where_time_went(entry.stages) if entry.seconds else NONE


def _cold(entry: Line) -> str:
    return words.seconds(entry.cold_seconds) if entry.cold_seconds is not None else NONE


def _memory(entry: Line) -> str:
    """The peak memory of the host, and for a GPU implementation also that of the device."""
    if entry.seconds is None:
        return NONE
    host = words.size(entry.host_bytes) if entry.host_bytes is not None else NONE
    if entry.device == "cpu":
        return host
    return f"{host}, GPU {words.size(entry.device_bytes) if entry.device_bytes is not None else 'not known'}"


COLUMNS = (
    Column("implementation", lambda entry: entry.implementation),
    Column("library", lambda entry: entry.library),
    Column("cores", _cores, right=True),
    Column("median time [95 %]", _time, right=True),
    Column(
        "against the baseline [95 %]",
        _against,
        (Form("against the\nbaseline [95 %]", lambda entry: _against(entry, "\n")),),
        right=True,
    ),
    Column(RESIDENT, _resident, (Form(RESIDENT, lambda entry: _resident(entry, "\n")),), right=True),
    Column("quality", _quality, right=True),
    Column(
        "where the time went",
        _stages,
        (Form("where the time went", lambda entry: _stages(entry).replace(", ", ",\n")),),  # one line for each stage
    ),
    Column("cold", _cold, right=True),
    Column("memory", _memory, right=True),
)


def shown(lines: Sequence[Line]) -> list[Column]:
    """The columns of a table; ratios with the data resident only where something was timed on a GPU."""
    timed = any(entry.device == "gpu" and entry.seconds is not None for entry in lines)
    return [column for column in COLUMNS if timed or column.name != RESIDENT]
