"""The peaks of device memory that runs on GPUs measured: they say more than a forecast."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from residency.harness import records
from residency.harness.errors import RecordError

Key = tuple[str, str, str, int | None]
"""Task, dataset, implementation in one process, rows."""


def device_peaks(folders: Iterable[Path]) -> dict[Key, int]:
    """The highest of the newest run that measured it, in bytes; a run that cannot be read tells nothing."""
    found: dict[Key, int] = {}
    on_gpu = []
    for folder in folders:
        try:
            info = records.read_info(folder)
        except RecordError:
            continue
        if info.machine.get("gpus"):
            on_gpu.append((info.started, folder))
    for _, folder in sorted(on_gpu):
        found |= _of(folder)
    return found


def _of(folder: Path) -> dict[Key, int]:
    peaks: dict[Key, int] = {}
    try:
        samples = records.read(folder).samples
    except RecordError:
        return peaks
    for sample in samples:
        cell, peak = sample.cell, sample.peak_device_bytes
        if peak is not None and cell.runner == "local":
            key = (cell.task, cell.dataset, cell.implementation, cell.rows)
            peaks[key] = max(peaks.get(key, 0), peak)
    return peaks
