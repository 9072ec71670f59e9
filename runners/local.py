"""Running on this machine: a fresh process for every implementation and replicate, taking turns.

In a replicate the workers of all implementations of a group are alive together. Each first runs cold, then warms up;
then in every round each has its turn once, forward in even rounds and backward in odd ones, so that a drift of the
machine falls on all alike. Where memory does not allow that, one after another lives alone. Replicates go over all
groups before the next begins: whenever a run ends, it has the most of everything.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from time import monotonic
from typing import Any

from residency.harness.outcomes import Ending
from residency.harness.records import Recorder, Records
from residency.runners import machine
from residency.runners.plan import Group, absent, unavailable
from residency.runners.process import Ended, settle
from residency.runners.resume import done, key_of
from residency.runners.turn import Ledger, Listener, Prepared, Settings, Turn, make

COPIES_IN_MEMORY = 3  # what an implementation is expected to hold, in sizes of its data, before it has been seen
LIBRARIES_IN_MEMORY = 400 * 2**20  # bytes of a worker with a large library imported
MEASURING = 0.5  # of the time that starting and warming up took: worth spending on samples, whatever the budget
BUDGETS = {"smoke": 30.0, "lab": 180.0, "lecture": 600.0, "production": 4 * 3600.0, "full": 30.0}  # seconds a group


def run_local(
    groups: Sequence[Group], settings: Settings, recorder: Recorder, listener: Listener, before: Records | None = None
) -> None:
    """Measure the groups until every replicate is done or the budget is spent, but for what `before` holds already.

    Each implementation gets at least one replicate with one timed sample. Whatever happens to a worker becomes an
    outcome of its cell; the run goes on.
    """
    _Run(Ledger(settings, recorder, listener), before, machine.versions()).measure(groups)


@dataclass
class _Run:
    ledger: Ledger
    before: Records | None
    versions: Mapping[str, str]

    def measure(self, groups: Sequence[Group]) -> None:
        prepared = [one for group in groups if (one := self._prepare(group)) is not None]
        budget = self.ledger.settings.budget
        if budget is None:
            budget = sum(BUDGETS[one.group.size] for one in prepared)
        deadline = monotonic() + budget
        share = budget / max(1, len(prepared) * self.ledger.settings.replicates)
        for turn in range(self.ledger.settings.replicates):
            for one in prepared:
                start = monotonic()
                if not one.open or turn >= len(one.replicates) or (turn and start + one.last_seconds > deadline):
                    continue
                self._replicate(one, one.replicates[turn], share)
                one.last_seconds = monotonic() - start

    def _prepare(self, group: Group) -> Prepared | None:
        """Tell what cannot run here, and make the data for what can."""
        key = key_of(group, self.ledger.settings, self.versions)
        known = done(group, key, self.before)
        replicates = list(range(known.next, known.next + self.ledger.settings.replicates - len(known.replicates)))
        open_ones = []
        for implementation in group.implementations:
            if implementation.id in known.ended:
                continue
            if (why := unavailable(implementation)) is not None:
                self.ledger.end(group.cell(implementation), known.next, why, key=key)
            else:
                open_ones.append(implementation)
        if not open_ones or not replicates:
            return None
        if self.before is not None:
            self.ledger.listener.note(f"{group.title}: {len(replicates)} replicates more: {known.reason}")
        why = absent(group.dataset)
        facts: dict[str, Any] = {}
        if why is None:
            self.ledger.listener.status(f"{group.title}: making the data")
            try:
                facts = make(group, self.ledger.settings.threads)
            except Ended as ended:
                why = Ending(ended.ending.outcome, f"making the data: {ended.ending.reason}")
        if why is not None:
            for implementation in open_ones:
                self.ledger.end(group.cell(implementation), known.next, why, key=key)
            return None
        expected = len(open_ones) * (COPIES_IN_MEMORY * facts["bytes"] + LIBRARIES_IN_MEMORY)
        alone = expected > 0.8 * machine.memory_available()
        return Prepared(group, facts, open_ones, alone, key, replicates)

    def _replicate(self, one: Prepared, replicate: int, share: float) -> None:
        order = list(one.open)
        random.Random(f"{one.group.title} {replicate}").shuffle(order)
        teams = [[implementation] for implementation in order] if one.alone else [order]
        for team in teams:
            with ExitStack() as stack:
                turns = [Turn(self.ledger, one, implementation, replicate, stack) for implementation in team]
                start = monotonic()
                for turn in turns:
                    settle([one.worker for one in turns if one.worker is not None and one.ending is None])
                    turn.begin()
                spent = monotonic() - start
                self._rounds(turns, max(share / len(teams) - spent, MEASURING * spent))
                for turn in turns:
                    turn.finish()

    def _rounds(self, turns: Sequence[Turn], seconds: float) -> None:
        """As many rounds as the time allows, one at least."""
        alive = [turn for turn in turns if turn.ending is None]
        expected = sum(turn.last * turn.calls for turn in alive)
        rounds = max(1, min(self.ledger.settings.rounds, int(seconds / expected))) if expected else 0
        for number in range(rounds):
            for turn in alive if number % 2 == 0 else reversed(alive):
                settle([one.worker for one in alive if one.worker is not None and one.ending is None])
                turn.take("timed", number)
