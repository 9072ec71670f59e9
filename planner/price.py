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

    hour: float  # in which all cards are paid
    week: float
    hours: float  # paid in a week, whatever runs
    overtime: float  # hours of single cards in a week, beyond these, in which jobs still run
    currency: str
    read_on: datetime.date


def price_of(hardware: Hardware, count: int, cohort: Cohort, overtime: float = 0.0) -> Price | None:
    """The price of so many cards; None if the user gave none.

    A bought card costs the same in every hour. One that is rented for the timetable is also paid while jobs still run:
    `overtime` is in hours of single cards a week.
    """
    if hardware.price is None or hardware.price_date is None:
        return None
    hours = paid_hours(hardware, cohort)
    currency, read_on = cohort.currency or "", hardware.price_date
    if hardware.price_per == "card":
        week = count * hardware.price / ((hardware.lifetime_years or 1.0) * WEEKS_A_YEAR)
        return Price(week / hours, week, hours, 0.0, currency, read_on)
    hour = count * hardware.price
    return Price(hour, hour * hours + hardware.price * overtime, hours, overtime, currency, read_on)


def is_always_paid(hardware: Hardware) -> bool:
    """Whether every hour is paid, whatever runs."""
    return hardware.hours == "always" or hardware.price_per == "card"


def paid_hours(hardware: Hardware, cohort: Cohort) -> float:
    """Hours of a week that are paid, whatever runs: all, or those of classes and projects, on any site."""
    if is_always_paid(hardware):
        return ALL_HOURS
    return sum(end - begin for begin, end in timetable.open_spans(timetable.week(cohort, 1))) / 60
