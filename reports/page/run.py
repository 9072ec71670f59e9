"""The page of a run: what ran where, the answers, the pictures, and how every number was measured."""

from __future__ import annotations

from collections.abc import Sequence

from residency.analysis.findings import Findings, GroupFindings
from residency.analysis.row import Row
from residency.harness.outcomes import Outcome
from residency.reports import words
from residency.reports.answers import answer
from residency.reports.beside import named
from residency.reports.page.beside import each_other
from residency.reports.page.charts import growth, quality, resources, roofline, samples, scaling, speedups, stages
from residency.reports.page.numbers import Numbers
from residency.reports.page.parts import (
    Block,
    Details,
    Items,
    Page,
    Paragraph,
    Section,
    Warned,
    tags_of,
)
from residency.reports.tables import Report, report

GUIDE = (
    "A speedup is how many times as fast an implementation is as the strongest correct one on the CPU in the same run.",
    "The numbers in brackets are a 95 % interval. If it contains 1, the run cannot tell who is faster.",
    "Only results whose quality passed have a time. What failed or could not run is listed with its reason.",
)


def page(found: Findings) -> Page:
    """The page of one run."""
    return of_runs([found])


def of_runs(runs: Sequence[Findings]) -> Page:
    """The page of several runs, one after the other: times of unlike machines never share an axis."""
    numbers = [Numbers(found, f"runs/{index}/" if len(runs) > 1 else "") for index, found in enumerate(runs)]
    if len(runs) == 1:
        lead, sections = _lead(runs[0]), _sections(runs[0], numbers[0], report(runs[0]), "")
    else:
        labels = [named(found).label for found in runs]
        lead = [Paragraph(f"{len(runs)} runs, each in a section of its own:"), Items(labels)]
        sections = [
            Section(f"run-{index}", label, [*_lead(found), *_sections(found, of, report(found), f"run-{index}-")])
            for index, (found, of, label) in enumerate(zip(runs, numbers, labels, strict=True))
        ]
        sections.append(each_other(runs, numbers))
    rows = [row for found in runs for row in found.rows]
    return Page(
        title=f"Residency: {words.joined([found.records.info.name or found.records.info.id for found in runs])}",
        lead=lead,
        guide=GUIDE,
        sections=sections,
        filters={
            "topic": list(dict.fromkeys(row.cell.task.partition("/")[0] for row in rows)),
            "device": list(dict.fromkeys(row.cell.device for row in rows)),
            "size": list(dict.fromkeys(row.cell.size for row in rows)),
        },
    )


def _lead(found: Findings) -> list[Block]:
    """What ran on which machine, and what is unusual about it."""
    said = report(found)
    blocks: list[Block] = [Items(said.facts)]
    if said.warning:
        blocks.append(Warned(said.warning))
    return [*blocks, *(Paragraph(line, "answer") for line in said.summary)]


def _sections(found: Findings, numbers: Numbers, said: Report, prefix: str) -> list[Section]:
    blocks: list[Block] = [chart] if (chart := speedups.chart(_worth_showing(found.rows), numbers)) else []
    sections = [Section(f"{prefix}speedups", "How much faster?", blocks)]
    for name, title, charts in (
        ("stages", "Where does the time go?", stages.charts),
        ("growth", "From which size on?", growth.charts),
        ("scaling", "Do more workers help?", scaling.charts),
        ("roofline", "How near to the hardware's limits?", roofline.charts),
        ("quality", "Is the fastest as good?", quality.charts),
        ("resources", "How much memory and energy?", resources.charts),
    ):
        if drawn := charts(found, numbers):
            sections.append(Section(f"{prefix}{name}", title, drawn))
    return [*sections, *_topics(found, numbers, prefix), *_samples(found, numbers, prefix)]


def _samples(found: Findings, numbers: Numbers, prefix: str) -> list[Section]:
    drawn = samples.charts(found, numbers)
    shown = [Details(chart.title, [chart]) for chart in drawn]
    return [Section(f"{prefix}samples", "Every sample", shown)] if shown else []


def _worth_showing(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.result.outcome != Outcome.UNAVAILABLE] or list(rows)


def _topics(found: Findings, numbers: Numbers, prefix: str) -> list[Section]:
    topics: dict[str, list[GroupFindings]] = {}
    for group in found.groups:
        topics.setdefault(group.rows[0].cell.task.partition("/")[0], []).append(group)
    return [
        Section(
            f"{prefix}{topic}", topic, [_task(group, found, numbers, prefix) for group in groups], tags_of(f"{topic}/")
        )
        for topic, groups in topics.items()
    ]


def _task(group: GroupFindings, found: Findings, numbers: Numbers, prefix: str) -> Section:
    cell = group.rows[0].cell
    said = answer(group.rows, found.records.info)
    chart = speedups.chart(group.rows, numbers, named="implementation", title="Times as fast")
    blocks: list[Block] = [Paragraph(" ".join(said.sentences), "answer")]
    if group.task and group.task.question:
        blocks.insert(0, Paragraph(f"Question: {group.task.question}", "question"))
    if chart:
        blocks.append(chart)
    name = f"{prefix}{cell.task}-{cell.dataset}-{cell.size}".replace("/", "-")
    return Section(name, f"{cell.task}, {cell.dataset} at {cell.size}", blocks, tags_of(cell.task, "", cell.size))
