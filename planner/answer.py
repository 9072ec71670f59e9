"""The answer to `residency plan`: the plan, what it rests on, and what would change it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

from residency.harness.statistics import Interval
from residency.planner import large, mig, search, simulate, timetable, uncertain
from residency.planner.cohort import Cohort, Hardware, Quantity, Target
from residency.planner.demand import Measured
from residency.planner.needs import Need, Profile, Settled, Unknown, settle, too_large
from residency.planner.search import Effort, Evaluated, Found, Say, Workers
from residency.planner.simulate import ByHour
from residency.planner.whatif import with_stagger

SHARE = 0.3  # by which each kind of number is changed, both ways
STAGGER = 5  # minutes by which starts are spread more
KINDS: Mapping[str, str] = {  # what is changed together, by the fields of a cohort
    "attendance": r"people\.attendance",
    "think time in class": r"classes\..*\.think_minutes",
    "time of a try in class": r"labs\..*\.minutes",
    "think time in projects": r"projects\.think_minutes",
    "time of a project job": r"projects\.jobs\..*\.minutes",
}
SCHEMA = 1


@dataclass(frozen=True)
class Option:
    """One kind of hardware of the cohort: what was simulated of it, or why nothing was."""

    name: str
    needs: tuple[Need, ...]
    evaluated: tuple[Evaluated, ...]  # what the answer rests on
    screened: tuple[Evaluated, ...] = ()  # other numbers of cards, with few replications
    refused: str = ""


@dataclass(frozen=True)
class Influence:
    """What the first target's wait becomes if one kind of number is 30 % smaller or larger; minutes."""

    name: str
    smaller: float
    larger: float
    unchanged: float  # with the same people and as few replications

    @property
    def range(self) -> float:
        """How much it matters."""
        return abs(self.larger - self.smaller)


@dataclass(frozen=True)
class Staggered:
    """What it saves to spread the starts over more minutes."""

    minutes: int
    wait: Interval  # of the first target, with as many cards
    count: int | None  # the fewest cards that then meet the targets, if fewer; else None
    week_saved: float | None  # money a week, if fewer cards do
    is_searched: bool = True  # whether fewer cards were looked for: it takes too long for a large cohort


@dataclass(frozen=True)
class Fit:
    """How many tries of one job run at the same time on one unit of the chosen hardware."""

    name: str
    memory_bytes: int
    unit: str  # `card`, `machine`, or the slice's name
    unit_bytes: int
    at_once: int  # 0: it does not fit
    smallest_slice: str = ""  # the smallest MIG slice of this card that it fits, if the card has any
    slices_a_card: int = 0  # how many of these one card has


@dataclass(frozen=True)
class Assumption:
    """A number that nobody measured."""

    field: str
    value: float
    low: float
    high: float
    source: str
    kind: str  # assumed, transferred or measured: of the last, the range is a prediction interval


@dataclass(frozen=True)
class Answer:
    """All of it."""

    cohort: Cohort
    options: tuple[Option, ...]
    chosen: Evaluated | None
    nearest: Evaluated | None  # where no option meets the targets
    influences: tuple[Influence, ...]
    staggered: Staggered | None
    fits: tuple[Fit, ...]
    assumptions: tuple[Assumption, ...]
    effort: Effort  # of what the details are about

    @property
    def shown(self) -> Evaluated | None:
        """The plan that the details are about: the chosen one, or the nearest."""
        return self.chosen or self.nearest

    @property
    def made_up(self) -> bool:
        """Whether a number of the plan comes from a made-up run, in which nothing was measured."""
        return self.shown is not None and any(need.made_up for need in self.options[self.shown.place].needs)


def answer(
    cohort: Cohort, profiles: Mapping[str, Profile], measured: Measured, team: Workers, say: Say = lambda _: None
) -> Answer:
    """Plan a cohort. The same cohort and seed give the same answer, on one core or on many."""
    known = {place: settle(cohort, place, profiles, measured) for place in range(len(cohort.hardware))}
    settled_at = {place: settled for place, settled in known.items() if isinstance(settled, Settled)}
    found_at = _found(settled_at, team, say)
    options = [
        Option(hardware.name, (), (), refused=settled.reason)
        if isinstance(settled := known[place], Unknown)
        else _option(settled, found_at[place])
        for place, hardware in enumerate(cohort.hardware)
    ]
    simulated = [one for option in options for one in option.evaluated]
    limits = [target.wait_minutes for target in cohort.targets]
    chosen = search.cheapest(simulated)
    near = None if chosen else search.nearest(simulated, limits)
    shown = chosen or near
    if shown is None:
        return Answer(cohort, tuple(options), None, None, (), None, (), (), Effort(0, 0, 0))
    settled = settled_at[shown.place]
    if not shown.hours or shown.replications < search.effort(settled).confirming:
        say("hour by hour")
        full = search.evaluate(settled, shown.count, team, by_hour=True)
        options = [
            replace(option, evaluated=tuple(full if one is shown else one for one in option.evaluated))
            for option in options
        ]
        shown = full
    return Answer(
        cohort,
        tuple(options),
        shown if chosen else None,
        None if chosen else shown,
        tuple(_influences(settled, shown, team, say)),
        _staggered(settled, shown, team, say),
        tuple(_fits(settled)),
        tuple(_assumptions(settled)),
        search.effort(settled),
    )


def _found(settled_at: Mapping[int, Settled], team: Workers, say: Say) -> dict[int, Found]:
    """What was simulated of each option. Large ones come in the order of about what they cost, as each is slow."""
    found: dict[int, Found] = {}
    searches = {
        place: large.Search(settled, counts, team, say)
        for place, settled in settled_at.items()
        if search.is_large(settled) and (counts := search.apart(search.possible(settled)))
    }
    about = {place: search.week_price(of.settled, of.estimate()) for place, of in searches.items()}
    for place in sorted(settled_at, key=lambda place: (place in about, about.get(place, 0.0), place)):
        best = search.cheapest([one for known in found.values() for one in known.confirmed])
        below = best.price.week if best and best.price else math.inf
        if place in searches:
            counts = search.cheaper(settled_at[place], searches[place].counts, below)
            found[place] = searches[place].fewest(counts)
        else:
            found[place] = search.fewest(settled_at[place], team, say, below)
    return found


def _option(settled: Settled, found: Found) -> Option:
    most = max(settled.hardware.count)
    refused = "" if found.confirmed else too_large(settled, most) or search.too_slow(settled, most)
    return Option(settled.hardware.name, settled.needs, found.confirmed, found.screened, refused)


def _influences(settled: Settled, shown: Evaluated, team: Workers, say: Say) -> list[Influence]:
    """The kinds of numbers, the most influential first."""
    found = []
    numbers = _typical(settled, shown)
    unchanged = sum(shown.first[number] for number in numbers) / len(numbers)
    for name, pattern in KINDS.items():
        if not any(re.fullmatch(pattern, field) for field in uncertain.fields(settled.cohort)):
            continue
        say(f"what if: {name}")
        smaller, larger = (
            _wait(_scaled(settled, pattern, factor), shown.count, team, numbers) for factor in (1 - SHARE, 1 + SHARE)
        )
        found.append(Influence(name, smaller.value, larger.value, unchanged))
    return sorted(found, key=lambda one: -one.range)


def _typical(settled: Settled, shown: Evaluated) -> Sequence[int]:
    """The replications in which what ifs are simulated: of a large cohort those nearest to the mean of all."""
    few = search.effort(settled).what_if
    if not search.is_large(settled):
        return range(few)
    mean = shown.targets[0].value
    return sorted(range(shown.replications), key=lambda number: abs(shown.first[number] - mean))[:few]


def _wait(settled: Settled, count: int, team: Workers, numbers: Sequence[int]) -> Interval:
    return search.summary(settled, count, team.replications(settled, count, numbers)).targets[0]


def _scaled(settled: Settled, pattern: str, factor: float) -> Settled:
    """All numbers of a kind times this factor; shares stay at most 1."""
    scale = _factor(factor, at_most=1.0 if "attendance" in pattern else float("inf"))
    changed = uncertain.changed(
        settled.cohort, lambda field, known: scale(known) if re.fullmatch(pattern, field) else known
    )
    return replace(settled, cohort=changed)


def _factor(factor: float, at_most: float) -> Callable[[Quantity], Quantity]:
    def scale(known: Quantity) -> Quantity:
        value, low, high = (min(at_most, factor * bound) for bound in (known.value, known.low, known.high))
        return known.model_copy(update={"value": value, "low": low, "high": high})

    return scale


def _staggered(settled: Settled, shown: Evaluated, team: Workers, say: Say) -> Staggered | None:
    """None if there are no classes, or if their practice is too short for it."""
    longest = [each.practice_minutes - each.start_window_minutes.high - STAGGER for each in settled.cohort.classes]
    if not longest or min(longest) < 0:
        return None
    say(f"what if: starts spread over {STAGGER} minutes more")
    later = replace(settled, cohort=with_stagger(settled.cohort, f"{STAGGER}min"))
    if search.is_large(later):
        wait = _wait(later, shown.count, team, range(large.BATCH))
        return Staggered(STAGGER, wait, None, None, is_searched=False)
    wait = _wait(later, shown.count, team, range(search.effort(later).what_if))
    counts = tuple(count for count in shown.hardware.count if count <= shown.count)
    hardware = shown.hardware.model_copy(update={"count": counts})
    place = settled.place
    options = (*later.cohort.hardware[:place], hardware, *later.cohort.hardware[place + 1 :])
    fewer = search.fewest(replace(later, cohort=later.cohort.model_copy(update={"hardware": options})), team, say)
    meeting = [one for one in fewer.confirmed if one.meets and one.count < shown.count]
    if not meeting:
        return Staggered(STAGGER, wait, None, None)
    saved = shown.price.week - meeting[0].price.week if shown.price and meeting[0].price else None
    return Staggered(STAGGER, wait, meeting[0].count, saved)


def _fits(settled: Settled) -> list[Fit]:
    """How the memory of each job fits on the hardware, and on a slice of it."""
    found = []
    for need in settled.needs:
        if need.kind is not None:
            found += [_fit(need, settled.hardware, name, size) for name, size in _units(settled.hardware).items()]
    return found


def _units(hardware: Hardware) -> dict[str, int]:
    """The kinds of units by name, with their bytes."""
    if hardware.sharing == "mig" and hardware.card:
        return {name: hardware.card.slices[name].memory for name in dict.fromkeys(hardware.slices or ())}
    return {"card" if hardware.device == "gpu" else "machine": hardware.memory}


def _fit(need: Need, hardware: Hardware, unit: str, size: int) -> Fit:
    memory = need.memory_bytes or 0
    most = hardware.slots_per_card or 1 if hardware.sharing == "time-sliced" else 1
    at_once = min(most, size // memory if memory else most)
    slices = hardware.card.slices.values() if hardware.card else ()
    enough = sorted((part for part in slices if part.memory >= memory), key=lambda part: part.memory)
    if not enough or need.gang > 1 or hardware.card is None:
        return Fit(need.name, memory, unit, size, at_once)
    smallest = enough[0]
    return Fit(need.name, memory, unit, size, at_once, smallest.name, mig.most(hardware.card, smallest.name))


def _assumptions(settled: Settled) -> list[Assumption]:
    kinds = {f"{need.field}.minutes": need.kind or "assumed" for need in settled.needs}
    return [
        Assumption(field, known.value, known.low, known.high, known.source, kinds.get(field, "assumed"))
        for field, known in uncertain.assumptions(settled.cohort).items()
        if not field.startswith("hardware.") or field.startswith(f"hardware.{settled.hardware.name}.")
    ]


# --- As JSON --------------------------------------------------------------------------------------------------------


def document(found: Answer) -> dict[str, Any]:
    """The answer for programs: every number that a screen or a page shows, with its place."""
    cohort = found.cohort
    return {
        "schema": SCHEMA,
        "name": cohort.name,
        "residents": cohort.residents,
        "weeks": cohort.calendar.total,
        "currency": cohort.currency,
        "seed": cohort.seed,
        "made_up": found.made_up,
        "targets": [_target(target) for target in cohort.targets],
        "plan": _evaluated(found.chosen, cohort) if found.chosen else None,
        "nearest": _evaluated(found.nearest, cohort) if found.nearest else None,
        "options": [
            {
                "hardware": option.name,
                "refused": option.refused or None,
                "needs": [asdict(need) for need in option.needs],
                "evaluated": [_evaluated(one, cohort) for one in option.evaluated],
                "screened": [_evaluated(one, cohort) for one in option.screened],
            }
            for option in found.options
        ],
        "replications": asdict(found.effort),
        "influences": [asdict(one) for one in found.influences],
        "staggered": asdict(found.staggered) if found.staggered else None,
        "memory": [asdict(fit) for fit in found.fits],
        "assumptions": [asdict(one) for one in found.assumptions],
        "time_zone": cohort.places[0].time_zone or "UTC",
        "hours": [_hours(hour, cohort) for hour in found.shown.hours] if found.shown else [],
    }


def _hours(found: ByHour, cohort: Cohort) -> dict[str, Any]:
    """A kind of week; `begins` is its first hour, and the others follow one by one."""
    monday = datetime.combine(timetable.monday_of(cohort, found.week), time(), tzinfo=UTC)
    return {**asdict(found), "begins": (monday - timedelta(minutes=simulate.EARLY)).isoformat()}


def _target(target: Target) -> dict[str, Any]:
    return {"percentile": target.percentile, "wait_minutes": target.wait_minutes, "of": target.of}


def _evaluated(one: Evaluated, cohort: Cohort) -> dict[str, Any]:
    price = one.price
    return {
        "hardware": one.hardware.name,
        "gpu": one.hardware.gpu,
        "sharing": one.hardware.sharing,
        "count": one.count,
        "meets": one.meets,
        "targets": [
            {**asdict(interval), "nine_of_ten": list(spread)}
            for interval, spread in zip(one.targets, one.spread, strict=True)
        ],
        "chance_to_miss": one.missed,
        "sessions_missed": asdict(one.sessions_missed) if one.sessions_missed else None,
        "waits": {name: asdict(wait) for name, wait in one.waits.items()},
        "tries_lost": asdict(one.tries_lost) if one.tries_lost else None,
        "busy": asdict(one.busy),
        "price": {
            "hour": price.hour,
            "week": price.week,
            "all_weeks": price.week * cohort.calendar.total,
            "resident": price.week * cohort.calendar.total / cohort.residents,
            "idle_hour": price.hour * max(0.0, 1.0 - one.busy.value),
            "paid_hours": price.hours,
            "overtime_hours": price.overtime,
            "currency": price.currency,
            "read_on": price.read_on.isoformat(),
        }
        if price
        else None,
        "replications": one.replications,
        "jobs_simulated": one.jobs_simulated,
    }
