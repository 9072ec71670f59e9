"""The columns of a report's tables: a line holds numbers, and each column knows the ways to write its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from residency.analysis.row import Row, Speedup
from residency.harness.outcomes import Outcome
from residency.harness.statistics import Interval
from residency.reports import words

NONE = "-"


@dataclass(frozen=True)
class Quality:
    """How good a result is, and how exactly that is known."""

    value: float
    error: float | None  # its standard error
    told: float  # the smallest difference that can be told, where there is no error; 0 where every digit counts


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
    quality: Quality | None
    stages: Mapping[str, float]  # seconds
    cold_seconds: float | None
    host_bytes: int | None
    device_bytes: int | None

    @property
    def is_baseline(self) -> bool:
        """Whether the others are held against it."""
        return self.against is not None and self.against.baseline == self.implementation


@dataclass(frozen=True)
class Form:
    """A way to write a column, and what it leaves out."""

    header: str
    text: Callable[[Line], str]
    without: str = ""


@dataclass(frozen=True)
class Column:
    """A column: its name, what it says of a line, and further ways to write it, each narrower than the one before."""

    name: str
    text: Callable[[Line], str]
    narrower: tuple[Form, ...] = ()
    right: bool = False  # numbers are aligned at their right

    @property
    def forms(self) -> tuple[Form, ...]:
        """The ways to write it, the widest first."""
        return Form(self.name, self.text), *self.narrower

    @property
    def plain(self) -> str:
        """Its name without its interval's level."""
        return self.name.removesuffix(" [95 %]")


def line(row: Row, told: float) -> Line:
    """A row's numbers; `told` is the smallest difference in quality that the task tells."""
    measured, result = row.measured, row.result
    right = result.quality is not None and result.outcome == Outcome.OK
    return Line(
        implementation=row.cell.implementation,
        library=row.cell.library,
        outcome=result.outcome,
        device=row.cell.device,
        threads=row.facts.threads,
        cores_used=measured.cores_used if measured else None,
        seconds=measured.seconds if measured else None,
        against=row.compared.speedup,
        quality=Quality(result.quality or 0.0, result.error, told) if right else None,
        stages=measured.stages if measured else {},
        cold_seconds=measured.cold_seconds if measured else None,
        host_bytes=row.facts.peak_host_bytes,
        device_bytes=row.facts.peak_device_bytes,
    )


def _cores(found: Line) -> str:
    return f"{found.cores_used:.1f} of {found.threads}" if found.cores_used is not None else NONE


def _time(found: Line) -> str:
    return words.interval(found.seconds) if found.seconds else found.outcome


def _median(found: Line) -> str:
    return words.seconds(found.seconds.value) if found.seconds else found.outcome


def _against(found: Line, times: Callable[[Speedup], str] = words.times, after: str = " ") -> str:
    """The verdict and the ratio; `after` stands between them."""
    if found.seconds is None:
        return NONE
    if found.against is None:
        return "not compared"
    return "baseline" if found.is_baseline else f"{found.against.verdict}:{after}{times(found.against)}"


def _once(ratio: Speedup) -> str:
    return words.once(ratio.value)


def _quality(found: Line) -> str:
    return words.quality(found.quality.value, found.quality.told, found.quality.error) if found.quality else NONE


def _stages(found: Line) -> str:
    return words.where_time_went(found.stages) if found.seconds else NONE


def _cold(found: Line) -> str:
    return words.seconds(found.cold_seconds) if found.cold_seconds is not None else NONE


def _memory(found: Line) -> str:
    """Peak memory: of the host, and on a GPU of the device."""
    if found.seconds is None:
        return NONE
    host = words.size(found.host_bytes) if found.host_bytes is not None else NONE
    if found.device == "cpu":
        return host
    return f"{host}, GPU {words.size(found.device_bytes) if found.device_bytes is not None else 'not known'}"


WITHOUT = "the interval against the baseline"
COLUMNS = (
    Column("implementation", lambda found: found.implementation),
    Column("library", lambda found: found.library),
    Column("cores", _cores, right=True),
    Column("median time [95 %]", _time, (Form("median", _median, "the interval of the median time"),), right=True),
    Column(
        "against the baseline [95 %]",
        _against,
        (
            Form("against the baseline", lambda found: _against(found, _once), WITHOUT),
            Form("against the\nbaseline", lambda found: _against(found, _once, "\n"), WITHOUT),
        ),
        right=True,
    ),
    Column("quality", _quality, right=True),
    Column(
        "where the time went",
        _stages,
        (Form("where the time went", lambda found: _stages(found).replace(", ", ",\n")),),  # a line a stage
    ),
    Column("cold", _cold, right=True),
    Column("memory", _memory, right=True),
)
HEADER = tuple(column.name for column in COLUMNS)
