"""The answer as a page: the plan, the week hour by hour, cost against wait, what matters most, what is assumed.

Every number is taken from the JSON answer by its place, so the page and `--json` say the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from residency.planner import shown
from residency.planner.answer import Answer
from residency.planner.drawn import (
    Drawn,
    as_count,
    as_money,
    as_plain,
    of_target,
)
from residency.planner.page_costs import Costs
from residency.planner.page_waits import Waits
from residency.planner.page_weeks import Weeks
from residency.reports import words
from residency.reports.page import render
from residency.reports.page.numbers import Places
from residency.reports.page.parts import (
    Block,
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

SHOWN = 0.005  # the smallest share that is not shown as 0 %
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
    given = found, one, Places(document)
    drawn, waits = _Plan(*given), Waits(*given)
    sections = {
        "week": ("The week hour by hour", Weeks(*given).weeks()),
        "cost": ("Cost against wait", Costs(*given).costs()),
        "waits": ("Waits by activity", waits.waits()),
        "matters": ("What matters most", waits.influences()),
        "memory": ("What each job needs, and how it fits", waits.memory()),
        "assumed": ("What is assumed", drawn.assumed()),
        "how": ("How was this simulated?", drawn.how()),
    }
    return Page(
        title=f"Residency: hardware for {words.plain(found.cohort.name)}",
        lead=drawn.lead(),
        guide=GUIDE,
        sections=[Section(name, title, blocks) for name, (title, blocks) in sections.items() if blocks],
    )


class _Plan(Drawn):
    """The beginning of the page, and what it rests on."""

    def lead(self) -> list[Block]:
        """The plan, its price, the wait; then what else decides."""
        said: list[Part] = ["The plan is "]
        if self.found.chosen is None:
            said = [Strong("No option meets the target."), " The nearest is "]
        said += [Strong(self.plan.number("count", as_count)), Strong(f" x {words.plain(self.one.hardware.name)}")]
        if self.one.price is None:
            said.append(" (no price given).")
        else:
            hour, week = (self.plan.number(f"price/{key}", as_money) for key in ("hour", "week"))
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
            f"{of_target(self.targets[place])} wait at most ",
            Strong(known(f"targets/{place}/value", shown.minutes)),
            Strong(" min"),
            " (95 % interval ",
            known(f"targets/{place}/low", shown.minutes),
            " to ",
            known(f"targets/{place}/high", shown.minutes),
            "). The target, ",
            self.numbers.at("targets").number(f"{place}/wait_minutes", as_plain),
            " min, ",
            Strong("is met" if met else "is missed"),
            ".",
        ]

    def _facts(self) -> Iterator[Text]:
        known = self.plan.number
        yield [
            *render.parts(self.numbers.shown("residents", as_count)),
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
        idle, resident, total = (known(f"price/{key}", as_money) for key in ("idle_hour", "resident", "all_weeks"))
        yield [*used, " Idle time costs ", idle, f" {self.currency} an hour."]
        yield ["All weeks cost ", total, f" {self.currency}: ", resident, f" {self.currency} for each resident."]

    def _weeks(self) -> list[Part]:
        return [
            *render.parts(self.numbers.shown("weeks", as_count)),
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
                        *(known.shown(key, as_plain) for key in ("value", "low", "high")),
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
                known("replications", as_count),
                " times with this plan, ",
                known("jobs_simulated", as_count),
                " jobs in all. Every plan sees the same people. Seed ",
                *render.parts(self.numbers.shown("seed", as_count)),
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
