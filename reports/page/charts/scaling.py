"""Time, efficiency and the fitted law against the number of workers."""

from __future__ import annotations

from residency.analysis.findings import Findings
from residency.reports.page.numbers import Numbers
from residency.reports.page.parts import Chart


def charts(found: Findings, numbers: Numbers) -> list[Chart]:
    """The charts of a run; none if it has no such numbers."""
    return []
