"""Sentences about numbers that several reports use."""

from __future__ import annotations

from collections.abc import Mapping

from residency.analysis.gain import Gain, Mean
from residency.analysis.glance import Counts
from residency.analysis.naive import Unbeaten
from residency.analysis.rest import Rest
from residency.harness.task_info import TaskInfo
from residency.reports import words

VERDICTS = ("faster", "slower", "equivalent", "inconclusive")
SEVERAL = 2  # tasks that are named


def gain(found: Gain, *, sized: bool = True) -> str:
    """What a run says about GPUs as a whole. With `sized`, the sentence names the size."""
    whole = (
        f"GPU over the strongest correct CPU implementation{f' at {found.size}' if sized else ''}, best of each of "
        f"{found.tasks} tasks: geometric mean {words.times(found.mean)} end to end, {_extremes(found)}."
    )
    return f"{whole} {_resident(found)}"


def _extremes(found: Mean) -> str:
    return f"from {words.once(found.least)} to {words.once(found.most)}; {verdicts(of_tasks(found))}"


def of_tasks(found: Mean) -> dict[str, int]:
    """In how many tasks of a mean the GPU has each verdict."""
    return {verdict: getattr(found, verdict) for verdict in VERDICTS}


def verdicts(counts: Mapping[str, int]) -> str:
    """`9 faster, 1 slower, 2 inconclusive`: each verdict that something has, with how many have it."""
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict])


def _resident(found: Gain) -> str:
    """The mean with the data resident, and over which tasks; why it is far from the other."""
    resident = found.resident
    if resident is None:
        return "With the data resident: not known of two tasks or more."
    said = f"With the data resident: {words.times(resident.mean)}, {_extremes(resident)}"
    if resident.tasks < found.tasks:
        said += (
            f", over the {resident.tasks} tasks of which it is known; these are "
            f"{words.times(resident.end_to_end)} end to end"
        )
    if resident.at_least:
        said += f"; a lower bound in {resident.at_least}, where the copy cannot be told from computing"
    return f"{said}.{rest(resident.rest)}"


def rest(found: Rest | None) -> str:
    """What takes the rest where the two speedups are far apart, as a sentence to append; empty if they are not."""
    if found is None:
        return ""
    parts = [
        f"{words.percent(share)} {what}"
        for share, what in (
            (found.put, "copying to the device" if found.device == "gpu" else "`put`"),
            (found.get, "copying back" if found.device == "gpu" else "`get`"),
            (found.io, "reading"),
            (found.other, "outside its stages" if found.implementation else "outside the stages"),
        )
        if share >= words.STAGE_SHARE
    ]
    if not parts:
        return ""
    who = found.implementation or f"the {found.device.upper()} side"
    mean = "" if found.implementation else ", on average"
    faster = "" if found.device == "gpu" else ", which the GPU side does faster,"
    return (
        f" The two differ because {who} computes for only {words.percent(found.computing)} of its time{mean}; "
        f"the rest{faster} is {words.joined(parts)}."
    )


def without_a_model(task: TaskInfo | None, naive: Mapping[str, float]) -> list[str]:
    """`without a model: MASE 1.22 by repeating the last value, 0.94 by repeating the last season`."""
    if task is None or not naive:
        return []
    return [f"without a model: {task.metric} {', '.join(f'{value:.4g} by {name}' for name, value in naive.items())}"]


def unbeaten(task: TaskInfo | None, found: Unbeaten | None) -> str:
    """Says that no model is better than the best naive result; empty if one is better."""
    if task is None or found is None:
        return ""
    return f" No model beats {found.name}: {task.metric} {found.quality:.4g}, the best model's is {found.model:.4g}."


def counted(found: Counts) -> str:
    """`14 tasks in 6 topics; 2 measure the hardware and are in no mean; 16 comparisons, because ...`."""
    said = [f"{_number(found.tasks, 'task')} in {_number(found.topics, 'topic')}"]
    said += [f"{found.hardware} measure the hardware and are in no mean"] if found.hardware else []
    if found.several:
        who = words.joined(found.several) if len(found.several) <= SEVERAL else f"{len(found.several)} tasks"
        kinds = ["at several sizes"] if found.sizes else []
        kinds += ["on several datasets"] if found.datasets else []
        said.append(f"{found.comparisons} comparisons, because {who} ran {words.joined(kinds)}")
    return words.plain("; ".join(said))


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
