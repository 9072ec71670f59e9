"""A run as it happens: a table of the group being measured in a terminal, a line a finished replicate elsewhere.

Both say what is left: of the time, and of the replicates. A terminal's picture stands still while something is timed,
so it names the hour at which the budget ends too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
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
from residency.reports import words

REFRESH = 0.25  # seconds; nothing is drawn between events, so that drawing disturbs no sample
COLUMNS = ("implementation", "library", "so far", "")
GAP = 2  # between two columns
QUIET = 30.0  # seconds without a line, after which what runs now is said where there is no terminal
LONG = 600.0  # seconds, from which on they are told in minutes
LEAST = 10  # for how many samples there are, or why none: the one column that may wrap


@dataclass(frozen=True)
class Planned:
    """What is to be measured: implementations that can run here, replicates of each at most, and the seconds for it."""

    cells: int
    replicates: int = 1
    seconds: float = math.inf
    kept: bool = False  # whether nothing is begun after that
    spent: float = 0.0  # seconds, before it begins


class Progress:
    """Listens to a run and shows it; use it as a context manager."""

    def __init__(self, console: Console, planned: Planned, clock: Callable[[], float] = monotonic) -> None:
        """`planned` tells of how much it is going to hear."""
        self._console, self._planned, self._clock = console, planned, clock
        self._drawn = self._said = clock()
        self._start = clock() - planned.spent
        left = planned.seconds - planned.spent
        self._end = datetime.now() + timedelta(seconds=left) if left < math.inf else None
        self._group = ""
        self._status = ""
        self._lines: dict[str, tuple[str, str, str]] = {}
        self._times: dict[tuple[str, str], list[float]] = {}
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
        self._console.print(escape(text), style="dim", highlight=False, soft_wrap=self._live is None)

    def record(self, record: Sample | OutcomeRecord) -> None:
        """Something was measured, or ended."""
        cell = record.cell
        group = f"{cell.task}  {cell.dataset}, {cell.size}"
        if group != self._group:
            self._group, self._lines = group, {}
        if isinstance(record, Sample):
            times = self._times.setdefault((group, cell.implementation), [])
            if record.phase == "timed":
                times.append(record.seconds)
            shown = words.seconds(median(times)) if times else f"{words.seconds(record.seconds)} ({record.phase})"
            self._lines[cell.implementation] = (cell.library, shown, _samples(times))
        else:
            self._count(record, (group, cell.implementation))
            self._ended(record, group)
        self._draw()

    def _count(self, record: OutcomeRecord, key: tuple[str, str]) -> None:
        """A replicate is over; of what went wrong there will be no other, and what cannot run was never planned."""
        if record.outcome == Outcome.OK:
            self._done[key] = self._done.get(key, 0) + 1
        elif record.outcome != Outcome.UNAVAILABLE:
            self._done[key] = self._planned.replicates

    def _ended(self, record: OutcomeRecord, group: str) -> None:
        cell = record.cell
        times = self._times.get((group, cell.implementation), [])
        ok = record.outcome == Outcome.OK
        result = f"{words.seconds(median(times))}, {_samples(times)}" if ok and times else record.reason
        self._lines[cell.implementation] = (cell.library, record.outcome, result)
        if self._live is None and record.outcome != Outcome.UNAVAILABLE:
            of = f" of {self._planned.replicates}" if record.replicate < self._planned.replicates else ""
            about = f"{group}: {cell.implementation}, replicate {record.replicate + 1}{of}: {record.outcome}, {result}"
            self._say(f"{about}; {self._left()}")

    def _say(self, text: str) -> None:
        self._said = self._clock()
        self._console.print(escape(text), soft_wrap=True, highlight=False)

    def _left(self) -> str:
        """How much of the time is left: `12 s of 30 s left`, and until when."""
        spent, whole = self._clock() - self._start, self._planned.seconds
        if self._end is None:
            return f"{_whole(spent)} so far"
        if spent < whole:
            return f"{_whole(whole - spent)} of {_whole(whole)} left, until {self._end:%H:%M:%S}"
        if self._planned.kept or len(self._done) >= self._planned.cells:
            return f"{_whole(spent)} so far: the time is up"
        return f"{_whole(spent)} so far: the time is up, but each is measured once"

    def _replicates(self) -> str:
        """How many are over, of those planned for all implementations."""
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
        """The group so far: without libraries, or without how many samples or why none, where there is no room."""
        lines = [(implementation, *line) for implementation, line in self._lines.items()]
        widths = [max(cell_len(cell) for cell in cells) for cells in zip(COLUMNS, *lines, strict=True)]
        widths[-1] = LEAST
        fits = (
            shown
            for shown in ((0, 1, 2, 3), (0, 2, 3))
            if sum(widths[place] + GAP for place in shown) - GAP <= self._console.width
        )
        shown = next(fits, (0, 2))
        table = Table(title=escape(self._group), title_justify="left", box=None, pad_edge=False)
        for place in shown:
            table.add_column(COLUMNS[place], no_wrap=place != 3, overflow="fold" if place == 3 else "ellipsis")
        for line in lines:
            table.add_row(*(escape(line[place]) for place in shown))
        return table


def _samples(times: list[float]) -> str:
    return f"{len(times)} sample{'' if len(times) == 1 else 's'}"


def _whole(seconds: float) -> str:
    """Whole seconds as long as a person counts in them."""
    return f"{seconds:.0f} s" if seconds < LONG else words.seconds(seconds)
