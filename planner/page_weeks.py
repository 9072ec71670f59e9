"""The week hour by hour, on the page of a plan."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from residency.planner import shown
from residency.planner.drawn import (
    Drawn,
    as_count,
    column_of,
    of_target,
)
from residency.reports import words
from residency.reports.page import render
from residency.reports.page.numbers import RowNumbers
from residency.reports.page.parts import (
    Block,
    Chart,
    Paragraph,
    Table,
    TableRow,
)

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
IDLE = 0.2  # times the use of the busiest hour: hours with less are not shown


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


class Weeks(Drawn):
    """An ordinary week and the busiest one."""

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
                known.number("times", as_count),
                " of ",
                *render.parts(self.numbers.shown("weeks", as_count)),
                f". A frame with ▲: of what is sent in this hour, {limits}.",
            ],
            table=Table(
                caption="share in use, jobs and waits by hour",
                header=("hour", "in use", "jobs sent", "95 of 100 wait at most, min", *map(column_of, self.targets)),
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
                said.append(f"{of_target(target)} wait at most {shown.minutes(value)} min{above}")
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
