"""The answer of each topic in one sentence, with numbers that the JSON report has under `topics`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from residency.analysis.disturbed import Disturbance, disturbances
from residency.analysis.doubt import is_on_gpu
from residency.analysis.findings import Findings
from residency.analysis.roofline import TOPIC
from residency.analysis.row import Row
from residency.analysis.topics import FromSize, TopicAtSize, comparable, topics
from residency.reports import crossover, words
from residency.reports.answers import name_of
from residency.reports.endings import ending
from residency.reports.page import doubts, sizes
from residency.reports.page.glance import verdicts
from residency.reports.page.numbers import Numbers
from residency.reports.page.parts import Block, Details, Items, Number, Paragraph, Part, Strong, Text

NAMED = 6  # libraries that a sentence names
NO_GPU = "Nothing was timed on a GPU, so this says nothing about GPUs"
DISTURBED: dict[Disturbance, str] = {
    "busy": "on a busy machine",
    "shared": "on a shared GPU",
    "slowed": "with the GPU's clock held down",
}
BUSY_NAMED = 2  # tasks that a sentence names


def answers(found: Findings, numbers: Numbers) -> list[Block]:
    """A sentence for each topic, at the size at which most of its tasks were measured; other sizes on demand."""
    said = sentences(found, numbers)
    blocks: list[Block] = [Paragraph(topic.answer, "answer") for topic in said.values()]
    others = [sentence for topic in said.values() for sentence in topic.others]
    return [*blocks, Details("The same at other sizes", [Items(others)])] if others else blocks


@dataclass(frozen=True)
class Said:
    """What is said of a topic."""

    answer: Text  # at the size at which most of its tasks were measured
    others: list[Text]  # at its other sizes


def sentences(found: Findings, numbers: Numbers) -> dict[str, Said]:
    """The sentences of each topic, by its name."""
    known = list(enumerate(topics(found.records, found.rows)))
    said = {}
    for name in ordered(topic.topic for _, topic in known):
        of_topic = [(index, topic) for index, topic in known if topic.topic == name]
        first, _ = max(of_topic, key=lambda entry: (entry[1].tasks, entry[1].rows or 0))
        of_topic.sort(key=lambda entry: sizes.place(entry[1].size))
        made = {index: _Sentence(f"topics/{index}", topic, found, numbers) for index, topic in of_topic}
        said[name] = Said(made[first].whole(), [made[index].at_size() for index in made if index != first])
    return said


def ordered(names: Iterable[str]) -> list[str]:
    """Topics, each once: those with real tasks first, then the one that measures the devices."""
    return sorted(dict.fromkeys(names), key=lambda name: f"{name}/" == TOPIC)


class _Sentence:
    """The sentence of one topic at one size."""

    def __init__(self, place: str, topic: TopicAtSize, found: Findings, numbers: Numbers) -> None:
        self._place, self._topic, self._numbers, self._found = place, topic, numbers, found
        rows = [row for row in found.rows if row.cell.task.startswith(f"{topic.topic}/")]
        self._all = [row for row in rows if row.cell.size == topic.size]
        self._rows = comparable(self._all, found.records)
        self._groups = [group.ranked for group in found.groups if group.rows[0] in self._all]

    def whole(self) -> list[Part]:
        """The answer with the size from which on the GPU wins."""
        return [*self.at_size(), *self._from_size()]

    def at_size(self) -> list[Part]:
        """`tabular, at lab: end to end the GPU is 5.01 × as fast as the CPU; with the data resident ...`."""
        size = f", {self._topic.size}" if self._topic.size == "full" else f", at {self._topic.size}"
        return [Strong(self._topic.topic), f"{size}: ", *self._said(), ".", *self._doubted()]

    def _said(self) -> list[Part]:
        if self._topic.gpu is not None:
            return self._between_devices()
        if not self._rows:
            ended = list(dict.fromkeys(ending(row).replace("_", " ") for row in self._all))
            return [f"nothing was timed; results: {words.joined(ended)}"]
        if f"{self._topic.topic}/" == TOPIC and any(row.cell.device == "gpu" for row in self._rows):
            return ["these tasks measure the limits of the hardware, so they are left out of the means"]
        if not any(map(is_on_gpu, self._found.rows)):  # said once, at the top of the page
            return self._on_cpu()
        return [*self._on_cpu(), f". {NO_GPU}"]

    def _doubted(self) -> list[Part]:
        """What makes it less sure, in sentences: `One task (etl) ran on a busy machine.`."""
        said = [f"Measured in {text}." for text in doubts.few(self._rows)]
        tasks = list(dict.fromkeys(row.cell.task for row in self._rows))
        for kind, where in DISTURBED.items():
            names = [task for task in tasks if self._is_disturbed(task, kind)]
            if not names:
                continue
            who = f"{len(names)} tasks" if len(names) > 1 else "One task"
            if len(names) <= BUSY_NAMED:
                who += f" ({words.joined([name.partition('/')[2] for name in names])})"
            said.append(f"{who} ran {where}.")
        return [f" {' '.join(said)}"] if said else []

    def _is_disturbed(self, task: str, kind: Disturbance) -> bool:
        return any(kind in disturbances(row) for row in self._rows if row.cell.task == task)

    def _between_devices(self) -> list[Part]:
        """End to end first, because that is the whole call; then with the data resident. `words.times` tells ratios."""
        gain = self._topic.gpu
        assert gain is not None
        verb = words.takes(gain.mean.value)
        told = {
            "faster": "the GPU",
            "slower": "the GPU is slower: it",
            "equivalent": "GPU and CPU are equally fast: the GPU",
        }.get(self._standing(), "inconclusive: the GPU")
        said = [f"end to end {told} {verb} ", *self._ratio("gpu"), " as the CPU; with the data resident "]
        said += [*self._resident(), *self._known_of()]
        if gain.tasks == 1:
            return [*said, f". One task: {self._tasks()[0]}"]
        of = self._numbers.at(self._place)
        return [*said, ". Of ", self._number("gpu/tasks"), " tasks: ", *verdicts(of, "gpu")]

    def _resident(self) -> list[Part]:
        """The ratio with the data resident."""
        gain = self._topic.gpu
        if gain is None or gain.resident is None:
            return ["that is not known"]
        mean = gain.resident.mean
        bound = words.bound(mean.value) if gain.resident.at_least else ""
        return [f"it {words.takes(mean.value)} {bound}", *self._ratio("gpu/resident")]

    def _known_of(self) -> list[Part]:
        """Of how many tasks that is known, if not of all."""
        gain = self._topic.gpu
        if gain is None or gain.resident is None or gain.resident.tasks == gain.tasks:
            return []
        of = self._numbers.at(self._place)
        whole = of.times("gpu/resident/end_to_end", "mean")
        counted = [self._number("gpu/resident/tasks"), " of ", self._number("gpu/tasks")]
        return [" (known for ", *counted, " tasks; end to end these are ", *whole, ")"]

    def _standing(self) -> str:
        """Whether the GPU is faster: a task's own verdict; over several, whether the mean's interval is beyond 1."""
        gain = self._topic.gpu
        assert gain is not None
        ratios = [row.compared.speedup for row in self._rows if row.cell.device == "gpu" and row.compared.speedup]
        if gain.tasks == 1 and len({row.group for row in self._rows if row.cell.device == "gpu"}) == 1:
            return max(ratios, key=lambda ratio: ratio.value).verdict
        return "faster" if gain.mean.low > 1 else "slower" if gain.mean.high < 1 else "inconclusive"

    def _tasks(self) -> list[str]:
        on_gpu = [row for row in self._rows if row.cell.device == "gpu" and row.compared.speedup is not None]
        return list(dict.fromkeys(row.cell.task for row in on_gpu))

    def _on_cpu(self) -> list[Part]:
        """Which CPU library won; with a single task, by how much."""
        cpu = self._topic.cpu
        if not cpu.compared:
            return ["only one implementation of each task has a time, so there is nothing to compare"]
        if cpu.compared == 1:
            return self._one_task()
        if cpu.compared == cpu.one_library:
            return ["only one library of each task has a time, so there is nothing to compare between libraries"]
        noun = "tasks" if len({row.cell.task for row in self._rows}) == len(self._groups) else "comparisons"
        said: list[Part] = ["CPU against CPU, ", self._number("cpu/compared"), f" {noun}: "]
        for index, (library, _) in enumerate(cpu.fastest[:NAMED]):
            who = f", {library}" if index else f"{library} is fastest"
            said += [f"{who} in ", self._number(f"cpu/fastest/{index}/tasks")]
        if more := cpu.fastest[NAMED:]:
            said += [f", {words.joined([library for library, _ in more])} in {sum(count for _, count in more)}"]
        if cpu.undecided:
            said += ["; " if cpu.fastest else "", self._number("cpu/undecided"), " without a clear winner"]
        if cpu.one_library:
            said += ["; ", self._number("cpu/one_library"), " of one library only"]
        return said

    def _one_task(self) -> list[Part]:
        """The two fastest of the only task that can be compared."""
        group = next(group for group in self._groups if len(self._of(group)) > 1)
        first, second, *_ = self._of(group)
        ratio = second.compared.speedup
        if ratio is None:
            return [f"no process measured both {name_of(first)} and {name_of(second)}, so they are not compared"]
        said: list[Part] = [f"CPU against CPU, {name_of(first)} takes ", *_parts(self._numbers.of(first).time())]
        if ratio.verdict == "slower":
            said[0] = f"CPU against CPU, {name_of(first)} is the fastest, "
        said += [f"; {name_of(second)} {words.takes(ratio.value)} ", *self._numbers.of(second).times()]
        return [*said, f" ({ratio.verdict}; one task: {first.cell.task})"]

    def _of(self, group: Sequence[Row]) -> list[Row]:
        return [row for row in group if row in self._rows and row.cell.device == "cpu"]

    def _from_size(self) -> list[Part]:
        """From which size on the GPU wins, task by task."""
        said: list[Part] = []
        for index, known in enumerate(self._topic.from_size):
            place = f"from_size/{index}"
            first, last = known.found.points[0].rows, known.found.points[-1].rows
            task = known.task
            if known.found.at is not None:
                low, high = (self._count(f"{place}/{bound}") for bound in ("low", "high"))
                middle = self._count(f"{place}/rows")
                less = crossover.or_less(known.found)
                said += [f" {task}: the GPU wins from about ", middle]
                itself = crossover.itself_or_less(known.found)
                said += [f" {known.unit}{itself} on [", low, f"{less}, ", high]
                said += [f"], compared with {self._named(known)}{crossover.without_clusters(known.found)}."]
            elif known.found.answer == "always":
                said += [f" {task}: the GPU wins from the smallest size on, {words.count(first)} {known.unit}."]
            elif known.found.answer == "never":
                said += [f" {task}: the GPU does not win up to {words.count(last)} {known.unit}."]
            elif known.found.answer == "not monotone":
                said += [f" {task}: the GPU wins at some sizes and loses at larger ones."]
            else:
                said += [f" {task}: from which size on the GPU wins is inconclusive."]
        return said

    def _named(self, known: FromSize) -> str:
        """The CPU side, with its library if one implementation is the fastest at all sizes."""
        champion = crossover.champion(known.found)
        rows = (row for row in self._found.rows if row.cell.task == known.task and row.cell.implementation == champion)
        return next(map(name_of, rows), champion)

    def _number(self, name: str) -> str | Number:
        return self._shown(name, lambda value: f"{value:.0f}")

    def _count(self, name: str) -> str | Number:
        return self._shown(name, words.about)

    def _ratio(self, name: str) -> Sequence[Part]:
        """`14.0 × as fast [12.1, 16.2]`."""
        middle, *bounds = self._numbers.at(self._place).times(name, "mean")
        assert isinstance(middle, str | Number)
        return [Strong(middle), *bounds]

    def _shown(self, name: str, write: words.Write) -> str | Number:
        shown = self._numbers.shown(f"{self._place}/{name}", write)
        assert isinstance(shown, str | Number)
        return shown


def _parts(text: Text) -> Sequence[Part]:
    return [text] if isinstance(text, str | Number) or not isinstance(text, Sequence) else text
