"""One task on one dataset at one size: the question, the answer after the vote, the reasons, and the speaker's notes.

The answer shows only the rows that answer the question, because a class must read them from the back row. All others
are counted in one line, and are in the table and in the notes.
"""

from __future__ import annotations

import shlex
from collections import Counter
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
from residency.reports.answers import WON, answer, belief, name_of, where_it_went
from residency.reports.page import doubts
from residency.reports.page.charts import speedups
from residency.reports.page.numbers import Numbers
from residency.reports.page.parts import Block, Code, Items, Paragraph, Section, Text, prose
from residency.reports.page.slides import votes
from residency.reports.page.slides.slide import AXIS, RESIDENT, Reveal, Slide, address, asked_in, beginning, line

ROWS = 4  # of the chart behind an answer
EXPECTED = 320  # characters of what was expected on a slide; the rest is in the notes
INCONCLUSIVE = "Inconclusive"  # the beginning of an answer that the run cannot give
LONG_START = 10.0  # times a warm execution: a longer first call is worth telling


def slides(group: GroupFindings, info: RunInfo, numbers: Numbers) -> list[Slide]:
    """The question with its answer, and what was measured beside what was expected."""
    return [_question(group, info, numbers), reasons(group, _measured(group, numbers))]


def _question(group: GroupFindings, info: RunInfo, numbers: Numbers) -> Slide:
    cell, rivals = group.rows[0].cell, contest(group.rows, group.task)
    asked = group.task.question if group.task else ""
    offered = votes.choices(rivals)
    return Slide(
        name=address(cell.task, cell.dataset, cell.size),
        kind="question",
        brief=brief(group),
        entry=entry(group),
        above=above(group),
        title=_title(cell.task, asked, rivals),
        shown=[*_apart(asked, rivals), *_contenders(rivals, info)],
        choices=offered,
        reveal=Reveal(
            first=_answers(group, rivals, offered, info, numbers), left=_chart(group.rows, numbers), right=[]
        ),
        notes=_notes(group, rivals, info, numbers),
    )


def _title(task: str, asked: str, rivals: Contest) -> Text:
    """The task's question, or what can be asked of this run instead."""
    if asked and rivals.between_devices:
        return prose(asked_in(asked)[0])
    if len(rivals.measured) < 2:
        return f"How long does {task} take?"
    if rivals.gpu is not None:
        return f"Which is fastest for {task}?"
    libraries = {row.cell.library for row in rivals.measured}
    what = "library" if len(libraries) == len(rivals.measured) else "implementation"
    return f"Which CPU {what} is fastest for {task}?"


def above(group: GroupFindings) -> str:
    """`tabular/etl: trips at lab, 100,000 rows`."""
    cell = group.rows[0].cell
    size = "" if cell.size.isdigit() else f" at {cell.size}"
    count = f", {words.count(group.count)} {group.rows[0].facts.unit}" if group.count is not None else ""
    return f"{cell.task}: {cell.dataset}{size}{count}"


def reasons(group: GroupFindings, measured: Sequence[Text], more: Sequence[Text] = ()) -> Slide:
    """What was measured beside what was expected, of which a slide holds the beginning. `more` is in the notes."""
    cell = group.rows[0].cell
    name = address(cell.task, cell.dataset, cell.size, "why")
    expect = group.task.expect if group.task else ""
    first, rest = beginning(expect, EXPECTED)
    said: list[Text] = ["Ask what came as expected, and what did not."]
    if not expect:
        said = ["This run does not record what was expected. It is written in the task's file."]
    notes: list[Block] = [Items([*said, *more])]
    if rest:
        notes += [Paragraph("Expected, continued", "head"), Paragraph(prose(rest))]
    return Slide(
        name=name,
        kind="reasons",
        brief="measured and expected",
        above=above(group),
        title="Did it come as expected?" if expect else "What was measured?",
        shown=[],
        left=[Section(f"{name}-measured", "Measured", [Items(measured)])],
        right=[Section(f"{name}-expected", "Expected", [Paragraph(prose(first))])] if expect else [],
        notes=notes,
        follows=True,
    )


def brief(group: GroupFindings) -> str:
    """`etl, trips at lab`."""
    cell = group.rows[0].cell
    return f"{entry(group)}, {cell.dataset} at {cell.size}"


def entry(group: GroupFindings) -> str:
    """`gradient boosting`, for all sizes of the task."""
    return group.rows[0].cell.task.partition("/")[2].replace("_", " ")


def _apart(asked: str, rivals: Contest) -> list[Block]:
    """What the task's question begins with; all of it, if the class votes on CPU libraries instead."""
    if not asked:
        return []
    if rivals.between_devices:
        context = asked_in(asked)[1]
        return [Paragraph(prose(context), "note")] if context else []
    return [Paragraph(["The task asks: ", *prose(asked), " This run compares no GPU with a CPU."], "note")]


def _contenders(rivals: Contest, info: RunInfo) -> list[Block]:
    """Who is compared, and what the class votes on."""
    if rivals.between_devices and rivals.cpu is not None and rivals.gpu is not None:
        gpus = info.machine.get("gpus")
        on_gpu = f", on {words.gpus(gpus)}" if gpus else ""
        on_cpu = f", on {cores(rivals.cpu, info)}"
        return [
            Items(
                [
                    f"CPU: {name_of(rivals.cpu)}{on_cpu}",
                    f"GPU: {name_of(rivals.gpu)}{on_gpu}",
                    "End to end: the copies to the GPU and back count.",
                ]
            ),
            Paragraph("Predict for this size: which is faster, and by how much?", "predict"),
        ]
    if len(rivals.measured) < 2:
        one = [Paragraph(f"One implementation has a time: {name_of(row)}.") for row in rivals.measured]
        return [*one, Paragraph("Predict: write down how long it takes.", "predict")]
    where = f" on {cores(rivals.measured[0], info)} ({_without_gpu(rivals, info)})" if rivals.gpu is None else ""
    return [
        Paragraph(f"{len(rivals.measured)} implementations{where}."),
        Paragraph("Predict: which is fastest?", "predict"),
    ]


def cores(row: Row, info: RunInfo) -> str:
    """`2 threads of AMD EPYC`."""
    threads = row.facts.threads
    return f"{threads} thread{'s' if threads > 1 else ''} of {info.machine['cpu']}" if threads else info.machine["cpu"]


def _without_gpu(rivals: Contest, info: RunInfo) -> str:
    """Why no GPU takes part; empty if one does."""
    if rivals.gpu is not None:
        return ""
    return "no GPU implementation has a time" if info.machine.get("gpus") else "no GPU in this run"


def _chart(rows: Sequence[Row], numbers: Numbers) -> list[Block]:
    """The speedups of the rows that answer the question: every GPU side first, then the fastest on the CPU."""
    compared = [row for row in rows if speedups.is_compared(row)]
    shown = sorted(compared, key=lambda row: (row.cell.device != "gpu", -_ratio(row)))[:ROWS]
    baselines = (_called(row.compared.speedup.baseline, rows) for row in rows if row.compared.speedup)
    title = f"Times as fast as {next(baselines, 'the CPU')}"
    drawn = speedups.chart(shown, numbers, named="implementation", title=title)
    if drawn is None:
        return []
    table, settings = speedups.table(rows, numbers), {**drawn.settings, "axis": AXIS}
    return [replace(drawn, table=table, settings=settings, note=_left_out(rows, shown))]


def _ratio(row: Row) -> float:
    return row.compared.speedup.value if row.compared.speedup else 0.0


def _left_out(rows: Sequence[Row], shown: Sequence[Row]) -> str:
    """`Not drawn: 4 more on the CPU, 1 wrong, 1 failed. The table has all.` Empty if nothing is left out."""
    drawn = {row.key for row in shown}
    others = [row for row in rows if row.key not in drawn and not speedups.is_baseline(row)]
    counted = Counter(_why_left_out(row) for row in others)
    named = words.joined([f"{count} {why}" for why, count in counted.items()])
    return f"Not drawn: {named}. The table has all." if named else ""


def _why_left_out(row: Row) -> str:
    if speedups.is_compared(row):
        return f"more on the {row.cell.device.upper()}"
    if row.measured is not None:
        return speedups.NOT_COMPARED
    return row.result.outcome.replace("_", " ")


def _answers(
    group: GroupFindings, rivals: Contest, offered: Sequence[str], info: RunInfo, numbers: Numbers
) -> list[Block]:
    """The answer in one sentence, and which prediction was right."""
    said = Paragraph(_answer(group, rivals, info, numbers), "big")
    return [said, Paragraph(votes.right(rivals, offered), "right-choice")] if offered else [said]


def _answer(group: GroupFindings, rivals: Contest, info: RunInfo, numbers: Numbers) -> Text:
    """The answer in one sentence, with what makes it less sure."""
    doubt = _doubts(rivals)
    if rivals.between_devices and rivals.cpu is not None and rivals.gpu is not None:
        ratio = rivals.gpu.compared.speedup
        who = WON.get(ratio.verdict, INCONCLUSIVE) if ratio else INCONCLUSIVE
        verb = words.takes(ratio.value if ratio else 1.0)
        by = numbers.of(rivals.gpu).times()
        return line(f"{who}: {name_of(rivals.gpu)} {verb} ", by, f" as {name_of(rivals.cpu)}", doubt, ".")
    if len(rivals.measured) < 2:
        brief = answer(group.rows, info).brief
        return f"{brief[0].upper()}{brief[1:]}."
    first, second, *_ = rivals.measured
    verdict = votes.verdict(second)
    ratio = second.compared.speedup
    if ratio is None:
        return line(f"Not compared: {name_of(first)} had the shortest time, ", numbers.of(first).time(), doubt, ".")
    who = f"{name_of(second)} {words.takes(ratio.value)} "
    whom = f" as {name_of(first)}"
    won = {"slower": f"{name_of(first)} is the fastest", "equivalent": "Equally fast"}.get(verdict, INCONCLUSIVE)
    whom = "" if verdict == "slower" else whom
    return line(f"{won}: {who}", numbers.of(second).times(), whom, doubt, ".")


def _doubts(rivals: Contest) -> str:
    """` (1 process, busy machine)`; empty if nothing makes the answer less sure."""
    said = [doubt for row in _compared(rivals) for doubt in doubts.beside(row).split(", ")]
    found = list(dict.fromkeys(filter(None, said)))
    return f" ({', '.join(found)})" if found else ""


def _measured(group: GroupFindings, numbers: Numbers) -> list[Text]:
    """The times, the ratio with the data resident, and where the time went."""
    rivals = contest(group.rows, group.task)
    shown = _compared(rivals)
    lines: list[Text] = [line(f"{name_of(row)}: ", numbers.of(row).time()) for row in shown]
    if rivals.between_devices and rivals.gpu is not None:
        lines.append(_resident(rivals.gpu, numbers))
    return [*lines, *went(shown)]


def went(rows: Sequence[Row]) -> list[Text]:
    """Where the time of each went: `cuml (estimator@gpu) spends 75 % of its time in fit.`."""
    said = [where_it_went(row).removeprefix(f"In {row.cell.task}, ") for row in rows]
    return [prose(text) for text in said if text]


def _compared(rivals: Contest) -> list[Row]:
    """The two that the answer is about; only one if there are not two."""
    return [row for row in (rivals.cpu, rivals.gpu) if row] if rivals.between_devices else rivals.measured[:2]


def _resident(row: Row, numbers: Numbers) -> Text:
    """How fast it is with the data already on the device."""
    resident = row.compared.resident
    if resident is None:
        why = row.facts.unknown.get("resident", "the run did not record it")
        return f"{RESIDENT}: not known ({why})."
    least = words.bound(resident.value) if resident.at_least else ""
    return line(f"{RESIDENT}: {least}", numbers.of(row).times("resident"), ".")


def _notes(group: GroupFindings, rivals: Contest, info: RunInfo, numbers: Numbers) -> list[Block]:
    """What to say before and after the vote, the numbers, what surprises, and how to measure it again."""
    before = ["Read the question out. Ask what each would expect, and why. Then show the answer."]
    if len(rivals.measured) > 1:
        before = [
            "Read the question out, and say who is compared. Let the class vote.",
            "Ask two who voted differently for their reasons. Then show the answer.",
        ]
    return [
        Paragraph("Before the vote", "head"),
        Items(before),
        Paragraph("After the vote", "head"),
        Items(_after(group, rivals, info, numbers)),
        Paragraph("Numbers", "head"),
        Items([_numbers(row, group.rows, numbers) for row in group.ranked if row.measured]),
        Paragraph("What may surprise", "head"),
        Items(_surprises(group, rivals, numbers)),
        *again(group, info),
    ]


def _after(group: GroupFindings, rivals: Contest, info: RunInfo, numbers: Numbers) -> list[Text]:
    """The answer in sentences that can be read out."""
    if not rivals.between_devices or rivals.cpu is None or rivals.gpu is None:
        return list(map(prose, answer(group.rows, info).sentences))
    on_gpu, on_cpu = (numbers.of(row).time() for row in (rivals.gpu, rivals.cpu))
    gpu, cpu = name_of(rivals.gpu), name_of(rivals.cpu)
    times = line(f"{gpu} takes ", on_gpu, f" end to end; {cpu} takes ", on_cpu)
    went = filter(None, map(where_it_went, (rivals.cpu, rivals.gpu)))
    sure = belief(rivals.measured, group.rows, info)
    return [line(times, "."), _resident(rivals.gpu, numbers), *map(prose, [*went, *sure])]


def again(group: GroupFindings, info: RunInfo) -> list[Block]:
    """How to measure it again."""
    return [Paragraph("Measure it again", "head"), Paragraph(Code(command(group, info)))]


def _numbers(row: Row, group: Sequence[Row], numbers: Numbers) -> Text:
    """`cuml (estimator@gpu): 7.62 ms [7.31, 7.94], 10.5 × as fast [9.81, 11.3] as sklearn (estimator@cpu)`."""
    found, ratio = numbers.of(row), row.compared.speedup
    against: Text = ""
    if ratio is not None and not in_doubt(row) and ratio.baseline != row.cell.implementation:
        against = line(", ", found.times(), f" as {_called(ratio.baseline, group)}")
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
            found.append("The GPU takes longer than the CPU.")
        resident = rivals.gpu.compared.resident
        if resident is not None and max(resident.value, ratio.value) > APART * min(resident.value, ratio.value):
            both = numbers.of(rivals.gpu)
            found.append(line("End to end ", both.times(), ", resident ", both.times("resident"), "."))
    if ratio is not None and ratio.verdict not in {"faster", "slower", "equivalent"}:
        found.append(f"{words.INCONCLUSIVE.capitalize()}.")
    for row in group.ranked:
        if row.result.outcome == Outcome.WRONG:
            found.append(f"{name_of(row)} returned a wrong result, so its time does not count: {row.result.reason}.")
        elif row.measured and (row.measured.cold_seconds or 0.0) > LONG_START * row.median:
            start = numbers.of(row).shown("cold_seconds", words.seconds)
            later = numbers.of(row).shown("seconds/median", words.seconds)
            found.append(line(f"{name_of(row)} took ", start, f" {words.COLD}, and ", later, " warm."))
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
