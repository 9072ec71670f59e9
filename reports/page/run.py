"""The page of a run: what ran where, the answers, the pictures, and how every number was measured."""

from __future__ import annotations

from collections.abc import Sequence

from residency.analysis.findings import Findings, GroupFindings
from residency.analysis.glance import counts
from residency.analysis.samples import processes
from residency.harness.outcomes import Outcome
from residency.harness.records import Cell, RunInfo
from residency.reports import links, names, sentences, words
from residency.reports.answers import answer
from residency.reports.beside import named
from residency.reports.endings import REHEARSED, UNTIMED, ending
from residency.reports.page import doubts, glance, measured, sizes, study, topics, ways
from residency.reports.page.beside import each_other
from residency.reports.page.charts import (
    growth,
    overview,
    quality,
    resources,
    roofline,
    samples,
    scaling,
    speedups,
    stages,
)
from residency.reports.page.numbers import Numbers
from residency.reports.page.parts import (
    Block,
    Details,
    Items,
    Link,
    Page,
    Paragraph,
    Section,
    Text,
    Warned,
    prose,
    tags_of,
)
from residency.reports.tables import Report, report

GUIDE = (
    "A bar to the right of 1 is faster than the best CPU result, to the left it is slower: 5 × is a fifth of the time.",
    "The line on a bar and the numbers in brackets show where the true value probably lies (95 %).",
    f"{words.INCONCLUSIVE.capitalize()}. They are 99 % sure, need a difference of 1 % or more, and several comparisons "
    "share the risk of a mistake. So even a ratio whose interval does not contain 1 may be inconclusive.",
    words.ROUND_BY_ROUND,
    "Only right results have a time. What was wrong, failed or unavailable is shown with its reason (✕).",
)


def page(found: Findings) -> Page:
    """The page of one run."""
    return of_runs([found])


def of_runs(runs: Sequence[Findings]) -> Page:
    """The page of several runs, one after the other: times of unlike machines never share an axis."""
    infos = [found.records.info for found in runs]
    runs = [sizes.in_order(found) for found in runs]
    numbers = [Numbers(found, f"runs/{index}/" if len(runs) > 1 else "") for index, found in enumerate(runs)]
    if len(runs) == 1:
        lead, sections = _lead(runs[0], numbers[0], ""), _sections(runs[0], numbers[0], report(runs[0]), "")
    else:
        labels = [side.label for side in named(runs)]
        listed = [f"{label} (run {found.records.info.id})" for label, found in zip(labels, runs, strict=True)]
        lead = [Paragraph(f"{len(runs)} runs, each in a section of its own:"), Items(listed)]
        sections = [
            Section(f"run-{index}", label, _of_one(found, of, f"run-{index}-"))
            for index, (found, of, label) in enumerate(zip(runs, numbers, labels, strict=True))
        ]
        sections.append(each_other(runs, numbers))
    return Page(
        title=f"Residency: {names.together(infos) if len(infos) > 1 else name_of(infos[0])}",
        lead=lead,
        guide=GUIDE,
        sections=sections,
        filters=_filters([row.cell for found in runs for row in found.rows]),
    )


def _filters(cells: Sequence[Cell]) -> dict[str, list[str]]:
    """By what a reader can filter, where there is a choice."""
    known = {
        "topic": [cell.task.partition("/")[0] for cell in cells],
        "device": [cell.device for cell in cells],
        "size": [cell.size for cell in cells],
    }
    choices = {name: list(dict.fromkeys(values)) for name, values in known.items()}
    choices |= {"topic": topics.ordered(choices["topic"]), "size": sizes.ordered(choices["size"])}
    return {name: values for name, values in choices.items() if len(values) > 1}


def name_of(info: RunInfo) -> str:
    """The run's name, or `2026-11-29, AMD EPYC on vm`."""
    return info.name or f"{words.moment(info.started)[:10]}, {info.machine['cpu']} on {info.machine['host']}"


def _of_one(found: Findings, numbers: Numbers, prefix: str) -> list[Block]:
    return [*_lead(found, numbers, prefix), *_sections(found, numbers, report(found), prefix)]


def _lead(found: Findings, numbers: Numbers, prefix: str) -> list[Block]:
    """The run at a glance, what ran on which machine and what is unusual about it, then the answer of each topic."""
    unusual = doubts.of_run(found)
    warning = report(found).warning
    blocks: list[Block] = [Paragraph(line, "answer") for line in study.answers(found)]  # what was asked comes first
    blocks.append(glance.section(found, numbers, prefix))
    blocks.append(Items([_where(found.records.info), _what(found)]))
    if unusual or warning:
        listed = [f"{text[0].upper()}{text[1:]}." for text in unusual]
        blocks.append(Warned(" ".join([*([warning] if warning else []), *listed])))
    return [*blocks, *topics.answers(found, numbers)]


def _where(info: RunInfo) -> str:
    """`2026-11-29 07:11 UTC on vm: AMD EPYC, 2 of 2 cores, 23.5 GiB. No GPU: ...`."""
    machine = info.machine
    gpus = machine.get("gpus") or []
    memory = words.size(machine["memory_bytes"])
    cores = f"{machine['cores']} of {machine['cores_in_machine']} cores"
    host = f"{words.moment(info.started)} on {machine['host']}: {machine['cpu']}, {cores}, {memory} of memory"
    if not gpus:
        return f"{host}. No GPU: {words.elsewhere(str(machine['no_gpu_because']))}."
    between = "; ".join(links.described(machine))
    return f"{host}. GPU: {words.gpus(gpus)}{f'; {between}' if between else ''}."


def _what(found: Findings) -> str:
    """`12 tasks in 5 topics: 60 results are right, 12 wrong, 12 unavailable`."""
    outcomes = [ending(row) for row in found.rows]
    said: dict[str, str] = {Outcome.OK: "right"}
    order = [REHEARSED, UNTIMED, *Outcome]
    ended = [
        f"{outcomes.count(outcome)} {said.get(outcome, outcome.replace('_', ' '))}"
        for outcome in sorted(set(outcomes), key=order.index)
    ]
    where = sentences.counted(counts(found.rows, found.records.info.tasks))
    if not outcomes:
        return "The run has no records."
    if set(outcomes) == {str(Outcome.OK)}:
        return f"{where}; all {len(outcomes)} results are right."
    return f"{where}; of {len(outcomes)} results {', '.join(ended)}."


def _sections(found: Findings, numbers: Numbers, said: Report, prefix: str) -> list[Section]:
    sections = [
        Section(f"{prefix}speedups", "How much faster?", [*overview.blocks(found, numbers, prefix), measured.note()])
    ]
    if divided := stages.blocks(found, numbers, prefix):
        sections.append(Section(f"{prefix}stages", "Where does the time go?", [*divided, measured.note()]))
    for name, title, drawn in (
        ("growth", "From which size on?", growth.charts(found, numbers)),
        ("scaling", "Do more workers help?", scaling.charts(found, numbers)),
        ("roofline", "How near to the hardware's limits?", roofline.charts(found, numbers)),
        ("quality", "Is the fastest as good?", quality.charts(found, numbers, prefix)),
        ("resources", "How much memory and energy?", resources.charts(found, numbers, prefix)),
    ):
        if drawn:
            sections.append(Section(f"{prefix}{name}", title, [*drawn, measured.note()]))
    sections.sort(key=lambda section: section.name != f"{prefix}{study.section(found)}")  # what was asked comes first
    return [
        *sections,
        *_topics(found, numbers, said, prefix),
        *measured.missing(said, prefix),
        measured.of_run(found, said, prefix),
    ]


def _topics(found: Findings, numbers: Numbers, said: Report, prefix: str) -> list[Section]:
    """A section for each topic with one for each task, dataset and size."""
    every = processes(found.records)
    topics_of: dict[str, list[Section]] = {}
    for group, table in zip(found.groups, said.tables, strict=True):
        topic = group.rows[0].cell.task.partition("/")[0]
        blocks = [*_task(group, found, numbers), measured.of_task(group, table, found, numbers)]
        if drawn := samples.chart(group.rows, every, found.records.folder):
            blocks.append(Details("Every sample", [drawn]))
        cell = group.rows[0].cell
        title = f"{cell.task}, {cell.dataset} at {cell.size}"
        section = Section(section_of(group, prefix), title, blocks, tags_of(cell.task, "", cell.size))
        topics_of.setdefault(topic, []).append(section)
    return [
        Section(f"{prefix}topic-{topic}", topic, [_contents(topics_of[topic]), *topics_of[topic]], tags_of(f"{topic}/"))
        for topic in topics.ordered(topics_of)
    ]


def section_of(group: GroupFindings, prefix: str) -> str:
    """The name of the section of a task, dataset and size."""
    cell = group.rows[0].cell
    return f"{prefix}{cell.task}-{cell.dataset}-{cell.size}".replace("/", "-")


def _contents(tasks: Sequence[Section]) -> Block:
    """Links to the tasks of a topic."""
    linked: list[Text] = [[Link(str(task.title), task.name)] for task in tasks]
    return Details(f"The tasks ({len(tasks)})", [Items(linked)])


def _task(group: GroupFindings, found: Findings, numbers: Numbers) -> list[Block]:
    """The question, the answer and the ratios of all implementations."""
    first, *others = answer(group.rows, found.records.info).sentences
    blocks: list[Block] = [Paragraph(prose(first), "answer"), *([Paragraph(prose(" ".join(others)))] if others else [])]
    if group.task and group.task.question:
        blocks.insert(0, Paragraph(prose(f"Question: {group.task.question}"), "question"))
    if group.task and group.task.stated:
        blocks.insert(1, Paragraph(prose(f"All that is compared has this in common: {group.task.stated}.")))
    if chart := speedups.chart(group.rows, numbers, named="implementation"):
        blocks.append(chart)
    return [*blocks, *ways.blocks(group.rows, numbers)]
