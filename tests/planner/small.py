"""A small cohort that is planned in a second."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from residency.planner import answer, reading, search
from residency.planner.answer import Answer
from residency.planner.demand import from_runs

COHORT = Path(__file__).with_name("small.toml")


def planned() -> tuple[Answer, Any]:
    """The answer for the small cohort, and its JSON."""
    with search.workers(1) as team:
        found = answer.answer(reading.read(COHORT), {}, from_runs([]), team)
    return found, json.loads(json.dumps(answer.document(found)))
