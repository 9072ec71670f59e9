"""A deck of slides from a run, for an instructor in front of a class: predict first, then reveal.

One question a slide. First the class sees what is compared and votes; then it sees the answer, with its interval and
its doubts, beside what the task's file expects.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from residency.analysis.contest import contest
from residency.analysis.doubt import in_doubt
from residency.analysis.findings import Findings, GroupFindings
from residency.analysis.glance import counts
from residency.analysis.row import Ratio, Row
from residency.harness.errors import UsageError, typed
from residency.harness.outcomes import Outcome, is_not_reached
from residency.harness.records import RunInfo
from residency.harness.task import SIZES
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
    Link,
    Paragraph,
    Part,
    Section,
    Strong,
    Text,
    Warned,
    charts_in,
)
from residency.reports.page.slides import bars, cost, devices, learned, questions, sizes, votes, workers
from residency.reports.page.slides.slide import AXIS, Deck, Slide, address, beginning, line
from residency.reports.tables import facts, report

ROWS_A_SLIDE = 4  # of the chart of all tasks
MOST_PAGES = 3  # of that chart; of more only the first and the last
REASONS_A_SLIDE = 6  # why something has no time
LONGEST = 160  # characters of such a reason
FEW = 5  # questions: a deck with more has an overview
MADE_UP = "Made-up numbers: nothing was measured."
Entry = TypeVar("Entry")
Key = TypeVar("Key")
Subject = tuple[str, str]
"""A task and a dataset."""
NAMES = 4  # implementations that are named for a reason why they could not run


def html(runs: Sequence[Findings]) -> str:
    """The deck of one run or several as one file; raises `UsageError` if they have nothing to show to a class."""
    shown = deck(runs)
    charts = charts_in([block for slide in shown.slides for block in slide.blocks])
    styles, scripts = ("page.css", "slides.css"), ("charts.js", "slides.js")
    return render.html("slides.html", styles=styles, scripts=scripts, charts=charts, deck=shown, letter=votes.letter)


def deck(runs: Sequence[Findings]) -> Deck:
    """The slides of one run, or of several one after the other. Many questions have an overview."""
    if not any(_timed(found) for found in runs):
        names = " ".join(typed(found.records.folder) for found in runs)
        which = "this run" if len(runs) == 1 else "these runs"
        raise UsageError(f"no slides: nothing in {which} has a time; the reasons are in: residency report {names}")
    slides: list[Slide] = []
    for index, found in enumerate(runs):
        if len(runs) == 1:
            slides += _of_run(found, Numbers(found))
        else:
            slides += _in_several(index, _of_run(found, Numbers(found, f"runs/{index}/"), is_first=index == 0))
    slides = _with_own_names(slides)
    if sum(slide.reveal is not None for slide in slides) > FEW:
        foot = MADE_UP if all(slide.foot for slide in slides) else ""
        slides.insert(1, replace(_overview(slides[1:]), foot=foot))
    named = [found.records.info.name or found.records.info.id for found in runs]
    return Deck(f"Residency: {', '.join(named)}", slides)


def _in_several(index: int, slides: Sequence[Slide]) -> list[Slide]:
    """The slides of one of several runs, which say so where a run begins and in the overview."""
    run = f"Run {index + 1}"
    opening, *others = slides
    labelled = [replace(slide, topic=f"{run}, {slide.topic}" if slide.topic else run) for slide in others]
    return [replace(opening, topic=run, above=f"{run}: {opening.above}", entry="start"), *labelled]


def _timed(found: Findings) -> list[GroupFindings]:
    return [group for group in found.groups if any(row.measured for row in group.rows)]


def _of_run(found: Findings, numbers: Numbers, *, is_first: bool = True) -> list[Slide]:
    """The slides of a run: its topics, all tasks together, sizes and cost, and the hardware's limits at the end."""
    groups = _timed(found)
    tasks = [group for group in groups if not devices.is_of_devices(group.rows[0].cell.task)]
    told = sizes.slides(found, numbers)
    asked = [
        *_topics(found, tasks, told, numbers),
        *_all_tasks(found, tasks, numbers),
        *_sizes(found, tasks, told),
        *_cost(found, tasks, numbers),
        *_hardware(found, [group for group in groups if group not in tasks], numbers),
    ]
    opening = _opening(found, groups, sum(slide.reveal is not None for slide in asked), is_first=is_first)
    foot = MADE_UP if found.records.info.made_up else ""
    return [replace(slide, foot=foot) for slide in (opening, *asked, *_missing(found))]


def _with_own_names(slides: Sequence[Slide]) -> list[Slide]:
    """The slides, with a number in names that are not unique."""
    taken = {"agenda"}
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


def _overview(slides: Sequence[Slide]) -> Slide:
    """Links by topic to the slides, with their numbers: to the first of each task, and to those that begin."""
    entries: dict[str, list[Part]] = {}
    at = ("", "")  # the task before
    for number, slide in enumerate(slides, 3):  # after the opening and this one
        parts = entries.setdefault(slide.topic or "All topics", [])
        called = slide.entry or slide.brief
        if slide.follows or (slide.entry and (slide.topic, slide.entry) == at):
            continue
        at = (slide.topic, slide.entry)
        parts += [", " if parts else "", Link(f"{number} {called}", slide.name)]
    told = [[Strong(topic), ": ", *parts] for topic, parts in entries.items()]
    return Slide(
        name="agenda",
        kind="overview",
        brief="Overview",
        above="Overview",
        title="What is in these slides?",
        shown=[],
        left=[Items(told), Paragraph("Type a number and press Enter to go to that slide.", "note")],
        notes=[Items(["Choose what fits your class. The list of slides (o) is here at any time."])],
    )


def _opening(found: Findings, groups: Sequence[GroupFindings], asked: int, *, is_first: bool) -> Slide:
    """What is compared, on which machine, and how to read a chart."""
    info = found.records.info
    about = topics.ordered(map(_topic, groups))
    gpu = any(row.cell.device == "gpu" and row.measured for group in groups for row in group.rows)
    on = f" on {words.joined(about)}" if about else ""
    count = f"{asked} question{'s' if asked != 1 else ''}{on}."
    count += "" if gpu else " No GPU has a time, so all times are of CPUs."
    count = count if groups else "Nothing in this run has a time."
    when, *machine = facts(info, nobody=not any(map(in_doubt, found.rows)))
    gpus = info.machine.get("gpus")
    left: list[Block] = [
        Paragraph(count),
        Items([machine[0].partition(";")[0], *([words.gpus(gpus)] if gpus else [])]),
    ]
    warning = report(found).warning
    if warning:
        left.append(Warned(beginning(warning, 0)[0]))
    return Slide(
        name="opening",
        kind="opening",
        brief="Opening" if is_first else f"Run {info.name or info.id}",
        above=info.name or info.id,
        title=_first_question(groups, gpu=gpu),
        shown=[Paragraph("Predict first. Then look at what was measured.", "lead")] if groups else [],
        left=left,
        right=[_example()] if is_first else [],
        notes=[
            Items(
                [
                    "Say: you will predict each result before you see it.",
                    "Explain the example; its numbers are not from this run. The bar ends at the measured value. The "
                    "black line is the 95 % interval: where the true value is likely to be. A verdict must be 99 % "
                    "sure, so an interval that lies beside 1 may be inconclusive, too.",
                    "End to end is the whole call, with the copies to the GPU and back. Resident is the work alone, "
                    "with the data already on the device.",
                ]
            ),
            Paragraph("How it was measured", "head"),
            Items(
                [f"Measured {when}.", f"{sentences.counted(counts(found.rows, found.records.info.tasks))}.", *machine]
            ),
            *([Paragraph(warning)] if warning else []),
            _reproduced(info),
        ],
    )


def _first_question(groups: Sequence[GroupFindings], *, gpu: bool) -> str:
    if not groups:
        return "Why has this run no times?"
    if all(devices.is_of_devices(group.rows[0].cell.task) for group in groups):
        return "What can this machine do?"
    return "What is a GPU worth?" if gpu else "Which library is fastest?"


def _example() -> Chart:
    """How to read a chart, by numbers of no run: a real one would give an answer away before the vote."""
    examples = [
        ("faster: interval above 1", Ratio(5.0, 4.2, 6.0, "faster")),
        ("inconclusive: cannot tell", Ratio(1.2, 0.8, 1.8, "inconclusive")),
        ("slower: interval below 1", Ratio(0.5, 0.4, 0.62, "slower")),
    ]
    drawn = [bars.Bar(label, "gpu", ratio, [words.times(ratio)]) for label, ratio in examples]
    return bars.chart(
        drawn,
        title="How to read a speedup (an example, not from this run)",
        description="Three examples: one that is faster than 1 ×, one that is inconclusive, and one that is slower.",
        table=bars.table(drawn, caption="the numbers of the example", header=("what it means", "times as fast")),
        note="The bar ends at the measured value, and the line is its 95 % interval. 1 × means equally fast. "
        f"{words.INCONCLUSIVE.capitalize()}.",
        ends=(0.25, 8.0),
    )


def _topics(
    found: Findings, groups: Sequence[GroupFindings], told: Mapping[Subject, Slide], numbers: Numbers
) -> Iterator[Slide]:
    """The questions of each topic, a task's sizes together, followed by the topic's answer."""
    answers = topics.sentences(found, numbers)
    clusters = workers.slides(found, numbers)
    for topic, its_groups in _by(_topic, groups).items():
        for subject, of_task in _by(_subject, its_groups).items():
            more = told.get(subject)
            for group in _asked(of_task, searched=more is not None):
                yield from _of(topic, questions.slides(group, found.records.info, numbers))
            yield from _of(topic, [*([more] if more else []), *clusters.pop(subject[0], [])])
        yield replace(_learned(topic, learned.facts(topic, found, numbers), answers[topic]), topic=topic)


def _of(topic: str, slides: Sequence[Slide]) -> list[Slide]:
    return [replace(slide, topic=topic) for slide in slides]


def _by(key: Callable[[GroupFindings], Key], groups: Sequence[GroupFindings]) -> dict[Key, list[GroupFindings]]:
    """The groups by a key, in the order in which it first appears."""
    found: dict[Key, list[GroupFindings]] = {}
    for group in groups:
        found.setdefault(key(group), []).append(group)
    return found


def _topic(group: GroupFindings) -> str:
    return group.rows[0].cell.task.partition("/")[0]


def _subject(group: GroupFindings) -> Subject:
    return group.rows[0].cell.task, group.rows[0].cell.dataset


def _asked(groups: Sequence[GroupFindings], *, searched: bool) -> list[GroupFindings]:
    """The sizes of a task that are a question each, the smallest first.

    A size at which nothing is compared is left out if another one is a question, and so is a size that only a search
    for the crossing asked for: one slide shows all of these.
    """
    ordered = sorted(groups, key=lambda group: (group.count or 0, _place(group.rows[0].cell.size)))
    compared = [group for group in ordered if len(contest(group.rows, group.task).measured) > 1]
    if searched:
        return [group for group in compared if not group.rows[0].cell.size.isdigit()]
    return compared or ordered


def _place(size: str) -> int:
    return SIZES.index(size) if size in SIZES else len(SIZES)


def _sizes(found: Findings, groups: Sequence[GroupFindings], told: Mapping[Subject, Slide]) -> list[Slide]:
    """Which tasks do not tell from which size on the GPU wins."""
    known = {task for task, _ in told}
    slide = sizes.unmeasured([group for group in groups if group.rows[0].cell.task not in known], found)
    return [slide] if slide else []


def _cost(found: Findings, groups: Sequence[GroupFindings], numbers: Numbers) -> list[Slide]:
    """What the results cost, if any task is a real one."""
    slide = cost.slide(numbers, questions.command(groups[0], found.records.info)) if groups else None
    return [slide] if slide else []


def _hardware(found: Findings, groups: Sequence[GroupFindings], numbers: Numbers) -> Iterator[Slide]:
    """What the devices can do: it explains the answers, so it comes after them."""
    for group in groups:
        yield from _of(_topic(group), devices.slides(group, found.records.info, numbers))
    for topic in dict.fromkeys(map(_topic, groups)):
        limits = devices.limits(found, numbers)
        said = topics.sentences(found, numbers)[topic]
        slide = _limits(topic, limits) if limits else _learned(topic, learned.facts(topic, found, numbers), said)
        yield replace(slide, topic=topic)


def _limits(topic: str, limits: Sequence[Text]) -> Slide:
    """What the devices of the machine can do at most."""
    return Slide(
        name=address("topic", topic),
        kind="topic",
        brief="The limits of this machine",
        entry="the limits of this machine",
        above=topic,
        title="What can this machine do at most?",
        shown=[
            Items(limits),
            Paragraph("No task is faster than moving its bytes and doing its operations at these rates.", "topic"),
        ],
        notes=[Items(["Ask which of the two limits a task will meet first: moving its bytes, or computing."])],
    )


def _learned(topic: str, told: Sequence[Text], said: topics.Said) -> Slide:
    """A topic's answer in a few facts; the report's sentences, also those of other sizes, are in the notes."""
    return Slide(
        name=address("topic", topic),
        kind="topic",
        brief=f"What we learned: {topic}",
        entry="what we learned",
        above=topic,
        title=f"What did we learn about {topic}?",
        shown=[],
        left=[Items(told)],
        notes=[
            Items(["Ask which prediction was furthest from what was measured, and why."]),
            Paragraph("From the report", "head"),
            Items([said.answer, *said.others]),
        ],
    )


def _reproduced(info: RunInfo) -> Block:
    return Paragraph(["The whole run: ", Code(shlex.join(info.command))])


def _all_tasks(found: Findings, groups: Sequence[GroupFindings], numbers: Numbers) -> list[Slide]:
    """All tasks in one chart, the highest speedup first; over several slides if there are many."""
    if len({group.rows[0].cell.task for group in groups}) < 2:
        return []  # its own slides have said it all
    rivals = [row for group in groups if (row := _rival(group, found.records.info)) is not None]
    rows = sorted(rivals, key=lambda row: -row.compared.speedup.value if row.compared.speedup else 0.0)
    whole = speedups.chart(rows, numbers)
    if whole is None:
        return []
    axis = {**{name: whole.settings[name] for name in ("low", "high", "ticks")}, "axis": AXIS}  # the same on all slides
    on_gpu = sum(row.cell.device == "gpu" for row in rows)
    remark = [Paragraph("Where no GPU has a time, it is the second fastest.")] if 0 < on_gpu < len(rows) else []
    title = "In which tasks does the GPU win?" if on_gpu else "How near is the second fastest?"
    sizes_differ = len({row.cell.size for row in rows}) > 1
    slides = []
    for number, (at, page) in enumerate(_parts_of(rows)):
        drawn = speedups.chart(page, numbers, sizes=sizes_differ)
        if drawn is not None:
            left_out = len(rows) - len(page)
            note = f"{left_out} more: on the next slides, or in the table." if left_out and number == 0 else ""
            table = whole.table if number == 0 else drawn.table
            chart = replace(drawn, settings={**drawn.settings, **axis}, note=note, table=table)
            slides.append(
                Slide(
                    name="all-tasks",
                    kind="summary",
                    brief=at,
                    above=at,
                    title=title,
                    shown=[*remark, chart],
                    notes=_of_all(found, rows, numbers) if number == 0 else [Items(["Ask what these have in common."])],
                    follows=number > 0,
                )
            )
    return slides


def _parts_of(rows: Sequence[Row]) -> list[tuple[str, Sequence[Row]]]:
    """The rows of each slide; of very many only the first and the last, for the table has all."""
    pages = list(_pages(rows, ROWS_A_SLIDE))
    if len(pages) > MOST_PAGES:
        return [("All tasks: the highest", pages[0]), ("All tasks: the lowest", rows[-ROWS_A_SLIDE:])]
    if len(pages) == 1:
        return [("All tasks", rows)]
    return [(f"All tasks ({number} of {len(pages)})", page) for number, page in enumerate(pages, 1)]


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
        *(Section("could-not-run", "Unavailable here", [Items(lines)]) for lines in _pages(absent, REASONS_A_SLIDE)),
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
        title="What has no time, and why?",
        shown=blocks,
        notes=[Items(["A missing bar does not mean zero. Each line gives the reason."]), _reproduced(info)],
        follows=follows,
    )


def _short(reason: str) -> str:
    return reason if len(reason) <= LONGEST else f"{reason[: LONGEST - 1].rstrip()}…"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMES} more" if len(names) > NAMES else ""
    return f"{', '.join(names[:NAMES])}{more}"
