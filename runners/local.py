"""Run on this machine: a fresh process for every implementation and replicate; the processes take turns.

In a replicate the workers of all implementations of a group are alive together. Each first runs cold, then warms up.
Then every round gives each of them one turn. Of every two rounds one goes forward and one backward, in random order, so
a drift of the machine affects all in the same way. If memory does not allow that, the workers live one after another. A
replicate covers all groups before the next one starts, so a run that ends early has data of every group.

With a target precision, a run checks whether every ratio's interval is narrow enough: after the replicates asked for,
then after twice, four and eight times as many. A group that is precise enough is not measured further.

After the budget, nothing more is started (`budget.py`). At the limit, nothing continues: the time to make data counts,
what is running is interrupted, and what that replicate had measured so far is kept.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np

from residency.harness import statistics
from residency.harness.outcomes import Ending, not_reached
from residency.harness.records import Recorder, Records
from residency.harness.statistics import QUIET, Conditions
from residency.harness.task import Implementation
from residency.runners import forecast, machine
from residency.runners.budget import Budget, Expected, is_kept, seconds_for
from residency.runners.plan import Group, absent, unavailable
from residency.runners.process import Ended, settle
from residency.runners.resume import Done, done, key_of
from residency.runners.settings import Settings
from residency.runners.turn import Ledger, Listener, OutOfTime, Prepared, Turn, make

NOTHING_EXPECTED = Expected()


def run_local(
    groups: Sequence[Group],
    settings: Settings,
    recorder: Recorder,
    listener: Listener,
    before: Records | None = None,
    *,
    resumed: bool = True,
    expected: Expected = NOTHING_EXPECTED,
) -> None:
    """Measure the groups until every replicate is done or the budget is used up; skip what `before` already holds.

    Without a budget or a limit from the user, each implementation gets at least one replicate with one timed sample.
    Whatever happens to a worker becomes an outcome of its cell, and the run continues. If `before` belongs to a run
    that is `resumed`, the user is told what was missing in it, and why. With a strict budget, the groups that are
    `expected` to take least time come first.
    """
    deadline = math.inf if settings.limit is None else monotonic() + settings.limit
    budget = Budget(seconds_for((group.part for group in groups), settings), is_kept(settings), spent=expected.spent)
    ledger = Ledger(settings, recorder, listener, deadline, budget)
    if budget.kept:
        groups = sorted(groups, key=lambda group: expected.cost(group.title, (one.id for one in group.implementations)))
    try:
        _Run(ledger, before, machine.versions(), resumed, expected).measure(groups)
    except OutOfTime as cut:
        listener.note(f"{cut} was cut: the time is up; what was measured before is kept")


def looks(settings: Settings) -> list[int]:
    """The numbers of replicates after which the run checks whether it is precise enough."""
    times = statistics.LOOKS if settings.precision else 1
    return [settings.replicates * 2**number for number in range(times)]


def half_width(
    times: Mapping[str, Mapping[int, Sequence[float]]],
    on_cpu: Sequence[str],
    twins: Sequence[tuple[str, str]] = (),
    conditions: Conditions = QUIET,
) -> float:
    """Half the widest 95 % interval of the ratios that a report will show, as a fraction; for one row, of its time.

    The ratios are those to the fastest on the CPU, which share the error among all that could have been the fastest,
    and those of `twins`, the CPU side and the GPU side of each pair. Infinite if there is nothing to compare.
    """
    middle = {name: statistics.median_time(list(mine.values())).value for name, mine in times.items()}
    candidates = [name for name in middle if name in on_cpu]
    base = min(candidates or middle, key=middle.__getitem__, default=None)
    if base is None:
        return math.inf
    pairs = [(base, name, max(1, len(set(candidates) - {name}))) for name in times if name != base]
    pairs += [(cpu, gpu, 1) for cpu, gpu in twins if cpu in times and gpu in times]
    intervals = []
    for first, second, choices in pairs:
        if shared := sorted(times[first].keys() & times[second].keys()):
            theirs, own = ([times[name][replicate] for replicate in shared] for name in (first, second))
            intervals.append(statistics.speed_ratio(theirs, own, statistics.LOOKS * choices, conditions))
    if len(times) == 1:
        intervals.append(statistics.median_time(list(times[base].values()), statistics.LOOKS, conditions))
    return max(((interval.high / interval.low) ** 0.5 - 1 for interval in intervals), default=math.inf)


@dataclass
class _Run:
    ledger: Ledger
    before: Records | None
    versions: Mapping[str, str]
    resumed: bool
    expected: Expected
    told: bool = False  # whether the user was told what is expected

    def measure(self, groups: Sequence[Group]) -> None:
        settings, budget = self.ledger.settings, self.ledger.budget
        all_prepared = [prepared for group in groups if (prepared := self._prepare(group)) is not None]
        if not budget.kept:  # the budget counts from when the data is made
            all_prepared = [prepared for prepared in all_prepared if self._make(prepared)]
            self.ledger.budget = budget = Budget(
                seconds_for((prepared.group.part for prepared in all_prepared), settings)
            )
        budget.waiting = sum(len(prepared.open) for prepared in all_prepared)
        share = budget.seconds / max(1, len(all_prepared) * settings.replicates)
        for target in looks(settings):
            for turn in range(target):
                for prepared in all_prepared:
                    late = prepared.last_seconds and not budget.fits(prepared.last_seconds)
                    if (
                        prepared.open
                        and prepared.complete <= turn
                        and not prepared.settled
                        and not late
                        and not budget.used_up
                    ):
                        start = monotonic()
                        self._replicate(prepared, share)
                        prepared.last_seconds = monotonic() - start
            for prepared in all_prepared:
                prepared.settled = prepared.settled or self._is_settled(prepared.open, prepared.known)
        if budget.kept:
            self._tell_not_reached(all_prepared)

    def _tell_not_reached(self, all_prepared: Sequence[Prepared]) -> None:
        """Record an outcome for everything that the budget left no time for, so that nothing is silently missing."""
        for prepared in all_prepared:
            for implementation in prepared.open:
                if not prepared.known.times.get(implementation.id):
                    why = not_reached(self.ledger.budget.seconds, _used_by(prepared, implementation))
                    self.ledger.end(
                        prepared.group.cell(implementation), max(0, prepared.known.next - 1), why, key=prepared.key
                    )

    def _is_settled(self, open_ones: Sequence[Any], known: Done) -> bool:
        """Whether the ratios are as precise as asked; False if no precision was asked."""
        precision = self.ledger.settings.precision
        compared = [open_one for open_one in open_ones if open_one.id in known.times and not open_one.beside]
        times = {open_one.id: known.times[open_one.id] for open_one in compared}
        on_cpu = [open_one.id for open_one in open_ones if open_one.device == "cpu"]
        if precision is None:
            return False
        waiting = known.busy.waiting(machine.cores_in_machine())
        fastest = min((np.median(seconds) for mine in times.values() for seconds in mine.values()), default=0.0)
        conditions = Conditions(known.busy.threads, waiting, float(fastest))
        twins = [(gpu.twin, gpu.id) for gpu in open_ones if gpu.device == "gpu" and gpu.twin]
        return half_width(times, on_cpu, twins, conditions) <= precision

    def _prepare(self, group: Group) -> Prepared | None:
        """Record what cannot run here, and return what must still be measured; None if nothing."""
        settings = self.ledger.settings
        key = key_of(group, settings, self.versions)
        known = done(group, key, self.before)
        open_ones = []
        for implementation in group.implementations:
            if implementation.id in known.ended:
                continue
            elsewhere, ran = settings.scheduler is not None, implementation.id in known.times
            why = unavailable(implementation, elsewhere)
            if why is None and not ran:  # what is measured beats a forecast
                why = forecast.not_started(group, implementation, elsewhere)
            if why is not None:
                self.ledger.end(group.cell(implementation), known.next, why, key=key)
            else:
                open_ones.append(implementation)
        prepared = Prepared(group, {}, open_ones, False, key, known)
        if not open_ones or prepared.complete >= looks(settings)[-1]:
            return None
        if prepared.complete in looks(settings):
            prepared.settled = self._is_settled(open_ones, known)
        if prepared.settled:
            return None
        if self.before is not None and self.resumed:
            if 0 < known.asked <= prepared.complete:
                known.reason = "more are asked for"
            missing = (
                f"{settings.replicates - prepared.complete} replicates" if settings.precision is None else "replicates"
            )
            self.ledger.listener.note(f"{group.title}: {missing} more: {known.reason}")
        return prepared

    def _make(self, prepared: Prepared) -> bool:
        """Make the group's data; if that fails, every implementation ends with that outcome."""
        group = prepared.group
        why = absent(group.dataset)
        if why is None:
            self.ledger.listener.status(f"{group.title}: making the data")
            try:
                prepared.facts = make(group, self.ledger.settings.threads, self.ledger.within)
            except Ended as ended:
                self.ledger.check(ended.ending, f"{group.title}: making the data")
                why = Ending(ended.ending.outcome, f"making the data: {ended.ending.reason}")
        if why is not None:
            for implementation in prepared.open:
                self.ledger.end(group.cell(implementation), prepared.known.next, why, key=prepared.key)
            self.ledger.budget.waiting -= len(prepared.open)
            prepared.open = []
            return False
        prepared.made = prepared.facts["seconds"]
        self._leave_out_too_large(prepared)
        prepared.alone = forecast.crowded(prepared.open, prepared.facts["decoded"])
        return bool(prepared.open)

    def _leave_out_too_large(self, prepared: Prepared) -> None:
        """Record what will not fit, by the size of the data that was made; most of it was left out before."""
        group, decoded = prepared.group, prepared.facts["decoded"]
        for implementation in list(prepared.open):
            if implementation.id in prepared.known.times:
                continue
            why = forecast.not_started(group, implementation, self.ledger.settings.scheduler is not None, decoded)
            if why is not None:
                self.ledger.end(group.cell(implementation), prepared.known.next, why, key=prepared.key)
                self.ledger.budget.waiting -= 1
                prepared.open.remove(implementation)

    def _replicate(self, prepared: Prepared, share: float) -> None:
        budget = self.ledger.budget
        if not prepared.facts and (not self._make(prepared) or budget.used_up):
            return
        if not self.told and self.expected.sentence:
            self.ledger.listener.note(self.expected.sentence)
        self.told = True
        replicate, prepared.known.next = prepared.known.next, prepared.known.next + 1
        order = list(prepared.open)
        chance = random.Random(f"{prepared.group.title} {replicate}")
        chance.shuffle(order)
        first = budget.kept and prepared.complete == 0
        if first:  # first those with the fewest replicates, then those that take least time
            costs = {this.id: self.expected.cost(prepared.group.title, (this.id,)) for this in order}
            order.sort(key=lambda this: (len(prepared.known.ok.get(this.id, ())), costs[this.id]))
        teams = [[implementation] for implementation in order] if prepared.alone else [order]
        for team in teams:
            with ExitStack() as stack:
                turns = [Turn(self.ledger, prepared, implementation, replicate, stack) for implementation in team]
                try:
                    self._take_turns(turns, share / len(teams), chance, first)
                except OutOfTime:
                    for turn in turns:
                        turn.keep()
                    raise

    def _take_turns(self, turns: Sequence[Turn], share: float, chance: random.Random, first: bool) -> None:
        """Start all workers, then take rounds; in the `first` pass of a strict budget, time each once at its start."""
        budget, start = self.ledger.budget, monotonic()
        part = budget.part(len(turns)) * len(turns)
        for number, turn in enumerate(turns):
            settle([other.worker for other in turns if other.worker is not None and other.ending is None])
            turn.begin(len(turns) - number)
            if first:
                turn.take("timed", 0)
        self._rounds(turns, budget.sampling(share, monotonic() - start, part), chance, int(first))
        for turn in turns:
            turn.finish()

    def _rounds(self, turns: Sequence[Turn], seconds: float, chance: random.Random, done: int) -> None:
        """Take as many rounds as the time allows, but at least one, including those that are `done`."""
        alive = [turn for turn in turns if turn.ending is None and turn.worker is not None]
        expected = sum(turn.last * (turn.calls + turn.lead_in) + turn.aside for turn in alive)
        rounds = max(1 - done, min(self.ledger.settings.rounds - done, int(seconds / expected))) if expected else 0
        forward = True
        for number in range(rounds):
            forward = not forward if number % 2 else chance.random() < 0.5
            for turn in alive if forward else reversed(alive):
                settle([other.worker for other in alive if other.worker is not None and other.ending is None])
                turn.take("timed", done + number)


def _used_by(prepared: Prepared, implementation: Implementation) -> str:
    """How the budget was used up before an implementation had a timed sample."""
    if implementation.id in prepared.cold:
        return f"by its first, cold execution ({prepared.cold[implementation.id]:.3g} s), which is not compared"
    if prepared.facts and not prepared.cold:
        return f"by making the data ({prepared.facts['seconds']:.3g} s), which is kept for the next run"
    return "before its turn"
