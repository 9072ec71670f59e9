"""Which runs a self-test on record speaks for."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from residency.studies.selftest import keep, smallest_on_record


def test_a_self_test_speaks_for_runs_that_were_measured_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESIDENCY_CACHE", str(tmp_path))
    machine = {"cpu": "one", "cores": 2, "host": "here"}
    for gate, smallest in ((True, 0.01), (False, 0.16)):
        keep({"machine": machine, "gate": gate, "controls": [{"smallest": smallest}, {"smallest": 2 * smallest}]})

    def run(gate: bool, host: str = "here") -> Any:
        return SimpleNamespace(settings={"gate": gate}, machine={**machine, "host": host})

    assert (smallest_on_record(run(True)), smallest_on_record(run(False))) == (0.01, 0.16)
    assert smallest_on_record(run(True, "there")) is None
    assert json.loads((tmp_path / "selftest.json").read_text())["gate"] is False
