"""A report in Markdown, for a repository or a web page: the short report first, then all details, folded.

The details are in the file, not behind an option, because who reads it can no longer ask the command for them.
"""

from __future__ import annotations

import html

from residency.analysis.findings import Findings
from residency.reports import words
from residency.reports.brief import Brief, brief
from residency.reports.columns import shown
from residency.reports.page import glance
from residency.reports.tables import Table, report


def render(found: Findings) -> str:
    """A run as Markdown."""
    said = report(found)
    short = brief(found, said)
    lines = [f"# {_text(said.title)}", "", f"**{_text(short.answer)}**"]
    lines += ["", _text(short.doubts)] if short.doubts else []
    lines += ["", f"**{_text(said.warning)}**"] if said.warning else []
    lines += ["", _text(short.without_gpu)] if short.without_gpu else []
    lines += ["", *(f"- **{_text(word)}** {_text(line)}" for word, line in glance.texts(found))]
    lines += _in_short(short)
    lines += ["", "## Details", "", "Select a line to see everything that was measured."]
    for table in said.tables:
        lines += ["", "<details>", f"<summary>{_tagless(f'{table.title}: {table.answer.brief}')}</summary>"]
        lines += [*_details(table), "", "</details>"]
    lines += ["", "## In all", "", *map(_text, said.summary)]
    for missing in said.missing:
        why = "; and ".join([missing.reason, *missing.further])
        lines += ["", f"Not run: {_text(why)}", "", *(f"- {_code(name)}" for name in missing.names)]
    lines += ["", "## Where and when", "", *(f"- {_text(fact)}" for fact in said.facts)]
    return "\n".join(lines) + "\n"


def _in_short(short: Brief) -> list[str]:
    """The one table, with its headings as rows, and the remarks below it."""
    columns = short.table.layouts[0].blocks[0]
    lines = ["", line([column.header for column in columns]), line(["---"] * len(columns))] if short.table.tones else []
    row = 0
    for heading, count in short.table.parts:
        lines.append(line([f"**{_text(heading)}**", *[""] * (len(columns) - 1)]))
        rows = range(row, row + count)
        lines += [line([_text(column.cells[place]) for column in columns]) for place in rows]
        row += count
    if short.table.signs or short.notes:
        lines += ["", *(f"- {_text(note)}" for note in short.notes)]
    return [*lines, "", _text(short.measured)]


def _details(table: Table) -> list[str]:
    """A group: its question, its answer, all columns of its table, and what else is known of it."""
    lines = ["", f"*{_text(table.question)}*"] if table.question else []
    lines += ["", _text(" ".join(table.answer.sentences)), "", _text(table.caption)]
    if table.lines:
        columns = shown(table.lines)
        lines += ["", line([column.name for column in columns]), line(["---"] * len(columns))]
        lines += [line([_text(column.text(numbers)) for column in columns]) for numbers in table.lines]
    if table.failures or table.notes:
        lines += ["", *(f"- {_text(note)}" for note in [*table.failures, *table.notes])]
    return lines


def _text(text: str) -> str:
    """Text that stays text in Markdown: one line, no tags, no control characters, and no stars that make it bold."""
    return _tagless(text).replace("*", "\\*")


def _tagless(text: str) -> str:
    """The same inside a tag, where Markdown is not read."""
    return html.escape(words.plain(text), quote=False)


def _code(name: str) -> str:
    """A name as code."""
    return _text(name) if "`" in name else f"`{words.plain(name)}`"


def line(cells: tuple[str, ...] | list[str]) -> str:
    """One line of a table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
