r"""A comparison for machines that gate changes: JUnit XML, GitHub's annotations, JSON.

Reasons come from libraries and from people's data, so they may hold anything: colours of a terminal, line ends, bytes
that are no text. Each form is given what it can hold, and what it cannot is shown as its escape (`\x1b`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any
from xml.etree import ElementTree

from residency.harness.outcomes import Outcome
from residency.harness.records import Records
from residency.reports import words
from residency.reports.compare import Cell, Comparison, Kind, Status

SCHEMA = 1
NAME = "residency compare"
BAD = {Kind.SLOWER, Kind.WRONG}
UNSURE = {Kind.INCONCLUSIVE, Kind.MISSING, Kind.NO_DEVICE}
STOPPED = {Status.CANNOT_COMPARE: "error", Status.NO_DEVICE: "error"}  # not told by cells alone
# Neither XML 1.0 nor a line of a log can hold them: control characters but tabs and line ends, halves of characters.
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def visible(text: str) -> str:
    """A text with its control characters, and what is no character, written as escapes."""
    return UNPRINTABLE.sub(lambda match: ascii(match[0])[1:-1], text)


def about(cell: Cell) -> str:
    """Which cell: `tabular/ridge, linear at lab, estimator@cpu`."""
    return f"{cell.task}, {cell.dataset} at {cell.size}, {cell.implementation}"


def says(cell: Cell) -> str:
    """What became of a cell, and why."""
    return f"{became(cell)}: {cell.reason}" if cell.reason else f"{became(cell)}: now / before {ratio(cell)}"


def became(cell: Cell) -> str:
    """What became of a cell in one word: of what is not right any more, how it ended."""
    return cell.outcome if cell.kind is Kind.WRONG else str(cell.kind)


def ratio(cell: Cell) -> str:
    """`1.21 [1.15, 1.27]`; a hyphen where there is none."""
    if cell.ratio is None or cell.low is None or cell.high is None:
        return "-"
    return f"{words.digits(cell.ratio)} {words.bounds(cell.low, cell.high)}"


def document(found: Comparison, baseline: Records, current: Records, margin: float) -> dict[str, Any]:
    """All of a comparison as one object."""
    return {
        "schema": SCHEMA,
        **asdict(found),
        "status": int(found.status),
        "status_name": found.status.name.lower(),
        "margin": margin,
        "runs": {"baseline": _run(baseline), "current": _run(current)},
    }


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
    }


def workflow_commands(found: Comparison) -> Iterator[str]:
    """GitHub's annotations, a line each: an error for what is bad, a warning for what is unsure, and what differs."""
    if found.status in STOPPED:
        yield _command(STOPPED[found.status], NAME, found.reason)
    for cell in found.cells:
        level = "error" if cell.kind in BAD else "warning" if cell.kind in UNSURE else None
        if level is not None:
            yield _command(level, about(cell), says(cell))
    if found.differences:
        yield _command("notice", NAME, f"baseline against current: {'; '.join(found.differences)}")


def _command(level: str, title: str, message: str) -> str:
    return f"::{level} title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    """The message of a workflow command, escaped as its reader undoes it: the per cent sign first, then line ends."""
    return visible(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """A property of a workflow command, which a colon or a comma would end."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")


@dataclass(frozen=True)
class _Case:
    """A test of the JUnit file. `result` is its element, None where it passed."""

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
    """JUnit XML: a test for each cell, which keeps its name from run to run.

    Slower or wrong is a failure, a program that did not end as it should an error, and what cannot be told is skipped.
    Runs that cannot be compared are one error.
    """
    suite = ElementTree.Element("testsuite", name=visible(f"{NAME} {found.baseline} {found.current}"))
    if found.differences:
        properties = ElementTree.SubElement(suite, "properties")
        for difference in found.differences:
            ElementTree.SubElement(properties, "property", name="difference", value=visible(difference))
    counts = dict.fromkeys(("failure", "error", "skipped"), 0)
    cases = [_Case.of(cell) for cell in found.cells]
    if found.status is Status.CANNOT_COMPARE:
        cases.append(_Case(NAME, "comparable", None, "error", "cannot compare", found.reason))
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
    ElementTree.SubElement(suite, "system-out").text = visible(found.reason)
    return bytes(ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True))


def _result(cell: Cell) -> str | None:
    """JUnit's element for a cell; none where it passed."""
    if cell.kind is Kind.WRONG:
        return "failure" if cell.outcome == Outcome.WRONG else "error"
    if cell.kind is Kind.SLOWER:
        return "failure"
    return "skipped" if cell.kind in UNSURE | {Kind.NEW} else None
