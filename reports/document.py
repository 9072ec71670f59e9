"""The JSON output for programs: `{"schema": 1, "run": ..., "rows": [...]}`, and what studies add to it.

Keys are stable. No key is renamed or removed without a new schema number, even if the internal records change.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from residency.analysis.beside import Beside
from residency.analysis.boards import share_of_cards
from residency.analysis.crossover import Crossover, TaskCrossover, crossovers
from residency.analysis.doubt import in_doubt
from residency.analysis.gain import Gain, Mean, ResidentMean, gains
from residency.analysis.glance import Glance, glance
from residency.analysis.proof import Proof
from residency.analysis.ratios import as_long
from residency.analysis.row import Compared, Measured, Ratio, Resident, Row, Seconds, Speedup
from residency.analysis.scaling import Law, Scaling, scalings
from residency.analysis.spent import spent
from residency.analysis.tolerated import tolerated
from residency.analysis.topics import TopicAtSize, topics
from residency.harness.environment import slowed_in
from residency.harness.records import Records
from residency.harness.statistics import Interval
from residency.reports.crossover import champion, sentence
from residency.reports.crossover import resident as resident_sentence
from residency.reports.scaling import headline

SCHEMA = 1


def document(records: Records, rows: Sequence[Row]) -> dict[str, Any]:
    """A run, its rows, and warnings about what slows its libraries."""
    by_topic = topics(records, rows)
    whole = {
        "schema": SCHEMA,
        "run": {**asdict(records.info), "folder": str(records.folder)},
        "rows": [_row(row, records.info.machine) for row in rows],
        "warnings": [asdict(warning) for warning in slowed_in(records.info)],
        "gains": [_gain(gain) for gain in gains(rows)],
        "topics": [_topic(topic) for topic in by_topic],
        "scaling": [scaling(scaled) for scaled in scalings(records, rows)],
        "crossovers": [_task_crossover(answer) for answer in crossovers(records, rows)],
        "tolerated": [asdict(band) for band in tolerated(rows, records.info.tasks)],
        "glance": _glance(glance(records, rows, by_topic)),
    }
    return {name: finite(value) for name, value in whole.items()}


def text(value: Any, default: Callable[[Any], Any] | None = None) -> str:
    """A value as JSON text, with null for numbers that JSON does not have; `default` as in `json.dumps`."""
    return json.dumps(finite(value), indent=2, default=default, allow_nan=False)


def finite(value: Any) -> Any:
    """The value with None for infinities and NaN: a derived number that no one can know."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


def _glance(found: Glance) -> dict[str, Any]:
    """The numbers of a page's first screen."""
    cpu = found.cpu
    return {
        **asdict(found),
        "gain": _gain(found.gain) if found.gain else None,
        "cpu": {
            "compared": cpu.compared,
            "sides": cpu.sides,
            "only": _long(cpu.only) if cpu.only else None,
            "fastest": [{"library": library, "comparisons": count} for library, count in cpu.fastest],
            "undecided": cpu.undecided,
            "one_library": cpu.one_library,
            "verdict": cpu.verdict,
            "wins": [{**asdict(win), **_long(win.ratio)} for win in cpu.wins],
        }
        if cpu
        else None,
    }


def _topic(found: TopicAtSize) -> dict[str, Any]:
    """What a run says of a topic at a size."""
    return {
        "topic": found.topic,
        "size": found.size,
        "rows": found.rows,
        "tasks": found.tasks,
        "gpu": _gain(found.gpu) if found.gpu else None,
        "cpu": {
            "compared": found.cpu.compared,
            "fastest": [{"library": library, "tasks": tasks} for library, tasks in found.cpu.fastest],
            "undecided": found.cpu.undecided,
            "one_library": found.cpu.one_library,
        },
        "from_size": [
            {
                "task": of_task.task,
                "dataset": of_task.dataset,
                "unit": of_task.unit,
                "answer": of_task.found.answer,
                **_at(of_task.found),
                "compared_with": champion(of_task.found) if of_task.found.points else None,
                "left_out": of_task.found.left_out,
            }
            for of_task in found.from_size
        ],
    }


def _at(found: Crossover) -> dict[str, float | bool | None]:
    """The size where it crosses, with its bounds, and whether it may lie below all sizes measured."""
    at = _interval(found.at, "rows") if found.at else dict.fromkeys(("rows", "low", "high"))
    return {**at, "rows_is_open": found.value_is_open, "low_is_open": found.low_is_open}


def several(documents: Sequence[dict[str, Any]], pairs: Sequence[Beside]) -> dict[str, Any]:
    """Several runs, by the document of each; `pairs` are the first beside each of the others."""
    return {
        "schema": SCHEMA,
        "runs": list(documents),
        "beside": [beside(found) for found in pairs],
    }


def beside(found: Beside) -> dict[str, Any]:
    """Two machines side by side: this one's time over the other's, of the same implementation on the same data."""
    return {
        "pairs": [
            {
                **dict(zip(("task", "dataset", "size"), pair.group, strict=True)),
                "unlike": pair.unlike,
                "here": {device: row.cell.implementation for device, row in pair.here.items()},
                "there": {device: row.cell.implementation for device, row in pair.there.items()},
                "ratios": {device: _interval(ratio, "ratio") for device, ratio in pair.ratios.items()},
            }
            for pair in found.pairs
        ]
    }


def _row(row: Row, machine: Mapping[str, Any]) -> dict[str, Any]:
    """A row as one flat object."""
    result, facts = row.result, row.facts
    measured, compared = _measured(row.measured), _compared(row.compared)
    return {
        **asdict(row.cell),
        "outcome": result.outcome,
        "reason": result.reason,
        "quality": result.quality,
        "quality_error": result.error,
        "metric": result.metric,
        "reference": result.reference,
        **_chosen(measured, "seconds", "cold_seconds", "cold_stages", "stages"),
        **_chosen(compared, "speedup", "twin"),
        "peak_host_bytes": facts.peak_host_bytes,
        "peak_device_bytes": facts.peak_device_bytes,
        **_chosen(measured, "joules", "cpu_joules"),
        "device_megahertz": facts.device_megahertz,
        "slowed_by": facts.slowed_by,
        "tenants": facts.tenants,
        "gpus": facts.gpus,
        "unknown": facts.unknown,
        "threads": facts.threads,
        "cores_used": measured["cores_used"],
        "flops": facts.flops,
        "bytes": facts.bytes,
        "data_hash": facts.data_hash,
        "parameters": facts.parameters,
        "remarks": facts.remarks,
        "clocks": measured["clocks"],
        **_chosen(compared, "break_even_calls", "break_even_between"),
        "unit": facts.unit,
        **_chosen(measured, "per_second", "figures", "cluster"),
        "events": facts.events,
        **_chosen(measured, "other_cores", "waiting"),
        "roofline": compared["roofline"],
        "resident": compared["resident"],
        "resident_seconds": measured["resident"],
        "in_doubt": in_doubt(row),
        "peak_device_share": share_of_cards(facts, machine),
        "way": facts.way,
        "lines": facts.lines,
    }


def _chosen(values: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: values[name] for name in names}


def _measured(found: Measured | None) -> dict[str, Any]:
    """The measured values; None or empty if no time counts."""
    if found is None:
        empty: dict[str, Any] = {name: {} for name in ("stages", "cold_stages", "figures", "cluster")}
        names = ("seconds", "cold_seconds", "joules", "cpu_joules", "cores_used", "clocks", "per_second")
        return empty | dict.fromkeys((*names, "other_cores", "waiting", "resident"))
    resident = _seconds(found.resident) if found.resident else None
    clocks = asdict(found.clocks)
    return {**vars(found), "seconds": _seconds(found.seconds), "clocks": clocks, "resident": resident}


def _compared(found: Compared) -> dict[str, Any]:
    even = found.break_even
    return {
        "speedup": speedup(found.speedup),
        "twin": speedup(found.twin),
        "resident": resident(found.resident),
        "break_even_calls": even.calls if even else None,
        "break_even_between": (even.least, even.most) if even else None,
        "roofline": asdict(found.roofline) if found.roofline else None,
    }


def _seconds(found: Seconds) -> dict[str, Any]:
    return {**_interval(found, "median"), "samples": found.samples, "replicates": found.replicates}


def speedup(found: Speedup | None) -> dict[str, Any] | None:
    """How many times as fast as the baseline."""
    if found is None:
        return None
    said = {"baseline": found.baseline, "verdict": found.verdict, "processes_needed": found.processes_needed}
    return {**_interval(found, "ratio"), **said, "as_long": _as_long(found)}


def resident(found: Resident | None) -> dict[str, Any] | None:
    """The same with the data resident; `at_least` says that it is a lower bound."""
    return {**(speedup(found) or {}), "at_least": found.at_least} if found else None


def _as_long(found: Interval) -> dict[str, float | None]:
    """The same ratio as sentences tell it below 1: how many times as long. A bound is None where it is infinite."""
    return _long(as_long(found))


def _long(told: Interval) -> dict[str, float | None]:
    return {"ratio": told.value, "low": told.low, "high": told.high if math.isfinite(told.high) else None}


def _ratio(found: Ratio | None) -> dict[str, Any] | None:
    return {**_interval(found, "value"), "verdict": found.verdict} if found else None


def _interval(found: Interval, name: str) -> dict[str, float]:
    """A value under this name, and the bounds of its interval."""
    return {name: found.value, "low": found.low, "high": found.high}


def proof(found: Proof) -> dict[str, Any]:
    """What a run proved on a GPU."""
    return {
        "standings": [asdict(standing) for standing in found.standings],
        "gains": [_gain(gain) for gain in found.gains],
        "peaks": found.peaks,
        "alone": [asdict(alone) for alone in found.alone],
    }


def _gain(found: Gain) -> dict[str, Any]:
    return {
        "size": found.size,
        "tasks": found.tasks,
        **_interval(found.mean, "mean"),
        "as_long": _as_long(found.mean),
        "least": found.least,
        "most": found.most,
        **_verdicts(found),
        "resident": _resident_mean(found.resident) if found.resident else None,
    }


def _verdicts(found: Mean) -> dict[str, int]:
    """In how many of its tasks the GPU has each verdict."""
    return {name: getattr(found, name) for name in ("slower", "faster", "equivalent", "inconclusive")}


def _resident_mean(found: ResidentMean) -> dict[str, Any]:
    return {
        "tasks": found.tasks,
        **_interval(found.mean, "mean"),
        "as_long": _as_long(found.mean),
        "least": found.least,
        "most": found.most,
        **_verdicts(found),
        "at_least": found.at_least,
        "end_to_end": {**_interval(found.end_to_end, "mean"), "as_long": _as_long(found.end_to_end)},
        "rest": asdict(found.rest) if found.rest else None,
    }


def crossover(task: str, unit: str, found: Crossover) -> dict[str, Any]:
    """The size from which one side is faster than the other, end to end and with the data resident."""
    there = found.resident
    return {
        **_crossover(sentence(task, unit, found), found),
        "resident": _crossover(resident_sentence(unit, found), there) if there else None,
    }


def _task_crossover(found: TaskCrossover) -> dict[str, Any]:
    """The same of a task of a run, with the sides that were compared."""
    sides = {"challenger": list(found.challenger), "champion": list(found.champion)}
    named = {"task": found.task, "dataset": found.dataset, "unit": found.unit, "sides": sides}
    return {**named, **crossover(found.task, found.unit, found.found)}


def _crossover(said: str, found: Crossover) -> dict[str, Any]:
    return {
        "said": said,
        "answer": found.answer,
        **_at(found),
        "left_out": found.left_out,
        "points": [
            {
                "rows": point.rows,
                "challenger": point.challenger,
                "champion": point.champion,
                **(_ratio(point.ratio) or {}),
                "at_least": point.at_least,
            }
            for point in found.points
        ],
    }


def scaling(found: Scaling) -> dict[str, Any]:
    """How one implementation scales."""
    return {
        "headline": headline(found),
        "task": found.task,
        "implementation": found.implementation,
        "single_process": found.single.cell.implementation if found.single else None,
        "strong": [
            {
                "workers": strong.workers,
                "over_one": _ratio(strong.over_one),
                "over_single_process": _ratio(strong.over_single),
                "efficiency": strong.efficiency,
                "efficiency_low": strong.efficiency_interval.low if strong.efficiency_interval else None,
                "efficiency_high": strong.efficiency_interval.high if strong.efficiency_interval else None,
                "spent": strong.row.measured.cluster if strong.row.measured else {},
                "shares": _shares(strong.row),
            }
            for strong in found.strong
        ],
        "weak": [
            {"workers": weak.workers, "rows": weak.row.cell.rows, "efficiency": _ratio(weak.efficiency)}
            for weak in found.weak
        ],
        "law": _law(found.law) if found.law else None,
    }


def _shares(row: Row) -> dict[str, float] | None:
    """Shares of the workers' time; None where it was not measured."""
    if row.measured is None or not row.measured.cluster:
        return None
    found = spent(row.measured.cluster, row.measured.seconds.value, row.facts.threads or 1)
    shares = {"tasks": found.tasks, "fetching": found.fetching, "spilling": found.spilling}
    return {**shares, "without_a_task": found.idle}


def _law(found: Law) -> dict[str, Any]:
    return {
        "contention": _parameter(found.contention),
        "coherence": _parameter(found.coherence) if found.coherence else None,
        "predicted": {str(count): _parameter(speed) for count, speed in found.predicted.items()},
        "curve": [{"workers": point.workers, **_interval(point.speed, "value")} for point in found.curve],
    }


def _parameter(found: Interval) -> dict[str, Any]:
    return {
        **_interval(found, "value"),
        "verdict": "",
    }  # a parameter has no verdict, but earlier versions wrote this field
