"""Where the time goes, in bars: the strongest CPU side and the best GPU side of a task side by side."""

from __future__ import annotations

from residency.analysis.findings import Findings
from residency.reports.page.numbers import Numbers
from residency.reports.page.parts import Chart


def charts(found: Findings, numbers: Numbers) -> list[Chart]:
    """The charts of a run; none if it has no such numbers."""
    return []
