"""Tasks that measure what a device can do (`foundations`): their answer is a rate, and no device wins.

The class writes numbers down instead of voting, because the ratio of two devices' times is no speedup here: often each
of them does something else. A copy to a GPU crosses a bus, and a copy in the memory of a CPU does not.
"""

from __future__ import annotations

from collections.abc import Sequence

from residency.analysis.contest import contest
from residency.analysis.findings import Findings, GroupFindings
from residency.analysis.naive import own_figures
from residency.analysis.roofline import FIGURES, TOPIC, Peak, measured_peak
from residency.analysis.row import Row
from residency.harness.records import RunInfo
from residency.reports import words
from residency.reports.answers import belief, name_of
from residency.reports.page import doubts
from residency.reports.page.numbers import Numbers, escaped
from residency.reports.page.parts import Block, Items, Paragraph, Table, TableRow, Text, prose
from residency.reports.page.slides import questions
from residency.reports.page.slides.slide import Reveal, Slide, address, asked_in, line

SAID = 3  # figures that an answer names; a table has them all
NAMES = {"cpu": "CPU", "gpu": "GPU"}
MICROSECONDS = "microseconds_per_"  # at the beginning of one
UNITS = {"_gb_per_s": "GB/s", "_tflops": "teraflops"}  # at the end of a figure's name
LIMITS = {"memory": " GB/s from and to memory", "arithmetic": " teraflops"}


def is_of_devices(task: str) -> bool:
    """Whether the task measures devices."""
    return task.startswith(TOPIC)


def slides(group: GroupFindings, info: RunInfo, numbers: Numbers) -> list[Slide]:
    """The question with the rates that were measured, and what was expected."""
    measured = contest(group.rows, group.task).measured
    shown = measured[: questions.ROWS]
    times = [line(f"{name_of(row)}: ", numbers.of(row).time()) for row in shown]
    return [_question(group, measured, info, numbers), questions.reasons(group, times, questions.went(shown))]


def _question(group: GroupFindings, measured: Sequence[Row], info: RunInfo, numbers: Numbers) -> Slide:
    cell, asked = group.rows[0].cell, group.task.question if group.task else ""
    shown = [figure for row in measured for figure in own_figures(row, group.task)]
    names = list(dict.fromkeys(shown))
    by_device = {device: [row for row in measured if row.cell.device == device] for device in NAMES}
    sides = {device: rows for device, rows in by_device.items() if rows}
    return Slide(
        name=address(cell.task, cell.dataset, cell.size),
        kind="question",
        brief=questions.brief(group),
        entry=questions.entry(group),
        above=questions.above(group),
        title=prose(asked_in(asked)[0]) if asked else f"What does {cell.task} measure?",
        shown=[
            *([Paragraph(prose(context), "note")] if (context := asked_in(asked)[1]) else []),
            Items([_side(device, rows, info) for device, rows in sides.items()]),
            Paragraph("Predict: write your numbers down before you look.", "predict"),
        ],
        reveal=Reveal(
            first=[_said(device, rows, names, numbers) for device, rows in sides.items()],
            left=[_table(measured, names, numbers)] if names else [],
            right=[],
        ),
        notes=_notes(group, measured, info),
    )


def _side(device: str, rows: Sequence[Row], info: RunInfo) -> str:
    """Who was measured on a device."""
    gpus = info.machine.get("gpus")
    where = questions.cores(rows[0], info) if device == "cpu" else words.gpus(gpus) if gpus else "the GPU"
    return f"{NAMES[device]}: {words.joined([name_of(row) for row in rows])}, on {where}"


def _said(device: str, rows: Sequence[Row], names: Sequence[str], numbers: Numbers) -> Paragraph:
    """`CPU: copy 3.55 to 20.7 GB/s, triad 10.1 to 30.1 GB/s (2 processes)`."""
    known = [name for name in names if any(name in _figures(row) for row in rows)]
    with_unit = [name for name in known if _name_and_unit(name)[1]]
    told: list[Text] = [_range(rows, name, numbers) for name in (with_unit or known)[:SAID]]
    if not known:
        told = [line(f"{name_of(rows[0])} takes ", numbers.of(rows[0]).time())]
    first, *others = told
    parts = line(first, *(part for other in others for part in (", ", other)))
    more = f", and {len(known) - len(told)} more in the table" if len(known) > len(told) else ""
    doubt = doubts.of_rows(rows)
    return Paragraph(line(f"{NAMES[device]}: ", *parts, more, f" ({doubt})" if doubt else "", "."), "big")


def _range(rows: Sequence[Row], name: str, numbers: Numbers) -> Text:
    """A figure from the least to the most of any implementation."""
    having = sorted((row for row in rows if name in _figures(row)), key=lambda row: _figures(row)[name])
    least, most = (numbers.of(row).number(f"figures/{escaped(name)}", words.digits) for row in (having[0], having[-1]))
    called, unit = _name_and_unit(name)
    both = [least, " to ", most] if least.text != most.text else [most]
    return line(f"{called} " if called else "", *both, f" {unit}" if unit else "")


def _figures(row: Row) -> dict[str, float]:
    return row.measured.figures if row.measured else {}


def _name_and_unit(figure: str) -> tuple[str, str]:
    """`copy` and `GB/s` for `copy_gb_per_s`; one of the two may be empty."""
    if figure.startswith(MICROSECONDS):
        return "", figure.replace("_", " ")
    ending = next((ending for ending in UNITS if figure.endswith(ending)), "")
    return figure.removesuffix(ending).replace("_", " "), UNITS.get(ending, "")


def _called(figure: str) -> str:
    """`copy (GB/s)`."""
    name, unit = _name_and_unit(figure)
    return f"{name} ({unit})" if name and unit else name or unit


def _table(rows: Sequence[Row], names: Sequence[str], numbers: Numbers) -> Table:
    """All figures; the longer of the two lists goes down."""
    cells = {
        (row.key, name): numbers.of(row).shown(f"figures/{escaped(name)}", words.digits)
        for row in rows
        for name in names
    }
    caption = "what each implementation measured"
    if len(names) > len(rows):
        lines = [TableRow([_called(name), *(cells[row.key, name] for row in rows)]) for name in names]
        header = ["figure", *map(name_of, rows)]
    else:
        lines = [TableRow([name_of(row), *(cells[row.key, name] for name in names)]) for row in rows]
        header = ["implementation", *map(_called, names)]
    return Table(caption, header, lines, right=frozenset(range(1, len(header))))


def _notes(group: GroupFindings, measured: Sequence[Row], info: RunInfo) -> list[Block]:
    return [
        Paragraph("Before the answer", "head"),
        Items(["Read the question out. Let everybody write down a number. Then show the answer."]),
        Paragraph("After the answer", "head"),
        Items(
            [
                "Compare the numbers with what the class wrote down. Whose was nearest, and how did they find it?",
                "Compare the rates, not the times: implementations may do different amounts of work.",
                *(map(prose, belief(measured, group.rows, info)) if measured else []),
            ]
        ),
        *questions.again(group, info),
    ]


def limits(found: Findings, numbers: Numbers) -> list[Text]:
    """The best rates of each device: `CPU: 30.1 GB/s from and to memory (jax (compiled@cpu)), ...`."""
    told: list[Text] = []
    for device, name in NAMES.items():
        peaks = {limit: peak for limit in FIGURES if (peak := measured_peak(found.rows, device, limit))}
        rates = [line(_rate(peak, numbers), f"{LIMITS[limit]} ({name_of(peak.row)})") for limit, peak in peaks.items()]
        if rates:
            told.append(line(f"{name}: ", rates[0], *(part for rate in rates[1:] for part in (", ", *rate)), "."))
    return told


def _rate(peak: Peak, numbers: Numbers) -> Text:
    return numbers.of(peak.row).number(f"figures/{escaped(peak.figure)}", words.digits)
