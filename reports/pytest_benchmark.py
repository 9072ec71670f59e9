"""A run in the format of pytest-benchmark's JSON files, so that `pytest-benchmark compare` and CI actions read it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from residency.analysis.described import Described, described
from residency.analysis.doubt import in_doubt
from residency.analysis.ratios import Timed
from residency.analysis.row import Measured, Row
from residency.harness.records import Records
from residency.reports import document as document_of

FORMAT_VERSION = "5.0.0"  # of pytest-benchmark's files, whose format this is


def document(records: Records, rows: Sequence[Row], timed: Timed) -> dict[str, Any]:
    """The whole file. Only implementations that passed the quality check are benchmarks in it."""
    info = records.info
    return {
        "machine_info": {
            "node": info.machine.get("host"),
            "system": info.machine.get("system"),
            "python_version": info.machine.get("python"),
            "cpu": {"brand_raw": info.machine.get("cpu"), "count": info.machine.get("cores")},
            "gpus": info.machine.get("gpus"),
        },
        "commit_info": {"id": (info.commit or "unversioned").rstrip("+"), "dirty": (info.commit or "").endswith("+")},
        "datetime": info.started,
        "version": FORMAT_VERSION,
        "benchmarks": [
            _benchmark(row, row.measured, [time for process in timed[row.key].values() for time in process])
            for row in rows
            if row.measured
        ],
    }


def _benchmark(row: Row, measured: Measured, seconds: list[float]) -> dict[str, Any]:
    cell = row.cell
    name = f"{cell.task}-{cell.dataset}-{cell.size}-{cell.implementation}"
    return {
        "group": f"{cell.task}, {cell.dataset} at {cell.size}",
        "name": name,
        "fullname": name,
        "params": None,
        "param": None,
        "extra_info": {
            "quality": row.result.quality,
            "metric": row.result.metric,
            "library": cell.library,
            "device": cell.device,
            "threads": row.facts.threads,
            "data_hash": row.facts.data_hash,
            "stages": measured.stages,
            "cold_seconds": measured.cold_seconds,
            "speedup": document_of.speedup(row.compared.speedup),
            "resident": document_of.resident(row.compared.resident),
            "in_doubt": in_doubt(row),
            "unknown": row.facts.unknown,
        },
        "options": {"warmup": False, "timer": "worker"},
        "stats": _statistics(described(seconds)),
    }


def _statistics(found: Described) -> dict[str, Any]:
    """The fields of pytest-benchmark's `stats`, in seconds; outliers by its rules: Tukey's fences, one deviation."""
    return {
        "min": found.times[0],
        "max": found.times[-1],
        "mean": found.mean,
        "stddev": found.deviation,
        "rounds": len(found.times),
        "median": found.median,
        "iqr": found.q3 - found.q1,
        "q1": found.q1,
        "q3": found.q3,
        "iqr_outliers": found.beyond_fences,
        "stddev_outliers": found.beyond_deviation,
        "outliers": f"{found.beyond_deviation};{found.beyond_fences}",
        "ld15iqr": found.inside[0],
        "hd15iqr": found.inside[1],
        "ops": 1.0 / found.mean,
        "total": found.total,
        "iterations": 1,
        "data": found.times,
    }
