"""Waits by activity, what changes them, and how jobs fit, on the page of a plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from residency.planner import shown
from residency.planner.answer import SHARE
from residency.planner.behaviour import ACTIVITIES
from residency.planner.drawn import (
    Drawn,
    as_count,
    as_gigabytes,
    as_money,
    as_plain,
    interval_of,
    of_target,
)
from residency.reports import words
from residency.reports.page.numbers import UNKNOWN, RowNumbers
from residency.reports.page.parts import (
    Block,
    Chart,
    Paragraph,
    Part,
    Strong,
    Table,
    TableRow,
    Text,
)

BEYOND = 1.1  # the end of an axis, times what is outermost


class Waits(Drawn):
    """What the plan that is shown does, and why."""

    def waits(self) -> list[Block]:
        """The table of waits."""
        fields = ("p50", "p95", "p99", "result_p50", "result_p95")
        who = {**shown.WHO, "all": "all jobs"}
        names = {name: who[name] for name in (*ACTIVITIES, "all") if name in self.one.waits}
        rows = [
            TableRow(
                [
                    said,
                    *(interval_of(self.plan, f"waits/{name}/{field}") for field in fields),
                    self.plan.shown(f"waits/{name}/jobs", as_count),
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
                "axis": f"minutes that {of_target(target)} wait at most",
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
            known.number("minutes", as_count),
            f" minutes more, {of_target(self.targets[0])} would wait at most ",
            *interval_of(known, "wait"),
            " min with as much hardware. ",
        ]
        if not known.value("is_searched"):
            return [*said, "Fewer cards were not tried, since that takes long for a cohort of this size."]
        if known.value("count") is None:
            return [*said, "Fewer cards would not do."]
        said += [
            known.number("count", as_count),
            " card" if known.value("count") == 1 else " cards",
            " would meet the target",
        ]
        if known.value("week_saved") is not None:
            said += [" and save ", known.number("week_saved", as_money), f" {self.currency} a week"]
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
                        interval_of(known, "minutes", as_plain) if need.minutes else UNKNOWN,
                        known.shown("memory_bytes", as_gigabytes),
                        known.shown("gang", as_count) if need.kind else UNKNOWN,
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
            slices: Text = [known.number("slices_a_card", as_count), f" x {fit.smallest_slice}"]
            rows.append(
                TableRow(
                    [
                        words.plain(fit.name),
                        known.shown("memory_bytes", as_gigabytes),
                        unit,
                        known.shown("unit_bytes", as_gigabytes),
                        known.shown("at_once", as_count) if fit.at_once else "does not fit",
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
