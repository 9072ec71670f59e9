"""How near each implementation is to the limits of its device, by peaks measured in the same run."""

from __future__ import annotations

from residency.analysis.findings import Findings
from residency.reports.page.numbers import Numbers
from residency.reports.page.parts import Chart


def charts(found: Findings, numbers: Numbers) -> list[Chart]:
    """The charts of a run; none if it has no such numbers."""
    return []
