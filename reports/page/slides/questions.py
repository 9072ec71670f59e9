"""One task on one dataset at one size: the question, the answer after the vote, and what the speaker says."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace

from residency.analysis.contest import Contest, contest
from residency.analysis.doubt import in_doubt
from residency.analysis.findings import GroupFindings
from residency.analysis.rest import APART
from residency.analysis.row import Row
from residency.harness.outcomes import Outcome
from residency.harness.records import RunInfo
from residency.reports import words
from residency.reports.answers import UNDECIDED, WON, answer, name_of, where_it_went
from residency.reports.page import doubts
from residency.reports.page.charts import speedups
from residency.reports.page.numbers import Numbers
from residency.reports.page.parts import Block, Code, Items, Paragraph, Section, Text, prose
from residency.reports.page.slides import votes
from residency.reports.page.slides.slide import AXIS, Reveal, Slide, address, line

LONG_START = 10.0  # times a warm execution: a longer first call is worth telling


def question(group: GroupFindings, info: RunInfo, numbers: Numbers) -> Slide:
    """One task on one dataset at one size."""
    cell, rivals = group.rows[0].cell, contest(group.rows, group.task)
    name = address(cell.task, cell.dataset, cell.size)
    size = f", {words.count(group.count)} {group.rows[0].facts.unit}" if group.count is not None else ""
    asked = group.task.question if group.task else ""
    fastest = f"Which CPU library is fastest for {cell.task}?" if rivals.gpu is None else "Which is fastest?"
    choices = votes.choices(rivals)
    return Slide(
        name=name,
        kind="question",
        brief=_brief(group),
        above=f"{cell.task}: {cell.dataset} at {cell.size}{size}",
        title=prose(asked) if asked and rivals.between_devices else fastest,
        shown=[*_for_a_gpu(asked, rivals), *_contenders(rivals, info)],
        choices=choices,
        reveal=Reveal(
            first=_answers(group, rivals, choices, info, numbers),
            left=_chart(group.rows, numbers),
            right=_beside(name, group, rivals, numbers),
        ),
        notes=_notes(group, rivals, info, numbers),
    )


def _brief(group: GroupFindings) -> str:
    cell = group.rows[0].cell
    return f"{cell.task.partition('/')[2].replace('_', ' ')}, {cell.dataset} at {cell.size}"


def _for_a_gpu(asked: str, rivals: Contest) -> list[Block]:
    """The task's question, if the run has no GPU's time to answer it."""
    if not asked or rivals.between_devices:
        return []
    return [Paragraph(["The task's question needs a GPU's time, which this run lacks: ", *prose(asked)], "note")]


def _contenders(rivals: Contest, info: RunInfo) -> list[Block]:
    """Who is compared, and what the class votes on."""
    if rivals.between_devices and rivals.cpu is not None and rivals.gpu is not None:
        gpus = info.machine.get("gpus")
        on_gpu = f", on {words.gpus(gpus)}" if gpus else ""
        on_cpu = f", on {_cores(rivals.cpu, info)}"
        return [
            Items(
                [
                    f"CPU: {name_of(rivals.cpu)}{on_cpu}. It is the strongest correct one in this run.",
                    f"GPU: {name_of(rivals.gpu)}{on_gpu}. Its time includes the copies to the GPU and back.",
                ]
            ),
            Paragraph("Predict: which is faster, and by how much?", "predict"),
        ]
    if len(rivals.measured) < 2:
        return [Paragraph("There is nothing to vote on: fewer than two implementations have a time that counts.")]
    where = f" on {_cores(rivals.measured[0], info)} ({_without_gpu(rivals, info)})" if rivals.gpu is None else ""
    return [
        Paragraph(f"{len(rivals.measured)} implementations{where}."),
        Paragraph("Predict: which is fastest?", "predict"),
    ]


def _cores(row: Row, info: RunInfo) -> str:
    """`2 threads of AMD EPYC`."""
    threads = row.facts.threads
    return f"{threads} thread{'s' if threads > 1 else ''} of {info.machine['cpu']}" if threads else info.machine["cpu"]


def _without_gpu(rivals: Contest, info: RunInfo) -> str:
    """Why no GPU takes part; empty if one does."""
    if rivals.gpu is not None:
        return ""
    return "no GPU implementation has a time" if info.machine.get("gpus") else "no GPU in this run"


def _chart(rows: Sequence[Row], numbers: Numbers) -> list[Block]:
    """The speedups of a task; its title says over which implementation. What could not run is in the table alone."""
    baselines = (_called(row.compared.speedup.baseline, rows) for row in rows if row.compared.speedup)
    title = f"Times as fast as {next(baselines, 'the CPU')}"
    ran = [row for row in rows if row.result.outcome != Outcome.UNAVAILABLE]
    drawn = speedups.chart(ran, numbers, named="implementation", title=title)
    if drawn is None:
        return [speedups.table(rows, numbers)]
    return [replace(drawn, table=speedups.table(rows, numbers), settings={**drawn.settings, "axis": AXIS})]


def _answers(
    group: GroupFindings, rivals: Contest, choices: Sequence[str], info: RunInfo, numbers: Numbers
) -> list[Block]:
    """The answer in one sentence, and which prediction was right."""
    said = Paragraph(_answer(group, rivals, info, numbers), "big")
    return [said, Paragraph(votes.right(rivals, choices), "right-choice")] if choices else [said]


def _beside(name: str, group: GroupFindings, rivals: Contest, numbers: Numbers) -> list[Block]:
    """What was measured, and what was expected."""
    beside: list[Block] = [Section(f"{name}-measured", "Measured", [Items(_measured(rivals, numbers))])]
    if group.task and group.task.expect:
        beside.append(Section(f"{name}-expected", "Expected", [Paragraph(prose(group.task.expect))]))
    return beside


def _answer(group: GroupFindings, rivals: Contest, info: RunInfo, numbers: Numbers) -> Text:
    """The answer in one sentence, with what makes it less sure."""
    doubt = _doubts(rivals, info)
    if rivals.between_devices and rivals.cpu is not None and rivals.gpu is not None:
        ratio = rivals.gpu.compared.speedup
        who = WON.get(ratio.verdict, UNDECIDED) if ratio else UNDECIDED
        by = numbers.of(rivals.gpu).ratio()
        return line(f"{who}: {name_of(rivals.gpu)} is ", by, f" as fast as {name_of(rivals.cpu)}", doubt, ".")
    if rivals.gpu is not None or len(rivals.measured) < 2:
        brief = answer(group.rows, info).brief
        return f"{brief[0].upper()}{brief[1:]}."
    first, second, *_ = rivals.measured
    verdict = votes.verdict(second)
    time, by = numbers.of(first).time(), numbers.of(second).ratio()
    beside = line("; ", f"{name_of(second)} is ", by, " as fast") if second.compared.speedup else []
    if verdict == "slower":
        return line(f"{name_of(first)} is the fastest: ", time, *beside, doubt, ".")
    if verdict == "equivalent":
        return line(f"{name_of(first)} and {name_of(second)} are equally fast: ", time, *beside, doubt, ".")
    return line(f"Not decided: {name_of(first)} had the shortest time, ", time, *beside, doubt, ".")


def _doubts(rivals: Contest, info: RunInfo) -> str:
    """` (1 process, busy machine, no GPU in this run)`; empty if nothing makes the answer less sure."""
    rows = [rivals.cpu, rivals.gpu] if rivals.between_devices else rivals.measured[:2]
    said = [doubt for row in rows if row for doubt in doubts.beside(row).split(", ")]
    found = list(dict.fromkeys(filter(None, [*said, _without_gpu(rivals, info)])))
    return f" ({', '.join(found)})" if found else ""


def _measured(rivals: Contest, numbers: Numbers) -> list[Text]:
    """The times, the ratio with the data resident, and where the time went."""
    between = rivals.between_devices
    shown = [row for row in (rivals.cpu, rivals.gpu) if row] if between else rivals.measured[:2]
    lines: list[Text] = [line(f"{name_of(row)}: ", numbers.of(row).time()) for row in shown]
    if between and rivals.gpu is not None:
        lines.append(_resident(rivals.gpu, numbers))
    return [*lines, *map(prose, filter(None, map(where_it_went, shown)))]


def _resident(row: Row, numbers: Numbers) -> Text:
    """How fast it is with the data already on the device."""
    resident = row.compared.resident
    if resident is None:
        why = row.facts.unknown.get("resident", "the run did not record it")
        return f"With the data already on the GPU: not known ({why})."
    least = ("at most " if resident.value < 1 else "at least ") if resident.at_least else ""
    return line(f"With the data already on the GPU: {least}", numbers.of(row).ratio("resident"), " as fast.")


def _notes(group: GroupFindings, rivals: Contest, info: RunInfo, numbers: Numbers) -> list[Block]:
    """What to say, the numbers, what surprises, and how to measure it again."""
    said: list[Text] = ["Read the question out and let the class vote. Then reveal."]
    said += map(prose, answer(group.rows, info).sentences)
    if group.task and not group.task.expect:
        said.append("This run does not record what the task's file expects. A new run does.")
    blocks: list[Block] = [Paragraph("Say", "head"), Items(said), Paragraph("Numbers", "head")]
    blocks.append(Items([_numbers(row, group.rows, numbers) for row in group.ranked if row.measured]))
    blocks += [Paragraph("What may surprise", "head"), Items(_surprises(group, rivals, numbers))]
    return [*blocks, Paragraph("Measure it again", "head"), Paragraph(Code(command(group, info)))]


def _numbers(row: Row, group: Sequence[Row], numbers: Numbers) -> Text:
    """`cuml (estimator@gpu): 7.62 ms [7.31, 7.94], 10.5 × [9.81, 11.3] as fast as sklearn (estimator@cpu)`."""
    found, ratio = numbers.of(row), row.compared.speedup
    against: Text = ""
    if ratio is not None and not in_doubt(row) and ratio.baseline != row.cell.implementation:
        against = line(", ", found.ratio(), f" as fast as {_called(ratio.baseline, group)}")
    doubt = doubts.beside(row)
    return line(f"{name_of(row)}: ", found.time(), against, f" ({doubt})" if doubt else "")


def _called(implementation: str, group: Sequence[Row]) -> str:
    """The name of an implementation of the group, with its library."""
    return next((name_of(row) for row in group if row.cell.implementation == implementation), implementation)


def _surprises(group: GroupFindings, rivals: Contest, numbers: Numbers) -> list[Text]:
    """What a class may not expect, as far as the numbers tell."""
    found: list[Text] = []
    ratio = rivals.gpu.compared.speedup if rivals.gpu else None
    if rivals.gpu is not None and ratio is not None:
        if ratio.verdict == "slower":
            found.append("The GPU does not win.")
        resident = rivals.gpu.compared.resident
        if resident is not None and max(resident.value, ratio.value) > APART * min(resident.value, ratio.value):
            both = numbers.of(rivals.gpu)
            found.append(line("End to end ", both.ratio(), ", with the data resident ", both.ratio("resident"), "."))
    if ratio is not None and ratio.verdict not in {"faster", "slower", "equivalent"}:
        found.append("The run cannot tell who is faster: the interval contains 1.")
    for row in group.ranked:
        if row.result.outcome == Outcome.WRONG:
            found.append(f"{name_of(row)} returned a wrong result, so its time does not count: {row.result.reason}.")
        elif row.measured and (row.measured.cold_seconds or 0.0) > LONG_START * row.median:
            start = numbers.of(row).shown("cold_seconds", words.seconds)
            found.append(line(f"The first call of {name_of(row)} took ", start, "."))
    return found or ["Nothing in the numbers stands out."]


def command(group: GroupFindings, info: RunInfo) -> str:
    """The command that measures this task again; for the user's own data, the command of the whole run."""
    cell, settings = group.rows[0].cell, info.settings
    if settings.get("path") or info.command[1:2] != ["run"]:
        return shlex.join(info.command)
    given = ["residency", "run", cell.task, "--dataset", cell.dataset]
    if group.task and cell.size in group.task.sizes:
        given += ["--size", cell.size]
    for name in ("replicates", "rounds"):
        if settings.get(name):
            given += [f"--{name}", str(settings[name])]
    if "cluster" in (runners := settings.get("runners") or []):
        given += ["--runner", ",".join(runners), "--workers", ",".join(map(str, settings.get("workers") or []))]
    return shlex.join(given)
