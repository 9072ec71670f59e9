"""The timetable of one week in UTC: sessions, hours of projects, and how far the deadline is.

Times are minutes from Monday 00:00 UTC of that week, as in the simulation. A week is one week of each site's own
calendar, so that east of Greenwich it may begin before 0, and west of it end after 10,080; a session is never cut.
A change of the clocks moves what follows it by an hour, as it does for the people.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from residency.planner.cohort import DAYS, Class, Cohort, Site, zone_of

WEEK = 7 * 24 * 60  # minutes
Span = tuple[float, float]  # begin and end, minutes


@dataclass(frozen=True)
class Session:
    """One class at one site."""

    number: int  # of this class in the whole calendar, from 0; the same at all sites
    name: str  # of the class
    site: str
    lab: str  # what is practised
    residents: int  # of the site; attendance is not taken off
    begin: float  # of the class
    start: float  # of the practice, which is the last part
    end: float


@dataclass(frozen=True)
class Week:
    """One week of the calendar."""

    number: int  # from 1
    iteration: int  # from 1
    week: int  # of the iteration, from 1
    monday: datetime.date
    sessions: tuple[Session, ...]  # in order of time
    projects: Mapping[str, tuple[Span, ...]]  # by site: hours of projects, without those of its classes
    is_sprint: bool
    deadline: float | None  # the end of the iteration's last project day at the first site; None: no projects

    @property
    def days_to_deadline(self) -> float | None:
        """Days from the beginning of the week."""
        return None if self.deadline is None else self.deadline / (24 * 60)


def week(cohort: Cohort, number: int) -> Week:
    """The week with this number, from 1 to `cohort.calendar.total`; raises `ValueError` beyond."""
    calendar = cohort.calendar
    if not 1 <= number <= calendar.total:
        raise ValueError(f"week {number}: the calendar has weeks 1 to {calendar.total}")
    before, of_iteration = divmod(number - 1, calendar.weeks)
    monday = monday_of(cohort, number)
    held = sessions(cohort, number)
    sprint = cohort.projects.sprint_weeks if cohort.projects else 0
    return Week(
        number=number,
        iteration=before + 1,
        week=of_iteration + 1,
        monday=monday,
        sessions=held,
        projects={site.name: _project_hours(cohort, site, monday, held) for site in cohort.places},
        is_sprint=of_iteration >= calendar.weeks - sprint,
        deadline=_deadline(cohort, monday, calendar.weeks - 1 - of_iteration),
    )


def open_spans(of: Week) -> list[Span]:
    """When there is a class or project hours at any site, in order and without overlaps."""
    spans = [(session.begin, session.end) for session in of.sessions]
    spans += [span for found in of.projects.values() for span in found]
    merged: list[Span] = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((begin, end))
    return merged


def monday_of(cohort: Cohort, number: int) -> datetime.date:
    """The Monday on which a week begins; week 1 holds the calendar's start."""
    start = cohort.calendar.start
    return start - datetime.timedelta(days=start.weekday()) + datetime.timedelta(weeks=number - 1)


def sessions(cohort: Cohort, number: int) -> tuple[Session, ...]:
    """All sessions of a week, in order of time."""
    monday = monday_of(cohort, number)
    found = []
    for a_class in cohort.classes:
        days = days_in_order(a_class.days)
        for place, day in enumerate(days):
            session = (number - 1) * len(days) + place
            for site in attending(cohort, a_class):
                begin = minute(monday, day, a_class.start, zone_of_class(a_class, site))
                end = begin + 60 * a_class.hours
                found.append(
                    Session(
                        number=session,
                        name=a_class.name,
                        site=site.name,
                        lab=a_class.labs[session % len(a_class.labs)],
                        residents=site.residents,
                        begin=begin,
                        start=end - a_class.practice_minutes,
                        end=end,
                    )
                )
    return tuple(sorted(found, key=lambda session: (session.start, session.site, session.name)))


def attending(cohort: Cohort, a_class: Class) -> tuple[Site, ...]:
    """The sites that take part in a class."""
    return tuple(site for site in cohort.places if a_class.sites is None or site.name in a_class.sites)


def zone_of_class(a_class: Class, site: Site) -> ZoneInfo:
    """The zone in which a class gives its start to a site."""
    return ZoneInfo(a_class.time_zone) if a_class.time_zone else zone_of(site)


def days_in_order(days: Iterable[str]) -> list[int]:
    """Days as numbers, Monday 0, each once."""
    return sorted({DAYS.index(day) for day in DAYS if day in days})


def minute(monday: datetime.date, day: int, at: datetime.time, zone: ZoneInfo) -> float:
    """A local time of day as minutes from Monday 00:00 UTC."""
    local = datetime.datetime.combine(monday + datetime.timedelta(days=day), at, tzinfo=zone)
    origin = datetime.datetime.combine(monday, datetime.time(), tzinfo=datetime.UTC)
    return (local.astimezone(datetime.UTC) - origin).total_seconds() / 60


def _project_hours(cohort: Cohort, site: Site, monday: datetime.date, held: Iterable[Session]) -> tuple[Span, ...]:
    projects, zone = cohort.projects, zone_of(site)
    if projects is None:
        return ()
    classes = sorted((session.begin, session.end) for session in held if session.site == site.name)
    spans: list[Span] = []
    for day in days_in_order(projects.days):
        begin, end = (minute(monday, day, at, zone) for at in (projects.start, projects.end))
        for taken_from, taken_to in classes:
            if begin < taken_from < end:
                spans.append((begin, taken_from))
            if taken_from < end and taken_to > begin:
                begin = max(begin, taken_to)
        if begin < end:
            spans.append((begin, end))
    return tuple(spans)


def _deadline(cohort: Cohort, monday: datetime.date, weeks_left: int) -> float | None:
    if cohort.projects is None:
        return None
    last = days_in_order(cohort.projects.days)[-1]
    return minute(monday, 7 * weeks_left + last, cohort.projects.end, zone_of(cohort.places[0]))
