"""`cohort.toml` as types: people, timetable, labs, projects, hardware that may be bought, and the target.

`planner/example.toml` documents every field. A file is read by `planner/reading.py`, which also checks what concerns
several fields; what a field alone may hold is said here. All models are frozen; a list of the file is a tuple.

Units: minutes, hours and days as the names say; memory in GB of 10^9 bytes; prices in `currency`.
"""

from __future__ import annotations

import datetime
import re
from functools import cache
from typing import Annotated, Any, Literal, Self, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from residency.harness.errors import likely, visible
from residency.planner.mig import CARDS, Card

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOST_RESIDENTS = 100_000
SMALLEST, LARGEST = 0.001, 1_000_000  # of numbers that must be more than 0; beyond, no simulation would end
GB = 10**9
T = TypeVar("T")


class Model(BaseModel):
    """Strict: no conversions, no unknown fields, no NaN, no infinity."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class Quantity(Model):
    """A number: a fact that the user states, or an assumption with a range and a source.

    In the file a fact is a plain number, `10`, and an assumption a table,
    `{ value = 10, low = 5, high = 20, source = "a guess" }`.
    """

    value: float
    low: float
    high: float
    source: str  # empty: a fact, whose low and high equal its value

    @property
    def is_assumed(self) -> bool:
        """Whether the number is an assumption."""
        return bool(self.source)

    @model_validator(mode="before")
    @classmethod
    def _from_number(cls, given: Any) -> Any:
        if isinstance(given, int | float) and not isinstance(given, bool):
            return {"value": given, "low": given, "high": given, "source": ""}
        if isinstance(given, dict) and isinstance(given.get("source"), str) and not given["source"].strip():
            raise ValueError('has an empty source; say where the range comes from, as in source = "a guess"')
        return given

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.low <= self.value <= self.high:
            text = f"low {self.low:g}, value {self.value:g}, high {self.high:g}"
            raise ValueError(f"has {text}; they must grow in this order")
        return self


def assumption(value: float, low: float, high: float, source: str) -> Quantity:
    """An assumption of the planner's own."""
    return Quantity(value=value, low=low, high=high, source=source)


def fact(value: float) -> Quantity:
    """A number without a range."""
    return Quantity.model_validate(value)


def _at_least_zero(number: Quantity) -> Quantity:
    return _within(number, 0.0, LARGEST, f"at least 0 and at most {LARGEST}")


def _positive(number: Quantity) -> Quantity:
    return _within(number, SMALLEST, LARGEST, f"at least {SMALLEST} and at most {LARGEST}")


def _share(number: Quantity) -> Quantity:
    return _within(number, 0.0, 1.0, "between 0 and 1: 30 % is 0.3")


def _factor(number: Quantity) -> Quantity:
    return _within(number, 1.0, 100.0, "at least 1, which is no surge, and at most 100")


def _tries(number: Quantity) -> Quantity:
    return _within(number, SMALLEST, 1000.0, "more than 0 and at most 1000")


def _within(number: Quantity, low: float, high: float, words: str) -> Quantity:
    if not low <= number.low <= number.high <= high:
        raise ValueError(f"is {_shown(number)}; it must be {words}")
    return number


def _shown(number: Quantity) -> str:
    return f"{number.low:g} to {number.high:g}" if number.is_assumed else f"{number.value:g}"


def _time_of_day(given: Any) -> Any:
    """A time as TOML has it, or a text `9:00`; seconds are not needed in a text."""
    if isinstance(given, str) and (clock := re.fullmatch(r"(\d\d?):(\d\d)(?::(\d\d))?", given)):
        hour, minute, second = (int(part or 0) for part in clock.groups())
        return datetime.time(hour, minute, second) if hour < 24 and minute < 60 and second < 60 else given
    if isinstance(given, datetime.datetime) or (isinstance(given, str) and re.search(r"\d[Z+-]|\d [+-]?\d", given)):
        raise ValueError(f"is {visible(str(given))}; it must be a local time of day, without date or offset: 09:00:00")
    return given


def _day(given: Any) -> Any:
    """`Monday` and `Mon` are `mon`."""
    if isinstance(given, str) and len(given) >= 3:
        return next((day for day, name in _NAMES.items() if name.startswith(given.lower())), given)
    return given


_NAMES = dict(zip(DAYS, ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"), strict=True))


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _zone(name: str) -> str:
    if name in _zones():
        return name
    near = likely(name, _zones())
    meant = (
        f"did you mean {' or '.join(f'`{zone}`' for zone in near)}?" if near else 'write one such as "Europe/Berlin"'
    )
    raise ValueError(f"no time zone `{visible(name)}`; {meant}")


def _counts(given: Any) -> Any:
    """`4`, `[1, 2, 4]` and `{ from = 1, to = 16 }` are all a tuple of whole numbers."""
    if isinstance(given, int) and not isinstance(given, bool):
        return (given,)
    if isinstance(given, dict):
        first, last = given.get("from"), given.get("to")
        if set(given) != {"from", "to"} or type(first) is not int or type(last) is not int or not 1 <= first <= last:
            raise ValueError("must be written as count = { from = 1, to = 16 }, from the smaller number on")
        if last > MOST_CARDS:
            raise ValueError(f"goes to {last}; at most {MOST_CARDS} cards can be planned")
        return tuple(range(first, last + 1))
    if not isinstance(given, list | tuple):
        raise ValueError("must be written as count = 4, or [1, 2, 4], or { from = 1, to = 16 }")
    return given


def _in_order(counts: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(set(counts)))


def _kind(name: str) -> str:
    return re.sub(r"^nvidia[ -]", "", name.strip().lower())


MOST_CARDS = 10_000
Many = Annotated[tuple[T, ...], Field(strict=False)]  # a list of the file
Name = Annotated[str, Field(min_length=1, max_length=100)]
TimeOfDay = Annotated[datetime.time, BeforeValidator(_time_of_day)]
DayName = Annotated[Day, BeforeValidator(_day)]
Zone = Annotated[str, Field(max_length=100), AfterValidator(_zone)]
Positive = Annotated[Quantity, AfterValidator(_positive)]
NotNegative = Annotated[Quantity, AfterValidator(_at_least_zero)]
Share = Annotated[Quantity, AfterValidator(_share)]
Factor = Annotated[Quantity, AfterValidator(_factor)]
Tries = Annotated[Quantity, AfterValidator(_tries)]
Count = Annotated[int, Field(ge=1, le=MOST_CARDS)]
Counts = Annotated[
    tuple[Count, ...], Field(strict=False, min_length=1), BeforeValidator(_counts), AfterValidator(_in_order)
]
Residents = Annotated[int, Field(ge=1, le=MOST_RESIDENTS)]


class Calendar(Model):
    """The weeks of the residency."""

    iterations: int = Field(default=1, ge=1, le=100)
    weeks: int = Field(ge=1, le=100)  # of each iteration
    start: Annotated[datetime.date, Field(ge=datetime.date(2000, 1, 1), le=datetime.date(2100, 1, 1))]
    time_zone: Zone | None = None  # of sites that name none

    @property
    def total(self) -> int:
        """All weeks."""
        return self.iterations * self.weeks


class People(Model):
    """Who takes part."""

    residents: Residents | None = None  # None: the sum of the sites
    team_size: int = Field(default=3, ge=1, le=1000)
    attendance: Share = fact(1.0)  # of a class


class Site(Model):
    """A place with a time zone of its own."""

    name: Name
    residents: Residents
    time_zone: Zone | None = None  # None: the calendar's


class Class(Model):
    """A class that is held every week; the last part of it is practice, in which the residents use the hardware."""

    name: Name
    days: Annotated[Many[DayName], Field(min_length=1)]
    start: TimeOfDay
    hours: float = Field(gt=0, le=12)
    practice: float = Field(gt=0, le=1)  # share of the hours
    labs: Annotated[Many[Name], Field(min_length=1)]  # taught in turn, one a session
    start_window_minutes: NotNegative  # within which all start the exercise, evenly
    think_minutes: NotNegative  # between the end of a try and the next
    tries: Tries | None = None  # of one resident in a session; None: from the lab
    sites: Annotated[Many[Name], Field(min_length=1)] | None = None  # None: all
    time_zone: Zone | None = None  # of `start`; None: each site's own
    at_night: bool = False  # whether it may fall into the night of a site

    @property
    def practice_minutes(self) -> float:
        """Length of the practice."""
        return 60 * self.hours * self.practice


class Work(Model):
    """What one job asks of the hardware: from measured runs (`task`), or as an assumption (`minutes`, `memory_gb`)."""

    name: Name
    task: Name | None = None
    dataset: Name | None = None  # None: the task's first
    rows: int | None = Field(default=None, ge=1, le=10**12)
    workers: int = Field(default=1, ge=1, le=1000)
    minutes: Positive | None = None
    memory_gb: NotNegative | None = None
    gpu: bool = True
    gang: int = Field(default=1, ge=1, le=1000)  # cards that it needs at once


class Lab(Work):
    """A lab's demand where the lab's own profile is not wanted, or an exercise of the user's own."""

    tries: Tries | None = None  # of one resident in a session
    scv: NotNegative = assumption(
        0.25, 0.0, 1.0, "the programs of one exercise differ less than jobs at large"
    )  # squared coefficient of variation of the minutes


class Job(Work):
    """One kind of job in projects."""

    share: float = Field(ge=0, le=1)  # of all jobs
    scv: NotNegative = assumption(
        38.9, 1.0, 38.9, "job lengths in a Microsoft trace; a cohort's may be less spread: 1 is exponential"
    )  # squared coefficient of variation of the minutes


class Projects(Model):
    """Work outside class."""

    hours_per_week: float = Field(gt=0, le=168)  # of one resident
    days: Annotated[Many[DayName], Field(min_length=1)]
    start: TimeOfDay = Field(alias="from")
    end: TimeOfDay = Field(alias="to")
    think_minutes: Positive  # between the end of a job and the next
    jobs: Annotated[Many[Job], Field(min_length=1)]
    sprint_weeks: int = Field(default=4, ge=0)  # the last weeks of each iteration
    surge: Factor = fact(1.0)  # on the rate of jobs in the sprint
    deadline_days: int = Field(default=3, ge=0, le=28)  # the last days of each iteration
    deadline_surge: Factor = fact(1.0)  # in place of `surge` in these days


class Grading(Model):
    """Submissions of a class that are graded on the same hardware."""

    minutes_per_submission: Positive
    memory_gb: NotNegative
    gpu: bool = True
    per: Literal["resident", "team"] = "resident"
    hours_after_class: float = Field(default=0.0, ge=0, le=168)  # when it begins, after the end of the class


class Failures(Model):
    """Jobs of projects that fail and are run again."""

    share: Share
    reached: Share  # how far a job gets before it fails


class Hardware(Model):
    """One option that may be bought or rented."""

    name: Name
    device: Literal["gpu", "cpu"] = "gpu"
    gpu: Annotated[Name, AfterValidator(_kind)] | None = None
    count: Counts
    memory_gb: float | None = Field(default=None, gt=0, le=100_000)  # of a card; None: as `mig.CARDS` has it
    sharing: Literal["exclusive", "mig", "time-sliced"] = "exclusive"
    slices: Annotated[Many[Name], Field(min_length=1)] | None = None  # of one card, for MIG
    slots_per_card: int | None = Field(default=None, ge=2, le=100)  # for time slicing
    price: float | None = Field(default=None, ge=0, le=1e9)  # of a card: an hour, or to buy it
    price_per: Literal["hour", "card"] = "hour"
    lifetime_years: float | None = Field(default=None, gt=0, le=50)  # over which a bought card is paid
    price_date: datetime.date | None = None
    hours: Literal["always", "timetable"] = "always"  # that are paid
    reserve_for_class: int = Field(default=0, ge=0, le=MOST_CARDS)  # cards or slices that projects leave free in class
    measured_on: Name | None = None  # the model in the runs that its times come from; None: this kind
    speed: Positive | None = None  # times as fast as `measured_on`
    slice_speed: dict[str, Positive] = Field(default_factory=dict)  # of a slice against its card

    @property
    def card(self) -> Card | None:
        """What is known of this kind of card."""
        return CARDS.get(self.gpu or "")

    @property
    def memory(self) -> int:
        """Bytes of one card, or of the host where the device is a CPU."""
        if self.memory_gb is None:
            return self.card.memory if self.card else 0
        return round(self.memory_gb * GB)

    @property
    def is_measured_kind(self) -> bool:
        """Whether its times come from the kind of hardware that it is, so that it needs no `speed`."""
        family = (self.gpu or "").split("-")[0]
        return self.measured_on is None or family in self.measured_on.lower()

    def speed_of(self, name: str) -> Quantity:
        """A slice's speed against its card: the user's, or its share of the card with a wide range."""
        if name in self.slice_speed:
            return self.slice_speed[name]
        card = CARDS[self.gpu or ""]
        low = 0.8 * min(card.share(name), card.memory_share(name))
        return assumption(
            card.share(name), low, 1.0, "not measured: its share of the multiprocessors; small work loses less"
        )


class Target(Model):
    """The service that is wanted: this percentile of waiting is at most so many minutes."""

    percentile: float = Field(default=95, gt=0, lt=100)
    wait_minutes: float = Field(ge=0, le=100_000)
    of: Literal["class", "project", "grading", "all"] = "class"


class Cohort(Model):
    """A whole `cohort.toml`."""

    name: Name
    currency: Annotated[str, Field(min_length=1, max_length=10)] | None = None
    seed: int = Field(default=1, ge=0, lt=2**63)
    calendar: Calendar
    people: People = People()
    sites: Many[Site] = ()
    classes: Many[Class] = ()
    labs: Many[Lab] = ()
    projects: Projects | None = None
    grading: Grading | None = None
    failures: Failures | None = None
    hardware: Annotated[Many[Hardware], Field(min_length=1)]
    targets: Annotated[Many[Target], Field(min_length=1)]

    @property
    def places(self) -> tuple[Site, ...]:
        """The sites with their time zones; a cohort without sites is one site with the cohort's name."""
        zone = self.calendar.time_zone
        if not self.sites:
            return (Site(name=self.name, residents=self.people.residents or 1, time_zone=zone),)
        return tuple(site.model_copy(update={"time_zone": site.time_zone or zone}) for site in self.sites)

    @property
    def residents(self) -> int:
        """All residents."""
        return sum(site.residents for site in self.places)

    @property
    def teams(self) -> int:
        """All teams; the last of a site may be smaller."""
        return sum(-(-site.residents // self.people.team_size) for site in self.places)


def zone_of(site: Site) -> ZoneInfo:
    """The zone of one of `Cohort.places`."""
    return ZoneInfo(site.time_zone or "UTC")
