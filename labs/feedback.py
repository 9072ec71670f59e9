"""What a team reads about its submission: points, what failed and why, the time, the next step.

It shows neither hidden inputs nor expected values nor other teams: the judge's words hold none, and hints name the kind
of mistake.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from residency.labs.audit import PARTS, PEOPLE, Record
from residency.labs.driver import Checked, Timed
from residency.labs.gradebook import timing_problem
from residency.labs.lab import Verdict
from residency.labs.score import BANDS, FULL, NONE, band
from residency.reports import words

MORE = {  # about a part of the points
    "visible": ": those that `residency lab check` runs",
    "hidden": ": the same function on other inputs",
    PEOPLE: ": `report.md`; your instructor gives the points",
}
KINDS = {
    "wrong": "wrong",
    "replayed": "wrong",
    "shape": "wrong form",
    "not finite": "wrong",
    "type": "wrong type",
    "costly": "right, but too costly",
    "failed": "failed",
    "timeout": "too slow",
    "memory": "too much memory",
    "not believed": "not believed",
}
WRONG = ("wrong", "replayed", "shape", "not finite", "type")
SPECIAL = "\\`*[]<>|&"


def feedback(record: Record, name: str) -> str:
    """The feedback file of a team, in Markdown."""
    return "\n".join([*_head(record, name), *_body(record)]) + "\n"


def _head(record: Record, name: str) -> Iterator[str]:
    yield f"# {record.title or record.lab}: {plain(name)}"
    yield ""
    if record.commit:
        when = f", committed {record.submitted} UTC" if record.submitted else ""
        tag = f" ({plain(record.tag)})" if record.tag else ""
        yield f"Graded: commit `{record.commit[:12]}`{tag}{when}."
        yield ""


def _body(record: Record) -> Iterator[str]:
    if record.graded is None:
        yield f"**0 of {record.most} points.** Nothing could be graded: {plain(record.problem)}."
        yield ""
        yield from _next(record)
        return
    yield f"**{record.total:g} of {record.most} points.**"
    yield ""
    yield from _parts(record)
    yield from _failures(record)
    yield from _notes(record.graded.checks)
    if record.graded.timed is not None:
        yield from _time(record.graded.timed, record.possible.get("fast", 0))
    if record.graded.gpu is not None and record.graded.gpu.timed is not None:
        yield from _time(record.graded.gpu.timed, record.possible.get("gpu", 0), " on a GPU")
    yield from _next(record)
    if record.changed:
        yield "## Changed files"
        yield ""
        yield f"You changed {_files(record.changed)}. Grading used the teacher's copies of these files."
        yield ""


def _parts(record: Record) -> Iterator[str]:
    assert record.graded is not None
    yield "| points | of | for |"
    yield "|---|---|---|"
    for part, name in PARTS.items():
        if part in record.graded.points:
            yield f"| {record.graded.points[part]:g} | {record.possible[part]} | {name}{MORE.get(part, '')} |"
    for part in record.graded.not_graded:
        yield f"| not graded here | | {PARTS.get(part, part)} |"
    yield ""
    if record.waits_for_people:
        yield by_people(record.waits_for_people)
        yield ""
    if record.note_of_people:
        yield f"Your instructor on `report.md`: {plain(record.note_of_people)}"
        yield ""


def by_people(points: int) -> str:
    """Whose the points for the report are. They are no part of what a machine counts, neither earned nor lost."""
    return f"{points} points for report.md are given by your instructor. They are not counted here."


def _failures(record: Record) -> Iterator[str]:
    """What failed. Checks that failed in the same way are told once."""
    alike: dict[tuple[Verdict, str], list[Checked]] = {}
    for checked in record.failed:
        alike.setdefault((checked.verdict, hint_of(checked)), []).append(checked)
    if not alike:
        return
    yield "## What failed"
    yield ""
    for (verdict, hint), checks in alike.items():
        titles = "; ".join(f"{one.title}{'' if one.visible else ' (hidden)'}" for one in checks)
        what = f": {plain(verdict.what)}" if verdict.what else ""
        yield f"- **{titles}**: {KINDS.get(verdict.kind, verdict.kind)}{what}."
        if hint:
            yield f"  {hint}"
    yield ""


def _notes(checks: Iterable[Checked]) -> Iterator[str]:
    """What was said of answers that passed, as that they could not be told from a guess."""
    noted = [one for one in checks if one.verdict.is_right and one.verdict.what]
    if not noted:
        return
    yield "## Passed, with a note"
    yield ""
    yield from (f"- **{one.title}**: {plain(one.verdict.what)}." for one in noted)
    yield ""


def hint_of(checked: Checked) -> str:
    """A check's hint, where an answer was given: it speaks of wrong answers, not of calls that never ended."""
    return checked.hint if checked.verdict.kind in WRONG else ""


def _time(timed: Timed, most: int, where: str = "") -> Iterator[str]:
    yield f"## Time{where}"
    yield ""
    if timed.ratio is None or timed.seconds is None:
        yield f"No time counts: {plain(timed.verdict.what)}."
        yield ""
        return
    assert timed.low is not None
    assert timed.high is not None
    yield (
        f"One call took {words.seconds(timed.seconds)}: {words.digits(timed.ratio)} times the time of the teacher's "
        f"solution (95 % interval {words.digits(timed.low)} to {words.digits(timed.high)}). "
        f"That gives {timed.share * most:g} of {most} points."
    )
    if timed.speedup is not None:
        yield f"It is {words.digits(timed.speedup.ratio)} times as fast as the baseline."
    yield f"Full points go up to {FULL:g} times the solution's time; there are none from {NONE:g} times on."
    if timed.again:
        yield (
            f"The interval lay across a step of the points, so it was measured again with {timed.again} more "
            f"pair{'s' if timed.again > 1 else ''} of processes."
        )
    if band(timed.ratio) < timed.share * BANDS:
        yield "It still lies across a step. Its lower end gives the points, so doubt favours you."
    yield ""


def _next(record: Record) -> Iterator[str]:
    yield "## Next step"
    yield ""
    yield next_step(record)
    yield ""


def next_step(record: Record) -> str:
    """What the team can do now, in a sentence or two."""
    if record.graded is None:
        return "Run `residency lab submit` in your folder; on a server also `git push --tags`. Then tell your teacher."
    if visible := [checked for checked in record.failed if checked.visible]:
        return f"Run `residency lab check`: it runs “{visible[0].title}” on your machine. Correct that first."
    if hidden := record.failed:
        return f"All visible checks pass. Write a test of your own for this kind of input: {hidden[0].title}."
    if timing_problem(record):
        return "All checks pass, but no time counts. Read the reason above, correct it, and run `residency lab check`."
    timed = record.graded.timed
    if timed is not None and timed.share < 1:
        return "It is right. Now make it faster: see the hints in README.md, and measure with `residency lab check`."
    if record.waits_for_people:
        return "All that a machine can grade is done. Make sure that report.md says what README.md asks for."
    return "Nothing is left to do here: go on with the next lab."


def _files(names: list[str]) -> str:
    shown = [plain(name) for name in names[:10]]
    return words.joined(shown) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def plain(text: str) -> str:
    """A name in one line, of which Markdown and HTML take nothing for their own."""
    return "".join(f"\\{letter}" if letter in SPECIAL else letter for letter in words.plain(text))
