"""The progress of a cohort's grading: a line for each submission that is done, and on a terminal what is under way."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from residency.labs.audit import Record
from residency.labs.gradebook import timing_problem
from residency.reports import screen, words

REFRESH = 1.0  # pictures a second, and no more: drawing takes processor time from what is measured
QUIET = 60.0  # seconds without a line; then a line says what is under way, if there is no terminal


class Progress:
    """Shows the progress on stderr; use it as a context manager."""

    def __init__(self, whole: int, already: int) -> None:
        self._console = screen.progress()
        self._whole, self._done = whole, already
        self._said = time.monotonic()
        terminal = self._console.is_terminal
        self._status = self._console.status("starting", refresh_per_second=REFRESH) if terminal else None

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def doing(self, running: Mapping[str, str], left: float | None) -> None:
        """What is under way."""
        if self._status is None and time.monotonic() - self._said < QUIET:
            return
        now = "; ".join(f"{words.plain(team)[:30]}: {doing}" for team, doing in running.items())
        rest = f"; about {words.seconds(left)} left" if left is not None else ""
        text = f"{self._done} of {self._whole} graded{rest}{f'; now {now}' if now else ''}"
        if self._status is not None:
            self._status.update(text.replace("[", r"\["))
        else:
            self._print(text)

    def done(self, record: Record, count: int) -> None:
        """A submission is graded."""
        self._done = count
        result = f"{record.total:g} of {record.most} points" if record.graded else record.problem
        problem = timing_problem(record)
        self._print(
            f"{count:>3}/{self._whole}  {words.plain(record.team)}: {result}{f' ({problem})' if problem else ''}"
        )

    def failed(self, team: str, why: str) -> None:
        """The grader failed, not the team."""
        self._print(f"         {words.plain(team)}: NOT GRADED: {words.plain(why)}")

    def _print(self, text: str) -> None:
        self._said = time.monotonic()
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
