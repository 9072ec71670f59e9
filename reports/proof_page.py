"""The page in the folder of a reference run on a machine with a GPU: what the run proved, in Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from residency.analysis.doubt import FELL_BACK, in_doubt, is_on_gpu
from residency.analysis.proof import NOT_TRIED, Alone, Proof
from residency.analysis.row import Row
from residency.harness.judgement import NOT_MEASURED
from residency.harness.outcomes import NOT_STARTED, Outcome, is_not_started
from residency.harness.records import Records
from residency.reports import sentences, words
from residency.reports.markdown import line
from residency.reports.tables import facts, few_processes, missing_here

HEADER = (
    "task",
    "size",
    "rows",
    "implementation",
    "library",
    "median time [95 %]",
    "speedup [95 %]",
    "over",
    "resident [95 %]",
    "device memory",
    "energy",
    "roofline",
)


def render(records: Records, found: Sequence[Row], proved: Proof) -> str:
    """The page of a run, from its rows and what they prove, in Markdown."""
    machine = records.info.machine
    boards = ", ".join(f"{count} × {name}" for name, count in Counter(gpu["name"] for gpu in machine["gpus"]).items())
    lines = [f"# {boards}, {machine['cores']} cores of {machine['cpu']}", ""]
    lines += [f"- {fact}" for fact in facts(records.info)]
    lines += [f"- Made by `{' '.join(records.info.command)}`; `residency report` of this folder shows all of it"]
    lines += _peaks(proved)
    lines += ["", "## What was proved", "", *_proved(records, proved)]
    lines += ["", "## Speedup", "", *_speedups(found, proved)]
    if doubts := [row for row in found if in_doubt(row)]:
        lines += ["", "## What may not have run on the GPU", ""]
        lines += [f"- {_at(row)}: {row.facts.unknown[FELL_BACK]}" for row in doubts]
    lines += [*_failures(found), *_not_started(found), *_unavailable(found)]
    return "\n".join([*lines, *_not_reached(records, proved)]) + "\n"


def _peaks(proved: Proof) -> list[str]:
    """The highest rates that were measured on each device."""
    lines = []
    for device, limits in proved.peaks.items():
        memory, arithmetic = limits["memory"], limits["arithmetic"]
        if memory and arithmetic:
            lines.append(
                f"- Measured peaks of the {device.upper()}: {words.digits(memory / 1e9)} GB/s read and written, "
                f"{words.digits(arithmetic / 1e12)} TFLOP/s in float32"
            )
    return lines


def _proved(records: Records, proved: Proof) -> list[str]:
    sizes = records.info.settings["sizes"]
    counts = {size: sum(standing.proved_at == size for standing in proved.standings) for size in reversed(sizes)}
    ranks = ", ".join(f"{count} up to `{size}`" for size, count in counts.items() if count)
    lines = [
        f"{len(proved.proved)} of {len(proved.standings)} GPU implementations ran on the GPU and passed their quality "
        f"check{f': {ranks}' if ranks else ''}.",
    ]
    tried = [
        standing for standing in proved.standings if set(standing.sizes.values()) - {Outcome.UNAVAILABLE, NOT_TRIED}
    ]
    if tried:
        header = ("GPU implementation", "library", *sizes)
        lines += ["", line(header), line(["---"] * len(header))]
        lines += [line((f"`{standing.name}`", standing.library, *standing.sizes.values())) for standing in tried]
    return lines


def _speedups(found: Sequence[Row], proved: Proof) -> list[str]:
    measured = [row for row in found if is_on_gpu(row)]
    if not measured:
        return ["Nothing ran on the GPU, so there is nothing to compare."]
    lines = [
        "Each is compared with the strongest correct CPU implementation in this run. At the smallest size all "
        "installed ones ran; at larger sizes only the one that was fastest before. The means leave out foundations. "
        "Resident compares only the stages that compute, among the same opponents: the data is already there on both "
        "sides.",
    ]
    lines += [text for gain in proved.gains for text in ("", sentences.gain(gain))]
    if unknown := _not_resident(measured):
        lines += ["", f"With the data resident, not known: {unknown}."]
    lines += [text for few in few_processes(found) for text in ("", few)]
    on_cpu = [row for row in found if row.cell.device == "cpu" and not _is_too_large(row)]
    unavailable = [row for row in on_cpu if row.result.outcome == Outcome.UNAVAILABLE]
    if absent := sorted({row.cell.library for row in unavailable if row.result.reason != NOT_MEASURED}):
        lines += ["", f"Opponents that were unavailable here, and might be stronger: {', '.join(absent)}."]
    lines += ["", line(HEADER), line(["---"] * len(HEADER)), *(line(_cells(row)) for row in measured)]
    if proved.alone:
        lines += ["", "Without an opponent, because its time or memory did not fit, or it did not succeed:", ""]
        lines += [f"- {_without(alone)}" for alone in proved.alone]
    return lines


def _cells(row: Row) -> tuple[str, ...]:
    cell, measured, over = row.cell, row.measured, row.compared.speedup
    memory, joules = row.facts.peak_device_bytes, measured.joules if measured else None
    return (
        cell.task,
        cell.size,
        words.count(cell.rows) if cell.rows is not None else "-",
        cell.implementation,
        cell.library,
        words.interval(measured.seconds) if measured else "-",
        words.speedup(over, cell.implementation) if over else "-",
        over.baseline if over else "-",
        _resident(row),
        words.size(memory) if memory is not None else "-",
        f"{words.digits(joules)} J" if joules is not None else "-",
        words.roofline(row.compared.roofline),
    )


def _not_resident(measured: Sequence[Row]) -> str:
    """Why ratios with the data resident are not known, each reason once with how many rows it concerns."""
    reasons = [
        row.facts.unknown["resident"] for row in measured if row.compared.speedup and "resident" in row.facts.unknown
    ]
    return "; ".join(f"{reason} ({count})" if count > 1 else reason for reason, count in Counter(reasons).items())


def _resident(row: Row) -> str:
    """The ratio with the data resident; over whom, if that is another opponent than end to end."""
    over, whole = row.compared.resident, row.compared.speedup
    if over is None:
        return "not known" if whole else "-"
    other = f" over {over.baseline}" if whole is None or over.baseline != whole.baseline else ""
    return f"{over.verdict}: {words.resident(over)}{other}"


def _without(alone: Alone) -> str:
    if alone.implementation is None or alone.seconds is None:
        return f"`{alone.task}` at {alone.size}: no CPU implementation was ok at a smaller size"
    about = f"about {words.seconds(alone.seconds)} an execution by its time at smaller sizes"
    return f"`{alone.task}` at {alone.size}: {alone.implementation}, {about}"


def _at(row: Row) -> str:
    return f"`{row.cell.task}:{row.cell.implementation}` at {row.cell.size}"


def _failures(found: Sequence[Row]) -> list[str]:
    """What went wrong, by its reason."""
    failures: dict[str, list[str]] = {}
    for row in found:
        if row.result.outcome not in {Outcome.OK, Outcome.UNAVAILABLE}:
            failures.setdefault(f"{row.result.outcome}: {row.result.reason}", []).append(_at(row))
    lines = [f"- {', '.join(names)}: {reason}" for reason, names in failures.items()]
    return ["", "## What went wrong", "", *lines] if lines else []


def _is_too_large(row: Row) -> bool:
    return is_not_started(row.result.outcome, row.result.reason)


def _not_started(found: Sequence[Row]) -> list[str]:
    """What would not have fitted into memory; that is no failure."""
    lines = [f"- {_at(row)}: {row.result.reason.removeprefix(NOT_STARTED)}" for row in found if _is_too_large(row)]
    return ["", "## What was not started, because memory would not suffice", "", *lines] if lines else []


def _unavailable(found: Sequence[Row]) -> list[str]:
    """What could not run on the GPU here, grouped by the reason."""
    lines = []
    on_gpu = [
        row
        for row in found
        if row.cell.device == "gpu" and row.result.reason != NOT_MEASURED and not _is_too_large(row)
    ]
    for missing in missing_here(on_gpu):
        why = "; and ".join([missing.reason, *missing.further])
        lines += ["", f"{why}:", "", *(f"- `{name}`" for name in missing.names)]
    return ["", "## What was unavailable here", *lines] if lines else []


def _not_reached(records: Records, proved: Proof) -> list[str]:
    """What the time was too short for: each implementation once, at the smallest size that was not reached."""
    lines = []
    for size in records.info.settings["sizes"]:
        if names := [f"`{standing.name}`" for standing in proved.standings if standing.cut_at == size]:
            lines.append(f"- from `{size}` on: {', '.join(names)}")
    return ["", "## What was not reached within the time", "", *lines] if lines else []
