"""The answer in a terminal: the plan, its price and the wait first; one screen, to be read aloud."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from residency.harness.dataset import number_of
from residency.harness.errors import visible
from residency.harness.statistics import Interval
from residency.planner.answer import SHARE, Answer, Fit
from residency.planner.cohort import GB, Hardware, Target
from residency.planner.holdout import Held
from residency.planner.search import Evaluated
from residency.planner.selftest import Check
from residency.reports import words

WHO = {"class": "tries in class", "project": "jobs of projects", "grading": "submissions", "all": "jobs"}
TIME_SLICED = "Time slicing protects neither memory nor the others: one job can fail or slow all on its card."
MADE_UP = "Times of this plan come from a made-up run: nothing was measured."
SLOWER = 1.25  # times the time to a result, from which on the screen says so
LABELS = 15  # columns of the names of lines


def lines(found: Answer) -> Iterator[str]:
    """The whole answer."""
    cohort = found.cohort
    weeks = number_of(cohort.calendar.total, "week")
    yield f"{visible(cohort.name)}: {number_of(cohort.residents, 'resident')}, {weeks}"
    shown = found.shown
    assert shown is not None  # else nothing could be simulated, which the command has said
    if found.chosen is None:
        yield "No option meets the target. The nearest is:"
    yield f"{'Plan' if found.chosen else 'Nearest'}: {option(shown)}{_price(shown)}"
    for target, interval in zip(cohort.targets, shown.targets, strict=True):
        yield _sentence(target, interval) if _is_waited(target, shown) else _nobody(target)
    if found.made_up:
        yield MADE_UP
    if shown.hardware.sharing == "time-sliced":
        yield TIME_SLICED
    yield from _waits(shown)
    yield ""
    yield from _facts(found, shown)
    yield from _others(found, shown)
    yield from _assumed(found)
    drawn = ", each with other values assumed" if found.assumptions else ""
    yield _line("Simulated", f"{times(shown.replications)}{drawn}; 95 % intervals; seed {cohort.seed}")


def option(one: Evaluated) -> str:
    """`8 x whole H200`."""
    return f"{one.count:,} x {visible(one.hardware.name)}"


def _price(one: Evaluated) -> str:
    if one.price is None:
        return " (no price given)"
    price = one.price
    return f": {_money(price.hour)} {price.currency} an hour, {_money(price.week)} {price.currency} a week"


def _money(value: float) -> str:
    return f"{value:,.2f}" if abs(value) < 100 else f"{value:,.0f}"


def times(count: int) -> str:
    """`once`, `20 times`."""
    return "once" if count == 1 else f"{count:,} times"


def minutes(value: float) -> str:
    """Minutes as a wait is told: tenths."""
    return f"{value:.1f}"


def _sentence(target: Target, found: Interval) -> str:
    holds = "" if found.high <= target.wait_minutes else ": missed"
    return (
        f"{target.percentile:g} of 100 {WHO[target.of]} wait at most {minutes(found.value)} min "
        f"(interval {minutes(max(0.0, found.low))} to {minutes(found.high)}; target {target.wait_minutes:g}{holds})"
    )


def _is_waited(target: Target, one: Evaluated) -> bool:
    """Whether anything ran that the target is about."""
    return target.of in one.waits


def _nobody(target: Target) -> str:
    return f"No {WHO[target.of]} ran on it, so that nobody waits (target {target.wait_minutes:g} min)"


def _waits(one: Evaluated) -> Iterator[str]:
    if not one.waits:
        return
    yield f"{'Minutes':<{LABELS}}{'wait: half':>12}{'95 of 100':>11}{'99 of 100':>11}{'result after: half':>20}"
    for name, wait in one.waits.items():
        if name == "all" and len(one.waits) == 2:
            continue
        cells = (wait.p50, wait.p95, wait.p99)
        text = "".join(f"{minutes(cell.value):>{width}}" for cell, width in zip(cells, (12, 11, 11), strict=True))
        yield f"  {name:<{LABELS - 2}}{text}{minutes(wait.result_p50.value):>20}"


def _facts(found: Answer, one: Evaluated) -> Iterator[str]:
    cohort = found.cohort
    missed = f"{_of_hundred(one.missed)} simulated residencies"
    sessions = f", {_of_hundred(one.sessions_missed.value)} class sessions" if one.sessions_missed else ""
    yield _line("Target missed", f"in {missed}{sessions}")
    if one.tries_lost is not None and one.tries_lost.value >= 0.005:
        yield _line("Lost in class", f"waiting leaves no time for {_of_hundred(one.tries_lost.value)} tries")
    idle = ""
    if one.price is not None:
        idle = (
            f"; idle time costs {_money(one.price.hour * max(0.0, 1.0 - one.busy.value))} {one.price.currency} an hour"
        )
    yield _line("In use", f"{_share(one.busy.value)} of the paid time{idle}")
    if one.price is not None and one.price.overtime >= 0.5:
        text = f"{one.price.overtime:,.0f} card hours a week, in which jobs still run: they are paid"
        yield _line("Overtime", text)
    if one.price is not None:
        all_weeks = one.price.week * cohort.calendar.total / cohort.residents
        yield _line(
            "Per resident", f"{_money(all_weeks)} {one.price.currency} for {number_of(cohort.calendar.total, 'week')}"
        )
    yield from _slower(found, one)
    if found.fits:
        yield _line("Memory", memory(max(found.fits, key=lambda fit: fit.memory_bytes), one.hardware))
    if found.staggered is not None:
        yield _line("Stagger starts", _staggered(found, one))
    if found.influences and found.influences[0].range > 0:
        most = found.influences[0]
        low, high = sorted((most.smaller, most.larger))
        yield _line(
            "Matters most",
            f"{most.name}: {words.percent(SHARE)} less or more gives {minutes(low)} to {minutes(high)} min",
        )


def _share(share: float) -> str:
    return "less than 1 %" if 0 < share < 0.005 else words.percent(share)


def _line(name: str, text: str) -> str:
    return f"{name:<{LABELS}}{text}"


def _of_hundred(share: float) -> str:
    return f"{100 * share:.0f} of 100"


def memory(fit: Fit, hardware: Hardware) -> str:
    """What the largest job needs, and what that means."""
    need, size = (f"{bytes_ / GB:.3g} GB" for bytes_ in (fit.memory_bytes, fit.unit_bytes))
    place = f"a {fit.unit}" if fit.unit in {"card", "machine"} else f"a slice {fit.unit}"
    said = f"{visible(fit.name)} needs up to {need}, {place} has {size}"
    if hardware.sharing == "time-sliced":
        return f"{said}: {fit.at_once} at once"
    if fit.smallest_slice and fit.slices_a_card > 1 and hardware.sharing == "exclusive":
        return f"{said}; or {fit.slices_a_card} slices {fit.smallest_slice} a card"
    return said


def _staggered(found: Answer, one: Evaluated) -> str:
    spread = found.staggered
    assert spread is not None
    said = f"spread over {spread.minutes} min more: {minutes(spread.wait.value)} min"
    if not spread.is_searched:
        return f"{said}; fewer cards were not tried, since that takes long"
    if spread.count is None:
        return f"{said}; as many cards are needed"
    saved = ""
    if spread.week_saved is not None and one.price is not None:
        saved = f", {_money(spread.week_saved)} {one.price.currency} a week less"
    return f"{said}; {spread.count:,} would do{saved}"


def _others(found: Answer, shown: Evaluated) -> Iterator[str]:
    """The other options at their best, and the chosen one with one card less."""
    name = "Others"
    for known in found.options:
        same = [one for one in known.evaluated if one.place == shown.place and one.count != shown.count]
        best = [one for one in known.evaluated[-1:] if one.place != shown.place]
        for one in (*same, *best):
            price = f"{_money(one.price.week)} {one.price.currency} a week, " if one.price else ""
            wait = worst(one, found.cohort.targets)
            yield _line(name, f"{option(one)}: {price}{wait} min{'' if one.meets else ', misses'}")
            name = ""
        if known.refused:
            yield _line(name, f"{visible(known.name)}: not possible: {known.refused}")
            name = ""


def _slower(found: Answer, shown: Evaluated) -> Iterator[str]:
    """Who waits less may still compute longer: on a slice, or on a shared card."""
    mine = shown.waits.get("class")
    others = [one for option in found.options for one in option.evaluated if one.meets and "class" in one.waits]
    if mine is None or not others:
        return
    fastest = min(others, key=lambda one: one.waits["class"].result_p50.value)
    theirs = fastest.waits["class"].result_p50.value
    if mine.result_p50.value > SLOWER * theirs:
        text = f"half the tries take {minutes(mine.result_p50.value)} min or more"
        yield _line("Slower tries", f"{text}; {minutes(theirs)} with {option(fastest)}")


def worst(one: Evaluated, targets: Sequence[Target]) -> str:
    """The wait of the target that comes nearest to being missed, or is missed most."""
    pairs = zip(one.targets, targets, strict=True)
    interval, _ = max(pairs, key=lambda pair: pair[0].high / max(pair[1].wait_minutes, 1e-9))
    return minutes(interval.value)


def _assumed(found: Answer) -> Iterator[str]:
    assumed = [one for one in found.assumptions if one.kind == "assumed"]
    measured = [one for one in found.assumptions if one.kind == "measured"]
    moved = [one for one in found.assumptions if one.kind == "transferred"]
    if not found.assumptions:
        return
    said = [f"{len(measured)} measured"] if measured else ["none is measured"]
    if moved:
        said.append(f"{len(moved)} transferred from other hardware")
    are = f"{len(assumed)} numbers are assumptions" if len(assumed) != 1 else "1 number is an assumption"
    yield _line("Not known", f"{are}; {', '.join(said)}. See --details")


def details(found: Answer) -> Iterator[str]:
    """Every number that is not known exactly, with its range and where it comes from; then what else matters."""
    yield "Numbers with a range"
    for one in found.assumptions:
        yield f"  {one.field}: {one.value:.3g} ({one.low:.3g} to {one.high:.3g}); {one.kind}: {visible(one.source)}"
    yield ""
    yield f"{words.percent(SHARE)} less or more, and what the wait becomes"
    for influence in found.influences:
        yield f"  {influence.name}: {minutes(influence.smaller)} and {minutes(influence.larger)} min"
    yield ""
    yield "Memory"
    shown = found.shown
    for fit in found.fits:
        yield f"  {memory(fit, shown.hardware)}" if shown else ""


def checks(found: Sequence[Check]) -> Iterator[str]:
    """The self-test: what is known exactly, and what the simulation says."""
    width = max(len(check.name) for check in found)
    yield f"{'':<6}{'What is known exactly':<{width}}  {'exact':>9}  simulated, with its interval"
    for check in found:
        simulated = check.simulated
        span = f" ({simulated.low:.4g} to {simulated.high:.4g})" if simulated.low < simulated.high else ""
        mark = "ok" if check.holds else "WRONG"
        yield f"{mark:<6}{check.name:<{width}}  {check.expected:>9.4g}  {simulated.value:.4g}{span}"
    wrong = sum(not check.holds for check in found)
    yield ""
    yield f"{len(found) - wrong} of {len(found)} hold." + (" Do not trust plans of this installation." if wrong else "")


def fits(held: Sequence[Held]) -> Iterator[str]:
    """The largest measured sizes, predicted from the smaller ones: how many lie inside the 90 % interval."""
    for what in dict.fromkeys(one.what for one in held):
        mine = [one for one in held if one.what == what]
        inside = sum(one.inside for one in mine)
        width = median(one.predicted.high / one.predicted.low for one in mine)
        wide = f"half the intervals are wider than a factor of {width:.2g}"
        yield f"{QUANTITY[what]}: {inside} of {len(mine)} inside; {wide}"
    yield ""
    outside = [one for one in held if not one.inside]
    for one in sorted(outside, key=lambda one: (one.key, one.what)):
        low, high = one.predicted.low, one.predicted.high
        name = f"{one.key.task} {one.key.implementation}, {one.rows:,} rows"
        yield f"  outside: {name}: {QUANTITY[one.what]} {one.measured:.3g}, predicted {low:.3g} to {high:.3g}"
    share = 1 - len(outside) / len(held)
    yield f"{words.percent(share)} of {len(held)} lie inside the 90 % interval."


QUANTITY = {
    "warm": "seconds, warm",
    "first": "seconds, first execution",
    "host memory": "bytes of host memory",
    "GPU memory": "bytes of GPU memory",
}
