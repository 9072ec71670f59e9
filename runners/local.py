"""Running on this machine: a fresh process for every implementation and replicate, taking turns.

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
from residency.runners import machine, nvml
from residency.runners.budget import Budget, Expected, is_kept, seconds_for
from residency.runners.plan import Group, absent, unavailable
from residency.runners.process import Ended, settle
from residency.runners.resume import Done, done, key_of
from residency.runners.settings import Settings
from residency.runners.turn import Ledger, Listener, OutOfTime, Prepared, Turn, make

COPIES_IN_MEMORY = 3  # what an implementation is expected to hold, in sizes of its data, before it has been seen
LIBRARIES_IN_MEMORY = 400 * 2**20  # bytes of a worker with a large library imported
CONTEXT_IN_MEMORY = 700 * 2**20  # bytes of a GPU's memory that a worker's context and libraries take


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
    that was interrupted and is `resumed`, the user is told what was missing in it, and why. With a strict budget, what
    is `expected` to take least is measured first.
    """
    deadline = math.inf if settings.limit is None else monotonic() + settings.limit
    budget = Budget(seconds_for((group.scale for group in groups), settings), is_kept(settings), spent=expected.spent)
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
    """Half the widest 95 % interval of the ratios that a report will show, as a fraction; of one row, its time's.

    The ratios are those to the fastest on the CPU, which share the error over all that might have been the fastest, and
    those of `twins`, the CPU side of a pair to its GPU side. Infinite if there is nothing to compare.
    """
    middle = {name: statistics.median_time(list(mine.values())).value for name, mine in times.items()}
    candidates = [name for name in middle if name in on_cpu]
    base = min(candidates or middle, key=middle.__getitem__, default=None)
    if base is None:
        return math.inf
    pairs = [(base, name, max(1, len(set(candidates) - {name}))) for name in times if name != base]
    pairs += [(cpu, gpu, 1) for cpu, gpu in twins if cpu in times and gpu in times]
    found = []
    for first, second, choices in pairs:
        if shared := sorted(times[first].keys() & times[second].keys()):
            theirs, own = ([times[name][one] for one in shared] for name in (first, second))
            found.append(statistics.speed_ratio(theirs, own, statistics.LOOKS * choices, conditions))
    if len(times) == 1:
        found.append(statistics.median_time(list(times[base].values()), statistics.LOOKS, conditions))
    return max(((one.high / one.low) ** 0.5 - 1 for one in found), default=math.inf)


@dataclass
class _Run:
    ledger: Ledger
    before: Records | None
    versions: Mapping[str, str]
    resumed: bool
    expected: Expected
    told: bool = False  # what is expected

    def measure(self, groups: Sequence[Group]) -> None:
        settings, budget = self.ledger.settings, self.ledger.budget
        prepared = [one for group in groups if (one := self._prepare(group)) is not None]
        if not budget.kept:  # data is made before it counts
            prepared = [one for one in prepared if self._make(one)]
            self.ledger.budget = budget = Budget(seconds_for((one.group.scale for one in prepared), settings))
        budget.waiting = sum(len(one.open) for one in prepared) if budget.kept else 0
        share = budget.seconds / max(1, len(prepared) * settings.replicates)
        for target in looks(settings):
            for turn in range(target):
                for one in prepared:
                    late = one.last_seconds and not budget.fits(one.last_seconds)
                    if one.open and one.complete <= turn and not one.settled and not late and not budget.used_up:
                        start = monotonic()
                        self._replicate(one, share)
                        one.last_seconds = monotonic() - start
            for one in prepared:
                one.settled = one.settled or self._is_settled(one.open, one.known)
        if budget.kept:
            self._tell_not_reached(prepared)

    def _tell_not_reached(self, prepared: Sequence[Prepared]) -> None:
        """Give an outcome to what the budget left no time for, so that nothing is silently missing."""
        for one in prepared:
            for implementation in one.open:
                if not one.known.times.get(implementation.id):
                    why = not_reached(self.ledger.budget.seconds, _used_by(one, implementation))
                    self.ledger.end(one.group.cell(implementation), max(0, one.known.next - 1), why, key=one.key)

    def _is_settled(self, open_ones: Sequence[Any], known: Done) -> bool:
        """Whether the ratios are as precise as asked; False if no precision was asked."""
        precision = self.ledger.settings.precision
        times = {one.id: known.times[one.id] for one in open_ones if one.id in known.times and not one.beside}
        on_cpu = [one.id for one in open_ones if one.device == "cpu"]
        if precision is None:
            return False
        waiting = known.busy.waiting(machine.cores_in_machine())
        fastest = min((np.median(one) for mine in times.values() for one in mine.values()), default=0.0)
        conditions = Conditions(known.busy.threads, waiting, float(fastest))
        twins = [(one.twin, one.id) for one in open_ones if one.device == "gpu" and one.twin]
        return half_width(times, on_cpu, twins, conditions) <= precision

    def _prepare(self, group: Group) -> Prepared | None:
        """Record what cannot run here, and note what is still to be measured; None if nothing is."""
        settings = self.ledger.settings
        key = key_of(group, settings, self.versions)
        known = done(group, key, self.before)
        open_ones = []
        for implementation in group.implementations:
            if implementation.id in known.ended:
                continue
            if (why := unavailable(implementation, settings.scheduler is not None)) is not None:
                self.ledger.end(group.cell(implementation), known.next, why, key=key)
            else:
                open_ones.append(implementation)
        one = Prepared(group, {}, open_ones, False, key, known)
        if not open_ones or one.complete >= looks(settings)[-1]:
            return None
        if one.complete in looks(settings):
            one.settled = self._is_settled(open_ones, known)
        if one.settled:
            return None
        if self.before is not None and self.resumed:
            if 0 < known.asked <= one.complete:
                known.reason = "more are asked for"
            missing = f"{settings.replicates - one.complete} replicates" if settings.precision is None else "replicates"
            self.ledger.listener.note(f"{group.title}: {missing} more: {known.reason}")
        return one

    def _make(self, one: Prepared) -> bool:
        """Make the group's data; if that fails, every implementation ends with that outcome."""
        group = one.group
        why = absent(group.dataset)
        if why is None:
            self.ledger.listener.status(f"{group.title}: making the data")
            try:
                one.facts = make(group, self.ledger.settings.threads, self.ledger.within)
            except Ended as ended:
                self.ledger.check(ended.ending, f"{group.title}: making the data")
                why = Ending(ended.ending.outcome, f"making the data: {ended.ending.reason}")
        if why is not None:
            for implementation in one.open:
                self.ledger.end(group.cell(implementation), one.known.next, why, key=one.key)
            self.ledger.budget.waiting -= len(one.open)
            one.open = []
            return False
        one.made = one.facts["seconds"]
        copies, free = COPIES_IN_MEMORY * one.facts["bytes"], nvml.free()
        on_gpu = sum(implementation.device == "gpu" for implementation in one.open)
        crowded = free is not None and on_gpu > 1 and on_gpu * (copies + CONTEXT_IN_MEMORY) > 0.8 * free
        one.alone = crowded or len(one.open) * (copies + LIBRARIES_IN_MEMORY) > 0.8 * machine.memory_available()
        return True

    def _replicate(self, one: Prepared, share: float) -> None:
        budget = self.ledger.budget
        if not one.facts and (not self._make(one) or budget.used_up):
            return
        if not self.told and self.expected.sentence:
            self.ledger.listener.note(self.expected.sentence)
        self.told = True
        replicate, one.known.next = one.known.next, one.known.next + 1
        order = list(one.open)
        chance = random.Random(f"{one.group.title} {replicate}")
        chance.shuffle(order)
        first = budget.kept and one.complete == 0
        if first:  # what has least, then what takes least
            costs = {this.id: self.expected.cost(one.group.title, (this.id,)) for this in order}
            order.sort(key=lambda this: (len(one.known.ok.get(this.id, ())), costs[this.id]))
        teams = [[implementation] for implementation in order] if one.alone else [order]
        for team in teams:
            with ExitStack() as stack:
                turns = [Turn(self.ledger, one, implementation, replicate, stack) for implementation in team]
                try:
                    self._take_turns(turns, share / len(teams), chance, first)
                except OutOfTime:
                    for turn in turns:
                        turn.keep()
                    raise

    def _take_turns(self, turns: Sequence[Turn], share: float, chance: random.Random, first: bool) -> None:
        """Start all workers, then take rounds; in the `first` pass of a strict budget each is timed once right away."""
        budget, start = self.ledger.budget, monotonic()
        part = budget.part(len(turns)) * len(turns)
        for number, turn in enumerate(turns):
            settle([one.worker for one in turns if one.worker is not None and one.ending is None])
            turn.begin(len(turns) - number)
            if first:
                turn.take("timed", 0)
        self._rounds(turns, budget.sampling(share, monotonic() - start, part), chance, int(first))
        for turn in turns:
            turn.finish()

    def _rounds(self, turns: Sequence[Turn], seconds: float, chance: random.Random, done: int) -> None:
        """As many rounds as the time allows, but at least one, counting what is `done`."""
        alive = [turn for turn in turns if turn.ending is None and turn.worker is not None]
        expected = sum(turn.last * (turn.calls + turn.lead_in) + turn.aside for turn in alive)
        rounds = max(1 - done, min(self.ledger.settings.rounds - done, int(seconds / expected))) if expected else 0
        forward = True
        for number in range(rounds):
            forward = not forward if number % 2 else chance.random() < 0.5
            for turn in alive if forward else reversed(alive):
                settle([one.worker for one in alive if one.worker is not None and one.ending is None])
                turn.take("timed", done + number)


def _used_by(one: Prepared, implementation: Implementation) -> str:
    """What used up the budget before an implementation had a sample."""
    if implementation.id in one.cold:
        return f"by its first, cold execution ({one.cold[implementation.id]:.3g} s), which is not compared"
    if one.facts and not one.cold:
        return f"by making the data ({one.facts['seconds']:.3g} s), which is kept for the next run"
    return "before its turn"
