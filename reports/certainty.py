"""How sure a run is, in words: what disturbed or slowed it, and what it leaves undecided."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from residency.analysis.certainty import BusyMachine, Undecided
from residency.harness.environment import Slowed
from residency.harness.errors import typed
from residency.harness.statistics import MOST_NEEDED
from residency.reports import words

OTHERS = 0.1  # of the cores: fewer that other processes keep busy do not explain why the work waited
MADE_UP = "The numbers of this run are made up: nothing was measured."


def warning(found: BusyMachine | None, slowed: Sequence[Slowed], *, made_up: bool = False) -> str | None:
    """The warning at the top of a report, with remedies: the machine was busy, or its environment slowed a library.

    A run that was made up says so first.

    None if neither is known.
    """
    sentences = [MADE_UP] if made_up else []
    sentences += [_busy(found)] if found else []
    sentences += [f"{cause}, and measure again." for cause in slowed]
    return " ".join(sentences) or None


def _busy(found: BusyMachine) -> str:
    """How busy the machine was, in figures, and what to do."""
    whose = f"the work of {', '.join(found.tasks)}" if found.tasks else "the work"
    figures = []
    if found.waited is not None:
        figures.append(f"{whose} waited for a core {words.percent(found.waited)} of its time")
    if found.other_cores is not None and (found.waited is None or found.other_cores > OTHERS * found.cores):
        figures.append(f"other processes kept {found.other_cores:.1f} of {found.cores} cores busy")
    remedies = ["at another time", *(["with --threads 1"] if found.threads > 1 else [])]
    remedies.append(f"with --replicates {found.replicates}")
    return (
        f"The machine was busy: {', '.join(figures)}. This makes intervals wide. For narrower ones, measure again "
        f"{_or(remedies)}."
    )


def _or(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]])


def undecided(found: Undecided, go_on: Path | None) -> list[str]:
    """What is inconclusive, and how many processes would decide.

    `go_on` is the run's folder if the run can be continued on this machine: then the text includes the command.
    """
    notes = []
    if found.processes:
        most = max(found.processes.values())
        each = ", ".join(f"{name} {count}" for name, count in found.processes.items())
        command = f": residency run --resume {typed(go_on)} --replicates {most}" if go_on else ""
        notes.append(f"Inconclusive. About {most} processes would decide ({each}){command}")
    if found.close:
        notes.append(f"Inconclusive, and {MOST_NEEDED} processes would not decide: {', '.join(found.close)}")
    return notes
