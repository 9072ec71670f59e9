"""A report in Markdown, for a repository or a web page."""

from __future__ import annotations

from residency.analysis.findings import Findings
from residency.reports.columns import shown
from residency.reports.tables import report


def render(found: Findings) -> str:
    """A run as Markdown."""
    said = report(found)
    lines = [f"# {said.title}"]
    lines += ["", f"**{said.warning}**"] if said.warning else []
    if len(said.tables) > 1:
        lines += ["", *(f"- {table.title}: {table.answer.brief}" for table in said.tables)]
    for table in said.tables:
        lines += ["", f"## {table.title}"]
        lines += ["", f"*{table.question}*"] if table.question else []
        lines += ["", " ".join(table.answer.sentences), "", table.caption]
        if table.lines:
            columns = shown(table.lines)
            lines += ["", line([column.name for column in columns]), line(["---"] * len(columns))]
            lines += [line([column.text(numbers) for column in columns]) for numbers in table.lines]
        if table.failures or table.notes:
            lines += ["", *(f"- {note}" for note in [*table.failures, *table.notes])]
    lines += ["", "## In all", "", *said.summary]
    for missing in said.missing:
        why = "; and ".join([missing.reason, *missing.further])
        lines += ["", f"Not run here: {why}", "", *(f"- `{name}`" for name in missing.names)]
    lines += ["", "## Where and when", "", *(f"- {fact}" for fact in said.facts)]
    return "\n".join(lines) + "\n"


def line(cells: tuple[str, ...] | list[str]) -> str:
    """One line of a table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
