"""The search for a large cohort, on a small one, where the other search can say whether it is right."""

from __future__ import annotations

import tomllib
from typing import Any

from residency.planner import large, search, simulate
from residency.planner.demand import from_runs
from residency.planner.needs import Settled, settle
from residency.planner.reading import cohort_of

COHORT = """
name = "a class"
[calendar]
weeks = 1
start = 2027-01-11
time_zone = "UTC"
[people]
residents = 40
attendance = { value = 0.9, low = 0.8, high = 1.0, source = "a guess" }
[[classes]]
name = "practice"
days = ["mon"]
start = 09:00:00
hours = 2
practice = 0.5
labs = ["exercise"]
start_window_minutes = 1
think_minutes = 5
[[labs]]
name = "exercise"
minutes = { value = 1, low = 0.7, high = 1.5, source = "a guess" }
memory_gb = 10
tries = 2
[[hardware]]
name = "card"
gpu = "h200"
count = { from = 1, to = 60 }
[[targets]]
wait_minutes = 1
"""


TWO_SITES = """
[[sites]]
name = "in class"
residents = 60
[[sites]]
name = "in projects"
residents = 60
[projects]
hours_per_week = 20
days = ["mon"]
from = 00:00:00
to = 23:00:00
think_minutes = 60
[[projects.jobs]]
name = "train"
share = 1
minutes = 20
memory_gb = 10
scv = 1
"""


def settled(more: str = "", **of_hardware: Any) -> Settled:
    tables = tomllib.loads(COHORT + more)
    if more:
        del tables["people"]["residents"]
        tables["classes"][0]["sites"] = ["in class"]
    tables["hardware"][0].update(of_hardware)
    known = settle(cohort_of(tables), 0, {}, from_runs([]))
    assert isinstance(known, Settled)
    return known


def test_few_simulations_find_the_cards_that_halving_finds() -> None:
    cohort = settled()
    with search.workers(1) as team:
        halved = search.fewest(cohort, team, lambda _: None).confirmed[-1]
        assert halved.meets
        few = large.Search(cohort, cohort.hardware.count, team, lambda _: None)
        assert abs(few.estimate() - halved.count) < 0.4 * halved.count
        found = few.fewest(cohort.hardware.count)
        best = found.confirmed[-1]
        assert (best.meets, best.replications) == (True, few.replications)
        assert best.targets == search.evaluate(cohort, best.count, team, best.replications).targets
        assert halved.count <= best.count <= 1.1 * halved.count
        simulated = sum(one.replications for one in (*found.confirmed, *found.screened))
        assert simulated < 5 * few.replications

        too_few = large.Search(cohort, range(1, 6), team, lambda _: None)
        (one,) = too_few.fewest([*range(1, 6)]).confirmed
        assert (one.count, one.meets) == (5, False)
        assert one.replications < few.replications
        assert sum(one.first) > few.replications * 1  # the mean misses the target whatever the others do


def test_cards_reserved_for_class_shorten_its_waits_and_lengthen_others() -> None:
    waits = []
    for reserved in (0, 12):
        cohort = settled(TWO_SITES, count=[24], reserve_for_class=reserved)
        found = simulate.replicate(cohort.cohort, 0, 24, cohort.weeks, 0).waits
        waits.append((found["class"].mean, found["project"].mean))
    (class_before, projects_before), (class_after, projects_after) = waits
    assert class_after < class_before
    assert projects_after > projects_before
