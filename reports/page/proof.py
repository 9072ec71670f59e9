"""The page of a proof: what was proved on which GPU, what it gained, and what was not seen."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence

from residency.analysis.doubt import is_on_gpu
from residency.analysis.findings import Findings
from residency.analysis.proof import Proof
from residency.analysis.row import Row
from residency.harness.outcomes import Outcome
from residency.harness.records import Records
from residency.reports import document, sentences, words
from residency.reports.page.charts import speedups, standings
from residency.reports.page.numbers import Numbers
from residency.reports.page.parts import (
    Block,
    Code,
    Items,
    Page,
    Paragraph,
    Section,
    Table,
    TableRow,
    Text,
)
from residency.reports.tables import facts

GUIDE = (
    "Proved means: the implementation returned on this GPU, and its result passed the quality check of the task. "
    "Nothing else counts as proved.",
    "What was unavailable, was not started or was not reached has not been seen on a real GPU in this run.",
    "A speedup is how many times as fast an implementation is as the strongest correct one on the CPU in the same run. "
    "The numbers in brackets are a 95 % interval.",
)


def page(found: Findings, proved: Proof) -> Page:
    """The page of a proof. Its numbers are those of `residency prove --json`."""
    records, numbers = found.records, Numbers(found)
    numbers.document = {**numbers.document, "proof": document.proof(proved)}
    sizes = list(records.info.settings["sizes"])
    on_gpu = [row for row in found.rows if is_on_gpu(row) or (row.cell.device == "gpu" and _failed(row))]
    drawn = speedups.chart(on_gpu, numbers)
    return Page(
        title=f"Residency: proof on {_boards(records)}",
        lead=_lead(records, proved, sizes),
        guide=GUIDE,
        sections=[
            *([Section("standings", "What was proved?", [standings.chart(proved, sizes)])] if proved.standings else []),
            Section("gains", "What was gained?", _gains(proved, numbers)),
            *([Section("speedups", "How much faster is each?", [drawn])] if drawn else []),
            Section("peaks", "What can the devices do at most?", _peaks(proved, numbers)),
            Section("reasons", "Why was the rest not proved?", _reasons(found.rows)),
            Section(
                "how", "How was this measured?", [Paragraph(["Made by: ", Code(shlex.join(records.info.command))])]
            ),
        ],
        filters={
            "topic": list(dict.fromkeys(standing.task.partition("/")[0] for standing in proved.standings)),
            "size": sizes,
        },
    )


def _failed(row: Row) -> bool:
    return row.result.outcome not in {Outcome.OK, Outcome.UNAVAILABLE}


def _boards(records: Records) -> str:
    return words.gpus(records.info.machine.get("gpus") or []) or "no GPU"


def _lead(records: Records, proved: Proof, sizes: Sequence[str]) -> list[Block]:
    counts = Counter(standing.proved_at for standing in proved.standings)
    ranks = words.joined([f"{counts[size]} up to {size}" for size in reversed(sizes) if counts[size]])
    said = (
        f"{len(proved.proved)} of {len(proved.standings)} GPU implementations ran on {_boards(records)} and passed "
        f"their quality check{f': {ranks}' if ranks else ''}."
    )
    unseen = counts[None]
    blocks: list[Block] = [Paragraph(said, "answer")]
    if unseen:
        verb = "was" if unseen == 1 else "were"
        blocks.append(Paragraph(f"{unseen} {verb} not proved; the reasons are listed below.", "answer"))
    return [*blocks, Items(facts(records.info))]


def _gains(proved: Proof, numbers: Numbers) -> list[Block]:
    if not proved.gains:
        return [Paragraph("No two tasks have a GPU result to compare with the CPU, so there is no mean.")]
    rows = []
    for place, gain in enumerate(proved.gains):
        known = numbers.at(f"proof/gains/{place}")
        cells: list[Text] = [
            gain.size,
            known.shown("tasks", lambda value: words.count(int(value))),
            numbers.at("proof/gains").interval(str(place), "mean", lambda _: (1.0, " ×")),
            known.interval("resident", "mean", lambda _: (1.0, " ×")),
            known.shown("least", _times),
            known.shown("most", _times),
            known.shown("slower", lambda value: words.count(int(value))),
        ]
        rows.append(TableRow(cells))
    return [
        *(Paragraph(sentences.gain(gain), "answer") for gain in proved.gains[-1:]),
        Table(
            caption="geometric means over the tasks, of the best GPU implementation of each: times as fast as the "
            "strongest correct CPU implementation, with 95 % intervals",
            header=("size", "tasks", "end to end", "data resident", "least", "most", "tasks slower"),
            rows=rows,
            right=frozenset(range(1, 7)),
        ),
    ]


def _times(value: float) -> str:
    return f"{words.digits(value)} ×"


def _peaks(proved: Proof, numbers: Numbers) -> list[Block]:
    if not any(limit for limits in proved.peaks.values() for limit in limits.values()):
        return [Paragraph("This run measured no peaks.")]
    rows = []
    for device in proved.peaks:
        known = numbers.at(f"proof/peaks/{device}")
        cells: list[Text] = [
            device.upper(),
            known.shown("memory", lambda value: f"{words.digits(value / 1e9)} GB/s"),
            known.shown("arithmetic", lambda value: f"{words.digits(value / 1e12)} TFLOP/s"),
        ]
        rows.append(TableRow(cells))
    return [
        Table(
            caption="peaks that were measured in this run; - is not measured",
            header=("device", "read and written", "arithmetic in float32"),
            rows=rows,
            right=frozenset({1, 2}),
        )
    ]


def _reasons(found: Sequence[Row]) -> list[Block]:
    """What is not ok on the GPU, by its reason."""
    reasons: dict[str, list[str]] = {}
    for row in found:
        if row.cell.device == "gpu" and row.result.outcome != Outcome.OK:
            name = f"{row.cell.task}:{row.cell.implementation} at {row.cell.size}"
            reasons.setdefault(f"{row.result.outcome.replace('_', ' ')}: {row.result.reason}", []).append(name)
    if not reasons:
        return [Paragraph("Everything that was tried is proved.")]
    return [Items([f"{reason} ({', '.join(names)})" for reason, names in reasons.items()])]
