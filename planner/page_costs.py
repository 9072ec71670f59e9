"""Cost against wait, on the page of a plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from residency.planner import shown
from residency.planner.drawn import (
    Drawn,
    as_count,
    as_money,
    column_of,
    interval_of,
    of_target,
)
from residency.planner.search import Evaluated
from residency.reports import words
from residency.reports.page.numbers import RowNumbers
from residency.reports.page.parts import (
    Block,
    Chart,
    Items,
    Paragraph,
    Table,
    TableRow,
    Text,
)

SHAPES = 6  # that the specification has
BEYOND = 1.1  # the ends of an axis, times what is outermost
MOST_WAIT = 100.0  # minutes, in a chart: times that are longer are drawn at its end


@dataclass(frozen=True)
class _Point:
    """An option with a number of cards, and its numbers."""

    option: int
    one: Evaluated
    known: RowNumbers
    sure: bool  # the answer rests on it; others were simulated a few times to look for the number of cards


class Costs(Drawn):
    """All that was simulated, with its price."""

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
            f"of {of_target(target)}. A dashed line is the target; a ring marks {role}.",
            rows=[self._mark(point, priced=priced) for point in drawn],
            more={"legend": legend},
            settings={
                "most": BEYOND * max(*costs, 1e-9),
                "longest": longest,
                "limit": target.wait_minutes,
                "ticks": [tick for tick in (0, 0.5, 1, 2, 5, 10, 20, 50, 100) if tick <= longest],
                "across": across,
                "up": f"minutes that {of_target(target)} wait at most",
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
        cost = [] if week is None else [f"{as_money(week)} {self.currency} a week"]
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
            header += [column_of(target), "9 of 10 residencies"]
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
            waits += [interval_of(known, f"targets/{place}"), [spread[0], " to ", spread[1]]]
        return [
            words.plain(point.one.hardware.name),
            known.shown("count", as_count),
            known.shown("price/week", as_money),
            known.shown("price/resident", as_money),
            *waits,
            known.shown("chance_to_miss", words.percent),
            known.shown("busy/value", words.percent),
            [known.number("replications", as_count), " time" if point.one.replications == 1 else " times"],
            ("met" if point.one.meets else "missed") + (", the plan" if self._is_shown(point.one) else ""),
        ]
