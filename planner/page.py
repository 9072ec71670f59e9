"""The answer as a page: the plan, the week hour by hour, cost against wait, what matters most, what is assumed.

Every number is taken from the JSON answer by its place, so the page and `--json` say the same.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from residency.planner import shown
from residency.planner.answer import SHARE, Answer
from residency.planner.behaviour import ACTIVITIES
from residency.planner.cohort import GB, Target
from residency.planner.search import Evaluated
from residency.reports import words
from residency.reports.page import render
from residency.reports.page.numbers import UNKNOWN, Places, RowNumbers
from residency.reports.page.parts import (
    Block,
    Chart,
    Code,
    Items,
    Page,
    Paragraph,
    Part,
    Section,
    Strong,
    Table,
    TableRow,
    Text,
    Warned,
)

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
IDLE = 0.2  # times the use of the busiest hour: hours with less are not shown
SHOWN = 0.005  # the smallest share that is not shown as 0 %
SHAPES = 6  # that the specification has
BEYOND = 1.1  # the ends of an axis, times what is outermost
MOST_WAIT = 100.0  # minutes, in a chart: times that are longer are drawn at its end
GUIDE = (
    "A wait is the time from sending a job until it starts. On a card with time slicing, a job starts at once and runs "
    "more slowly; there, a wait is what the others cost it.",
    "“95 of 100 wait at most 2 min” is the 95th percentile: five of 100 wait longer.",
    "The whole residency was simulated many times. Each time, every number that is not known exactly got another value "
    "of its range. A wait here is the mean over these times.",
    "Numbers in brackets are its 95 % interval. A plan meets the target if the upper end of the interval does. The "
    "cheapest such plan is the answer.",
    "A number that nobody measured is an assumption. All are listed under “What is assumed”, with range and source.",
)


def page(found: Answer, document: Mapping[str, Any]) -> Page:
    """The page of an answer that has a plan or a nearest one; `document` is its JSON."""
    one = found.shown
    if one is None:
        raise ValueError("nothing could be planned, so there is nothing to show")
    drawn = _Drawn(found, one, Places(document))
    sections = {
        "week": ("The week hour by hour", drawn.weeks()),
        "cost": ("Cost against wait", drawn.costs()),
        "waits": ("Waits by activity", drawn.waits()),
        "matters": ("What matters most", drawn.influences()),
        "memory": ("What each job needs, and how it fits", drawn.memory()),
        "assumed": ("What is assumed", drawn.assumed()),
        "how": ("How was this simulated?", drawn.how()),
    }
    return Page(
        title=f"Residency: hardware for {words.plain(found.cohort.name)}",
        lead=drawn.lead(),
        guide=GUIDE,
        sections=[Section(name, title, blocks) for name, (title, blocks) in sections.items() if blocks],
    )


@dataclass(frozen=True)
class _Hour:
    """One hour of a week: its place in the arrays of the JSON answer, and where and when it is at the first site."""

    place: int
    day: int  # 0: that week's Monday
    start: datetime.datetime

    @property
    def name(self) -> str:
        """`Friday 10:00`."""
        return (
            f"{DAYS[self.day % 7]}{' after' if self.day > 6 else ' before' if self.day < 0 else ''} {self.start:%H:%M}"
        )


@dataclass(frozen=True)
class _Point:
    """An option with a number of cards, and its numbers."""

    option: int
    one: Evaluated
    known: RowNumbers
    sure: bool  # the answer rests on it; others were simulated a few times to look for the number of cards


class _Drawn:
    """The parts of the page. `plan` has the numbers of the plan that is shown."""

    def __init__(self, found: Answer, one: Evaluated, numbers: Places) -> None:
        self.found, self.one, self.numbers = found, one, numbers
        self.targets = found.cohort.targets
        self.plan = numbers.at("plan" if found.chosen else "nearest")
        self.currency = found.cohort.currency or ""

    # --- The beginning ----------------------------------------------------------------------------------------------

    def lead(self) -> list[Block]:
        """The plan, its price, the wait; then what else decides."""
        said: list[Part] = ["The plan is "]
        if self.found.chosen is None:
            said = [Strong("No option meets the target."), " The nearest is "]
        said += [Strong(self.plan.number("count", _count)), Strong(f" x {words.plain(self.one.hardware.name)}")]
        if self.one.price is None:
            said.append(" (no price given).")
        else:
            hour, week = (self.plan.number(f"price/{key}", _money) for key in ("hour", "week"))
            said += [": ", hour, f" {self.currency} an hour, ", Strong(week), Strong(f" {self.currency} a week"), "."]
        blocks: list[Block] = [Paragraph(said, "answer")]
        blocks += [Paragraph(self._wait(place), "answer") for place in range(len(self.targets))]
        blocks.append(Items([*self._facts()]))
        if self.found.made_up:
            blocks.append(Warned(shown.MADE_UP))
        if self.one.hardware.sharing == "time-sliced":
            blocks.append(Warned(shown.TIME_SLICED))
        return [*blocks, *(Warned(sentence) for sentence in self._unmeasured())]

    def _wait(self, place: int) -> list[Part]:
        """`95 of 100 tries in class wait at most 1.5 min (95 % interval 1.3 to 1.7)`, and whether that is met."""
        known = self.plan.number
        met = self.one.targets[place].high <= self.targets[place].wait_minutes
        return [
            f"{_of(self.targets[place])} wait at most ",
            Strong(known(f"targets/{place}/value", shown.minutes)),
            Strong(" min"),
            " (95 % interval ",
            known(f"targets/{place}/low", shown.minutes),
            " to ",
            known(f"targets/{place}/high", shown.minutes),
            "). The target, ",
            self.numbers.at("targets").number(f"{place}/wait_minutes", _plain),
            " min, ",
            Strong("is met" if met else "is missed"),
            ".",
        ]

    def _facts(self) -> Iterator[Text]:
        known = self.plan.number
        yield [
            *_parts(self.numbers.shown("residents", _count)),
            " resident, " if self.found.cohort.residents == 1 else " residents, ",
            *self._weeks(),
            ".",
        ]
        missed: list[Part] = ["The target is missed in ", known("chance_to_miss", words.percent)]
        missed.append(" of the simulated residencies")
        if self.one.sessions_missed is not None:
            missed += [", and in ", known("sessions_missed/value", words.percent), " of the class sessions"]
        yield [*missed, "."]
        if self.one.tries_lost is not None and self.one.tries_lost.value >= SHOWN:
            yield ["Waiting leaves no time for ", known("tries_lost/value", words.percent), " of the tries in class."]
        used: list[Part] = ["In use: ", known("busy/value", words.percent), " of the paid time."]
        if self.one.price is not None and self.one.price.overtime >= 0.5:
            beyond = known("price/overtime_hours", lambda hours: f"{hours:,.0f}")
            used += [" ", beyond, " card hours a week beyond the timetable, in which jobs still run, are in the price."]
        if self.one.price is None:
            yield used
            return
        idle, resident, total = (known(f"price/{key}", _money) for key in ("idle_hour", "resident", "all_weeks"))
        yield [*used, " Idle time costs ", idle, f" {self.currency} an hour."]
        yield ["All weeks cost ", total, f" {self.currency}: ", resident, f" {self.currency} for each resident."]

    def _weeks(self) -> list[Part]:
        return [
            *_parts(self.numbers.shown("weeks", _count)),
            " week" if self.found.cohort.calendar.total == 1 else " weeks",
        ]

    def _unmeasured(self) -> Iterator[str]:
        """Whether the times were measured on this hardware."""
        kinds = {need.kind for need in self.found.options[self.one.place].needs} - {None}
        device = "GPU time" if self.one.hardware.device == "gpu" else "time"
        if "measured" not in kinds:
            how = "computed from measurements on other hardware" if "transferred" in kinds else "assumed"
            also = " or assumed" if kinds == {"transferred", "assumed"} else ""
            yield f"No {device} here was measured: the times of all jobs are {how}{also}. See “What is assumed”."
        elif not self.one.hardware.is_measured_kind:
            yield (
                f"Times were measured on {words.plain(self.one.hardware.measured_on or '')}, which is other hardware. "
                "How fast this one is, is assumed."
            )

    # --- The week hour by hour --------------------------------------------------------------------------------------

    def weeks(self) -> list[Block]:
        """An ordinary week and the busiest one."""
        kinds = range(len(self.one.hours))
        if not kinds:
            return []
        ordinary = max(kinds, key=lambda kind: (not self.one.hours[kind].is_sprint, self.one.hours[kind].times))
        busiest = max(kinds, key=lambda kind: sum(self.one.hours[kind].busy))
        chosen = dict.fromkeys((ordinary, busiest))
        hours = {kind: self._hours(kind) for kind in chosen}
        least = IDLE * max(max(self.one.hours[kind].busy) for kind in chosen)
        used = [hour for kind in chosen for hour in hours[kind] if self._is_used(kind, hour.place, least)]
        if not used:
            return []
        days = range(min(hour.day for hour in used), max(hour.day for hour in used) + 1)
        times = sorted({hour.start.time() for hour in used})
        titles = {busiest: "The busiest week", ordinary: "An ordinary week" if len(chosen) > 1 else "The week"}
        charts = [
            self._week(titles[kind], kind, [hour for hour in hours[kind] if hour.day in days], days, times)
            for kind in chosen
        ]
        zone = self.numbers.value("time_zone")
        return [
            Paragraph(
                f"How much of the hardware is in use, in each hour of the week (time in {zone}). All is the mean over "
                f"the simulated residencies. Hours and days with less than {words.percent(IDLE)} of the use of the "
                "busiest hour are left out, unless a target is missed in them."
            ),
            *charts,
        ]

    def _hours(self, kind: int) -> list[_Hour]:
        begins = datetime.datetime.fromisoformat(self.numbers.value(f"hours/{kind}/begins"))
        zone, monday = ZoneInfo(self.numbers.value("time_zone")), (begins + datetime.timedelta(days=1)).date()
        starts = [
            (begins + datetime.timedelta(hours=place)).astimezone(zone)
            for place in range(len(self.one.hours[kind].busy))
        ]
        return [_Hour(place, (start.date() - monday).days, start) for place, start in enumerate(starts)]

    def _is_used(self, kind: int, place: int, least: float) -> bool:
        known = self.one.hours[kind]
        waits = [(found[place], target.wait_minutes) for found, target in zip(known.targets, self.targets, strict=True)]
        return known.busy[place] >= max(least, 1e-9) or any(wait is not None and wait > most for wait, most in waits)

    def _week(
        self, title: str, kind: int, hours: Sequence[_Hour], days: Sequence[int], times: Sequence[datetime.time]
    ) -> Chart:
        known = self.numbers.at(f"hours/{kind}")
        inside = [hour for hour in hours if hour.start.time() in times]
        limits = " or ".join(
            f"more than {100 - target.percentile:g} of 100 {shown.WHO[target.of]} wait longer than "
            f"{target.wait_minutes:g} min"
            for target in self.targets
        )
        sprint = ", in a sprint before a delivery" if self.one.hours[kind].is_sprint else ""
        return Chart(
            spec="week",
            title=f"{title}{sprint}: share of the places in use",
            description=f"A field for each hour of {len(days)} days, the darker the more is in use. A frame marks the "
            "hours in which a target is missed.",
            rows=[self._field(known, hour, days.index(hour.day), times.index(hour.start.time())) for hour in inside],
            settings={"days": [DAYS[day % 7][:3] for day in days], "hours": [f"{time:%H:%M}" for time in times]},
            note=[
                "Weeks like this one: ",
                known.number("times", _count),
                " of ",
                *_parts(self.numbers.shown("weeks", _count)),
                f". A frame with ▲: of what is sent in this hour, {limits}.",
            ],
            table=Table(
                caption="share in use, jobs and waits by hour",
                header=("hour", "in use", "jobs sent", "95 of 100 wait at most, min", *map(_column, self.targets)),
                rows=[
                    TableRow(
                        [
                            hour.name,
                            known.shown(f"busy/{hour.place}", words.percent),
                            known.shown(f"jobs/{hour.place}", shown.minutes),
                            known.shown(f"waits/{hour.place}", shown.minutes),
                            *(
                                known.shown(f"targets/{place}/{hour.place}", shown.minutes)
                                for place in range(len(self.targets))
                            ),
                        ]
                    )
                    for hour in inside
                ],
                right=frozenset(range(1, 4 + len(self.targets))),
            ),
        )

    def _field(self, known: RowNumbers, hour: _Hour, day: int, row: int) -> Mapping[str, Any]:
        share, jobs, wait = (known.value(f"{name}/{hour.place}") for name in ("busy", "jobs", "waits"))
        late, said = "", []
        for place, target in enumerate(self.targets):
            value = known.value(f"targets/{place}/{hour.place}")
            if value is not None:
                more = value > target.wait_minutes
                late = f"{shown.minutes(value)} min" if more else late
                above = f", above the target of {target.wait_minutes:g} min" if more else ""
                said.append(f"{_of(target)} wait at most {shown.minutes(value)} min{above}")
        waits = [] if wait is None else [f"95 of 100 of all jobs wait at most {shown.minutes(wait)} min"]
        lines = [hour.name, f"{words.percent(share)} in use", f"{shown.minutes(jobs)} jobs sent", *said, *waits]
        return {
            "day": day,
            "hour": row,
            "share": share,
            "text": words.percent(share),
            "short": f"{100 * share:.0f}",
            "wait": late,
            "late": bool(late),
            "tip": "\n".join(lines),
        }

    # --- Cost against wait ------------------------------------------------------------------------------------------

    def costs(self) -> list[Block]:
        """All that was simulated."""
        points = [*self._points()]
        priced = any(point.one.price for point in points)
        drawn = [point for point in points if point.one.price or not priced]
        target, across = self.targets[0], f"{self.currency} a week" if priced else "cards"
        highs = [min(MOST_WAIT, known.targets[0].high) for known in (point.one for point in drawn)]
        costs = [point.one.price.week if point.one.price else point.one.count for point in drawn]
        longest = BEYOND * max(*highs, 2 * target.wait_minutes, 1.0)
        names = [words.plain(option.name) for option in self.found.options]
        used = dict.fromkeys(point.option for point in drawn)
        legend = [{"label": names[option], "kind": option % SHAPES, "ring": False} for option in used]
        role = "the plan" if self.found.chosen else "the nearest"
        legend.append({"label": f"{role}: {shown.option(self.one)}", "kind": 0, "ring": True})
        chart = Chart(
            spec="frontier",
            title=f"What it costs, and how long {shown.WHO[target.of]} wait",
            description=f"A point with its interval for each number of cards: to the right {across}, upwards the wait "
            f"of {_of(target)}. A dashed line is the target; a ring marks {role}.",
            rows=[self._mark(point, priced=priced) for point in drawn],
            more={"legend": legend},
            settings={
                "most": BEYOND * max(*costs, 1e-9),
                "longest": longest,
                "limit": target.wait_minutes,
                "ticks": [tick for tick in (0, 0.5, 1, 2, 5, 10, 20, 50, 100) if tick <= longest],
                "across": across,
                "up": f"minutes that {_of(target)} wait at most",
                "said": f"target: {target.wait_minutes:g} min",
            },
            note="The number at a point is its number of cards. Filled: simulated "
            f"{shown.times(self.found.effort.confirming)}, or until it was certain that the target is missed. Hollow: "
            "simulated less often, to look for the number of cards. The scale of the wait is finer near 0.",
            table=self._cost_table(points),
        )
        refused: list[Text] = [
            f"{words.plain(option.name)}: not possible. {option.refused}."
            for option in self.found.options
            if option.refused
        ]
        return [chart, *([Items(refused)] if refused else []), *self._prices()]

    def _prices(self) -> list[Block]:
        read = {
            option.evaluated[0].price.read_on
            for option in self.found.options
            if option.evaluated and option.evaluated[0].price
        }
        if not read:
            return [Paragraph("The cohort gives no price, so the fewest cards are the cheapest plan.", "note")]
        days = words.joined([day.isoformat() for day in sorted(read)])
        return [Paragraph(f"Prices are those that the cohort's file gives, read on {days}.", "note")]

    def _points(self) -> Iterator[_Point]:
        for place, option in enumerate(self.found.options):
            for kind, found in (("evaluated", option.evaluated), ("screened", option.screened)):
                for index, one in enumerate(found):
                    known = self.numbers.at(f"options/{place}/{kind}/{index}")
                    yield _Point(place, one, known, kind == "evaluated")

    def _is_shown(self, one: Evaluated) -> bool:
        return (one.place, one.count) == (self.one.place, self.one.count)

    def _mark(self, point: _Point, *, priced: bool) -> Mapping[str, Any]:
        wait, low, high = (point.known.value(f"targets/0/{bound}") for bound in ("value", "low", "high"))
        week = point.known.value("price/week") if priced else None
        said = f"{shown.minutes(wait)} min [{shown.minutes(low)}, {shown.minutes(high)}]"
        cost = [] if week is None else [f"{_money(week)} {self.currency} a week"]
        met = "meets the target" if point.one.meets else "misses the target"
        return {
            "kind": point.option % SHAPES,
            "cost": point.known.value("count") if week is None else week,
            "wait": wait,
            "low": low,
            "high": high,
            "text": str(point.one.count),
            "sure": point.sure,
            "chosen": self._is_shown(point.one),
            "tip": "\n".join([shown.option(point.one), *cost, said, met]),
        }

    def _cost_table(self, points: Sequence[_Point]) -> Table:
        money = (
            (f"{self.currency} a week", f"{self.currency} a resident") if self.currency else ("price a week", "price")
        )
        header = ["hardware", "cards", *money]
        for target in self.targets:
            header += [_column(target), "9 of 10 residencies"]
        ordered = sorted(points, key=lambda point: (point.option, point.one.count))
        return Table(
            caption="cost, wait and use of all that was simulated",
            header=(*header, "target missed in", "in use", "simulated", "target"),
            rows=[TableRow(self._cost_cells(point)) for point in ordered],
            right=frozenset(range(1, len(header) + 3)),
        )

    def _cost_cells(self, point: _Point) -> list[Text]:
        known, waits = point.known, list[Text]()
        for place in range(len(self.targets)):
            spread = [known.number(f"targets/{place}/nine_of_ten/{end}", shown.minutes) for end in (0, 1)]
            waits += [_interval(known, f"targets/{place}"), [spread[0], " to ", spread[1]]]
        return [
            words.plain(point.one.hardware.name),
            known.shown("count", _count),
            known.shown("price/week", _money),
            known.shown("price/resident", _money),
            *waits,
            known.shown("chance_to_miss", words.percent),
            known.shown("busy/value", words.percent),
            [known.number("replications", _count), " time" if point.one.replications == 1 else " times"],
            ("met" if point.one.meets else "missed") + (", the plan" if self._is_shown(point.one) else ""),
        ]

    # --- Waits, influences, memory ----------------------------------------------------------------------------------

    def waits(self) -> list[Block]:
        """The table of waits."""
        fields = ("p50", "p95", "p99", "result_p50", "result_p95")
        who = {**shown.WHO, "all": "all jobs"}
        names = {name: who[name] for name in (*ACTIVITIES, "all") if name in self.one.waits}
        rows = [
            TableRow(
                [
                    said,
                    *(_interval(self.plan, f"waits/{name}/{field}") for field in fields),
                    self.plan.shown(f"waits/{name}/jobs", _count),
                ]
            )
            for name, said in names.items()
        ]
        header = (
            "minutes",
            "half wait at most",
            "95 of 100",
            "99 of 100",
            "result after: half",
            "result after: 95 of 100",
            "jobs in all weeks",
        )
        return [
            Paragraph("Class comes before projects, and projects before grading. A result comes after wait and work."),
            Table("minutes, with 95 % intervals of the means", header, rows, frozenset(range(1, 7))),
        ]

    def influences(self) -> list[Block]:
        """What 30 % less or more of each kind of number does, and what spreading the starts does."""
        blocks: list[Block] = []
        if self.found.influences:
            blocks.append(self._influences())
        if self.found.staggered is not None:
            blocks.append(Paragraph(self._staggered()))
        return blocks

    def _influences(self) -> Chart:
        target, change = self.targets[0], words.percent(SHARE)
        known = [self.numbers.at(f"influences/{place}") for place in range(len(self.found.influences))]
        unchanged = known[0].value("unchanged")
        highs = [unchanged, *(row.value(end) for row in known for end in ("smaller", "larger"))]
        return Chart(
            spec="influences",
            title=f"The wait of {shown.WHO[target.of]} if a number is {change} smaller or larger",
            description=f"A bar for each kind of number, from the wait with {change} less to that with {change} more.",
            rows=[self._influence(row) for row in known],
            settings={
                "high": BEYOND * max(*highs, 0.1),
                "unchanged": unchanged,
                "limit": target.wait_minutes,
                "axis": f"minutes that {_of(target)} wait at most",
            },
            note=f"◇ {change} less, ● {change} more. Solid line: unchanged; dashed: the target, where it fits. Shares "
            f"stay at most {words.percent(1)}. Each was simulated {shown.times(self.found.effort.what_if)}, with "
            "the same people.",
            table=Table(
                caption="minutes that the first target's jobs wait at most",
                header=("what is changed", f"{change} less", "unchanged", f"{change} more"),
                rows=[
                    TableRow(
                        [one.name, *(row.number(key, shown.minutes) for key in ("smaller", "unchanged", "larger"))]
                    )
                    for one, row in zip(self.found.influences, known, strict=True)
                ],
                right=frozenset({1, 2, 3}),
            ),
        )

    def _influence(self, known: RowNumbers) -> Mapping[str, Any]:
        name, smaller, larger = (known.value(key) for key in ("name", "smaller", "larger"))
        less, more = (f"{words.percent(SHARE)} {word}" for word in ("less", "more"))
        ends = f"{less}: {shown.minutes(smaller)} min", f"{more}: {shown.minutes(larger)} min"
        return {
            "label": name,
            "smaller": smaller,
            "larger": larger,
            "text": f"{ends[0]}; {ends[1]}",
            "tip": "\n".join(
                [name, *ends, f"unchanged: {shown.minutes(known.value('unchanged'))} min", "; ".join(ends)]
            ),
        }

    def _staggered(self) -> list[Part]:
        known = self.numbers.at("staggered")
        said: list[Part] = [
            Strong("Staggered starts: "),
            "if the starts in class were spread over ",
            known.number("minutes", _count),
            f" minutes more, {_of(self.targets[0])} would wait at most ",
            *_interval(known, "wait"),
            " min with as much hardware. ",
        ]
        if not known.value("is_searched"):
            return [*said, "Fewer cards were not tried, since that takes long for a cohort of this size."]
        if known.value("count") is None:
            return [*said, "Fewer cards would not do."]
        said += [
            known.number("count", _count),
            " card" if known.value("count") == 1 else " cards",
            " would meet the target",
        ]
        if known.value("week_saved") is not None:
            said += [" and save ", known.number("week_saved", _money), f" {self.currency} a week"]
        return [*said, "."]

    def memory(self) -> list[Block]:
        """What each job needs, and how often it fits."""
        jobs = [
            (need, self.numbers.at(f"options/{self.one.place}/needs/{place}"))
            for place, need in enumerate(self.found.options[self.one.place].needs)
        ]
        needs = Table(
            caption=f"what each job needs on {words.plain(self.one.hardware.name)}",
            header=("job", "minutes", "memory up to", "cards at once", "known how", "source"),
            rows=[
                TableRow(
                    [
                        words.plain(need.name),
                        _interval(known, "minutes", _plain) if need.minutes else UNKNOWN,
                        known.shown("memory_bytes", _gigabytes),
                        known.shown("gang", _count) if need.kind else UNKNOWN,
                        need.kind or "does not load this hardware",
                        need.source,
                    ]
                )
                for need, known in jobs
            ],
            right=frozenset({1, 2, 3}),
        )
        return [needs, *([self._fits()] if self.found.fits else [])]

    def _fits(self) -> Table:
        rows = []
        for place, fit in enumerate(self.found.fits):
            known = self.numbers.at(f"memory/{place}")
            unit = f"a {fit.unit}" if fit.unit in {"card", "machine"} else f"slice {fit.unit}"
            slices: Text = [known.number("slices_a_card", _count), f" x {fit.smallest_slice}"]
            rows.append(
                TableRow(
                    [
                        words.plain(fit.name),
                        known.shown("memory_bytes", _gigabytes),
                        unit,
                        known.shown("unit_bytes", _gigabytes),
                        known.shown("at_once", _count) if fit.at_once else "does not fit",
                        slices if fit.smallest_slice else UNKNOWN,
                    ]
                )
            )
        return Table(
            caption="how each job fits: the simulation never gives out more memory than a card or slice has",
            header=("job", "needs up to", "runs on", "which has", "at once on it", "smallest slices: how many a card"),
            rows=rows,
            right=frozenset({1, 3, 4}),
        )

    # --- What it rests on -------------------------------------------------------------------------------------------

    def assumed(self) -> list[Block]:
        """Every number with a range."""
        if not self.found.assumptions:
            return [Paragraph("Nothing: the cohort's file gives every number as a fact.")]
        kinds = [one.kind for one in self.found.assumptions]
        count = words.joined([f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)])
        rows = []
        for place, one in enumerate(self.found.assumptions):
            known = self.numbers.at(f"assumptions/{place}")
            rows.append(
                TableRow(
                    [
                        Code(one.field),
                        *(known.shown(key, _plain) for key in ("value", "low", "high")),
                        one.kind,
                        one.source,
                    ]
                )
            )
        header = ("number", "value", "from", "to", "kind", "source")
        return [
            Paragraph(
                f"Numbers with a range: {count}. Each simulated residency takes one value of each range; values near "
                "the middle one are the most frequent. The names are those of the cohort's file."
            ),
            Table("numbers that are not known exactly", header, rows, frozenset({1, 2, 3})),
        ]

    def how(self) -> list[Block]:
        """The simulation, its rules, its test."""
        known = self.plan.number
        hardware = [
            "A job takes the smallest free card or slice that its memory fits. No running job is stopped.",
            "A job that needs several cards waits until they are free together. No later job fills the gap before it "
            "(no backfilling).",
            "Class comes before projects, and projects before grading; else first come, first served.",
        ]
        rules: list[Text] = [
            [
                "The residency was simulated ",
                known("replications", _count),
                " times with this plan, ",
                known("jobs_simulated", _count),
                " jobs in all. Every plan sees the same people. Seed ",
                *_parts(self.numbers.shown("seed", _count)),
                ": the same seed gives the same answer.",
            ],
            "Each different kind of week is simulated once each time, and counts as often as the calendar has it. "
            "Weeks are independent: what still waits on Sunday is finished before the next. Very large cohorts "
            "simulate one kind of week each time.",
            "In class, all start within the start window. Each runs a try, waits for it, thinks, and runs the next, "
            "until its tries or the practice are over.",
            "In projects, each resident thinks, runs a job, and thinks again, in the project hours. A job that fails "
            "is run again at once. Submissions of a class are graded all at the same moment.",
            "Times to think are exponential. Times of jobs are lognormal, as uneven as the cohort says (scv, the "
            "squared coefficient of variation).",
            *hardware,
            "Not simulated: cards that fail, time to load data, and people who change their habits when they wait.",
            [
                "The simulation is checked against what is known exactly: ",
                Code("residency plan --selftest"),
            ],
        ]
        return [Items(rules)]


def _of(target: Target) -> str:
    return f"{target.percentile:g} of 100 {shown.WHO[target.of]}"


def _column(target: Target) -> str:
    return f"{_of(target)} wait at most, min"


def _parts(text: Text) -> Sequence[Part]:
    return render.parts(text)


def _interval(known: RowNumbers, name: str, write: Callable[[float], str] = shown.minutes) -> list[Part]:
    """`1.5 [1.3, 1.7]`; of a number without a range, the value."""
    value, low, high = (known.number(f"{name}/{bound}", write) for bound in ("value", "low", "high"))
    return [value] if low.value == high.value else [value, " [", low, ", ", high, "]"]


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _plain(value: float) -> str:
    """Three digits, without zeros at the end: `2`, `0.37`, `1,200`."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _money(value: float) -> str:
    return f"{value:,.2f}" if abs(value) < 100 else f"{value:,.0f}"


def _gigabytes(value: float) -> str:
    return f"{_plain(value / GB)} GB"
