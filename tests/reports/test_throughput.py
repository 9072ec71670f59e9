"""A hundred thousand samples are read and judged while one waits."""

from __future__ import annotations

import json
from pathlib import Path
from time import process_time

from residency.harness import records
from residency.reports.summary import document

SAMPLES = 100_000
ROUNDS, REPLICATES = 1_000, 50  # of two implementations


def test_a_run_of_a_hundred_thousand_samples(residency, tmp_path: Path) -> None:
    done = residency("run", "tabular/ridge", "--devices", "cpu", "--replicates", "1", "--rounds", "1")
    assert done.status == 0, done.err
    run = next((tmp_path / "results" / "runs").iterdir())
    kept = [json.loads(line) for line in (run / "records.jsonl").read_text().splitlines()]
    timed = [one for one in kept if one.get("phase") == "timed"]
    ended = [one for one in kept if one["kind"] == "outcome"]
    assert len(timed) * ROUNDS * REPLICATES == SAMPLES
    with (run / "records.jsonl").open("w") as file:
        for replicate in range(REPLICATES):
            for number in range(ROUNDS):
                for one in timed:
                    seconds = one["seconds"] * (1 + 0.01 * (number * 7 % 13))
                    more = {"replicate": replicate, "round": number, "seconds": seconds}
                    file.write(json.dumps(one | more) + "\n")
            for one in ended:
                file.write(json.dumps(one | {"replicate": replicate}) + "\n")
    start = process_time()
    found = document(records.read(run))
    assert process_time() - start < 5.0
    assert [row["seconds"]["samples"] for row in found["rows"]] == [SAMPLES // 2] * 2
    assert [row["seconds"]["replicates"] for row in found["rows"]] == [REPLICATES] * 2
