"""Prove that a lab teaches what it says: the solution passes, the starter fails, each wrong answer fails as planned.

A planted wrong answer is a file `wrong/NAME.py` with the definitions that differ from the solution's: they take their
place. What it uses of the solution, it imports by `from ..work import NAME`. In a lab of questions, `wrong/NAME.toml`
holds all answers. Its docstring names each check that it must fail, on a line of its own: `Fails: an odd number of
rides`, or `Fails: timing`. All others it must pass.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from residency.harness.errors import UsageError
from residency.harness.mistakes import explained
from residency.labs import catalogue, driver, scratch
from residency.labs.lab import Lab

FAILS = re.compile(r"^[# ]*Fails: (.+)$", re.MULTILINE)
TIMING = "timing"
TRIES = 3


@dataclass(frozen=True)
class Proved:
    """One thing that was tried: what, whether it went as it must, and how it went."""

    what: str
    holds: bool
    how: str


def verify(lab: Lab, said: Callable[[str], None] = lambda _: None) -> Iterator[Proved]:
    """Try the solution, the bare starter and every planted wrong answer."""
    yield from _rules(lab)
    said("solution")
    yield _solution(lab)
    said("starter")
    yield _starter(lab)
    wrong = sorted((lab.folder / "wrong").glob("*.*"))
    if not wrong:
        yield Proved("wrong answers", False, f"none is planted: add {lab.folder.name}/wrong/NAME.py")
    for file in wrong:
        said(file.stem)
        yield _wrong(lab, file)


def _rules(lab: Lab) -> Iterator[Proved]:
    visible = [check for check in lab.checks.values() if check.visible]
    silent = [check.title for check in lab.checks.values() if not check.visible and not check.hint]
    if not visible or len(visible) == len(lab.checks):
        yield Proved("checks", False, "a lab needs visible and hidden checks")
    if silent:
        yield Proved("checks", False, f"a hidden check needs a hint: {', '.join(silent)}")
    if not (lab.folder / "README.md").is_file():
        yield Proved("page", False, "README.md is missing")
    if bool(lab.points.people) != (lab.folder / catalogue.REPORT).is_file():
        yield Proved(
            "report", False, "a lab with points that people give has a report.md to begin with, and no other has"
        )


def _graded(lab: Lab, files: Mapping[str, bytes], *, timing: bool) -> driver.Graded:
    with scratch.folder() as place:
        return driver.grade(lab, driver.write(place / "files", files), timing=timing)


def _solution(lab: Lab) -> Proved:
    """The solution is timed against itself: what it loses there comes from a busy machine, so it is tried again."""
    for _ in range(TRIES):
        graded = _graded(lab, driver.solved(lab), timing=True)
        if failed := _first_failure(graded):
            return Proved("the solution", False, f"fails: {failed}")
        full = sum(graded.possible.values()) - graded.possible.get("gpu", 0)
        if graded.total == full:
            break
    return Proved("the solution", graded.total == full, f"{graded.total:g} of {full} points")


def _starter(lab: Lab) -> Proved:
    graded = _graded(lab, catalogue.begun(lab), timing=False)
    passed = [checked.title for checked in graded.checks if checked.verdict.is_right]
    if passed:
        return Proved("the bare starter", False, f"passes: {', '.join(passed)}")
    return Proved("the bare starter", True, "fails every check")


def _wrong(lab: Lab, file: Path) -> Proved:
    name = f"wrong answer {file.stem}"
    text = file.read_text()
    planned = {title.strip() for title in FAILS.findall(text)}
    if not planned:
        return Proved(name, False, "its docstring has no line `Fails: CHECK`")
    if strange := planned - {*lab.checks, TIMING}:
        known = ", ".join([*lab.checks, TIMING])
        raise UsageError(f"{file}: lab {lab.name} has no check {min(strange)!r}; it has: {known}")
    slow = TIMING in planned
    right = driver.solved(lab)
    if file.suffix == ".py":
        text = changed(right[lab.files[0]].decode(), text, file)
    graded = _graded(lab, {**right, lab.files[0]: text.encode()}, timing=slow)
    failed = {checked.title for checked in graded.checks if not checked.verdict.is_right}
    if slow and graded.timed is not None and graded.timed.share < 1.0:
        failed.add(TIMING)
    return Proved(name, failed == planned, f"fails: {', '.join(sorted(failed)) or 'nothing'}")


def changed(solution: str, wrong: str, file: Path) -> str:
    """The solution, and after it the definitions of a wrong answer, which Python takes instead."""
    try:
        body = ast.parse(wrong, str(file)).body
    except SyntaxError as error:
        raise explained(error, file) from error
    lines = wrong.splitlines(keepends=True)
    for node in body:
        if isinstance(node, ast.ImportFrom) and (node.level or node.module == "__future__"):
            lines[node.lineno - 1 : node.end_lineno] = ["\n"] * ((node.end_lineno or node.lineno) - node.lineno + 1)
    return solution + "\n\n" + "".join(lines)


def _first_failure(graded: driver.Graded) -> str:
    for checked in graded.checks:
        if not checked.verdict.is_right:
            return f"{checked.title} ({checked.verdict.what})"
    if graded.timed is not None and not graded.timed.verdict.is_right:
        return f"timing ({graded.timed.verdict.what})"
    return ""
