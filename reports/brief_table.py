"""The one table of a short report: a line for each implementation, or in a long report a line for each task.

It has several layouts, the widest first. The first that fits is drawn, with a line about what it leaves out. Where none
fits, each row becomes several lines. However narrow the terminal is, every time and every ratio keeps its interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

from rich.cells import cell_len, set_cell_size

from residency.analysis.contest import Contest, contest
from residency.analysis.doubt import in_doubt, is_on_gpu
from residency.analysis.findings import Findings, GroupFindings
from residency.analysis.gain import Gain
from residency.analysis.row import Resident, Row, Speedup
from residency.harness.outcomes import Outcome, is_not_reached
from residency.harness.statistics import Interval
from residency.reports import words
from residency.reports.endings import ending
from residency.reports.page import doubts

Tone = Literal["", "baseline", "win", "unsure", "bad"]

FEW, DISTURBED, OPEN, TOO_FAST = "*", "!", "?", "#"
MOST_LINES = 16  # of a table with a line for each implementation; a longer one has a line for each task
INDENT = "  "  # below a heading
NONE = "-"


@dataclass(frozen=True)
class Column:
    """A column and its cells, one for each row."""

    header: str
    cells: list[str]
    right: bool = False


@dataclass(frozen=True)
class Layout:
    """A way to write the table, and what it leaves out. Its blocks stand below each other."""

    blocks: list[list[Column]]
    without: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class BriefTable:
    """Rows below headings."""

    parts: list[tuple[str, int]]  # each heading, and the number of rows below it
    tones: list[Tone]  # one for each row
    layouts: list[Layout]  # the last one has one block, and fits everywhere if each row becomes several lines
    signs: set[str]  # that mark doubts beside the numbers


def table(found: Findings, titles: Sequence[str]) -> BriefTable:
    """The table of a run. `titles` are those of its groups."""
    lines = len(found.groups) + sum(len(_shown(group)) for group in found.groups)
    if len(found.groups) == 1 or lines <= MOST_LINES:
        return _by_implementation(found.groups, titles)
    return _by_task(found)


def library(row: Row) -> str:
    """`sklearn`, also where the implementation uses `sklearn.linear_model`."""
    return words.plain(row.cell.library).partition(".")[0]


def named(row: Row) -> str:
    """`sklearn (estimator@cpu)`."""
    return f"{library(row)} ({words.plain(row.cell.implementation)})"


def bare(ratio: Interval, word: str) -> str:
    """`8.90 × [7.96, 9.94]` where the header says `as fast`; the other direction keeps its words."""
    text = words.resident(ratio) if isinstance(ratio, Resident) else words.times(ratio)
    return text.replace(f" as {word}", "", 1)


def outcome(rows: Iterable[Row]) -> str:
    """Why these rows have no time: `wrong, failed`. That something cannot run here counts only if nothing else does."""
    ends = dict.fromkeys(_end(row) for row in rows)
    return ", ".join([end for end in ends if end != Outcome.UNAVAILABLE] or ends) or NONE


def _end(row: Row) -> str:
    if row.measured is not None:
        return "not known if GPU" if in_doubt(row) else NONE
    return "not reached" if is_not_reached(row.result.outcome, row.result.reason) else ending(row)


def _shown(group: GroupFindings) -> list[Row]:
    return [row for row in group.ranked if row.result.outcome != Outcome.UNAVAILABLE]


def _doubts(row: Row | None) -> str:
    if row is None:
        return ""
    signs = {FEW: doubts.few([row]), DISTURBED: doubts.disturbed([row]), TOO_FAST: doubts.is_too_fast(row)}
    return "".join(sign for sign, holds in signs.items() if holds)


def _open(ratio: Speedup | None) -> str:
    """The sign of a ratio that does not tell who is faster."""
    if ratio is None or ratio.verdict != "inconclusive" or (isinstance(ratio, Resident) and ratio.at_least):
        return ""
    return OPEN


def _signed(texts: Sequence[str], signs: Sequence[str]) -> list[str]:
    """Numbers with their signs, so that the numbers stand below each other."""
    width = max((len(sign) + 1 for sign in signs if sign), default=0)
    return [text + f" {sign}".ljust(width) if width else text for text, sign in zip(texts, signs, strict=True)]


def _paired(names: Sequence[str], numbers: Sequence[str]) -> list[str]:
    """A name and its number in one cell, each below the others of its kind; one sign if there is neither."""
    first, second = (max(map(cell_len, texts), default=0) for texts in (names, numbers))
    return [
        set_cell_size(name, first + 1 + second)
        if name == number.strip() == NONE
        else f"{set_cell_size(name, first)} {' ' * (second - cell_len(number))}{number}"
        for name, number in zip(names, numbers, strict=True)
    ]


def _by_implementation(groups: Sequence[GroupFindings], titles: Sequence[str]) -> BriefTable:
    shown = [(group, row) for group in groups for row in _shown(group)]
    rows = [row for _, row in shown]
    on_gpu = any(map(is_on_gpu, rows)) or any(map(in_doubt, rows))
    times = _signed(
        [words.interval(row.measured.seconds) if row.measured else _end(row) for row in rows], list(map(_doubts, rows))
    )
    ratios = _signed(
        [_against(row, bare_words="" if on_gpu else "long") for row in rows],
        [_open(row.compared.speedup) if row.measured else "" for row in rows],
    )
    residents = _signed([_resident(row) for row in rows], [_open(row.compared.resident) for row in rows])
    against = "against the baseline [95 %]" if on_gpu else "takes × as long [95 %]"
    name = Column("library (implementation)", [INDENT + named(row) for row in rows])
    only_id = Column("implementation", [INDENT + words.plain(row.cell.implementation) for row in rows])
    time, ratio = Column("time [95 %]", times, right=True), Column(against, ratios, right=True)
    resident = [Column("resident [95 %]", residents, right=True)] if any(map(is_on_gpu, rows)) else []
    quality = Column("quality", [_quality(group, row) for group, row in shown], right=True)
    whole = [name, time, ratio, *resident, quality]
    layouts = [
        Layout([whole]),
        Layout([[name, time, ratio, *resident]], ["quality"]),
        Layout([[only_id, time, ratio, *resident]], ["quality", "libraries"]),
        *([Layout([[name, time, ratio], [name, *resident, quality]])] if resident else []),
        Layout(
            [[only_id, time, ratio], *([[only_id, *resident, quality]] if resident else [])],
            ["libraries"] if resident else ["quality", "libraries"],
        ),
        Layout([whole]),
    ]
    tones = [_tone(row) for row in rows]
    signs = {sign for row in rows for sign in _doubts(row) + _open(row.compared.speedup) + _open(row.compared.resident)}
    parts = [(words.plain(title), len(_shown(group))) for group, title in zip(groups, titles, strict=True)]
    return BriefTable([(head if count else f"{head}: not measured", count) for head, count in parts], tones, layouts,
                      signs)  # fmt: skip


def _against(row: Row, bare_words: str) -> str:
    ratio = row.compared.speedup
    if row.measured is None:
        return NONE
    if in_doubt(row):
        return "not known if GPU"
    if ratio is None:
        return "not compared"
    if ratio.baseline == row.cell.implementation:
        return "baseline"
    return bare(ratio, bare_words) if bare_words else words.times(ratio)


def _resident(row: Row) -> str:
    ratio = row.compared.resident
    if not is_on_gpu(row):
        return NONE
    return bare(ratio, "fast") if ratio is not None else "not known"


def _quality(group: GroupFindings, row: Row) -> str:
    if row.result.quality is None or row.measured is None:
        return NONE
    return words.quality(row.result.quality, group.told, row.result.error)


def _tone(row: Row) -> Tone:
    ratio = row.compared.speedup
    if row.measured is None:
        return "bad"
    if ratio is not None and ratio.baseline == row.cell.implementation:
        return "baseline"
    if in_doubt(row):
        return "unsure"
    return "win" if ratio is not None and ratio.verdict == "faster" else ""


@dataclass(frozen=True)
class _TaskLine:
    """A line of the table by task."""

    label: str
    first: str = ""  # the library that is the fastest on the CPU
    time: str = ""
    time_signs: str = ""
    second: str = ""  # the library of its opponent
    ratio: str = NONE
    ratio_signs: str = ""
    resident: str = NONE
    resident_signs: str = ""
    tone: Tone = ""


def _by_task(found: Findings) -> BriefTable:
    contests = [contest(group.rows, group.task) for group in found.groups]
    on_gpu = any(entry.gpu is not None for entry in contests)
    labels = _labels(found.groups)
    topics = [words.plain(group.rows[0].cell.task).rpartition("/")[0] or "tasks" for group in found.groups]
    parts = [(topic, len(list(same))) for topic, same in groupby(topics)]
    lines = [
        _task_line(label, group, entry, on_gpu=on_gpu)
        for label, group, entry in zip(labels, found.groups, contests, strict=True)
    ]
    for gain in found.gains:
        lines += _means(gain)
    parts += [("geometric mean", sum(len(_means(gain)) for gain in found.gains))] if found.gains else []
    signs = {sign for line in lines for sign in line.time_signs + line.ratio_signs + line.resident_signs}
    return BriefTable(parts, [line.tone for line in lines], _task_layouts(lines, on_gpu=on_gpu), signs)


def _means(gain: Gain) -> list[_TaskLine]:
    """Both means of a size. Where they are over different tasks, each pair over the same tasks has a line."""
    label, there = f"{gain.tasks} tasks, {gain.size}", gain.resident
    resident = bare(there.mean, "fast") if there else "not known"
    if there is None or there.tasks == gain.tasks:
        return [_TaskLine(label, ratio=bare(gain.mean, "fast"), resident=resident)]
    both = f"{there.tasks} of these, {gain.size}"
    return [
        _TaskLine(label, ratio=bare(gain.mean, "fast"), resident="not known"),
        _TaskLine(both, ratio=bare(there.end_to_end, "fast"), resident=resident),
    ]


def _labels(groups: Sequence[GroupFindings]) -> list[str]:
    """A task's name, with its dataset and its size where the run has several."""
    cells = [group.rows[0].cell for group in groups]
    sizes = {cell.size for cell in cells}
    datasets: dict[str, set[str]] = {}
    for cell in cells:
        datasets.setdefault(cell.task, set()).add(cell.dataset)
    return [
        words.plain(
            ", ".join(
                [
                    cell.task.rpartition("/")[2],
                    *([cell.dataset] if len(datasets[cell.task]) > 1 else []),
                    *([cell.size] if len(sizes) > 1 else []),
                ]
            )
        )
        for cell in cells
    ]


def _task_line(label: str, group: GroupFindings, entry: Contest, *, on_gpu: bool) -> _TaskLine:
    first, second, ratio = entry.cpu, entry.opponent if not on_gpu else entry.gpu, entry.ratio
    if on_gpu and entry.gpu is None:
        ratio = None
    others = [row for row in group.rows if row is not first and (row.cell.device == "gpu") == on_gpu]
    resident = second.compared.resident if second is not None else None
    return _TaskLine(
        label,
        first=library(first) if first is not None else NONE,
        time=words.interval(first.measured.seconds) if first is not None and first.measured else _without(group),
        time_signs=_doubts(first),
        second=library(second) if second is not None else NONE,
        ratio=_ratio(ratio, second, others, "fast" if on_gpu else "long") if on_gpu or first is not None else NONE,
        ratio_signs=_open(ratio) + _doubts(second),
        resident=bare(resident, "fast") if resident is not None else NONE if second is None else "not known",
        resident_signs=_open(resident),
        tone=_task_tone(first, second, ratio),
    )


def _without(group: GroupFindings) -> str:
    """Why nothing was measured on the CPU."""
    return outcome(row for row in group.rows if row.cell.device == "cpu")


def _ratio(ratio: Speedup | None, second: Row | None, others: Sequence[Row], word: str) -> str:
    if ratio is not None:
        return bare(ratio, word)
    if second is not None and second.measured is not None:
        return f"not compared, {words.interval(second.measured.seconds)}"
    return outcome(others)


def _task_tone(first: Row | None, second: Row | None, ratio: Speedup | None) -> Tone:
    if first is None and second is None:
        return "bad"
    if ratio is None or ratio.verdict == "inconclusive":
        return "unsure"
    return "win" if ratio.verdict == "faster" and second is not None and second.cell.device == "gpu" else ""


def _task_layouts(lines: Sequence[_TaskLine], *, on_gpu: bool) -> list[Layout]:
    firsts, seconds = [line.first for line in lines], [line.second for line in lines]
    times = _signed([line.time for line in lines], [line.time_signs for line in lines])
    ratios = _signed([line.ratio for line in lines], [line.ratio_signs for line in lines])
    task = Column("task", [INDENT + line.label for line in lines])
    resident = Column(
        "resident [95 %]",
        _signed([line.resident for line in lines], [line.resident_signs for line in lines]),
        right=True,
    )
    header = "GPU against CPU [95 %]" if on_gpu else "next takes × as long [95 %]"
    timed = Column("fastest on the CPU [95 %]", _paired(firsts, times))
    alone = [line.time if line.first == NONE else line.first for line in lines]
    first, second = Column("CPU", alone), Column(header, _paired(seconds, ratios))
    ratio = Column(header, ratios, right=True)
    if not on_gpu:
        return [
            Layout([[task, timed, second]]),
            Layout([[task, timed, ratio]], ["the next library"]),
            Layout([[task, timed], [task, second]]),
            Layout([[task, timed, second]]),
        ]
    return [
        Layout([[task, timed, second, resident]]),
        Layout([[task, first, second, resident]], ["the times"]),
        Layout([[task, second, resident]], ["the times", "the CPU libraries"]),
        Layout([[task, ratio, resident]], ["the times", "the libraries"]),
        Layout([[task, ratio], [task, resident]], ["the times", "the libraries"]),
        Layout([[task, ratio, resident]], ["the times", "the libraries"]),
    ]
