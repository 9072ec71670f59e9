"""A deck of slides from a run, for an instructor in front of a class: predict first, then reveal.

One question a slide. First the class sees what is compared and votes; then it sees the answer, with its interval and
its doubts, beside what the task's file expects.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from string import ascii_uppercase

from residency.analysis.contest import Contest, contest
from residency.analysis.doubt import in_doubt
from residency.analysis.findings import Findings, GroupFindings
from residency.analysis.rest import APART
from residency.analysis.row import Row
from residency.analysis.vote import UP_TO, vote
from residency.harness.errors import UsageError
from residency.harness.outcomes import Outcome, is_not_reached
from residency.harness.records import RunInfo
from residency.reports import words
from residency.reports.answers import UNDECIDED, WON, answer, name_of, where_it_went
from residency.reports.page import doubts, render, topics
from residency.reports.page.charts import speedups
from residency.reports.page.numbers import Numbers
from residency.reports.page.parts import (
    Block,
    Chart,
    Code,
    Items,
    Paragraph,
    Part,
    Section,
    Table,
    TableRow,
    Text,
    Warned,
    charts_in,
    prose,
)
from residency.reports.tables import facts, report

ROWS_A_SLIDE = 9  # of the chart of all tasks
LONG_START = 10.0  # times a warm execution: a longer first call is worth telling
AXIS = "times as fast (95 % interval)"
NAMES = 4  # implementations that are named for a reason why they could not run
VOTES = (
    "the CPU is faster",
    "about equal",
    f"the GPU, up to {UP_TO[0]:.0f} ×",
    f"the GPU, {UP_TO[0]:.0f} to {UP_TO[1]:.0f} ×",
    f"the GPU, more than {UP_TO[1]:.0f} ×",
)
"""What `analysis.vote.Choice` is called, in its order."""


@dataclass(frozen=True)
class Reveal:
    """What a slide shows after the class has voted."""

    first: Sequence[Block]
    left: Sequence[Block]
    right: Sequence[Block]


@dataclass(frozen=True)
class Slide:
    """One slide."""

    name: str  # its address
    kind: str  # what is announced: `question`, `topic`, ...
    brief: str  # in the list of slides
    above: str  # in small letters above the title
    title: Text
    shown: Sequence[Block]
    notes: Sequence[Block]  # for the speaker
    choices: Sequence[str] = ()
    left: Sequence[Block] = ()  # two columns below what is shown
    right: Sequence[Block] = ()
    reveal: Reveal | None = None

    @property
    def blocks(self) -> list[Block]:
        """All that it shows."""
        hidden = [*self.reveal.first, *self.reveal.left, *self.reveal.right] if self.reveal else []
        return [*self.shown, *self.left, *self.right, *hidden, *self.notes]


@dataclass(frozen=True)
class Deck:
    """All slides of a run."""

    title: str
    slides: Sequence[Slide]


def html(found: Findings) -> str:
    """The deck of a run as one file; raises `UsageError` if the run has nothing to show to a class."""
    shown = deck(found)
    charts = charts_in([block for slide in shown.slides for block in slide.blocks])
    styles, scripts = ("page.css", "slides.css"), ("charts.js", "slides.js")
    return render.html("slides.html", styles=styles, scripts=scripts, charts=charts, deck=shown, letter=letter)


def deck(found: Findings) -> Deck:
    """The slides of a run: each task a question, each topic an answer, and all tasks together at the end."""
    groups = [group for group in found.groups if any(row.measured for row in group.rows)]
    if not groups:
        run = shlex.quote(str(found.records.folder))
        raise UsageError(f"no slides: nothing in this run has a time; the reasons are in: residency report {run}")
    numbers = Numbers(found)
    slides = [_opening(found, groups), *_questions(found, groups, numbers), *_all_tasks(found, groups, numbers)]
    if missing := _missing(found):
        slides.append(missing)
    return Deck(f"Residency: {found.records.info.name or found.records.info.id}", _with_own_names(slides))


def _with_own_names(slides: Sequence[Slide]) -> list[Slide]:
    """The slides, with a number in names that are not unique."""
    taken: set[str] = set()
    named = []
    for slide in slides:
        name = next(name for name in _candidates(slide.name) if name not in taken)
        taken.add(name)
        named.append(replace(slide, name=name))
    return named


def _candidates(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1


def _opening(found: Findings, groups: Sequence[GroupFindings]) -> Slide:
    """What is compared, on which machine, and how to read a chart."""
    info = found.records.info
    asked = list(dict.fromkeys(_topic(group) for group in groups))
    gpu = any(row.cell.device == "gpu" and row.measured for group in groups for row in group.rows)
    count = f"{len(groups)} question{'s' if len(groups) > 1 else ''} on {words.joined(asked)}."
    count += "" if gpu else " Nothing was measured on a GPU, so they compare CPU libraries."
    when, *machine = facts(info, nobody=not any(map(in_doubt, found.rows)))
    left: list[Block] = [Paragraph(count), Items(machine)]
    if warning := report(found).warning:
        left.append(Warned(warning))
    return Slide(
        name="opening",
        kind="opening",
        brief="Opening",
        above=info.name or info.id,
        title="What is a GPU worth?" if gpu else "Which library is fastest?",
        shown=[Paragraph("Predict first. Then look at what was measured.", "lead")],
        left=left,
        right=[_example()],
        notes=[
            Items(
                [
                    "For each question, read it out, let the class vote, and only then press the right arrow key.",
                    "The example has made-up numbers. The bar ends at the measured value; the black line is the 95 % "
                    "interval. If the line crosses 1, the run cannot tell who is faster.",
                    f"Measured {when}.",
                ]
            ),
            _reproduced(info),
        ],
    )


def _example() -> Chart:
    """How to read a chart, by made-up numbers: a real one would give an answer away before the vote."""
    examples = [
        ("faster: interval above 1", 5.0, 4.2, 6.0, "faster"),
        ("not decided: contains 1", 1.2, 0.8, 1.8, "inconclusive"),
        ("slower: interval below 1", 0.5, 0.4, 0.62, "slower"),
    ]
    low, high = 0.25, 8.0
    texts = [f"{words.digits(value)} × {words.bounds(least, most)}" for _, value, least, most, _ in examples]
    return Chart(
        spec="speedups",
        title="How to read a speedup (made-up numbers)",
        description="Three examples: one that is faster than 1 ×, one that is not decided, and one that is slower.",
        rows=[
            {
                "label": label,
                "device": "gpu",
                "ratio": value,
                "low": least,
                "high": most,
                "verdict": verdict,
                "text": text,
                "doubt": "",
                "tip": f"{label}\n{text}",
            }
            for (label, value, least, most, verdict), text in zip(examples, texts, strict=True)
        ],
        table=Table(
            caption="the example's numbers, which are made up",
            header=("what it means", "times as fast"),
            rows=[TableRow([label, text]) for (label, *_), text in zip(examples, texts, strict=True)],
            right=frozenset({1}),
        ),
        settings={
            "low": low,
            "high": high,
            "ticks": speedups.ticks(low, high),
            "axis": AXIS,
        },
        note="The bar ends at the measured value, and the line is its 95 % interval. 1 × means equally fast.",
    )


def _questions(found: Findings, groups: Sequence[GroupFindings], numbers: Numbers) -> Iterator[Slide]:
    """The questions of each topic, followed by the topic's answer."""
    answers = topics.sentences(found, numbers)
    by_topic: dict[str, list[GroupFindings]] = {}
    for group in groups:
        by_topic.setdefault(_topic(group), []).append(group)
    for topic, its_groups in by_topic.items():
        for group in its_groups:
            yield _question(group, found.records.info, numbers)
        yield _learned(topic, answers[topic])


def _topic(group: GroupFindings) -> str:
    return group.rows[0].cell.task.partition("/")[0]


def _learned(topic: str, said: topics.Said) -> Slide:
    """A topic's answer, and the same at other sizes."""
    others: list[Block] = [Paragraph("At other sizes", "head"), Items(said.others)] if said.others else []
    return Slide(
        name=_name("topic", topic),
        kind="topic",
        brief=f"What we learned: {topic}",
        above=topic,
        title=f"What we learned about {topic}",
        shown=[Paragraph(said.answer, "topic"), *others],
        notes=[Items(["Ask which prediction was furthest from what was measured, and why."])],
    )


def _brief(group: GroupFindings) -> str:
    cell = group.rows[0].cell
    return f"{cell.task.partition('/')[2].replace('_', ' ')}, {cell.dataset} at {cell.size}"


def _name(*parts: str) -> str:
    """A name that can stand in an address."""
    return re.sub(r"[^A-Za-z0-9]+", "-", "-".join(parts)).strip("-").lower() or "slide"


def _question(group: GroupFindings, info: RunInfo, numbers: Numbers) -> Slide:
    """One task on one dataset at one size."""
    cell, rivals = group.rows[0].cell, contest(group.rows, group.task)
    name = _name(cell.task, cell.dataset, cell.size)
    size = f", {words.count(group.count)} {group.rows[0].facts.unit}" if group.count is not None else ""
    asked = group.task.question if group.task else ""
    fastest = f"Which CPU library is fastest for {cell.task}?" if rivals.gpu is None else "Which is fastest?"
    choices = _choices(rivals)
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


def _choices(rivals: Contest) -> list[str]:
    """What the class can vote for. Implementations come by name, so that the order tells nothing."""
    if rivals.between_devices:
        return list(VOTES)
    return sorted(map(name_of, rivals.measured)) if len(rivals.measured) > 1 else []


def letter(index: int) -> str:
    """A, B, C, ..., and numbers after Z."""
    return ascii_uppercase[index] if index < len(ascii_uppercase) else str(index + 1)


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
    return [said, Paragraph(_right(rivals, choices), "right-choice")] if choices else [said]


def _beside(name: str, group: GroupFindings, rivals: Contest, numbers: Numbers) -> list[Block]:
    """What was measured, and what was expected."""
    beside: list[Block] = [Section(f"{name}-measured", "Measured", [Items(_measured(rivals, numbers))])]
    if group.task and group.task.expect:
        beside.append(Section(f"{name}-expected", "Expected", [Paragraph(prose(group.task.expect))]))
    return beside


def _line(*texts: Text) -> list[Part]:
    """Texts one after the other."""
    parts: list[Part] = []
    for text in texts:
        parts += [*render.parts(text)]
    return parts


def _answer(group: GroupFindings, rivals: Contest, info: RunInfo, numbers: Numbers) -> Text:
    """The answer in one sentence, with what makes it less sure."""
    doubt = _doubts(rivals, info)
    if rivals.between_devices and rivals.cpu is not None and rivals.gpu is not None:
        ratio = rivals.gpu.compared.speedup
        who = WON.get(ratio.verdict, UNDECIDED) if ratio else UNDECIDED
        verb = words.takes(ratio.value if ratio else 1.0)
        by = numbers.of(rivals.gpu).times()
        return _line(f"{who}: {name_of(rivals.gpu)} {verb} ", by, f" as {name_of(rivals.cpu)}", doubt, ".")
    if rivals.gpu is not None or len(rivals.measured) < 2:
        brief = answer(group.rows, info).brief
        return f"{brief[0].upper()}{brief[1:]}."
    first, second, *_ = rivals.measured
    verdict = _verdict(second)
    time, ratio = numbers.of(first).time(), second.compared.speedup
    beside = _line(f"; {name_of(second)} {words.takes(ratio.value)} ", numbers.of(second).times()) if ratio else []
    if verdict == "slower":
        return _line(f"{name_of(first)} is the fastest: ", time, *beside, doubt, ".")
    if verdict == "equivalent":
        return _line(f"{name_of(first)} and {name_of(second)} are equally fast: ", time, *beside, doubt, ".")
    return _line(f"Not decided: {name_of(first)} had the shortest time, ", time, *beside, doubt, ".")


def _doubts(rivals: Contest, info: RunInfo) -> str:
    """` (1 process, busy machine, no GPU in this run)`; empty if nothing makes the answer less sure."""
    rows = [rivals.cpu, rivals.gpu] if rivals.between_devices else rivals.measured[:2]
    said = [doubt for row in rows if row for doubt in doubts.beside(row).split(", ")]
    found = list(dict.fromkeys(filter(None, [*said, _without_gpu(rivals, info)])))
    return f" ({', '.join(found)})" if found else ""


def _right(rivals: Contest, choices: Sequence[str]) -> Text:
    """Which prediction was right, and which others the interval does not exclude."""
    if rivals.between_devices and rivals.gpu is not None and rivals.gpu.compared.speedup is not None:
        told = vote(rivals.gpu.compared.speedup)
        right = [int(told.right)] if told.right is not None else []
        possible = [int(choice) for choice in told.possible]
    else:
        first, *others = rivals.measured
        tied = [row for row in others if _verdict(row) == "equivalent"]
        near = [row for row in others if _verdict(row) not in {"equivalent", "slower"}]
        right = [] if near else [choices.index(name_of(row)) for row in (first, *tied)]
        possible = [choices.index(name_of(row)) for row in (first, *tied, *near)]
    if not right:
        left = _lettered(possible, choices) if len(possible) < len(choices) else "all of these"
        return f"This run cannot tell. Possible: {left}."
    more = sorted(set(possible) - set(right))
    also = f" The interval also allows {_lettered(more, choices)}." if more else ""
    return f"Right: {_lettered(right, choices)}.{also}"


def _verdict(row: Row) -> str:
    """What its ratio to the strongest says; empty if it has none."""
    return row.compared.speedup.verdict if row.compared.speedup else ""


def _lettered(indices: Sequence[int], choices: Sequence[str]) -> str:
    """`C (the GPU, up to 3 ×)`."""
    return words.joined([f"{letter(index)} ({choices[index]})" for index in sorted(indices)])


def _measured(rivals: Contest, numbers: Numbers) -> list[Text]:
    """The times, the ratio with the data resident, and where the time went."""
    between = rivals.between_devices
    shown = [row for row in (rivals.cpu, rivals.gpu) if row] if between else rivals.measured[:2]
    lines: list[Text] = [_line(f"{name_of(row)}: ", numbers.of(row).time()) for row in shown]
    if between and rivals.gpu is not None:
        lines.append(_resident(rivals.gpu, numbers))
    return [*lines, *map(prose, filter(None, map(where_it_went, shown)))]


def _resident(row: Row, numbers: Numbers) -> Text:
    """How fast it is with the data already on the device."""
    resident = row.compared.resident
    if resident is None:
        why = row.facts.unknown.get("resident", "the run did not record it")
        return f"With the data already on the GPU: not known ({why})."
    least = words.bound(resident.value) if resident.at_least else ""
    return _line(f"With the data already on the GPU: {least}", numbers.of(row).times("resident"), ".")


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
    """`cuml (estimator@gpu): 7.62 ms [7.31, 7.94], 10.5 × as fast [9.81, 11.3] as sklearn (estimator@cpu)`."""
    found, ratio = numbers.of(row), row.compared.speedup
    against: Text = ""
    if ratio is not None and not in_doubt(row) and ratio.baseline != row.cell.implementation:
        against = _line(", ", found.times(), f" as {_called(ratio.baseline, group)}")
    doubt = doubts.beside(row)
    return _line(f"{name_of(row)}: ", found.time(), against, f" ({doubt})" if doubt else "")


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
            found.append(_line("End to end ", both.times(), ", with the data resident ", both.times("resident"), "."))
    if ratio is not None and ratio.verdict not in {"faster", "slower", "equivalent"}:
        found.append("The run cannot tell who is faster: the interval contains 1.")
    for row in group.ranked:
        if row.result.outcome == Outcome.WRONG:
            found.append(f"{name_of(row)} returned a wrong result, so its time does not count: {row.result.reason}.")
        elif row.measured and (row.measured.cold_seconds or 0.0) > LONG_START * row.median:
            start = numbers.of(row).shown("cold_seconds", words.seconds)
            found.append(_line(f"The first call of {name_of(row)} took ", start, "."))
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


def _reproduced(info: RunInfo) -> Block:
    return Paragraph(["The whole run: ", Code(shlex.join(info.command))])


def _all_tasks(found: Findings, groups: Sequence[GroupFindings], numbers: Numbers) -> list[Slide]:
    """All tasks in one chart, the highest speedup first; over several slides if there are many."""
    rivals = [row for group in groups if (row := _rival(group, found.records.info)) is not None]
    rows = sorted(rivals, key=lambda row: -row.compared.speedup.value if row.compared.speedup else 0.0)
    whole = speedups.chart(rows, numbers)
    if whole is None:
        return []
    axis = {**{name: whole.settings[name] for name in ("low", "high", "ticks")}, "axis": AXIS}  # the same on all slides
    on_gpu = sum(row.cell.device == "gpu" for row in rows)
    remark = [Paragraph("Where no GPU has a time, it is the second fastest.")] if 0 < on_gpu < len(rows) else []
    title = "The fastest on the GPU in each task" if on_gpu else "The second fastest library in each task"
    sizes = len({row.cell.size for row in rows}) > 1
    pages = list(_pages(rows))
    slides = []
    for number, page in enumerate(pages, 1):
        drawn = speedups.chart(page, numbers, sizes=sizes)
        if drawn is not None:
            at = f"All tasks ({number} of {len(pages)})" if len(pages) > 1 else "All tasks"
            chart = replace(drawn, settings={**drawn.settings, **axis})
            notes = [Items([*report(found).summary, "Ask what the winners have in common."])]
            slides.append(Slide("all-tasks", "summary", at, at, title, [*remark, chart], notes))
    return slides


def _pages(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), ROWS_A_SLIDE):
        yield rows[start : start + ROWS_A_SLIDE]


def _rival(group: GroupFindings, info: RunInfo) -> Row | None:
    """The fastest on the GPU, or else the second fastest; None if nothing has a ratio."""
    rivals = contest(group.rows, group.task)
    if rivals.between_devices:
        return rivals.gpu
    return next((row for row in rivals.measured[1:] if row.compared.speedup is not None), None)


def _missing(found: Findings) -> Slide | None:
    """What has no time, and why; None if everything has one."""
    absent = [f"{missing.reason}: {_some(missing.names)}" for missing in report(found).missing]
    failed: dict[str, list[str]] = {}
    for row in (row for row in found.rows if row.measured is None):
        late = is_not_reached(row.result.outcome, row.result.reason)
        if late or row.result.outcome != Outcome.UNAVAILABLE:
            why = row.result.reason if late else f"{row.result.outcome}: {row.result.reason}"
            failed.setdefault(why, []).append(f"{row.cell.task}:{row.cell.implementation}")
    lines = [f"{why}: {_some(list(dict.fromkeys(names)))}" for why, names in failed.items()]
    if not lines and not absent:
        return None
    blocks: list[Block] = []
    if absent:
        blocks.append(Section("could-not-run", "Could not run here", [Items(absent)]))
    if lines:
        blocks.append(Section("failed", "No time that counts", [Items(lines)]))
    return Slide(
        name="missing",
        kind="summary",
        brief="What could not run",
        above="Without a time",
        title="What could not run",
        shown=blocks,
        notes=[Items(["A missing bar is not a zero. Each has a reason."]), _reproduced(found.records.info)],
    )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMES} more" if len(names) > NAMES else ""
    return f"{', '.join(names[:NAMES])}{more}"
