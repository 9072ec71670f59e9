"""What residents and teachers read in a terminal about labs: short lines, the main point first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from residency.harness.errors import typed
from residency.labs import catalogue, feedback, remarks, tables
from residency.labs.audit import PARTS, Record
from residency.labs.driver import Checked, Graded, Timed
from residency.labs.feedback import hint_of
from residency.labs.gradebook import Cohort
from residency.labs.lab import Lab
from residency.labs.sandbox import Means
from residency.labs.verify import Proved
from residency.reports import words

NUMBERS = {2: "two", 3: "three", 4: "four"}
KINDS = {
    "right": "right",
    "wrong": "WRONG",
    "replayed": "WRONG",
    "shape": "WRONG",
    "not finite": "WRONG",
    "type": "WRONG",
    "costly": "COSTLY",
    "failed": "FAILED",
    "timeout": "TOO SLOW",
    "memory": "MEMORY",
    "not believed": "NOT BELIEVED",
}


def labs(found: Sequence[Lab]) -> Iterator[str]:
    """The list of labs, and below them the challenges."""
    width = max((len(lab.name) for lab in found), default=0)
    size = 1
    for lab in sorted(found, key=lambda lab: lab.place):
        if lab.team > 1 and lab.team != size:
            yield from ("", f"Challenges, for teams of {NUMBERS.get(lab.team, lab.team)}:")
            size = lab.team
        yield f"{lab.order:>2}  {lab.name:<{width}}  {lab.title}"


def started(
    lab: Lab, folder: Path, *, is_found: bool, as_notebook: bool, table: tables.Source | None = None
) -> Iterator[str]:
    """What was made for a resident, and what comes next."""
    yield f"Started {lab.title!r} in {folder}."
    yield ""
    yield f"Next:  cd {typed(folder)}   and read README.md"
    if lab.shipped is not None:
        yield f"Table: {tables.shown(lab.shipped, table)}"
        yield from (f"       {sentence}" for sentence in tables.dates(lab.shipped, table))
    if lab.team > 1:
        yield "Team:  one of you puts this folder on a server:  git remote add origin URL; git push -u origin main"
        yield "       The others take it from there:            git clone URL"
        yield f"       Write all {NUMBERS.get(lab.team, lab.team)} names and addresses into team.toml."
        yield "       Each of you commits with this address (git config user.email): that shows who wrote what."
    if as_notebook:
        yield "Open work.ipynb in Jupyter with Jupytext: saving it writes work.py, which is checked and graded."
    if not is_found:
        yield f"To check and grade a lab of your own, set {catalogue.VARIABLE}={typed(lab.folder.parent)}"


def authored(folder: Path, into: Path) -> Iterator[str]:
    """What was made for a teacher, and what comes next."""
    place = typed(folder)
    yield f"Made a small lab in {folder}. It can be proved as it is."
    yield ""
    yield f"Change:   {place}/lab.py (inputs, right answer, checks), work.py (starter and solution), README.md, wrong/"
    yield f"Prove:    residency lab verify {place}"
    yield f"Use:      {catalogue.VARIABLE}={typed(into.resolve())} residency lab list"


def checked(one: Checked) -> Iterator[str]:
    """One check: right or wrong, and the hint."""
    yield f"{KINDS[one.verdict.kind]:<8}  {one.title}{f': {one.verdict.what}' if one.verdict.what else ''}"
    if hint := hint_of(one):
        yield f"{'':<8}  {hint}"


def timed(one: Timed, most: int) -> Iterator[str]:
    """The timing: the speedup over the baseline, the distance to the solution, the points."""
    if not one.verdict.is_right:
        yield f"{KINDS[one.verdict.kind]:<8}  timing: {one.verdict.what}"
        return
    assert one.ratio is not None
    assert one.seconds is not None
    if one.speedup is not None:
        faster = one.speedup
        yield f"speed     {faster.ratio:.3g} x as fast as the baseline [{faster.low:.3g}, {faster.high:.3g}]"
    against = f"{one.ratio:.2f} x the solution's time [{one.low:.2f}, {one.high:.2f}]"
    yield f"time      {words.seconds(one.seconds)} a call, {against}: {one.share * most:g} of {most} points"
    if one.least is not None and one.handed_over is not None:
        share = words.seconds(one.handed_over) if one.handed_over < one.seconds else "nearly all"  # timed apart
        yield f"          of it {share} to hand the data over, which no code can change"
        yield f"limit     {words.seconds(one.least)}: what this machine needs at least for the memory and arithmetic"


def points(graded: Graded) -> Iterator[str]:
    """The points so far, and what was not graded here."""
    known = sum(graded.possible[name] for name in graded.points)
    yield f"points    {graded.total:g} of {known}"
    if graded.not_graded:
        names = words.joined([PARTS.get(part, part) for part in graded.not_graded])
        yield f"          not graded here: points for {names}, which need a GPU"


def by_people(lab: Lab, unedited: Sequence[str] = ()) -> Iterator[str]:
    """The points that no machine gives, and what a team has not filled in yet."""
    if lab.points.people:
        yield feedback.by_people(lab.points.people)
    if unedited:
        yield f"{' and '.join(unedited)}: missing, or still as in the starter. Fill in, commit, and submit again."


def proved(one: Proved) -> str:
    """One thing that `verify` tried."""
    return f"{'ok' if one.holds else 'FAILED':<8}  {one.what}: {one.how}"


def means(found: Means) -> Iterator[str]:
    """What this machine does not keep a submission from."""
    for sentence in found.missing:
        yield f"Not isolated here: {sentence}."


def cohort(found: Cohort, place: Path) -> list[str]:
    """A cohort's grades, one line a submission, and where everything is saved."""
    names = {record.team: words.plain(found.name_of(record.team)) for record in found.graded}
    width = min(40, max(map(len, names.values()), default=0))
    said = [
        f"{names[record.team]:<{width}}  {record.total:>5g} of {record.most:<3}  {_brief(record)}".rstrip()
        for record in found.graded
    ]
    said += [words.plain(sentence) for sentence, _ in remarks.folded(found.teams.remarks)]
    files = "grades.csv, grades.json, cohort.html, feedback/, audit/"
    if most := max((record.waits_for_people for record in found.graded), default=0):
        said.append(
            f"You give up to {most} points for report.md: residency lab grade --resume {typed(place)} --people FILE.csv"
        )
    return [*said, "", f"Saved in {place}: {files}", f"Open:  {place / 'cohort.html'}"]


def _brief(record: Record) -> str:
    """The one thing that a teacher should see of a submission."""
    if record.graded is None:
        return record.problem
    said = [f"failed: {record.failed[0].title}"] if record.failed else []
    if len(record.failed) > 1:
        said = [f"failed: {record.failed[0].title}, and {len(record.failed) - 1} more"]
    timed = record.graded.timed
    if timed is not None and timed.ratio is not None:
        said.append(f"{timed.ratio:.2f} x the solution's time")
    elif timed is not None:
        said.append(f"timing: {timed.verdict.what}")
    if record.changed:
        said.append(f"changed the teacher's {', '.join(record.changed[:3])}")
    return "; ".join(said)


def again(first: Record, second: Record, differences: Sequence[str]) -> list[str]:
    """Whether a second grading came to the same verdict."""
    now = f"{second.total:g} of {second.most} points"
    same = f"The same verdict: {now}." if not differences else f"Another verdict: {now}, not {first.total:g}."
    said = [same, *(f"  {difference}" for difference in differences)]
    if first.lab_version != second.lab_version:
        said.append("The lab has changed since then.")
    if first.machine.get("cpu") != second.machine.get("cpu"):
        said.append("It was graded on another machine then.")
    return said
