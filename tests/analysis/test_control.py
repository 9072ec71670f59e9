"""The A/A control, on records whose times are made up."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from residency.analysis.selftest import TASK, controls
from residency.harness import records


def test_the_control_of_several_copies_chooses_its_baseline(written, made, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six processes of four copies and a slower one, by made-up times."""
    monkeypatch.setattr("residency.analysis.selftest.DATASET", "linear")  # as made-up cells have it
    names = ["together", "together_again", "together_third", "together_fourth", "together_slower"]
    place = written(*(made(TASK, f"{name}@cpu", "smoke", 1.0, replicates=6) for name in names))
    text = (place / "run.json").read_text()
    cells = [made(TASK, f"{name}@cpu", "smoke").cell.__dict__ for name in names]
    kept = json.loads(text) | {"cells": cells}
    kept["settings"]["threads"] = 2
    (place / "run.json").write_text(json.dumps(kept))
    run = records.read(place)
    noisy = [
        replace(one, seconds=1.0 + 0.01 * ((7 * one.replicate + 3 * len(one.cell.implementation)) % 5))
        for one in run.samples
    ]
    (control,) = controls(replace(run, samples=noisy), beside=2)
    assert (control.work, control.threads, control.beside) == ("compiled, all cores", 2, 2)
    assert (control.copies, control.processes) == (4, 6)
    assert control.false_alarms == 0.0
    assert control.held >= 0.9
    assert control.again.low < 1.0 < control.again.high
    assert control.more.verdict in {"equivalent", "inconclusive"}  # as made up, it is no slower
