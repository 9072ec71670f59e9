"""What the results cost in energy and memory, by the numbers of `glance` in the JSON report."""

from __future__ import annotations

from collections.abc import Callable

from residency.reports import words
from residency.reports.page.numbers import Numbers, RowNumbers
from residency.reports.page.parts import Block, Code, Items, Paragraph, Text
from residency.reports.page.slides.slide import Reveal, Slide, line


def slide(numbers: Numbers, again: str) -> Slide | None:
    """Energy and memory of the GPU side beside the strongest CPU side; without a GPU, of the fastest beside the next.

    None if nothing is compared. `again` is a command that measures a task.
    """
    of = numbers.at("glance")
    gpu = of.value("gain") is not None
    if not gpu and of.value("cpu") is None:
        return None
    side, other = ("the GPU side", "the CPU side") if gpu else ("the fastest", "the next fastest")
    energy, memory = _energy(of, side, other), _memory(of, side, other, gpu=gpu)
    known = of.value("cost/energy") is not None or of.value("cost/memory") is not None
    told: list[Block] = [Paragraph(energy, "big"), Paragraph(memory, "big")]
    if of.value("cost/energy") is None or of.value("cost/memory") is None:
        told.append(Paragraph(["Measure it where that can be read: ", Code(again)], "topic"))
    return Slide(
        name="cost",
        kind="question" if known else "summary",
        brief="Energy and memory",
        above=f"{side} compared with {other}".capitalize().replace("gpu", "GPU").replace("cpu", "CPU"),
        title="What does it cost in energy and memory?",
        shown=_predict(of, side, other) if known else told,
        reveal=Reveal(first=told, left=[], right=[]) if known else None,
        notes=[
            Items(
                [
                    "Energy is that of one execution. A faster device can take more power and still less energy.",
                    "Memory is the most that was in use. Ask what happens to a larger table on this GPU."
                    if gpu
                    else "Memory is the most that the process used.",
                    "The page of the run (residency report RUN --format html) has both for every implementation.",
                ]
            )
        ],
    )


def _predict(of: RowNumbers, side: str, other: str) -> list[Block]:
    """What the class predicts: only what was measured."""
    asked = {"energy": "Energy of an execution", "memory": "Memory"}
    what: list[Text] = [
        f"{name}: does {side} take more than {other}, or less?"
        for key, name in asked.items()
        if of.value(f"cost/{key}") is not None
    ]
    return [Items(what), Paragraph("Predict: raise your hand for more, or for less.", "predict")]


def _energy(of: RowNumbers, side: str, other: str) -> Text:
    if of.value("cost/energy") is None:
        return f"Energy: not measured ({of.value('cost/no_energy') or 'no reason on record'})."
    results = of.value("cost/energy/results")
    scope = [f"mean of {results} comparisons"] if results > 1 else []
    if side == "the GPU side" and not of.value("cost/energy/processors"):
        scope.append("the GPU's board alone")
    ratio = of.number("cost/energy/ratio", words.digits)
    said = f" ({', '.join(scope)})" if scope else ""
    return line(f"Energy: {side} takes ", ratio, f" × as much as {other}{said}.")


def _memory(of: RowNumbers, side: str, other: str, *, gpu: bool) -> Text:
    if of.value("cost/memory") is None:
        return f"Memory: not measured ({of.value('cost/no_memory') or 'no reason on record'})."
    size: Callable[[float], str] = lambda value: words.size(int(value))  # noqa: E731
    where = f"{of.value('cost/memory/task')} {words.at_size(of.value('cost/memory/size'))}"
    most = of.number("cost/memory/bytes", size)
    said = line(f"Memory: {side} takes up to ", most, f" {'on the GPU ' if gpu else ''}({where})")
    if of.value("cost/memory/opponent_bytes") is None:
        return [*said, "."]
    amount = of.number("cost/memory/opponent_bytes", size)
    return [*said, f"; {other} takes ", amount, " of the host's." if gpu else "."]
