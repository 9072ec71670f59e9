"""Options that several commands share, and what their texts mean."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from residency.harness.errors import UsageError
from residency.runners.settings import GATE_ROUNDS, ROUNDS

Tasks = Annotated[list[str] | None, typer.Argument(metavar="[TOPIC[/TASK]]...", help="Default: all.")]
Sizes = Annotated[
    list[str] | None,
    typer.Option(help="smoke, lab, lecture, production, or a number of rows; may be repeated. Default: smoke."),
]
Datasets = Annotated[
    list[str] | None,
    typer.Option(help="A dataset, or all of a kind: generated, shipped, public. Default: the first of each task."),
]
Data = Annotated[Path | None, typer.Option(metavar="PATH", help="Your own CSV or Parquet file; - is standard input.")]
Target = Annotated[str | None, typer.Option(metavar="COLUMN", help="The column of your file to predict.")]
Devices = Annotated[str, typer.Option(help="cpu, gpu or both, with a comma between.")]
Names = Annotated[str, typer.Option(help="Functions, libraries or ids (estimator@gpu), with commas between.")]
Runners = Annotated[str, typer.Option("--runner", help="local, cluster or both, with a comma between.")]
Workers = Annotated[
    str,
    typer.Option(
        metavar="N[,N]...",
        help="Workers of a cluster that is started here. By default one for each GPU, or for four cores; two at least.",
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS", help="A Dask scheduler that runs already, as tcp://10.0.0.1:8786: all its workers."
    ),
]
Dashboard = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="Serve Dask's dashboard there while a cluster runs; off by default."),
]
Replicates = Annotated[int, typer.Option(min=1, help="Fresh processes for each implementation.")]
Rounds = Annotated[
    int | None,
    typer.Option(min=1, help=f"Timed samples in each process, at most; {ROUNDS}, with --gate {GATE_ROUNDS}."),
]


def _budget(more: str = "") -> Any:
    text = (
        "Begin nothing more after that: one execution at most runs over, and what was not reached is named. Default: "
        f"24 for a task at smoke size, 100 at lab, 600 at lecture{more}; but every implementation is measured once, "
        "however long that takes."
    )
    return typer.Option(min=0, metavar="SECONDS", help=text)


Budget = Annotated[float | None, _budget(", three times as much with --gate")]
PlainBudget = Annotated[float | None, _budget()]
PlainRounds = Annotated[int, typer.Option(min=1, help="Timed samples in each process, at most.")]
Precision = Annotated[
    float | None,
    typer.Option(
        min=0.001,
        metavar="FRACTION",
        help="Go on, up to eight times the replicates, until every ratio is known to ± this, as 0.05.",
    ),
]
Timeout = Annotated[float | None, typer.Option(min=0.1, metavar="SECONDS", help="For one execution.")]
Memory = Annotated[
    float | None,
    typer.Option(min=0.1, metavar="GIB", help="Limit for one process on the CPU, for each worker of a cluster."),
]
Threads = Annotated[int | None, typer.Option(min=1, help="For each worker. By default, the cores we may use.")]
Gate = Annotated[
    bool,
    typer.Option("--gate", help="Fix memory layouts, pin one-threaded workers: to see small changes."),
]
Resume = Annotated[
    Path | None,
    typer.Option(
        metavar="RUN",
        help="Go on with a run, named by its folder or its name: measure what is missing, by the run's own settings; "
        "--replicates and --budget may ask for more.",
        exists=False,
    ),
]
Seed = Annotated[int, typer.Option(help="Of generated data and of splits.")]
Results = Annotated[Path, typer.Option(metavar="DIR", help="Where the run's folder is made.")]


def _run_name(text: str | None) -> str | None:
    """The name for a run, which may have none; raises `UsageError` for what cannot be a part of a folder's name."""
    if text is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", text):
        raise UsageError(
            f"--name {text!r}: use up to 64 letters (a to z), digits, dots, underscores and hyphens; begin with a "
            "letter or a digit, as in --name baseline"
        )
    return text


RunName = Annotated[
    str | None,
    typer.Option(
        "--name", callback=_run_name, help="A name for the run, by which `report`, `compare` and `--resume` find it."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]


def given(context: typer.Context) -> list[str]:
    """The names of the parameters that were typed, rather than left to their defaults."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return [name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]


def flag(name: str) -> str:
    """How a parameter is typed: `--task-margin`; the tasks have no name."""
    return "the tasks" if name == "tasks" else f"--{name.replace('_', '-')}"


def workers_of(text: str) -> tuple[int, ...]:
    """The numbers of workers asked for."""
    counts = []
    for part in split(text):
        if not part.isdecimal() or int(part) < 1:
            raise UsageError(f"--workers {part}: expected numbers of workers with commas between, as 1,2,4")
        counts.append(int(part))
    return tuple(dict.fromkeys(counts))


def split(text: str) -> tuple[str, ...]:
    """The parts between commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())
