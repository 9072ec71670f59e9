"""What a cohort may not say: everything that concerns several fields, each mistake with its place and a remedy."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from itertools import pairwise

from residency.harness.errors import likely, visible
from residency.planner import timetable
from residency.planner.cohort import Class, Cohort, Hardware, Lab, Quantity, Site, Work, zone_of
from residency.planner.mig import CARDS, Card, fit_together, most

Place = tuple[str | int, ...]
Problem = tuple[Place, str]
DAY = 24 * 60  # minutes
NIGHT = (23 * 60, 29 * 60)  # local minutes: 23:00 to 05:00
MANY_SITES = 200  # a year's timetable of more sites takes seconds


def problems(cohort: Cohort) -> list[Problem]:
    """All mistakes. The timetable is looked at only if people, sites and classes are right on their own."""
    found = [
        *_people(cohort),
        *_names(cohort),
        *_classes(cohort),
        *_work(cohort),
        *_projects(cohort),
        *_targets(cohort),
    ]
    priced = [number for number, option in enumerate(cohort.hardware) if option.price is not None]
    if priced and cohort.currency is None:
        found.append(
            (("hardware", priced[0], "price"), 'has no currency; write currency = "EUR" at the top of the file')
        )
    for number, option in enumerate(cohort.hardware):
        found += [(("hardware", number, *place), said) for place, said in _option(option)]
    if not any(place[0] in ("calendar", "people", "sites", "classes", "projects") for place, _ in found):
        found += _timetable(cohort)
    return found


def _people(cohort: Cohort) -> Iterator[Problem]:
    given, total = cohort.people.residents, sum(site.residents for site in cohort.sites)
    if not cohort.sites and given is None:
        yield ("people", "residents"), "is missing; write residents = 20, or a section [[sites]] for each site"
    if cohort.sites and given is not None and given != total:
        yield ("people", "residents"), f"is {given}, but the sites have {total} together; leave it out"
    if not cohort.sites and cohort.calendar.time_zone is None:
        yield ("calendar", "time_zone"), 'is missing; write time_zone = "Europe/Berlin"'
    for number, site in enumerate(cohort.sites):
        if site.time_zone is None and cohort.calendar.time_zone is None:
            yield ("sites", number, "time_zone"), 'is missing; write time_zone = "Europe/Berlin"'
    if cohort.people.attendance.low <= 0:
        yield ("people", "attendance"), "is 0, so that nobody comes; it must be more than 0"
    if not cohort.classes and cohort.projects is None:
        yield ("classes",), "is missing; write a section [[classes]] for each class, or [projects]"


def _names(cohort: Cohort) -> Iterator[Problem]:
    jobs = cohort.projects.jobs if cohort.projects else ()
    sections: Sequence[tuple[Place, list[str]]] = (
        (("sites",), [site.name for site in cohort.sites]),
        (("classes",), [each.name for each in cohort.classes]),
        (("labs",), [lab.name for lab in cohort.labs]),
        (("hardware",), [option.name for option in cohort.hardware]),
        (("projects", "jobs"), [job.name for job in jobs]),
    )
    for place, names in sections:
        for number, name in enumerate(names):
            if name in names[:number]:
                yield (*place, number, "name"), f'is "{visible(name)}" as before; give each its own name'


def _classes(cohort: Cohort) -> Iterator[Problem]:
    sites = [site.name for site in cohort.sites]
    for number, each in enumerate(cohort.classes):
        place: Place = ("classes", number)
        window, practice = each.start_window_minutes, each.practice_minutes
        if window.high >= practice:
            yield (
                (*place, "start_window_minutes"),
                f"is {_shown(window)}, but the practice has {practice:g} minutes; write less",
            )
        if len(set(each.days)) < len(each.days):
            yield (*place, "days"), "names a day twice; write a class of its own for a second session on a day"
        for name in each.sites or ():
            if name not in sites:
                yield (*place, "sites"), _no_site(name, sites)


def _no_site(name: str, sites: Sequence[str]) -> str:
    if not sites:
        return "names sites, but there is no section [[sites]]; leave it out"
    near = likely(name, sites)
    meant = f"did you mean `{visible(near[0])}`?" if near else f"there are: {', '.join(map(visible, sites))}"
    return f"no site `{visible(name)}`; {meant}"


def _work(cohort: Cohort) -> Iterator[Problem]:
    for number, lab in enumerate(cohort.labs):
        yield from _one_work(("labs", number), lab)
    for number, job in enumerate(cohort.projects.jobs if cohort.projects else ()):
        yield from _one_work(("projects", "jobs", number), job)


def _one_work(place: Place, work: Work) -> Iterator[Problem]:
    assume = '{ value = 5, low = 2, high = 10, source = "a guess" }'
    if work.task is None:
        if work.rows is not None or work.dataset is not None:
            yield (*place, "task"), 'is missing, but rows or dataset is given; write task = "tabular/ridge"'
        elif work.minutes is None and not isinstance(work, Lab):
            yield place, f"has no time; write task and rows (from measured runs), or minutes = {assume}"
    elif work.rows is None and work.minutes is None:
        yield (*place, "rows"), "is missing; write rows = 1_000_000, the size of the data"
    if work.minutes is not None and work.memory_gb is None and work.task is None:
        yield (*place, "memory_gb"), f"is missing; write memory_gb = {assume}"
    if work.gang > 1 and not work.gpu:
        yield (*place, "gang"), f"is {work.gang}, but gpu is false; only GPUs are taken together"


def _projects(cohort: Cohort) -> Iterator[Problem]:
    projects = cohort.projects
    if projects is None:
        return
    total = sum(job.share for job in projects.jobs)
    if abs(total - 1) > 0.005:
        yield ("projects", "jobs"), f"have shares that add up to {total:.4g}; they must add up to 1"
    if projects.end <= projects.start:
        yield (
            ("projects", "to"),
            f"is {projects.end}, not after from = {projects.start}; write a later time of that day",
        )
    if "sprint_weeks" in projects.model_fields_set and projects.sprint_weeks > cohort.calendar.weeks:
        said = f"is {projects.sprint_weeks}, but an iteration has {cohort.calendar.weeks} weeks; write at most that"
        yield ("projects", "sprint_weeks"), said


def _targets(cohort: Cohort) -> Iterator[Problem]:
    has = {"class": bool(cohort.classes), "project": cohort.projects is not None, "grading": cohort.grading is not None}
    for number, target in enumerate(cohort.targets):
        if not has.get(target.of, True):
            section = {"class": "[[classes]]", "project": "[projects]", "grading": "[grading]"}[target.of]
            yield ("targets", number, "of"), f'is "{target.of}", but there is no section {section}'
    if cohort.grading is not None and not cohort.classes:
        yield ("grading",), "needs a class, whose submissions are graded; write [[classes]] or leave it out"


def _option(option: Hardware) -> Iterator[Problem]:
    yield from _price(option)
    if option.device == "cpu":
        yield from _cpu(option)
        return
    if option.gpu is None:
        yield ("gpu",), f'is missing; write gpu = "h200", or device = "cpu" (with MIG: {", ".join(CARDS)})'
        return
    several = [kind for kind in CARDS if kind.startswith(f"{option.gpu}-")]
    if option.card is None and several and (option.memory_gb is None or option.sharing == "mig"):
        yield ("gpu",), f'is "{option.gpu}"; write {" or ".join(f"gpu = {_quoted(kind)}" for kind in several)}'
        return
    if option.card is None and option.memory_gb is None:
        yield ("memory_gb",), f'is missing; the planner does not know how much memory "{visible(option.gpu)}" has'
    yield from _sharing(option)
    if option.speed is None and not option.is_measured_kind:
        measured = visible(option.measured_on or "")
        yield (
            ("speed",),
            f'is missing; say how fast "{visible(option.gpu)}" is against "{measured}", '
            'as { value = 0.5, low = 0.25, high = 1, source = "a guess" }',
        )


def _quoted(text: str) -> str:
    return f'"{text}"'


def _price(option: Hardware) -> Iterator[Problem]:
    if option.price is None:
        if option.price_date is not None or option.lifetime_years is not None:
            yield ("price",), "is missing, but its date or lifetime is given; write price = 3.50"
        return
    if option.price_date is None:
        yield ("price_date",), "is missing; write the day on which you read the price, as price_date = 2026-11-29"
    if option.price_per == "card" and option.lifetime_years is None:
        yield ("lifetime_years",), "is missing; a bought card is paid over its lifetime: lifetime_years = 3"
    if option.price_per == "hour" and option.lifetime_years is not None:
        yield ("lifetime_years",), 'goes with price_per = "card"; leave it out for a price of an hour'


def _cpu(option: Hardware) -> Iterator[Problem]:
    for name in ("gpu", "slices", "slots_per_card"):
        if getattr(option, name) is not None:
            yield (name,), 'goes with a GPU; leave it out where device = "cpu"'
    if option.sharing != "exclusive":
        yield ("sharing",), f'is "{option.sharing}", which a CPU does not have; leave it out'
    if option.memory_gb is None:
        yield ("memory_gb",), "is missing; write the memory of the machine"


def _sharing(option: Hardware) -> Iterator[Problem]:
    if option.sharing == "time-sliced" and option.slots_per_card is None:
        yield ("slots_per_card",), "is missing; write slots_per_card = 4, the most jobs on a card at once"
    if option.sharing != "time-sliced" and option.slots_per_card is not None:
        yield ("slots_per_card",), 'goes with sharing = "time-sliced"; leave it out'
    if option.sharing != "mig":
        if option.slices is not None or option.slice_speed:
            yield ("slices" if option.slices else "slice_speed",), 'goes with sharing = "mig"; leave it out'
        if option.reserve_for_class > option.count[-1]:
            yield ("reserve_for_class",), _too_many(option.reserve_for_class, option.count[-1], "cards")
        return
    card = option.card
    if card is None:
        said = f'is "mig", but no slices of "{visible(option.gpu or "")}" are known; known are: {", ".join(CARDS)}'
        yield ("sharing",), said
        return
    yield from _slices(option, card)


def _slices(option: Hardware, card: Card) -> Iterator[Problem]:
    if option.slices is None:
        yield ("slices",), f'is missing; write the slices of one card, as slices = ["{next(iter(card.slices))}", ...]'
        return
    unknown = [name for name in dict.fromkeys(option.slices) if name not in card.slices]
    for name in unknown:
        near = likely(name, card.slices)
        meant = f"did you mean `{near[0]}`?" if near else f"there are: {', '.join(card.slices)}"
        yield ("slices",), f"no slice `{visible(name)}` of the {card.kind}; {meant}"
    if unknown:
        return
    if not fit_together(card, option.slices):
        alone = ", ".join(f"{most(card, name)} of {name}" for name in sorted(set(option.slices)))
        yield ("slices",), f"do not fit on one {card.kind} together; alone at most {alone}; write fewer"
    for name in option.slice_speed:
        if name not in option.slices:
            yield ("slice_speed",), f"names `{visible(name)}`, which is not among the slices"
    for name, speed in option.slice_speed.items():
        if speed.high > 1:
            yield ("slice_speed", name), f"is {_shown(speed)}; a slice is at most as fast as its card, which is 1"
    if option.reserve_for_class > option.count[-1] * len(option.slices):
        yield (
            ("reserve_for_class",),
            _too_many(option.reserve_for_class, option.count[-1] * len(option.slices), "slices"),
        )


def _too_many(reserved: int, there: int, what: str) -> str:
    return f"is {reserved}, but there are at most {there} {what}; write at most that"


def _timetable(cohort: Cohort) -> Iterator[Problem]:
    """Classes at night, classes of the same people at the same time, and too few hours for projects."""
    nights: set[int] = set()
    clashes: set[tuple[int, int]] = set()
    order = {each.name: number for number, each in enumerate(cohort.classes)}
    for week in _weeks(cohort):
        monday = timetable.monday_of(cohort, week)
        held = timetable.sessions(cohort, week)
        for site in cohort.places:
            own = [session for session in held if session.site == site.name]
            for session in own:
                number = order[session.name]
                at = _local(monday, session.begin, site)
                if number not in nights and not cohort.classes[number].at_night and _at_night(at, session):
                    nights.add(number)
                    yield _night(cohort, number, at, site)
            yield from _overlaps(cohort, own, order, clashes)
    yield from _hours(cohort)


def _weeks(cohort: Cohort) -> range:
    """The weeks that are looked at: all if a class has one moment for several zones, whose clocks do not agree."""
    varies = any(each.time_zone for each in cohort.classes) and len(cohort.places) <= MANY_SITES
    return range(1, 1 + (cohort.calendar.total if varies else 1))


def _local(monday: datetime.date, minute: float, site: Site) -> datetime.datetime:
    origin = datetime.datetime.combine(monday, datetime.time(), tzinfo=datetime.UTC)
    return (origin + datetime.timedelta(minutes=minute)).astimezone(zone_of(site))


def _at_night(at: datetime.datetime, session: timetable.Session) -> bool:
    begin = 60 * at.hour + at.minute
    end = begin + session.end - session.begin
    return any(begin < NIGHT[1] + shift and end > NIGHT[0] + shift for shift in (-DAY, 0))


def _night(cohort: Cohort, number: int, at: datetime.datetime, site: Site) -> Problem:
    where = f" in {visible(site.name)}" if cohort.sites else ""
    zone = visible(site.time_zone or "UTC")
    if cohort.classes[number].time_zone:
        field = f"is classes[{number}].time_zone right?"
    else:
        field = "is calendar.time_zone right?" if not cohort.sites else "is the site's time_zone right?"
    end = at + datetime.timedelta(hours=cohort.classes[number].hours)
    said = f"{at:%H:%M} to {end:%H:%M}{where} ({zone}) is in the night; {field} If so, write at_night = true"
    return ("classes", number, "start"), said


def _overlaps(
    cohort: Cohort, own: Sequence[timetable.Session], order: dict[str, int], seen: set[tuple[int, int]]
) -> Iterator[Problem]:
    """Sessions of one site that overlap, also over the end of the week."""
    spans = sorted((session.begin, session.end, order[session.name]) for session in own)
    if not spans:
        return
    first = spans[0]
    spans.append((first[0] + timetable.WEEK, first[1] + timetable.WEEK, first[2]))
    for (_, end, earlier), (begin, _, later) in pairwise(spans):
        pair = (min(earlier, later), max(earlier, later))
        if begin < end and pair not in seen:
            seen.add(pair)
            yield _overlap(cohort, pair)


def _overlap(cohort: Cohort, pair: tuple[int, int]) -> Problem:
    one, other = (cohort.classes[number] for number in pair)
    if pair[0] == pair[1]:
        said = f"is {one.start:%H:%M}, and the class of {one.hours:g} hours is not over when its next session begins"
        return ("classes", pair[0], "start"), said
    said = (
        f'overlaps with "{visible(one.name)}" ({_when(one)}) for the same people; '
        "change start or days, or give each class its sites"
    )
    return ("classes", pair[1], "start"), f"{_when(other)} {said}"


def _when(each: Class) -> str:
    end = 60 * each.start.hour + each.start.minute + round(60 * each.hours)
    return f"{each.start:%H:%M}-{end // 60 % 24:02d}:{end % 60:02d} on {', '.join(each.days)}"


def _hours(cohort: Cohort) -> Iterator[Problem]:
    if cohort.projects is None:
        return
    spans = timetable.week(cohort, 1).projects
    for site in cohort.places:
        there = sum(end - begin for begin, end in spans[site.name]) / 60
        if cohort.projects.hours_per_week > there + 1e-9:
            yield (
                ("projects", "hours_per_week"),
                f"is {cohort.projects.hours_per_week:g}, but days, from and to leave {there:g} hours outside class; "
                "write less, or a longer day",
            )
            return


def _shown(number: Quantity) -> str:
    return f"{number.low:g} to {number.high:g}" if number.is_assumed else f"{number.value:g}"
