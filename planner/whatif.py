"""What a flag of `residency plan` changes: a cohort in, a cohort out. Each raises `UsageError` that names the flag."""

from __future__ import annotations

import re
from typing import Literal, get_args

from residency.harness.errors import UsageError, likely, visible
from residency.planner.checks import problems
from residency.planner.cohort import MOST_CARDS, MOST_RESIDENTS, Cohort, Quantity, Site, Target
from residency.planner.reading import written

Of = Literal["class", "project", "grading", "all"]
TARGET = re.compile(
    r"p(\d+(?:\.\d+)?) +wait *(?:<=|<|≤) *(\d+(?:\.\d+)?) *(s|sec|min|h)(?: +of +(\w+))?", re.IGNORECASE
)
LENGTH = re.compile(r"(\d+(?:\.\d+)?) *(s|sec|min|h)", re.IGNORECASE)
MINUTES = {"s": 1 / 60, "sec": 1 / 60, "min": 1.0, "h": 60.0}


def with_residents(cohort: Cohort, residents: int) -> Cohort:
    """So many residents; several sites keep their shares of them, and each has at least one."""
    if not max(1, len(cohort.sites)) <= residents <= MOST_RESIDENTS:
        least = f"{len(cohort.sites)}, one for each site," if cohort.sites else "1"
        raise UsageError(f"--residents {residents}: must be at least {least} and at most {MOST_RESIDENTS}")
    if not cohort.sites:
        return _changed("--residents", cohort, people=cohort.people.model_copy(update={"residents": residents}))
    sites = tuple(
        site.model_copy(update={"residents": share})
        for site, share in zip(cohort.sites, _shared(cohort.sites, residents), strict=True)
    )
    people = cohort.people.model_copy(update={"residents": None})
    return _changed("--residents", cohort, people=people, sites=sites)


def _shared(sites: tuple[Site, ...], residents: int) -> list[int]:
    """One each, and the rest by largest remainders."""
    total, rest = sum(site.residents for site in sites), residents - len(sites)
    exact = [site.residents * rest / total for site in sites]
    shares = [1 + int(share) for share in exact]
    by_remainder = sorted(range(len(sites)), key=lambda number: int(exact[number]) - exact[number])
    for number in by_remainder[: residents - sum(shares)]:
        shares[number] += 1
    return shares


def with_gpus(cohort: Cohort, text: str) -> Cohort:
    """Only options of one kind (or one name), in this number: `h200:2`."""
    kind, colon, number = text.rpartition(":")
    count = int(number) if number.isascii() and number.isdigit() and len(number) < 100 else 0
    if count > MOST_CARDS:
        raise UsageError(f"--gpus {visible(text)}: at most {MOST_CARDS} cards can be planned")
    if not colon or not kind or count < 1:
        raise UsageError(f"--gpus {visible(text)}: write a kind and a number of cards, such as h200:2")
    wanted = kind.strip().lower()
    options = [option for option in cohort.hardware if wanted in (option.gpu, option.name.lower())]
    if not options:
        known = {name for option in cohort.hardware for name in (option.gpu or option.name,)}
        near = likely(wanted, known)
        meant = f"did you mean {near[0]}?" if near else f"it has: {', '.join(sorted(map(visible, known)))}"
        raise UsageError(f"--gpus {visible(text)}: the cohort has no hardware `{visible(kind)}`; {meant}")
    chosen = tuple(option.model_copy(update={"count": (count,)}) for option in options)
    return _changed("--gpus", cohort, hardware=chosen)


def with_stagger(cohort: Cohort, text: str) -> Cohort:
    """All starts of exercises spread over so much more time: `5min`."""
    found = LENGTH.fullmatch(text.strip())
    if not found:
        raise UsageError(f"--stagger {visible(text)}: write a time with its unit, such as 5min")
    more = float(found[1]) * MINUTES[found[2].lower()]
    classes = tuple(
        each.model_copy(update={"start_window_minutes": _longer(each.start_window_minutes, more)})
        for each in cohort.classes
    )
    return _changed("--stagger", cohort, classes=classes)


def _longer(number: Quantity, more: float) -> Quantity:
    return Quantity.model_construct(
        value=number.value + more, low=number.low + more, high=number.high + more, source=number.source
    )


def with_target(cohort: Cohort, text: str) -> Cohort:
    """Only this target: `p95 wait <= 2 min`, or with `of project`, `of grading`, `of all`."""
    found = TARGET.fullmatch(text.strip())
    if not found:
        raise UsageError(
            f'--target "{visible(text)}": write it as "p95 wait <= 2 min" or "p95 wait <= 10 min of project"'
        )
    percentile, of = float(found[1]), (found[4] or "class").lower()
    if not 0 < percentile < 100:
        raise UsageError(f'--target "{visible(text)}": p{found[1]} is no percentile; write one between p1 and p99.9')
    for name in get_args(Of):
        if of == name:
            target = Target(percentile=percentile, wait_minutes=float(found[2]) * MINUTES[found[3].lower()], of=name)
            return _changed("--target", cohort, targets=(target,))
    raise UsageError(f'--target "{visible(text)}": no activity `{of}`; there are: {", ".join(get_args(Of))}')


def _changed(flag: str, cohort: Cohort, **changes: object) -> Cohort:
    changed = cohort.model_copy(update=changes)
    for place, said in problems(changed):
        raise UsageError(f"{flag}: {written(place)}: {said}")
    return changed
