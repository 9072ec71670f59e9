"""A run in the format of pytest-benchmark's JSON files, so that `pytest-benchmark compare` and CI actions read it."""

from __future__ import annotations

from typing import Any

import numpy as np

from residency.analysis.rows import Row, rows, timed_samples
from residency.harness.records import Records

FORMAT_VERSION = "5.0.0"  # of pytest-benchmark, whose files of that line look so


def document(records: Records) -> dict[str, Any]:
    """The whole file: only implementations whose quality passed are benchmarks in it."""
    info = records.info
    times = timed_samples(records)
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
            _benchmark(row, [time for one in times[row.key].values() for time in one])
            for row in rows(records)
            if row.seconds
        ],
    }


def _benchmark(row: Row, seconds: list[float]) -> dict[str, Any]:
    name = f"{row.task}-{row.dataset}-{row.size}-{row.implementation}"
    return {
        "group": f"{row.task}, {row.dataset} at {row.size}",
        "name": name,
        "fullname": name,
        "params": None,
        "param": None,
        "extra_info": {
            "quality": row.quality,
            "metric": row.metric,
            "library": row.library,
            "device": row.device,
            "threads": row.threads,
            "data_hash": row.data_hash,
            "stages": row.stages,
            "cold_seconds": row.cold_seconds,
        },
        "options": {"warmup": False, "timer": "worker"},
        "stats": _statistics(np.sort(np.array(seconds))),
    }


def _statistics(seconds: Any) -> dict[str, Any]:
    """The fields of pytest-benchmark's `stats`, in seconds; outliers by its rules (Tukey's fences, one deviation)."""
    q1, median, q3 = (float(value) for value in np.percentile(seconds, (25, 50, 75)))
    mean, deviation = float(seconds.mean()), float(seconds.std(ddof=1)) if len(seconds) > 1 else 0.0
    low, high = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
    inside = seconds[(seconds >= low) & (seconds <= high)]
    fences = int(len(seconds) - len(inside))
    far = int((abs(seconds - mean) > deviation).sum()) if deviation else 0
    return {
        "min": float(seconds[0]),
        "max": float(seconds[-1]),
        "mean": mean,
        "stddev": deviation,
        "rounds": len(seconds),
        "median": median,
        "iqr": q3 - q1,
        "q1": q1,
        "q3": q3,
        "iqr_outliers": fences,
        "stddev_outliers": far,
        "outliers": f"{far};{fences}",
        "ld15iqr": float(inside[0]),
        "hd15iqr": float(inside[-1]),
        "ops": 1.0 / mean,
        "total": float(seconds.sum()),
        "iterations": 1,
        "data": [float(value) for value in seconds],
    }
