"""What was proved of each GPU implementation at each size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from residency.analysis.proof import NOT_REACHED, NOT_STARTED, NOT_TRIED, UNCLEAR, Proof, Standing
from residency.harness.outcomes import Outcome
from residency.reports import words
from residency.reports.page.parts import Chart, Table, TableRow, tags_of

PROVED = "proved"
NEVER = "not proved"
LEGEND = (
    "● proved, ✕ wrong or failed, hollow ◇ not clear whether it ran on the GPU, "
    "□ unavailable, not started or not reached."
)
QUIET = {Outcome.UNAVAILABLE, NOT_STARTED, NOT_REACHED, NOT_TRIED}


def chart(proved: Proof, sizes: Sequence[str]) -> Chart:
    """A line for each GPU implementation: what was proved at the largest size first, what was never proved last."""
    ranked = sorted(proved.standings, key=lambda standing: _order(standing, sizes))
    states = [state(outcome) for standing in ranked for outcome in standing.sizes.values()]
    counts = {name: states.count(name) for name in dict.fromkeys(states)}
    return Chart(
        spec="standings",
        title="What was proved at which size",
        description="One line for each GPU implementation, one mark for each size: "
        f"{words.joined([f'{count} {name}' for name, count in counts.items()])}.",
        rows=[_entry(standing) for standing in ranked],
        table=Table(
            caption="what was proved of each implementation",
            header=("task", "implementation", "library", *sizes, "proved up to"),
            rows=[
                TableRow(
                    [
                        standing.task,
                        standing.implementation,
                        standing.library,
                        *map(state, standing.sizes.values()),
                        standing.proved_at or NEVER,
                    ],
                    tags_of(standing.task, "gpu"),
                )
                for standing in ranked
            ],
        ),
        settings={"sizes": list(sizes)},
        note=LEGEND,
    )


def state(outcome: str) -> str:
    """A standing's outcome in words."""
    return {Outcome.OK: PROVED, NOT_TRIED: "not tried"}.get(outcome, str(outcome).replace("_", " "))


def _order(standing: Standing, sizes: Sequence[str]) -> tuple[int, str]:
    reached = sizes.index(standing.proved_at) if standing.proved_at else -1
    failed = not set(standing.sizes.values()) <= {Outcome.OK, *QUIET}
    return (-reached if reached >= 0 else 1 if failed else 2), standing.name


def _entry(standing: Standing) -> Mapping[str, Any]:
    lines = [f"{size}: {state(outcome)}" for size, outcome in standing.sizes.items()]
    return {
        "head": standing.task,
        "label": f"{standing.library} ({standing.implementation})",
        "topic": standing.task.partition("/")[0],
        "device": "gpu",
        "never": "" if standing.proved_at else NEVER,
        "marks": [
            {"size": size, "state": state(outcome), "kind": _kind(outcome)} for size, outcome in standing.sizes.items()
        ],
        "tip": "\n".join([standing.name, standing.library, *lines, *([] if standing.proved_at else [NEVER])]),
    }


def _kind(outcome: str) -> str:
    if outcome == Outcome.OK:
        return "proved"
    if outcome == UNCLEAR:
        return "unclear"
    return "quiet" if outcome in QUIET else "bad"
