"""A deck of slides from a run, for an instructor in front of a class: predict first, then reveal.

One question a slide. First the class sees what is compared and votes; then it sees the answer, with its interval and
its doubts, beside what the task's file expects.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from residency.analysis.contest import contest
from residency.analysis.doubt import in_doubt
from residency.analysis.findings import Findings, GroupFindings
from residency.analysis.glance import counts
from residency.analysis.row import Row
from residency.harness.errors import UsageError, typed
from residency.harness.outcomes import Outcome, is_not_reached
from residency.harness.records import RunInfo
from residency.reports import sentences, words
from residency.reports.answers import name_of
from residency.reports.page import render, topics
from residency.reports.page.charts import speedups
from residency.reports.page.numbers import Numbers
from residency.reports.page.parts import (
    Block,
    Chart,
    Code,
    Items,
    Paragraph,
    Section,
    Table,
    TableRow,
    Text,
    Warned,
    charts_in,
)
from residency.reports.page.slides import devices, questions, votes
from residency.reports.page.slides.slide import AXIS, Deck, Slide, address, line
from residency.reports.tables import facts, report

ROWS_A_SLIDE = 6  # of the chart of all tasks
REASONS_A_SLIDE = 6  # why something has no time
LONGEST = 160  # characters of such a reason
Entry = TypeVar("Entry")
NAMES = 4  # implementations that are named for a reason why they could not run


def html(found: Findings) -> str:
    """The deck of a run as one file; raises `UsageError` if the run has nothing to show to a class."""
    shown = deck(found)
    charts = charts_in([block for slide in shown.slides for block in slide.blocks])
    styles, scripts = ("page.css", "slides.css"), ("charts.js", "slides.js")
    return render.html("slides.html", styles=styles, scripts=scripts, charts=charts, deck=shown, letter=votes.letter)


def deck(found: Findings) -> Deck:
    """The slides of a run: each task a question, each topic an answer, and all tasks together at the end."""
    groups = [group for group in found.groups if any(row.measured for row in group.rows)]
    if not groups:
        run = typed(found.records.folder)
        raise UsageError(f"no slides: nothing in this run has a time; the reasons are in: residency report {run}")
    numbers = Numbers(found)
    slides = [
        _opening(found, groups),
        *_questions(found, groups, numbers),
        *_all_tasks(found, groups, numbers),
        *_missing(found),
    ]
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
    count += f" The run has {sentences.counted(counts(found.rows))}."
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
                    "Say: you will predict each result before you see it.",
                    "Explain the example; its numbers are made up. The bar ends at the measured value. The black line "
                    "is the 95 % interval: where the true value is likely to be. If it crosses 1, the run cannot tell "
                    "who is faster. Right beside 1 it cannot either, because a verdict must be 99 % sure.",
                ]
            ),
            Paragraph("How it was measured", "head"),
            Paragraph(f"Measured {when}."),
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
            of_task = devices if devices.is_of_devices(group.rows[0].cell.task) else questions
            yield from of_task.slides(group, found.records.info, numbers)
        limits = devices.limits(found, numbers) if devices.is_of_devices(f"{topic}/") else []
        yield _limits(topic, limits) if limits else _learned(topic, answers[topic])


def _topic(group: GroupFindings) -> str:
    return group.rows[0].cell.task.partition("/")[0]


def _limits(topic: str, limits: Sequence[Text]) -> Slide:
    """What the devices of the machine can do at most."""
    return Slide(
        name=address("topic", topic),
        kind="topic",
        brief=f"What we learned: {topic}",
        above=topic,
        title="The most that this machine can do",
        shown=[
            Items(limits),
            Paragraph("No task is faster than moving its bytes and doing its operations at these rates.", "topic"),
        ],
        notes=[Items(["Ask which of the two limits a task will meet first: moving its bytes, or computing."])],
    )


def _learned(topic: str, said: topics.Said) -> Slide:
    """A topic's answer, and the same at other sizes."""
    others: list[Block] = [Paragraph("At other sizes", "head"), Items(said.others)] if said.others else []
    return Slide(
        name=address("topic", topic),
        kind="topic",
        brief=f"What we learned: {topic}",
        above=topic,
        title=f"What we learned about {topic}",
        shown=[Paragraph(said.answer, "topic"), *others],
        notes=[Items(["Ask which prediction was furthest from what was measured, and why."])],
    )


def _reproduced(info: RunInfo) -> Block:
    return Paragraph(["The whole run: ", Code(shlex.join(info.command))])


def _all_tasks(found: Findings, groups: Sequence[GroupFindings], numbers: Numbers) -> list[Slide]:
    """All tasks in one chart, the highest speedup first; over several slides if there are many.

    What measures devices is left out: nothing wins there.
    """
    tasks = [group for group in groups if not devices.is_of_devices(group.rows[0].cell.task)]
    rivals = [row for group in tasks if (row := _rival(group, found.records.info)) is not None]
    rows = sorted(rivals, key=lambda row: -row.compared.speedup.value if row.compared.speedup else 0.0)
    whole = speedups.chart(rows, numbers)
    if whole is None:
        return []
    axis = {**{name: whole.settings[name] for name in ("low", "high", "ticks")}, "axis": AXIS}  # the same on all slides
    on_gpu = sum(row.cell.device == "gpu" for row in rows)
    remark = [Paragraph("Where no GPU has a time, it is the second fastest.")] if 0 < on_gpu < len(rows) else []
    title = "The fastest on the GPU in each task" if on_gpu else "The second fastest library in each task"
    sizes = len({row.cell.size for row in rows}) > 1
    pages = list(_pages(rows, ROWS_A_SLIDE))
    slides = []
    for number, page in enumerate(pages, 1):
        drawn = speedups.chart(page, numbers, sizes=sizes)
        if drawn is not None:
            at = f"All tasks ({number} of {len(pages)})" if len(pages) > 1 else "All tasks"
            chart = replace(drawn, settings={**drawn.settings, **axis})
            slides.append(
                Slide(
                    name="all-tasks",
                    kind="summary",
                    brief=at,
                    above=at,
                    title=title,
                    shown=[*remark, replace(chart, note="")],
                    notes=_of_all(found, rows, numbers) if number == 1 else [Items(["Ask what these have in common."])],
                    follows=number > 1,
                )
            )
    return slides


def _of_all(found: Findings, rows: Sequence[Row], numbers: Numbers) -> list[Block]:
    """What to say of all tasks together, and the report's summary."""
    compared = [row for row in rows if row.compared.speedup is not None]
    ends = [("highest", compared[0]), ("lowest", compared[-1])] if len(compared) > 1 else []
    said: list[Text] = [
        line(f"The {which}: {row.cell.task} with {name_of(row)}, ", numbers.of(row).times(), ".") for which, row in ends
    ]
    asked = ["Ask what the tasks at the top have in common, and what those at the bottom."]
    return [
        Paragraph("Say", "head"),
        Items([*said, *asked]),
        Paragraph("From the report", "head"),
        Items(report(found).summary),
    ]


def _pages(entries: Sequence[Entry], length: int) -> Iterator[Sequence[Entry]]:
    for start in range(0, len(entries), length):
        yield entries[start : start + length]


def _rival(group: GroupFindings, info: RunInfo) -> Row | None:
    """The fastest on the GPU, or else the second fastest; None if nothing has a ratio."""
    rivals = contest(group.rows, group.task)
    if rivals.between_devices:
        return rivals.gpu
    return next((row for row in rivals.measured[1:] if row.compared.speedup is not None), None)


def _missing(found: Findings) -> list[Slide]:
    """What has no time, and why; over several slides if there are many reasons."""
    absent = [f"{_short(missing.reason)}: {_some(missing.names)}" for missing in report(found).missing]
    failed: dict[str, list[str]] = {}
    for row in (row for row in found.rows if row.measured is None):
        late = is_not_reached(row.result.outcome, row.result.reason)
        if late or row.result.outcome != Outcome.UNAVAILABLE:
            why = row.result.reason if late else f"{row.result.outcome.replace('_', ' ')}: {row.result.reason}"
            failed.setdefault(why, []).append(f"{row.cell.task}:{row.cell.implementation}")
    ended = [f"{_short(why)}: {_some(list(dict.fromkeys(names)))}" for why, names in failed.items()]
    blocks = [
        *(Section("could-not-run", "Could not run here", [Items(lines)]) for lines in _pages(absent, REASONS_A_SLIDE)),
        *(Section("failed", "Has no time that counts", [Items(lines)]) for lines in _pages(ended, REASONS_A_SLIDE)),
    ]
    if len(absent) + len(ended) <= REASONS_A_SLIDE:
        return [_without_a_time(blocks, found.records.info)] if blocks else []
    return [_without_a_time([block], found.records.info, follows=index > 0) for index, block in enumerate(blocks)]


def _without_a_time(blocks: Sequence[Section], info: RunInfo, *, follows: bool = False) -> Slide:
    return Slide(
        name="missing",
        kind="summary",
        brief="continued" if follows else "What has no time",
        above="Without a time",
        title="What has no time, and why",
        shown=blocks,
        notes=[Items(["A missing bar does not mean zero. Each line gives the reason."]), _reproduced(info)],
        follows=follows,
    )


def _short(reason: str) -> str:
    return reason if len(reason) <= LONGEST else f"{reason[: LONGEST - 1].rstrip()}…"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMES} more" if len(names) > NAMES else ""
    return f"{', '.join(names[:NAMES])}{more}"
