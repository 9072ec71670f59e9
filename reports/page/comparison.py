"""The page of a comparison of two runs: has anything become slower or wrong, and how is that decided?"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from residency.analysis.compare import FALSE_DISCOVERIES, Comparison
from residency.harness.records import RunInfo
from residency.reports import compare as said
from residency.reports import names, words
from residency.reports.page import sizes
from residency.reports.page.charts import changes
from residency.reports.page.numbers import Places
from residency.reports.page.parts import (
    Block,
    Code,
    Items,
    Number,
    Page,
    Paragraph,
    Section,
    Table,
    TableRow,
    Text,
    Warned,
)
from residency.reports.tables import facts

FACTS = ("measured", "processor", "GPU and environment")
GUIDE = (
    "A cell is one implementation of a task on one dataset at one size. Its ratio is its time now divided by its time "
    "in the baseline: above 1 is slower.",
    "The numbers in brackets are a 95 % interval. The grey band is the margin: how much slower is still allowed.",
    f"{words.INCONCLUSIVE.capitalize()}. All cells share the risk of a mistake, and a cell whose interval lies above 1 "
    "may still be within the margin.",
    "What makes a ratio less sure, such as few processes or a busy machine, stands beside it.",
    "A cell without a ratio was not compared. Its line says why.",
)


def page(found: Comparison, document: Mapping[str, Any], command: Sequence[str]) -> Page:
    """The page of a comparison; `document` is its JSON, and `command` makes both."""
    numbers = Places(document)
    cells = found.cells
    return Page(
        title=f"Residency: {names.against(found.current, found.baseline, _folders(document))}",
        lead=_lead(found),
        guide=GUIDE if cells else (),
        sections=[
            *([Section("changes", "What changed?", [changes.chart(found, numbers)])] if cells else []),
            Section("differences", "What differs between the runs?", _differences(found)),
            Section("how", "How is this decided?", _how(found, command)),
        ],
        filters={
            "topic": list(dict.fromkeys(cell.task.partition("/")[0] for cell in cells)),
            "size": sizes.ordered(cell.size for cell in cells),
        },
    )


def _folders(document: Mapping[str, Any]) -> list[str]:
    """The folders of the current run and of the baseline, by their names where these differ."""
    folders = [Path(document["runs"][side]["folder"]) for side in ("current", "baseline")]
    names = [folder.name for folder in folders]
    return names if len(set(names)) > 1 else list(map(str, folders))


def _lead(found: Comparison) -> list[Block]:
    """The verdict, what all tasks share, which runs these are, and the exit status for who set up a gate."""
    reason = said.reason(found)
    blocks: list[Block] = [Paragraph(f"{reason[0].upper()}{reason[1:]}.", "answer")]
    if made_up := said.made_up(found):
        blocks.append(Warned(made_up))
    if found.shift is not None:
        blocks.append(Warned(said.shared(found.shift)))
    runs: list[Text] = [
        f"{name}: run {info.id}, {words.moment(info.started)}, on {names.place(info)}"
        for name, info in (("Now", found.current), ("Baseline", found.baseline))
    ]
    status: Text = [
        "Exit status: ",
        Number(str(int(found.status)), int(found.status), "status"),
        f", {said.meaning(found)}",
    ]
    return [*blocks, Items([*runs, status])]


def _differences(found: Comparison) -> list[Block]:
    listed = said.differences(found)
    blocks: list[Block] = [
        Items(listed) if listed else Paragraph("Nothing that the runs record differs: same machine, same software.")
    ]
    if found.likeness.forbids:
        blocks.insert(0, Warned("These runs are too unlike for a comparison of times, so no ratio is shown."))
    return [*blocks, _runs(found)]


def _runs(found: Comparison) -> Table:
    """Both runs side by side."""
    sides = found.baseline, found.current
    lines: list[tuple[str, Sequence[Text]]] = [
        ("run", [info.id for info in sides]),
        *([("name", [info.name or "-" for info in sides])] if any(info.name for info in sides) else []),
        ("measured by", [Code(shlex.join(info.command)) for info in sides]),
        *((name, values) for name, *values in zip(FACTS, *map(_facts, sides), strict=True)),
    ]
    return Table(
        caption="both runs",
        header=("what", "baseline", "now"),
        rows=[TableRow([name, *values]) for name, values in lines],
    )


def _facts(info: RunInfo) -> list[str]:
    """When, with which code and on which machine a run was measured, in the order of `FACTS`."""
    measured, processor, *others = facts(info)
    return [measured, processor, "; ".join(others)]


def _how(found: Comparison, command: Sequence[str]) -> list[Block]:
    made: list[Block] = [Paragraph(["Made by: ", Code(shlex.join(command))])]
    if not any(cell.ratio for cell in found.cells):
        return [Paragraph("No ratio was formed, so nothing was tested."), *made]
    blocks: list[Block] = [
        Paragraph(
            "The unit is the process. In each process the median over its rounds is taken; Welch's t-test compares the "
            "processes of both runs against the margin."
        ),
        Paragraph(
            "A cell is slower only if the test says so after the false discovery rate over all cells is held at "
            f"{words.percent(FALSE_DISCOVERIES)} (Benjamini and Hochberg). It is equivalent or faster if its "
            "99 % interval lies within or below the margin. Everything else is inconclusive: "
            "more processes would probably decide."
        ),
    ]
    if found.confirmed:
        blocks.append(Paragraph("What seemed slower was measured again, and only the new samples decided."))
    return [*blocks, *made]
