r"""A comparison for CI systems: JUnit XML, GitHub's annotations, JSON.

Reasons come from libraries and from people's data, so they may contain anything: terminal colours, line ends, bytes
that are not text. What a format cannot hold is written as an escape (`\x1b`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from residency.analysis.compare import Cell, Comparison, Kind, Status
from residency.analysis.shift import Shift
from residency.harness.outcomes import Outcome
from residency.harness.records import Records
from residency.reports.compare import (
    BAD,
    UNSURE,
    became,
    cell_reason,
    differences,
    doubt,
    doubts_of,
    meaning,
    ratio,
    reason,
)
from residency.reports.likeness import difference
from residency.reports.words import visible

SCHEMA = 1
NAME = "residency compare"
STOPPED = {Status.CANNOT_COMPARE: "error", Status.NO_DEVICE: "error"}  # cells alone do not show these


def about(cell: Cell) -> str:
    """Which cell: `tabular/ridge, linear at lab, estimator@cpu`."""
    return f"{cell.task}, {cell.dataset} at {cell.size}, {cell.implementation}"


def says(cell: Cell) -> str:
    """The verdict on a cell, and why."""
    why, doubted = cell_reason(cell), doubt(cell)
    if why:
        return f"{became(cell)}: {why}"
    return f"{became(cell)}: now / before {ratio(cell)}{f', {doubted}' if doubted else ''}"


def document(found: Comparison, baseline: Records, current: Records, margin: float) -> dict[str, Any]:
    """A whole comparison as one JSON object."""
    return {
        "schema": SCHEMA,
        "baseline": found.baseline.id,
        "current": found.current.id,
        "status": int(found.status),
        "cells": [_cell(cell) for cell in found.cells],
        "differences": differences(found),
        "reason": reason(found),
        "shift": _shift(found.shift) if found.shift else None,
        "unlike": [difference(each) for each in found.likeness.forbids],
        "status_name": found.status.name.lower(),
        "status_means": meaning(found),
        "margin": margin,
        "runs": {"baseline": _run(baseline), "current": _run(current)},
    }


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        "task": cell.task,
        "dataset": cell.dataset,
        "size": cell.size,
        "implementation": cell.implementation,
        "kind": str(cell.kind),
        "margin": cell.margin,
        "baseline_seconds": cell.baseline_seconds,
        "current_seconds": cell.current_seconds,
        "ratio": cell.ratio.value if cell.ratio else None,
        "low": cell.ratio.low if cell.ratio else None,
        "high": cell.ratio.high if cell.ratio else None,
        "chance": cell.chance,
        "reason": cell_reason(cell),
        "outcome": cell.outcome,
        "doubts": {"baseline": doubts_of(cell.rows[0]), "current": doubts_of(cell.rows[1])},
        "in_doubt": {"baseline": cell.doubts[0], "current": cell.doubts[1]},
    }


def _shift(shift: Shift) -> dict[str, Any]:
    return {"tasks": shift.tasks, "ratio": shift.ratio.value, "low": shift.ratio.low, "high": shift.ratio.high}


def _run(run: Records) -> dict[str, Any]:
    info = run.info
    return {
        "folder": str(run.folder),
        "id": info.id,
        "name": info.name,
        "started": info.started,
        "commit": info.commit,
        "command": info.command,
        "machine": info.machine,
        "versions": info.versions,
        "made_up": info.made_up,
    }


def workflow_commands(found: Comparison) -> Iterator[str]:
    """GitHub's annotations, one line each: errors for what is bad, warnings for what is unsure, and what differs."""
    if found.status in STOPPED:
        yield _command(STOPPED[found.status], NAME, reason(found))
    for cell in found.cells:
        level = "error" if cell.kind in BAD else "warning" if cell.kind in UNSURE else None
        if level is not None:
            yield _command(level, about(cell), says(cell))
    if said := differences(found):
        yield _command("notice", NAME, f"what differs between the runs: {'; '.join(said)}")


def _command(level: str, title: str, message: str) -> str:
    return f"::{level} title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    """The message of a workflow command, escaped as GitHub expects: the per cent sign first, then line ends."""
    return visible(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """A property of a workflow command. A colon or a comma would end it, so both are escaped."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")


@dataclass(frozen=True)
class _Case:
    """A test of the JUnit file. `result` is the name of its element, or None if the test passed."""

    task: str
    name: str
    seconds: float | None
    result: str | None
    kind: str
    text: str

    @staticmethod
    def of(cell: Cell) -> _Case:
        name = f"{cell.dataset}, {cell.size}, {cell.implementation}"
        return _Case(cell.task, name, cell.current_seconds, _result(cell), became(cell), says(cell))


def junit(found: Comparison) -> bytes:
    """JUnit XML: one test for each cell. Its name stays the same from run to run.

    A slower or wrong cell is a failure. A program that did not end normally is an error. An inconclusive cell is
    skipped. If the runs cannot be compared, there is one error.
    """
    suite = ElementTree.Element("testsuite", name=visible(f"{NAME} {found.baseline.id} {found.current.id}"))
    if said := differences(found):
        properties = ElementTree.SubElement(suite, "properties")
        for text in said:
            ElementTree.SubElement(properties, "property", name="difference", value=visible(text))
    counts = dict.fromkeys(("failure", "error", "skipped"), 0)
    cases = [_Case.of(cell) for cell in found.cells]
    if found.status is Status.CANNOT_COMPARE:
        cases.append(_Case(NAME, "comparable", None, "error", "cannot compare", reason(found)))
    for case in cases:
        element = ElementTree.SubElement(suite, "testcase", classname=visible(case.task), name=visible(case.name))
        element.set("time", f"{case.seconds or 0.0:.6f}")
        if case.result is not None:
            counts[case.result] += 1
            text = visible(case.text)
            ElementTree.SubElement(element, case.result, message=text, type=case.kind).text = text
    suite.set("tests", str(len(cases)))
    suite.set("failures", str(counts["failure"]))
    suite.set("errors", str(counts["error"]))
    suite.set("skipped", str(counts["skipped"]))
    suite.set("time", f"{sum(case.seconds or 0.0 for case in cases):.6f}")
    ElementTree.SubElement(suite, "system-out").text = visible(reason(found))
    return bytes(ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True))


def _result(cell: Cell) -> str | None:
    """JUnit's element for a cell; None if it passed."""
    if cell.kind is Kind.WRONG:
        return "failure" if cell.outcome == Outcome.WRONG else "error"
    if cell.kind is Kind.SLOWER:
        return "failure"
    return "skipped" if cell.kind in UNSURE | {Kind.NEW} else None
