"""The progress of a run. A terminal shows a table of the current group; elsewhere each finished replicate is a line.

Both say how much time is left, and a terminal also how many processes are done. A terminal's picture does not change
while something is timed, so it also shows the time of day at which the budget ends.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from types import TracebackType
from typing import Self

from rich.cells import cell_len
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from residency.harness.outcomes import Outcome
from residency.harness.records import OutcomeRecord, Sample
from residency.harness.statistics import median_time_so_far
from residency.reports import words

REFRESH = 0.25  # seconds; nothing is drawn between events, so that drawing disturbs no sample
COLUMNS = ("implementation", "library", "so far", "")
GAP = 2  # characters between two columns
QUIET = 30.0  # seconds without a line; after this time, if there is no terminal, a line says what runs now
LONG = 600.0  # seconds; longer times are shown in minutes
LEAST = 10  # characters for the last column, the only one that may wrap: the number of samples, or a reason


@dataclass(frozen=True)
class Planned:
    """What will be measured: the number of implementations that can run here, the most replicates, and the time."""

    cells: int
    replicates: int = 1
    seconds: float = math.inf
    kept: bool = False  # whether nothing is started after this time
    spent: float = 0.0  # seconds used before the measurement begins


class Progress:
    """Listens to a run and shows it; use it as a context manager."""

    def __init__(self, console: Console, planned: Planned, clock: Callable[[], float] = monotonic) -> None:
        """`planned` says how much the run will measure."""
        self._console, self._planned, self._clock = console, planned, clock
        self._drawn = self._said = clock()
        self._start = clock() - planned.spent
        left = planned.seconds - planned.spent
        self._end = datetime.now() + timedelta(seconds=left) if left < math.inf else None
        self._group = ""
        self._status = ""
        self._lines: dict[str, tuple[str, str, str]] = {}
        self._times: dict[tuple[str, str], dict[int, list[float]]] = {}  # seconds of each replicate
        self._done: dict[tuple[str, str], int] = {}  # replicates
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def status(self, text: str) -> None:
        """What is being done now."""
        self._status = text
        if self._live is None and self._clock() - self._said > QUIET:
            self._say(f"now: {text}; {self._left()}")
        self._draw(now=True)

    def note(self, text: str) -> None:
        """Something that must stay on the screen."""
        self._console.print(escape(words.visible(text)), style="dim", highlight=False, soft_wrap=self._live is None)

    def record(self, record: Sample | OutcomeRecord) -> None:
        """Something was measured, or has ended."""
        cell = record.cell
        group = f"{cell.task}  {cell.dataset}, {cell.size}"
        if group != self._group:
            self._group, self._lines = group, {}
        if isinstance(record, Sample):
            times = self._times.setdefault((group, cell.implementation), {})
            if record.phase == "timed":
                times.setdefault(record.replicate, []).append(record.seconds)
            shown = _time(times) if times else f"{words.seconds(record.seconds)} ({record.phase})"
            self._lines[cell.implementation] = (cell.library, shown, _samples(times))
        else:
            self._count(record, (group, cell.implementation))
            self._ended(record, group)
        self._draw()

    def _count(self, record: OutcomeRecord, key: tuple[str, str]) -> None:
        """Count a finished replicate. After a failure there will be no other, and what cannot run was never planned."""
        if record.outcome == Outcome.OK:
            self._done[key] = self._done.get(key, 0) + 1
        elif record.outcome != Outcome.UNAVAILABLE:
            self._done[key] = self._planned.replicates

    def _ended(self, record: OutcomeRecord, group: str) -> None:
        cell = record.cell
        times = self._times.get((group, cell.implementation), {})
        ok = record.outcome == Outcome.OK
        result = f"{_time(times)}, {_samples(times)}" if ok and times else record.reason
        self._lines[cell.implementation] = (cell.library, record.outcome, result)
        if self._live is None and record.outcome != Outcome.UNAVAILABLE:
            of = f" of {self._planned.replicates}" if record.replicate < self._planned.replicates else ""
            what = ", ".join(filter(None, [record.outcome, result]))
            about = f"{group}: {cell.implementation}, replicate {record.replicate + 1}{of}: {what}"
            self._say(f"{about}; {self._left()}")

    def _say(self, text: str) -> None:
        self._said = self._clock()
        self._console.print(escape(words.visible(text)), soft_wrap=True, highlight=False)

    def _left(self) -> str:
        """How much time is left, and until when: `12 s of 30 s left, until 14:05:00`."""
        spent, whole = self._clock() - self._start, self._planned.seconds
        if self._end is None:
            return f"{_whole(spent)} so far"
        if spent < whole:
            return f"{_whole(whole - spent)} of {_whole(whole)} left, until {self._end:%H:%M:%S}"
        if self._planned.kept or len(self._done) >= self._planned.cells:
            return f"{_whole(spent)} so far: the time is up"
        return f"{_whole(spent)} so far: the time is up, but every implementation is measured once"

    def _replicates(self) -> str:
        """How many processes are done, of those planned for all implementations."""
        over, planned = sum(self._done.values()), self._planned.cells * self._planned.replicates
        return f"{min(over, planned)} of {planned} processes done"

    def _draw(self, now: bool = False) -> None:
        if self._live is None or (not now and self._clock() - self._drawn < REFRESH):
            return
        self._drawn = self._clock()
        head = Text(f"{self._replicates()}; {self._left()}", style="dim")
        status = Text(f"now: {self._status}" if self._status else "", style="dim")
        self._live.update(Group(head, self._table(), status), refresh=True)

    def _table(self) -> Table:
        """The group so far. A narrow terminal has no place for libraries, or for the last column."""
        lines = [(implementation, *line) for implementation, line in self._lines.items()]
        widths = [max(cell_len(cell) for cell in cells) for cells in zip(COLUMNS, *lines, strict=True)]
        widths[-1] = LEAST
        fits = (
            shown
            for shown in ((0, 1, 2, 3), (0, 2, 3))
            if sum(widths[place] + GAP for place in shown) - GAP <= self._console.width
        )
        shown = next(fits, (0, 2))
        table = Table(title=escape(words.visible(self._group)), title_justify="left", box=None, pad_edge=False)
        for place in shown:
            table.add_column(COLUMNS[place], no_wrap=place != 3, overflow="fold" if place == 3 else "ellipsis")
        for line in lines:
            table.add_row(*(escape(words.plain(line[place])) for place in shown))
        return table


def _time(times: Mapping[int, Sequence[float]]) -> str:
    """The time that the report will show."""
    return words.seconds(median_time_so_far(list(times.values())))


def _samples(times: Mapping[int, Sequence[float]]) -> str:
    count = sum(map(len, times.values()))
    return f"{count} sample{'' if count == 1 else 's'}"


def _whole(seconds: float) -> str:
    """Whole seconds; long times in minutes."""
    return f"{seconds:.0f} s" if seconds < LONG else words.seconds(seconds)
