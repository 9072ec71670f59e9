"""`residency selftest`: one implementation against itself, and against 5 % more work, on this machine."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from residency.analysis.selftest import TASK, TOGETHER, WORKS, Control, controls
from residency.harness import records, store
from residency.harness.discovery import load
from residency.harness.errors import UsageError, typed
from residency.harness.files import write_whole
from residency.harness.records import Records, RunInfo
from residency.runners import machine
from residency.runners.bursts import beside
from residency.runners.plan import Selection, groups_of
from residency.runners.settings import GATE_ROUNDS, ROUNDS, Settings
from residency.studies.measuring import Interrupted, info_of, measure
from residency.studies.parting import parting
from residency.suites import SHIPPED

BUDGET = 3600.0  # seconds, for each of its runs


def measured(works: Collection[str], processes: int, gate: bool, beside_load: bool, results: Path) -> list[Control]:
    """The A/A control of these kinds of work, in runs of their own; raises `Interrupted` when the user stops one.

    With `beside_load`, measure everything again beside processes that come and go, one for each core.
    """
    found = []
    for bursty in (0, machine.cores()) if beside_load else (0,):
        with beside(bursty):
            for kinds, threads in ((WORKS, 1), (TOGETHER, machine.cores())):
                if chosen := [name for name in kinds if name in works]:
                    found += controls(_run(chosen, threads, processes, gate, results), beside=bursty)
    return found


def _run(works: list[str], threads: int, processes: int, gate: bool, results: Path) -> Records:
    """Measure these kinds of work in a separate run."""
    task = load(SHIPPED, SHIPPED.folder / f"{TASK}.py")
    names = [one.name for one in task.implementations if one.name.partition("_")[0] in works]
    selection = Selection(tasks=[TASK], devices=("cpu",), implementations=names)
    rounds = GATE_ROUNDS if gate else ROUNDS
    settings = Settings(replicates=processes, rounds=rounds, budget=BUDGET, threads=threads, gate=gate)
    groups = groups_of(task, selection)
    info = info_of(groups, settings, selection)
    folder = results / info.id
    kept = f"Saved to {folder}. View it with: residency report {typed(folder)}"
    with parting(folder, kept, "interrupted: a self-test needs all of its processes; start it again"):
        if measure(groups, settings, info, folder, None):
            raise Interrupted
    return records.read(folder)


def document(found: Sequence[Control], gate: bool) -> dict[str, Any]:
    """What is recorded, and printed for programs."""
    controls_found = [asdict(control) for control in found]
    return {"machine": machine.facts(), "gate": gate, "at": records.now(), "controls": controls_found}


def keep(text: dict[str, Any]) -> None:
    """Record a self-test for this machine; raises `UsageError` if it cannot be written."""
    path = _record(bool(text["gate"]))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(text, indent=1))
    except OSError as error:
        raise UsageError(
            f"cannot keep the self-test in {path}: {error.strerror}; set RESIDENCY_CACHE to another folder"
        ) from None


def smallest_on_record(info: RunInfo) -> float | None:
    """The smallest effect detected on a machine like a run's, measured as the run was; None if not known.

    A fraction, for the kind of work in which it is easiest to see: no kind of work showed a smaller one.
    """
    try:
        kept = json.loads(_record(bool(info.settings.get("gate"))).read_text(encoding="utf-8"))
    except (OSError, ValueError, UsageError):  # the last where there is no folder for a cache
        return None
    if any(kept["machine"].get(name) != info.machine.get(name) for name in ("cpu", "cores", "host")):
        return None
    return float(min(control["smallest"] for control in kept["controls"] if not control.get("beside")))


def _record(gate: bool) -> Path:
    return store.cache_folder() / ("selftest-gate.json" if gate else "selftest.json")
