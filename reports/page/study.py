"""Which question a run was measured for: that of `residency scale` or `residency crossover` comes first on its page."""

from __future__ import annotations

from residency.analysis.crossover import SIDES, TaskCrossover
from residency.analysis.findings import Findings
from residency.analysis.scaling import scaling as scaled
from residency.reports import crossover, scaling, words
from residency.reports.page.charts import growth

SECTIONS = {"scale": "scaling", "crossover": "growth"}


def section(found: Findings) -> str:
    """The name of the section that answers it; empty if the run was measured for no single question."""
    return SECTIONS.get(_command(found), "")


def answers(found: Findings) -> list[str]:
    """The command's own answer, as it said it in the terminal."""
    command = _command(found)
    if command == "scale":
        task = next(iter(found.records.info.tasks), "")
        return scaling.answers(task, scaled(found.records, found.rows), found.rows)
    if command == "crossover":
        return [*(said for answer in growth.answered(found) for said in _sentences(answer)), *_unfinished(found)]
    return []


def _sentences(answer: TaskCrossover) -> list[str]:
    return crossover.sentences(answer.task, answer.unit, answer.found)


def _unfinished(found: Findings) -> list[str]:
    """Says so if the search did not come to both of its ends, because it was interrupted."""
    ends = found.records.info.settings.get(SIDES, {}).get("ends", [])
    missing = [end for end in ends if end not in {row.cell.size for row in found.rows}]
    if not missing:
        return []
    sizes = words.joined([words.count(int(end)) for end in missing])
    return [f"The search was interrupted: {sizes} {found.rows[0].facts.unit if found.rows else 'rows'} not measured."]


def _command(found: Findings) -> str:
    return next(iter(found.records.info.command[1:2]), "")
