"""The page of a cohort: points, times, what failed most, who contributed. In the style of the page of a run.

Every number is taken from `grades.json` by its place, so the page and the file say the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from residency.labs import score
from residency.labs.audit import PARTS, Record
from residency.labs.contribution import EVIDENCE
from residency.labs.feedback import KINDS
from residency.labs.gradebook import Cohort, timing_problem
from residency.labs.remarks import FEW, Remark, folded
from residency.reports import words
from residency.reports.page.numbers import UNKNOWN, Places
from residency.reports.page.parts import (
    Block,
    Chart,
    Code,
    Details,
    Items,
    Page,
    Paragraph,
    Section,
    Strong,
    Table,
    TableRow,
    Text,
    Warned,
    prose,
)

GUIDE = (
    "A team is graded once; each member gets its points in grades.csv.",
    "Visible checks are those that a team can run itself. Hidden checks are the same function on other inputs.",
    "The time is measured against the teacher's solution, in turns, on the same fresh inputs. The numbers in brackets "
    "are a 95 % interval; its lower end gives the points, so doubt favours the team.",
    "Who contributed is evidence for a conversation. It is no part of the points.",
)
MARGIN = 1.15  # factor beyond the outermost time
MANY = 8  # names of teams in one cell


def page(found: Cohort, document: Mapping[str, Any]) -> Page:
    """The page of a cohort; `document` is its `grades.json`."""
    numbers = Places(document)
    several = len(found.labs) > 1
    titles = [str(lab["title"]) for lab in found.labs.values()]
    return Page(
        title=f"Residency: {titles[0]}, the cohort" if len(titles) == 1 else "Residency: the labs of a cohort",
        lead=_lead(found),
        guide=GUIDE,
        sections=[
            section
            for name, lab in found.labs.items()
            for section in _of_lab(found, numbers, name, f"{lab['title']}: " if several else "")
        ]
        + _without_lab(found)
        + [Section("how", "How is this measured?", _how(found))],
    )


def _places(found: Cohort, lab: str | None) -> list[tuple[int, Record]]:
    """The records of a lab with their places in the document; None: of no lab."""
    return [(place, record) for place, record in enumerate(found.graded) if record.lab == (lab or "")]


# --- The beginning --------------------------------------------------------------------------------------------------


def _lead(found: Cohort) -> list[Block]:
    graded = [record for record in found.graded if record.graded is not None]
    full = sum(record.total == record.most for record in graded)
    nothing = len(found.graded) - len(graded)
    said = [f"{len(graded)} of {len(found.clones)} clones were graded. {full} earned all points"]
    right = sum(record.graded is not None and record.graded.is_right for record in graded)
    said.append(f"; {right} passed every check.")
    if waiting := [record for record in found.graded if record.graded is not None and record.waits_for_people]:
        most = max(record.waits_for_people for record in waiting)
        said.append(f" You still have to give up to {most} points for report.md, to {len(waiting)} of them.")
    if nothing:
        said.append(f" In {nothing} there was nothing to grade.")
    blocks: list[Block] = [Paragraph("".join(said), "answer")]
    machine = found.machine
    facts: list[Text] = [
        f"{' '.join(str(machine.get('cpu')).split())}, {machine.get('cores')} cores; {found.jobs} at a time",
        f"Graded {found.at} UTC",
        *(f"Lab {name}, version {str(lab['version'])[:12]}" for name, lab in found.labs.items()),
    ]
    blocks.append(Items(facts))
    blocks += [Warned(f"Not isolated here: {sentence}.") for sentence in found.isolation]
    blocks += _shown(found.teams.remarks)
    missing = [clone.name for clone in found.clones if clone.name not in found.records]
    if missing:
        blocks.append(Warned(f"Not graded yet: {_names(missing)}. Continue with residency lab grade --resume."))
    return blocks


def _shown(remarks: Sequence[Remark]) -> list[Block]:
    """What does not fit, as a warning for each kind, and behind a fold what a warning does not name."""
    kinds = folded(remarks)
    blocks: list[Block] = [Warned(sentence) for sentence, _ in kinds]
    more = [line for _, lines in kinds if len(lines) > FEW for line in lines]
    return [*blocks, Details(f"All {len(more)} notes, one by one", [Items(more)])] if more else blocks


def _listed(sentences: Sequence[tuple[str, str]]) -> list[Block]:
    """What is said of clones: pairs of a clone's name and a sentence. Clones with the same sentence share it."""
    kinds = folded(
        Remark(f"{name}: {said}", name, f"{{names}} ({{count}} clones): {said.replace('{', '{{').replace('}', '}}')}")
        for name, said in sentences
    )
    first: list[Text] = [sentence for sentence, _ in kinds[:MANY]]
    if len(sentences) <= FEW or (len(kinds) <= MANY and all(len(lines) <= FEW for _, lines in kinds)):
        return [Items(first)]
    return [
        Items(first),
        Details(f"All {len(sentences)} notes, one by one", [Items([line for _, lines in kinds for line in lines])]),
    ]


def _without_lab(found: Cohort) -> list[Section]:
    """Clones of which the lab is not known."""
    lost = _places(found, None)
    if not lost:
        return []
    said = [(found.name_of(record.team), record.problem) for _, record in lost]
    return [Section("no-lab", "Clones of an unknown lab", _listed(said))]


# --- The sections of a lab ------------------------------------------------------------------------------------------


def _of_lab(found: Cohort, numbers: Places, lab: str, prefix: str) -> list[Section]:
    records = _places(found, lab)
    if not records:
        return []
    blocks: dict[str, tuple[str, list[Block]]] = {
        "points": ("Points", [_points(found, numbers, records)]),
        "times": ("Times", _times(found, numbers, records)),
        "failed": ("What failed most", _failed(found, records)),
        "clones": ("What to look at", _remarks(found, records)),
        "contribution": ("Who contributed", _contribution(found, numbers, records)),
    }
    return [
        Section(f"{lab}-{name}" if prefix else name, f"{prefix}{title}", shown)
        for name, (title, shown) in blocks.items()
        if shown
    ]


def _points(found: Cohort, numbers: Places, records: Sequence[tuple[int, Record]]) -> Chart:
    ordered = sorted(records, key=lambda item: (-item[1].total, item[1].team))
    parts = [part for part in PARTS if any(part in record.possible for _, record in records)]
    most = max((record.most for _, record in records), default=0)
    return Chart(
        spec="points",
        title="Points by part",
        description=f"One bar for each team, divided into {words.joined([PARTS[part] for part in parts])}; "
        f"the whole width is {most} points.",
        rows=[_bar(found, numbers, place, record) for place, record in ordered],
        more={"legend": [{"word": PARTS[part]} for part in parts]},
        settings={"most": max(most, 1)},
        table=Table(
            caption="points, times and what failed",
            header=("team", "points", *(PARTS[part] for part in parts), "times the solution's", "commit", "remarks"),
            rows=[TableRow(_cells(found, numbers, place, record, parts)) for place, record in ordered],
            right=frozenset(range(1, 2 + len(parts) + 1)),
        ),
    )


def _bar(found: Cohort, numbers: Places, place: int, record: Record) -> Mapping[str, Any]:
    name = words.plain(found.name_of(record.team))
    segments, begun = [], 0.0
    for part in PARTS:
        earned = numbers.value(f"teams/{place}/graded/points/{part}") if record.graded else None
        if earned:
            segments.append({"word": PARTS[part], "text": f"{earned:g}", "from": begun, "to": begun + earned})
            begun += earned
    said = f"{record.total:g} of {record.most}" + (f": {record.problem}" if record.problem else "")
    lost = [f"failed: {checked.title}" for checked in record.failed]
    problem = timing_problem(record)
    return {
        "label": name,
        "text": said,
        "parts": segments,
        "tip": "\n".join(filter(None, [name, said, *lost, problem])),
    }


def _cells(found: Cohort, numbers: Places, place: int, record: Record, parts: Sequence[str]) -> list[Text]:
    known = numbers.at(f"teams/{place}")
    remarks = [record.problem, *(checked.title for checked in record.failed), timing_problem(record)]
    return [
        found.name_of(record.team),
        [known.number("total", _number), " of ", known.number("most", _number)],
        *(known.shown(f"graded/points/{part}", _number) for part in parts),
        _multiple(numbers, place, record),
        Code(record.commit[:12]) if record.commit else UNKNOWN,
        "; ".join(filter(None, remarks)) or "-",
    ]


def _number(value: float) -> str:
    return f"{value:g}"


def _multiple(numbers: Places, place: int, record: Record) -> Text:
    if record.graded is None or record.graded.timed is None:
        return UNKNOWN
    return numbers.interval(f"teams/{place}/graded/timed", words.digits, middle="ratio", unit=" ×")


def _times(found: Cohort, numbers: Places, records: Sequence[tuple[int, Record]]) -> list[Block]:
    timed = [(place, record) for place, record in records if record.graded is not None and record.graded.timed]
    if not timed:
        return []
    ordered = sorted(timed, key=lambda item: (_ratio(item[1]) is None, _ratio(item[1]) or 0.0, item[1].team))
    low, high = _domain([record for _, record in timed])
    most = max(record.possible.get("fast", 0) for _, record in timed)
    return [
        Chart(
            spec="multiples",
            title="Time of a call, as a multiple of the solution's",
            description="One mark with its interval for each team whose checks passed, on a logarithmic axis. Dashed "
            f"lines are the steps of the points: {words.joined([f'{step:.3g}' for step in score.STEPS])} times.",
            rows=[_mark(found, numbers, place, record) for place, record in ordered],
            more={"marks": _bands(most, low, high)},
            settings={
                "low": low,
                "high": high,
                "ticks": [tick for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 1000) if low <= tick <= high],
                "axis": "times the solution's time (95 % interval)",
            },
            note="● all points for the time, hollow ◇ some, ■ none, ✕ no time that counts. Dashed: the steps of the "
            "points. Teams that failed a check are not timed.",
            table=Table(
                caption="times, with 95 % intervals",
                header=("team", "a call", "times the solution's", "points", "pairs of processes", "remark"),
                rows=[TableRow(_time_cells(found, numbers, place, record)) for place, record in ordered],
                right=frozenset({1, 2, 3, 4}),
            ),
        )
    ]


def _ratio(record: Record) -> float | None:
    return record.graded.timed.ratio if record.graded and record.graded.timed else None


def _domain(records: Sequence[Record]) -> tuple[float, float]:
    """The ends of the axis: all times and intervals, and always from 0.8 to beyond the last step."""
    values = [0.8, 1.3 * score.NONE]
    for record in records:
        timed = record.graded.timed if record.graded else None
        if timed is not None and timed.ratio is not None:
            values += [timed.ratio, timed.low or timed.ratio, timed.high or timed.ratio]
    return min(values) / MARGIN, max(values) * MARGIN


def _bands(most: int, low: float, high: float) -> list[Mapping[str, Any]]:
    """The bands between two steps, with the points that each gives."""
    ends = [low, *score.STEPS, high]
    return [
        {"from": first, "to": last, "points": f"{most * score.band(last) / score.BANDS:g}"}
        for first, last in pairwise(ends)
    ]


def _mark(found: Cohort, numbers: Places, place: int, record: Record) -> Mapping[str, Any]:
    name = words.plain(found.name_of(record.team))
    known = numbers.at(f"teams/{place}/graded/timed")
    ratio, low, high, share = (known.value(key) for key in ("ratio", "low", "high", "share"))
    if ratio is None:
        said = timing_problem(record)
        return {"label": name, "text": said, "tip": f"{name}\n{said}"}
    said = f"{words.digits(ratio)} × {words.bounds(low, high)}"
    again = known.value("again")
    measured = f"measured again with {again} more pairs of processes" if again else ""
    return {
        "label": name,
        "ratio": ratio,
        "low": low,
        "high": high,
        "kind": "all" if share == 1 else "some" if share else "none",
        "text": said,
        "tip": "\n".join(filter(None, [name, f"{said} the solution's time", measured])),
    }


def _time_cells(found: Cohort, numbers: Places, place: int, record: Record) -> list[Text]:
    known = numbers.at(f"teams/{place}/graded")
    again = known.value("timed/again")
    return [
        found.name_of(record.team),
        known.shown("timed/seconds", words.seconds),
        _multiple(numbers, place, record),
        known.shown("points/fast", _number),
        known.shown("timed/processes", _number),
        timing_problem(record) or (f"measured again {again} times, across a step" if again else "-"),
    ]


def _failed(found: Cohort, records: Sequence[tuple[int, Record]]) -> list[Block]:
    """What failed, the most frequent first: by check, with its hint and the ways in which it failed."""
    failures: dict[tuple[str, str], list[tuple[Record, str]]] = {}
    for _, record in records:
        for checked in record.failed:
            kind = KINDS.get(checked.verdict.kind, checked.verdict.kind)
            title = checked.title if checked.visible else f"{checked.title} (hidden)"
            failures.setdefault((title, checked.hint), []).append((record, kind))
        if problem := timing_problem(record):
            failures.setdefault((problem, ""), []).append((record, ""))
    if not failures:
        return [Paragraph("Nothing failed.")]
    said: list[Text] = []
    for (title, hint), failed in sorted(failures.items(), key=lambda item: (-len(item[1]), item[0])):
        ways = Counter(kind for _, kind in failed if kind)
        how = f" ({', '.join(f'{kind} {count}' for kind, count in ways.most_common())})" if ways else ""
        names = _names([found.name_of(record.team) for record, _ in failed])
        teams = f"{len(failed)} team{'s' if len(failed) > 1 else ''}"
        said.append([Strong(f"{teams}: {title}"), f"{how}. ", *(prose(f"{hint} ") if hint else []), f"Which: {names}."])
    return [Items(said)]


def _remarks(found: Cohort, records: Sequence[tuple[int, Record]]) -> list[Block]:
    """What a teacher should know of a clone beside its points."""
    said: list[tuple[str, str]] = []
    for _, record in records:
        lines = [record.problem] if record.problem else []
        if record.changed:
            lines.append(f"changed the teacher's {_names(record.changed)}; the teacher's copies were graded")
        lines += record.notes
        checks = record.graded.checks if record.graded else []
        lines += [f"{one.title}: {one.verdict.what}" for one in checks if one.verdict.is_right and one.verdict.what]
        if lines:
            said.append((found.name_of(record.team), f"{'; '.join(lines)}."))
    return _listed(said) if said else []


def _contribution(found: Cohort, numbers: Places, records: Sequence[tuple[int, Record]]) -> list[Block]:
    rows: list[TableRow] = []
    warnings: dict[bool, list[tuple[str, str]]] = {True: [], False: []}  # of teams, and of residents who work alone
    for place, record in records:
        authors = record.contribution.get("authors", [])
        for index, author in enumerate(authors):
            known = numbers.at(f"teams/{place}/contribution/authors/{index}")
            member = {True: "yes", False: "no", None: "-"}[author.get("member")]
            rows.append(
                TableRow(
                    [
                        found.name_of(record.team),
                        author["name"],
                        author["email"],
                        member,
                        known.shown("lines", words.digits),
                        known.shown("share", words.percent),
                        known.shown("commits", _number),
                    ]
                )
            )
        warned = [(found.name_of(record.team), line) for line in record.contribution.get("warnings", [])]
        warnings[len(record.members) > 1] += warned
    if not rows:
        return []
    header = ("team", "name", "e-mail", "member", "lines", "share", "commits")
    table = Table("lines of the submission by author", header, rows, frozenset({4, 5, 6}))
    shown: list[Block] = [Paragraph(EVIDENCE, "note")]
    if warnings[True]:
        shown += _listed(warnings[True])
    alone = _listed(warnings[False]) if warnings[False] else []
    return [*shown, Details(f"{len(rows)} authors", [table, *alone])]


def _names(names: Sequence[str]) -> str:
    return words.few([words.plain(name) for name in names], MANY)


def _how(found: Cohort) -> list[Block]:
    steps = ", ".join(f"{step:.3g}" for step in score.STEPS)
    return [
        Paragraph(
            "Each submission ran in a sandbox of its own, on processor cores of its own, with fresh secret inputs for "
            "every call; a process that never loads a submission judged every answer after the clock had stopped."
        ),
        Paragraph(
            f"Points for the time: all up to {score.FULL:g} times the solution's time, none from {score.NONE:g} times "
            f"on, in {score.BANDS} steps (at {steps} times). Where the interval lies across a step, more pairs of "
            "processes were measured."
        ),
        Paragraph(["The record of a team repeats its grading: ", Code("residency lab grade --again audit/TEAM.json")]),
        Paragraph(["Folder: ", Code(str(found.folder))]),
    ]
