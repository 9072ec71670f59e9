"""Options that several commands share, and how their texts are read."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperOption

from residency.harness.errors import UsageError, unknown
from residency.harness.libraries import is_installed, not_installed
from residency.runners.settings import GATE_ROUNDS, PROTOCOLS, ROUNDS, UCX, best_protocol

LONGEST = 1_000_000  # seconds: eleven days; the operating system cannot wait for more than 24
LARGEST = 1_000_000  # GiB
MOST_REPLICATES = 100_000

Tasks = Annotated[list[str] | None, typer.Argument(metavar="[TOPIC[/TASK]]...", help="Default: all.")]
Sizes = Annotated[
    list[str] | None,
    typer.Option(
        help="smoke, lab, lecture, production, or a number of rows. Repeat the option for several. Default: smoke."
    ),
]
Datasets = Annotated[
    list[str] | None,
    typer.Option(
        help="The name of a dataset, or a kind: generated, shipped, public. Repeat the option for several. "
        "Default: each task's first dataset."
    ),
]
Data = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="Use your own data: a CSV or Parquet file, plain text, or a folder of pictures. `residency data list` "
        "says which tasks take what. - reads standard input.",
    ),
]
Target = Annotated[str | None, typer.Option(metavar="COLUMN", help="The column of your file that is to be predicted.")]
Devices = Annotated[str, typer.Option(help="cpu, gpu, or both with a comma between them.")]
Names = Annotated[
    str,
    typer.Option(
        help="Names of functions, libraries or implementations (estimator@gpu), separated by commas. Default: all."
    ),
]
Environments = Annotated[
    str,
    typer.Option(
        help="Run in these named environments, separated by commas; `here` is this one. `residency doctor` lists them."
    ),
]
Runners = Annotated[str, typer.Option("--runner", help="local, cluster, or both with a comma between them.")]
Workers = Annotated[
    str,
    typer.Option(
        metavar="N[,N]...",
        help="Start a cluster with this number of workers. Default: one for each GPU, or one for four cores, "
        "but at least two.",
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS", help="Use all workers of a Dask scheduler that is running, for example tcp://10.0.0.1:8786."
    ),
]
Dashboard = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT", help="Serve Dask's dashboard at this address while a cluster runs. Default: no dashboard."
    ),
]
Protocol = Annotated[
    str | None,
    typer.Option(
        metavar="tcp|ucx",
        help="How workers with GPUs send each other data: through the host by TCP, or by UCX, which goes directly from "
        "GPU to GPU where the machine can. Default: ucx if it is installed.",
    ),
]
Replicates = Annotated[
    int, typer.Option(min=1, max=MOST_REPLICATES, help="The number of fresh processes for each implementation.")
]
Rounds = Annotated[
    int | None,
    typer.Option(min=1, help=f"The most timed samples in each process. Default: {ROUNDS}, with --gate {GATE_ROUNDS}."),
]


class Once(TyperCommand):
    """A command that refuses a list given twice: the last would count, and whoever gives two wants both.

    Of other options given twice the last counts, as everywhere: so a script can add to a command.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments. Raises `UsageError` if an option that takes several values with commas is repeated."""
        *_, order = self.make_parser(ctx).parse_args(args=list(args))
        for option in dict.fromkeys(order):
            if not isinstance(option, TyperOption) or option.multiple or order.count(option) == 1:
                continue
            if "comma" in (option.help or "") or ",N" in str(option.metavar):
                raise UsageError(
                    f"{option.opts[0]} was given {order.count(option)} times: give it once, with commas between the "
                    "values"
                )
        return super().parse_args(ctx, args)


def number(value: float | None) -> float | None:
    """The value of an option. Refuse NaN, which no comparison with a limit refuses."""
    if value is not None and math.isnan(value):
        raise typer.BadParameter("nan is not a number.")
    return value


def _budget(more: str = "") -> Any:
    text = (
        "Start nothing new after this time. An execution that is running may finish. The report names what was not "
        f"measured. Default: 24 for a task at smoke size, 100 at lab, 600 at lecture{more}. With the default, every "
        "implementation is measured at least once, however long that takes."
    )
    return typer.Option(min=0, max=LONGEST, callback=number, metavar="SECONDS", help=text)


Budget = Annotated[float | None, _budget(", three times as much with --gate")]
PlainBudget = Annotated[float | None, _budget()]
PlainRounds = Annotated[int, typer.Option(min=1, help="The most timed samples in each process.")]
Precision = Annotated[
    float | None,
    typer.Option(
        min=0.001,
        callback=number,
        metavar="FRACTION",
        help="Measure until every ratio is known to ± this fraction, for example 0.05, with at most eight times the "
        "replicates.",
    ),
]
Timeout = Annotated[
    float | None,
    typer.Option(min=0.1, max=LONGEST, callback=number, metavar="SECONDS", help="The time limit for one execution."),
]
Memory = Annotated[
    float | None,
    typer.Option(
        min=0.1,
        max=LARGEST,
        callback=number,
        metavar="GIB",
        help="The memory limit for a process on the CPU, and for each worker of a cluster.",
    ),
]
Threads = Annotated[
    int | None, typer.Option(min=1, help="The threads of each worker. Default: as many as the cores that may be used.")
]
Gate = Annotated[
    bool,
    typer.Option("--gate", help="Fix the memory layout and pin workers with one thread, to detect small changes."),
]
Resume = Annotated[
    Path | None,
    typer.Option(
        metavar="RUN",
        help="Continue a run, given by its folder or its name: measure what is missing, with the run's own settings. "
        "--replicates and --budget may ask for more.",
        exists=False,
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="The seed for generated data and for splits.")]
Results = Annotated[Path, typer.Option(metavar="DIR", help="The folder in which the run's folder is created.")]
Named = Annotated[Path, typer.Option(metavar="DIR", help="The folder in which runs are found by name.")]


def _run_name(text: str | None) -> str | None:
    """The name of a run, or None; raises `UsageError` if it cannot be a part of a folder's name."""
    if text is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", text):
        raise UsageError(
            f"--name {text!r}: use up to 64 letters (a to z), digits, dots, underscores and hyphens; begin with a "
            "letter or a digit, as in --name baseline"
        )
    return text


RunName = Annotated[
    str | None,
    typer.Option(
        "--name", callback=_run_name, help="A name for the run. `report`, `compare` and `--resume` find the run by it."
    ),
]


def file(text: str) -> Path:
    """The path of a file to write; raises `UsageError` if it ends with a slash, which a `Path` does not keep."""
    path = Path(text)
    if text.endswith("/") and not path.is_dir():
        if path.exists():
            raise UsageError(f"cannot write {text}: {path} is no folder; leave out the slash at the end")
        example = path / "page.html"
        raise UsageError(f"cannot write {text}: with a slash at the end it is a folder; name a file, as {example}")
    return path


Page = Annotated[
    Path | None,
    typer.Option(parser=file, metavar="PATH", help="Write a page for a browser to this file.", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]

Details = Annotated[bool, typer.Option("--details", help="Show everything, not only the short report.")]


def given(context: typer.Context) -> list[str]:
    """The names of the parameters that the user typed; the others have their defaults."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return [name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]


def flag(name: str) -> str:
    """How a parameter is typed: `--task-margin`. The tasks have no option name."""
    return "the tasks" if name == "tasks" else f"--{name.replace('_', '-')}"


def workers_of(text: str) -> tuple[int, ...]:
    """The numbers of workers asked for."""
    counts = []
    for part in split(text):
        if not part.isdecimal() or int(part) < 1:
            raise UsageError(f"--workers {part}: expected numbers of workers separated by commas, for example 1,2,4")
        counts.append(int(part))
    return tuple(dict.fromkeys(counts))


def protocol_of(
    asked: str | None, runners: Sequence[str], devices: Sequence[str], scheduler: str | None = None
) -> str | None:
    """The protocol between workers with GPUs; None if no cluster of GPUs is started here.

    Raises `UsageError` for one that does not exist or is not installed, or that nothing would use.
    """
    used = "cluster" in runners and "gpu" in devices and scheduler is None
    if asked is None:
        return best_protocol() if used else None
    if asked not in PROTOCOLS:
        raise unknown("protocol", asked, PROTOCOLS)
    if scheduler is not None:
        raise UsageError("--protocol: the workers of a running scheduler have theirs already; leave it out")
    if not used:
        raise UsageError("--protocol: only for a cluster of GPUs; add --runner cluster --devices gpu")
    if asked == "ucx" and not is_installed(UCX):
        raise UsageError(f"--protocol ucx: {not_installed([UCX], 'gpu')}")
    return asked


def split(text: str) -> tuple[str, ...]:
    """The parts between commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())
