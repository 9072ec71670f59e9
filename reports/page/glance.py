"""The first screen of a page: five short lines with numbers that the JSON report has under `glance`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from residency.analysis.findings import Findings
from residency.harness.statistics import ENOUGH_REPLICATES
from residency.reports import words
from residency.reports.brief import DISTURBANCES
from residency.reports.page.numbers import Numbers, RowNumbers
from residency.reports.page.parts import Code, Items, Number, Part, Section, Strong
from residency.reports.sentences import VERDICTS

WORTH_NAMING = 0.03  # of the time; smaller shares are left out
WINS = 3  # clear winners that a line names
NAMED = 2  # shares of a side that a line names
SHARES = {"computing": "computing", "copying": "copying", "reading": "reading data", "other": "outside its stages"}
INSIDE = {"reading_inside": "reading included", "fetching_inside": "getting the data to the workers included"}
WHY_NOT = {  # the reasons on record, in a few words; others are shown as they are
    "the processors' energy counters": "no energy counters",
    "shorter than": "the calls are too short",
    "NVML does not tell": "the driver does not tell",
    "runs on the CPU": "nothing ran on a GPU",
}
ENDED = {
    "wrong": "wrong",
    "failed": "failed",
    "out_of_memory": "out of memory",
    "timeout": "timeout",
    "fell_back": "fell back to the CPU",
    "unavailable": "unavailable",
    "not_reached": "not reached",
    "not_timed": "not timed",
}


def section(found: Findings, numbers: Numbers, prefix: str) -> Section:
    """The five lines under a heading."""
    return Section(f"{prefix}glance", "At a glance", [Items(lines(found, numbers))])


def lines(found: Findings, numbers: Numbers) -> list[list[Part]]:
    """How much faster, why, from which size on, at what cost, and can it be believed."""
    said = _Lines(found, numbers)
    return [
        [Strong("How much faster:"), " ", *said.faster()],
        [Strong("Why:"), " ", *said.why()],
        [Strong("From which size on:"), " ", *said.from_size()],
        [Strong("At what cost:"), " ", *said.cost()],
        [Strong("Can it be believed:"), " ", *said.belief()],
    ]


def texts(found: Findings) -> list[tuple[str, str]]:
    """The bold word and the sentence of each line, for reports that are text."""
    said = []
    for first, *parts in lines(found, Numbers(found)):
        said.append((_text(first), "".join(map(_text, parts)).strip()))
    return said


def _text(part: Part) -> str:
    return part if isinstance(part, str) else part.text


class _Lines:
    """The five lines of a run."""

    def __init__(self, found: Findings, numbers: Numbers) -> None:
        self._found, self._of = found, numbers.at("glance")
        self._numbers = numbers

    def faster(self) -> list[Part]:
        """All tasks together, end to end and with the data resident; without a GPU, the CPU libraries."""
        if self._of.value("gain") is None:
            return self._among_cpus()
        alone, size = self._of.value("alone"), self._of.value("gain/size")
        verdict = self._of.value("verdict")
        mean = self._of.value("gain/mean")
        doubt = {"inconclusive": "inconclusive: ", "equivalent": "they are equally fast: "}
        said: list[Part] = [f"{alone} at {size}: " if alone else f"At {size}, ", doubt.get(verdict, "")]
        said += [f"the GPU {words.takes(mean)} ", *self._times(self._of, "gain"), " as the CPU end to end; "]
        said += [*self._resident(), "."]
        if alone:
            return said
        said += [" Mean of ", self._count("gain/tasks"), " tasks: ", *verdicts(self._of, "gain"), "."]
        return said

    def _resident(self) -> list[Part]:
        there = self._of.value("gain/resident")
        if there is None:
            return ["with the data resident not known"]
        tasks, known = self._of.value("gain/tasks"), there["tasks"]
        some: list[Part] = []
        if known != tasks:
            whole = self._of.times("gain/resident/end_to_end", "mean")
            some = [
                " over the ",
                self._count("gain/resident/tasks"),
                " tasks of which that is known (end to end ",
                *whole,
            ]
            some.append(")")
        bound = words.bound(there["mean"]) if there["at_least"] else ""
        lead = f"with the data resident it {words.takes(there['mean'])} {bound}"
        return [lead, *self._times(self._of, "gain/resident"), *some]

    def _times(self, of: RowNumbers, name: str, middle: str = "mean") -> list[Part]:
        first, *bounds = of.times(name, middle)
        assert isinstance(first, str | Number)
        return [Strong(first), *bounds]

    def _among_cpus(self) -> list[Part]:
        """Which CPU libraries won; with a single comparison, by how much."""
        cpu = self._of.value("cpu")
        lead = "" if self._of.value("belief/on_gpu") else "no GPU has a time, so this says nothing about GPUs; "
        if cpu is None:
            return _capital([f"{lead}nothing to compare{self._why_not_compared()}."])
        if cpu["only"] is not None:
            said: list[Part]
            doubt = "" if cpu["verdict"] == "slower" else f"; {cpu['verdict']}"
            first, second = cpu["sides"]
            said = [lead, f"on the CPU {first} is ", *self._times(self._of, "cpu/only", "ratio")]
            return _capital([*said, f" as {second}{doubt}."])
        if cpu["compared"] == cpu["one_library"]:
            return _capital([lead, "nothing to compare between libraries: only one library of each task has a time."])
        said = [lead, f"{'clear winner in ' if cpu['wins'] else 'no clear winner in '}"]
        said += [f"{len(cpu['wins'])} of "] if cpu["wins"] else []
        total = cpu["compared"] - cpu["one_library"]
        said += [f"{total} comparison{'s' * (total != 1)} of CPU libraries", ": " if cpu["wins"] else ""]
        sizes = len({win["size"] for win in cpu["wins"]}) > 1
        for index, win in enumerate(cpu["wins"][:WINS]):
            where = f" in {win['task']}{' ' + words.at_size(win['size']) if sizes else ''} ("
            said += [", " if index else "", Strong(win["library"]), where]
            said += [*self._times(self._of, f"cpu/wins/{index}", "ratio"), f" as {win['rival']})"]
        more = len(cpu["wins"]) - WINS
        said += [f", and {more} more" if more > 0 else ""]
        said += ["; only one library in ", self._count("cpu/one_library"), " more"] if cpu["one_library"] else []
        return _capital([*said, "."])

    def _why_not_compared(self) -> str:
        """Why no comparison has a ratio."""
        timed = {row.cell.device for row in self._found.rows if row.measured is not None}
        if not timed:
            return ": nothing has a time"
        return ": only GPU implementations have a time" if timed == {"gpu"} else ": only one implementation has a time"

    def why(self) -> list[Part]:
        """The largest shares of the time of each side."""
        sides = self._of.value("spent")
        if not sides:
            return ["Not known: no comparison has recorded where its time went."]
        said: list[Part] = []
        gpu = self._of.value("gain") is not None
        for index, side in enumerate(sides):
            shares = sorted((name for name in SHARES if side[name] >= WORTH_NAMING), key=lambda name: -side[name])
            who = f"the {side['device'].upper()} side" if gpu else "the fastest"
            said += ["; " if index else "", f"{who} spends "]
            for number, name in enumerate(shares[:NAMED]):
                percent = self._shown(f"spent/{index}/{name}", words.percent)
                said += [" and " if number else "", percent, f" {'of its time ' if not number else ''}{SHARES[name]}"]
                said += self._included(index) if name == "computing" else []
        return [*_capital(said), "."]

    def _included(self, index: int) -> list[Part]:
        """What computing holds beyond computing, where no stage tells it apart."""
        results, said = self._of.value(f"spent/{index}/results"), list[Part]()
        for kind, text in INSIDE.items():
            count = self._of.value(f"spent/{index}/{kind}")
            if count and count == results:
                said += [f" ({text})"]
            elif count:
                said += [f" ({text} in ", self._count(f"spent/{index}/{kind}"), f" of {results})"]
        return said

    def from_size(self) -> list[Part]:
        """The least and the largest size from which on the GPU wins."""
        if not self._of.value("belief/on_gpu"):
            return ["Not measured."]
        if not self._of.value("from_size/tasks"):
            task = self._of.value("alone") or "TASK"
            return ["Measured at one size only: ", Code(f"residency crossover {task}"), " finds it."]
        answers = self._of.value("from_size/answers")
        said: list[Part] = []
        least, most = (self._of.value(f"from_size/{end}") for end in ("least", "most"))
        if least is not None:
            said += self._start(least)
            if most != least:
                said += [", ", *self._start(most)]
        others = {
            "always": "wins at all sizes measured in",
            "never": "wins at no size measured in",
            "not monotone": "wins at some sizes only in",
            "inconclusive": "inconclusive in",
        }
        for answer, text in others.items():
            if answer in answers:
                said += ["; " if said else "", f"{text} ", self._count(f"from_size/answers/{answer}")]
        return [*_capital(said), "."]

    def _start(self, start: dict[str, Any]) -> list[Part]:
        of = self._numbers.at(start["place"])
        rows, low, high = (of.number(name, words.about) for name in ("rows", "low", "high"))
        itself, less = (" or less" if of.value(f"{name}_is_open") else "" for name in ("rows", "low"))
        clusters = ", clusters left out" if of.value("left_out") else ""
        return [
            *(f"{start['task']} from about ", rows, f" {start['unit']}{itself} [", low, f"{less}, ", high, "]"),
            f" (compared with {of.value('compared_with')}{clusters})",
        ]

    def cost(self) -> list[Part]:
        """Energy and memory of the GPU side against the strongest CPU side."""
        gpu = self._of.value("gain") is not None
        if self._of.value("gain") is None and self._of.value("cpu") is None:
            return ["Not known: nothing to compare."]
        who, whom = ("the GPU side", "the CPU's") if gpu else ("the fastest", "the next one's")
        said: list[Part] = []
        if self._of.value("cost/energy") is not None:
            scope = "" if not gpu or self._of.value("cost/energy/processors") else ", its board alone"
            ratio = self._of.number("cost/energy/ratio", words.digits)
            said += [f"{who} takes ", ratio, f" × {whom} energy", scope, "; "]
        else:
            said += ["energy not recorded: ", _why_not(self._of.value("cost/no_energy")), "; "]
        kind = "GPU memory" if gpu else "memory"
        peak = self._of.value("cost/peak")
        if peak is None:
            return [*_capital(said), f"{kind} not recorded: ", _why_not(self._of.value("cost/no_memory")), "."]
        said += [f"{kind} up to ", self._of.number("cost/peak/bytes", _bytes)]
        said += [f" (the most of {peak['results']} right results" if peak["results"] > 1 else " (the only right result"]
        said += [f": {peak['library']} ({peak['implementation']}) in {peak['task']} {words.at_size(peak['size'])})."]
        return _capital(said)

    def belief(self) -> list[Part]:
        """Processes, disturbances, what is inconclusive, and what has no time."""
        said: list[Part] = ["made-up numbers; "] if self._found.records.info.made_up else []
        least, most = self._of.value("belief/least"), self._of.value("belief/most")
        if least is None:
            said += ["nothing has a time"]
        else:
            said += [self._count("belief/least")]
            said += [" to ", self._count("belief/most")] if least != most else []
            said += [" process" if most == 1 else " processes"]
            said += [f" each ({ENOUGH_REPLICATES} or more are better)" if least < ENOUGH_REPLICATES else " each"]
        timed = self._of.value("belief/timed")
        for kind, text in DISTURBANCES.items():
            if kind in self._of.value("belief/disturbed"):
                said += [f"; {text} during ", self._count(f"belief/disturbed/{kind}"), " of "]
                said += [self._count("belief/timed"), f" result{'' if timed == 1 else 's'}"]
        total = self._of.value("belief/undecided") + self._of.value("belief/decided")
        if total:
            what = f"comparison{'s' * (total != 1)}"
            if total > 1 and self._of.value("gain") is None:
                what += " with the next implementation"
            said += ["; ", self._count("belief/undecided"), f" of {total} {what} inconclusive"]
        for ending, text in ENDED.items():
            if ending in self._of.value("belief/outcomes"):
                said += ["; ", self._count(f"belief/outcomes/{ending}"), f" {text}"]
        return [*_capital(said), "."]

    def _count(self, name: str) -> Part:
        return self._shown(name, lambda value: f"{value:,.0f}")

    def _shown(self, name: str, write: Callable[[float], str]) -> Part:
        return self._of.number(name, write)


def verdicts(of: RowNumbers, mean: str) -> list[Part]:
    """`9 faster, 1 slower, 2 inconclusive`: the verdicts of the tasks of a mean, as numbers of the JSON report."""
    said: list[Part] = []
    for verdict in VERDICTS:
        if of.value(f"{mean}/{verdict}"):
            said += [", " if said else "", of.number(f"{mean}/{verdict}", lambda value: f"{value:.0f}"), f" {verdict}"]
    return said


def _bytes(value: float) -> str:
    return words.size(int(value))


def _why_not(reason: str) -> str:
    """A reason on record in about five words."""
    return next(
        (short for start, short in WHY_NOT.items() if reason.startswith(start)), reason or "no reason on record"
    )


def _capital(parts: Sequence[Part]) -> list[Part]:
    """The sentence with a capital letter, unless it begins with the name of a task or with a number."""
    first, *others = [part for part in parts if part != ""]
    if isinstance(first, str) and "/" not in first:
        first = first[0].upper() + first[1:]
    return [first, *others]
