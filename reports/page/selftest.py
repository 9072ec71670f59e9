"""The page of a self-test: which differences can this machine detect?"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from residency.analysis.selftest import DRAWS, EFFECT, OFTEN, Control
from residency.harness import statistics
from residency.reports import words
from residency.reports.page.charts import selftest as charts
from residency.reports.page.numbers import Places
from residency.reports.page.parts import Block, Code, Items, Page, Paragraph, Section, Text, prose

GUIDE = (
    "A is one implementation. It was compared with itself, where nothing differs, and with the same work "
    "and 5 % more of it.",
    "The numbers in brackets are a 95 % interval. An interval of A against itself should hold 1.",
    "The smallest effect is the smallest slow-down that a comparison with as many processes as a verdict uses "
    "detects in four of five trials. Smaller ones may be there unseen.",
)


def page(found: Sequence[Control], document: Mapping[str, Any], command: Sequence[str]) -> Page:
    """The page of a self-test; `document` is its JSON, and `command` makes both."""
    numbers = Places(document)
    return Page(
        title="Residency: what this machine can detect",
        lead=_lead(found, numbers, document),
        guide=GUIDE,
        sections=[
            Section("control", "A against itself, and with 5 % more work", [charts.chart(found, numbers)]),
            Section("smallest", "The smallest effect of each kind of work", [Items(_each(found, numbers))]),
            Section("how", "How is this measured?", _how(found, document, command)),
        ],
    )


def _lead(found: Sequence[Control], numbers: Places, document: Mapping[str, Any]) -> list[Block]:
    best = min(range(len(found)), key=lambda place: found[place].smallest)
    worst = max(range(len(found)), key=lambda place: found[place].smallest)
    said: list[Any] = [
        "The smallest slow-down that this machine detects is ",
        _smallest(numbers, best),
        f" ({_about(found[best])}), with {found[best].replicates} processes of each side.",
    ]
    if best != worst:
        said += [" In the noisiest kind of work it is ", _smallest(numbers, worst), f" ({_about(found[worst])})."]
    machine = document["machine"]
    how = "in gate mode" if document["gate"] else "as by `residency run`"
    facts: list[Text] = [
        f"{' '.join(str(machine.get('cpu')).split())}, {machine.get('cores')} cores",
        prose(f"Measured {words.moment(document['at'])}, {how}"),
    ]
    return [Paragraph(said, "answer"), Items(facts)]


def _smallest(numbers: Places, place: int) -> Any:
    return numbers.shown(f"controls/{place}/smallest", lambda value: f"{100 * value:.1f} %")


def _about(control: Control) -> str:
    return ", ".join(filter(None, (control.work, charts.load(control))))


def _each(found: Sequence[Control], numbers: Places) -> list[list[Any]]:
    lines: list[list[Any]] = []
    for place, control in enumerate(found):
        known = numbers.at(f"controls/{place}")
        lines.append(
            [
                f"{_about(control)}: ",
                _smallest(numbers, place),
                "; it detects + 5 % in ",
                known.shown("power", lambda value: f"{100 * value:.0f} %"),
                " of the trials, and calls A different from itself in ",
                known.shown("false_alarms", lambda value: f"{100 * value:.1f} %"),
                " of the comparisons.",
            ]
        )
    return lines


def _how(found: Sequence[Control], document: Mapping[str, Any], command: Sequence[str]) -> list[Block]:
    first = found[0]
    return [
        Paragraph(
            prose(
                f"{first.processes} fresh processes of each side took turns. {DRAWS} trials of {first.replicates} "
                f"processes were drawn from them. An effect counts as detected if {words.percent(OFTEN)} of the trials "
                f"give the verdict `slower`, at 99 % against a margin of {words.percent(statistics.MARGIN)}. "
                f"The effect that was really there is {words.percent(EFFECT)}. The picture shows the intervals "
                "of all processes."
            )
        ),
        Paragraph(
            prose(
                "`residency compare` uses this: with a margin below the smallest effect it says that it cannot tell, "
                "and ends with status 3."
            )
        ),
        Paragraph(["Made by: ", Code(shlex.join(command))]),
    ]
