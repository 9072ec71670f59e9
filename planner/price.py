"""What an option costs: the user's prices, for the hours that are paid. No price is built in."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from residency.planner import timetable
from residency.planner.cohort import Cohort, Hardware

WEEKS_A_YEAR = 365.25 / 7
ALL_HOURS = timetable.WEEK / 60


@dataclass(frozen=True)
class Price:
    """What some cards cost, in the cohort's currency."""

    hour: float  # that is paid
    week: float
    hours: float  # paid in a week
    currency: str
    read_on: datetime.date


def price_of(hardware: Hardware, count: int, cohort: Cohort) -> Price | None:
    """The price of so many cards; None if the user gave none. A bought card costs the same in every hour."""
    if hardware.price is None or hardware.price_date is None:
        return None
    hours = paid_hours(hardware, cohort)
    if hardware.price_per == "card":
        week = count * hardware.price / ((hardware.lifetime_years or 1.0) * WEEKS_A_YEAR)
        return Price(week / hours, week, hours, cohort.currency or "", hardware.price_date)
    hour = count * hardware.price
    return Price(hour, hour * hours, hours, cohort.currency or "", hardware.price_date)


def paid_hours(hardware: Hardware, cohort: Cohort) -> float:
    """Hours of a week that are paid: all, or those of classes and projects, on any site."""
    if pays_always(hardware):
        return ALL_HOURS
    return sum(end - begin for begin, end in paid_spans(timetable.week(cohort, 1))) / 60


def pays_always(hardware: Hardware) -> bool:
    """Whether all hours are paid, and not only those of the timetable."""
    return hardware.price is None or hardware.hours == "always" or hardware.price_per == "card"


def paid_spans(week: timetable.Week) -> list[timetable.Span]:
    """The hours of classes and projects of a week, on any site; in order, none overlaps another."""
    spans = sorted(
        [(session.begin, session.end) for session in week.sessions]
        + [span for found in week.projects.values() for span in found]
    )
    found: list[timetable.Span] = []
    for begin, end in spans:
        first = max(begin, found[-1][1]) if found else begin
        if end > first:
            found.append((first, end))
    return found
