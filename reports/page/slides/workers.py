"""Do more workers help: how an implementation scales on a cluster. The class predicts first."""

from __future__ import annotations

from residency.analysis.findings import Findings
from residency.analysis.row import Ratio
from residency.analysis.scaling import Scaling, Strong, scalings
from residency.reports import words
from residency.reports.page import doubts
from residency.reports.page.numbers import Numbers
from residency.reports.page.parts import Block, Items, Paragraph, Text
from residency.reports.page.slides import bars
from residency.reports.page.slides.slide import Reveal, Slide, address
from residency.reports.scaling import headline

ROWS = 4  # of the chart behind an answer


def slides(found: Findings, numbers: Numbers) -> dict[str, list[Slide]]:
    """The slides of each task that ran on several numbers of workers."""
    made: dict[str, list[Slide]] = {}
    for index, scaling in enumerate(scalings(found.records, found.rows)):
        if any(strong.workers > 1 and strong.over_one is not None for strong in scaling.strong):
            made.setdefault(scaling.task, []).append(_slide(f"scaling/{index}", scaling, numbers))
    return made


def _slide(place: str, scaling: Scaling, numbers: Numbers) -> Slide:
    said, _, more = headline(scaling).removeprefix(f"{scaling.task}, {scaling.implementation}: ").partition(". ")
    unsure = doubts.of_rows([strong.row for strong in scaling.strong])
    said = f"{said.removesuffix('.')}{f' ({unsure})' if unsure else ''}."
    rest: list[Block] = [Paragraph(more, "topic")] if more else []
    most = max(strong.workers for strong in scaling.strong)
    said = said.replace(" %", "\N{NO-BREAK SPACE}%")
    return Slide(
        name=address(scaling.task, scaling.implementation, "workers"),
        kind="question",
        brief="do more workers help",
        above=f"{scaling.task}: {scaling.implementation} on a cluster",
        title="Do more workers help?",
        shown=[
            Items(["The same work is divided among more worker processes."]),
            Paragraph(f"Predict: how many times as fast are {most} workers as one?", "predict"),
        ],
        reveal=Reveal(first=[Paragraph(said, "big"), *rest], left=[_chart(place, scaling, numbers)], right=[]),
        notes=[
            Items(
                [
                    "Efficiency is the ratio divided by the number of workers. At 100 % no worker's time is lost.",
                    "Ask where the rest goes: work that cannot be divided, moving data, and waiting.",
                    "Compare with one process that uses all cores: a cluster must beat that one.",
                ]
            )
        ],
        follows=True,
    )


def _chart(place: str, scaling: Scaling, numbers: Numbers) -> Block:
    every = {
        strong.workers: _bar(f"{place}/strong/{index}", strong, strong.over_one, numbers)
        for index, strong in enumerate(scaling.strong)
        if strong.over_one is not None and strong.workers > 1
    }
    drawn = list(every)[-ROWS:]
    left_out = len(every) - len(drawn)
    return bars.chart(
        [every[workers] for workers in drawn],
        title="Times as fast as one worker",
        description="One bar for each number of workers on a logarithmic axis with 1 marked.",
        table=bars.table(
            list(every.values()),
            caption="the ratio at every number of workers, with 95 % intervals",
            header=("workers", "times as fast as one", "efficiency"),
        ),
        note=f"Not drawn: {left_out} smaller clusters. The table has all." if left_out else "",
    )


def _bar(place: str, strong: Strong, ratio: Ratio, numbers: Numbers) -> bars.Bar:
    cells: list[Text] = [
        numbers.interval(f"{place}/over_one", words.digits, middle="value", unit=" ×"),
        numbers.shown(f"{place}/efficiency", words.percent),
    ]
    return bars.Bar(f"{strong.workers} workers", strong.row.cell.device, ratio, cells)
