"""`residency run`: measure implementations and compare them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from time import monotonic

import typer

from residency.analysis.findings import findings
from residency.commands import common, options
from residency.harness import interrupts, piped, records
from residency.harness.dataset import DEFAULT_SEED
from residency.harness.errors import UsageError, typed
from residency.harness.libraries import is_installed, remedy
from residency.harness.outcomes import Outcome
from residency.reports import console, screen
from residency.reports.document import document
from residency.runners import machine
from residency.runners.cluster import workers_at
from residency.runners.plan import Group, Selection, absent, plan
from residency.runners.process import Ended
from residency.runners.settings import GATE_ROUNDS, ROUNDS, Settings
from residency.runners.turn import make
from residency.studies.expecting import expectation, seen
from residency.studies.measuring import as_before, info_of, measure
from residency.studies.parting import parting

EPILOG = """
Examples:  [bold]residency run tabular/ridge[/]   [bold]residency run tabular --size lab --budget 900[/]
[bold]residency run tabular/gradient_boosting --data loans.csv --target default[/]
[bold]residency run tabular/etl --runner local,cluster --workers 2 --size lab[/]
[bold]residency run tabular --name baseline[/], and later [bold]residency compare baseline results/runs[/]
[bold]residency run --resume results/runs/RUN --replicates 9[/]

Exit status: 0 everything that can run here is ok; 1 a result was wrong, something failed or ran out of time or memory,
or nothing could run; 2 the arguments are wrong; 130 interrupted, 143 by TERM.
"""


FREE = {"resume", "json", "details", "replicates", "budget"}  # the only options that may be given with --resume


def run(
    context: typer.Context,
    tasks: options.Tasks = None,
    size: options.Sizes = None,
    dataset: options.Datasets = None,
    data: options.Data = None,
    target: options.Target = None,
    devices: options.Devices = "cpu,gpu",
    implementations: options.Names = "",
    environments: options.Environments = "",
    replicates: options.Replicates = 5,
    rounds: options.Rounds = None,
    precision: options.Precision = None,
    budget: options.Budget = None,
    timeout: options.Timeout = None,
    memory: options.Memory = None,
    threads: options.Threads = None,
    seed: options.Seed = DEFAULT_SEED,
    results: options.Results = common.RESULTS,
    name: options.RunName = None,
    gate: options.Gate = False,
    runner: options.Runners = "local",
    workers: options.Workers = "",
    scheduler: options.Scheduler = None,
    dashboard: options.Dashboard = None,
    protocol: options.Protocol = None,
    resume: options.Resume = None,
    json: options.Json = False,
    details: options.Details = False,
) -> None:
    """Measure implementations and compare them. They run in fresh processes that take turns."""
    given = set(options.given(context))
    _check(given, options.split(runner), options.split(implementations))
    workers, worker_threads = _all_of(scheduler, workers) if scheduler is not None else (workers, None)
    resume = common.folder_of(resume, results) if resume is not None else None
    before = records.read(resume) if resume is not None else None
    if before is not None:
        selection, settings = _as_before(before, replicates if "replicates" in given else None, budget)
    else:
        selection = Selection(
            tasks=tasks or (),
            sizes=size or ("smoke",),
            datasets=dataset or (),
            devices=options.split(devices),
            implementations=options.split(implementations),
            runners=options.split(runner),
            workers=options.workers_of(workers),
            path=piped.kept(data, _say) if data is not None else None,
            target=target,
            seed=seed,
            environments=options.split(environments),
        )
        settings = Settings(
            replicates=replicates,
            rounds=rounds or (GATE_ROUNDS if gate else ROUNDS),
            budget=budget,
            timeout=timeout,
            threads=threads or machine.cores(),
            memory_limit=int(memory * 2**30) if memory else None,
            gate=gate,
            scheduler=scheduler,
            worker_threads=worker_threads,
            dashboard=dashboard,
            protocol=options.protocol_of(protocol, options.split(runner), options.split(devices), scheduler),
            precision=precision,
        )
    raise typer.Exit(_measured(selection, settings, before, resume, results, name or "", json=json, details=details))


def _say(text: str) -> None:
    screen.progress().print(text, style="dim", highlight=False, soft_wrap=True, markup=False)


def _check(given: set[str], runners: tuple[str, ...], implementations: tuple[str, ...]) -> None:
    """Raise `UsageError` if one of the given options would be ignored."""
    if "implementations" in given and not implementations:
        raise UsageError("--implementations is empty: name functions, libraries or ids, or leave it out")
    if "resume" in given and (more := given - FREE):
        names = ", ".join(sorted(options.flag(name) for name in more))
        raise UsageError(f"--resume uses the run's own settings: leave out {names}")
    if {"json", "details"} <= given:
        raise UsageError("--details is for the terminal; --json has all details: leave one of them out")
    if "target" in given and "data" not in given:
        raise UsageError("--target names a column of your own table: name the table too, with --data FILE")
    if "data" in given and (more := given & {"size", "dataset"}):
        raise UsageError(f"--data reads your whole file: leave out {', '.join(sorted(map(options.flag, more)))}")
    if "cluster" not in runners and (more := given & {"workers", "scheduler", "dashboard", "protocol"}):
        raise UsageError(f"{', '.join(sorted(map(options.flag, more)))}: only for a cluster; add --runner cluster")


def _as_before(before: records.Records, replicates: int | None, budget: float | None) -> tuple[Selection, Settings]:
    """The selection and the settings of a run that is continued: its own, except for new replicates and budget."""
    selection, settings = as_before(before.info)
    if replicates is not None and settings.precision is not None:
        raise UsageError("--replicates: this run measures until it reaches its --precision; leave it out")
    replicates = settings.replicates if replicates is None else replicates
    budget = settings.budget if budget is None else budget
    return selection, replace(settings, replicates=replicates, budget=budget)


def _measured(
    selection: Selection,
    settings: Settings,
    before: records.Records | None,
    resume: Path | None,
    results: Path,
    name: str,
    *,
    json: bool,
    details: bool,
) -> int:
    """Measure what is asked for, or what a run lacks, and show it. Returns the command's exit status."""
    suites = before.info.settings.get("suites", ()) if before is not None else ()
    start, hashes = monotonic(), dict[str, str]()
    groups = _usable(plan(common.catalogue(suites), selection), settings, selection, hashes)
    for note in selection.left_out:
        _say(f"left out: {note}")
    info = before.info if before is not None else info_of(groups, settings, selection, name)
    folder = resume or results / info.id
    expected = expectation(groups, settings, seen(results, groups), hashes)
    sentence = expected.sentence if before is None else ""  # the sentence is about a whole run
    expected = replace(expected, spent=monotonic() - start, sentence=sentence)
    kept = f"Saved to {folder}. View it again with: residency report {typed(folder)}"
    resumed = f"interrupted: what was measured is saved. Continue with: residency run --resume {typed(folder)}"
    with parting(folder, kept, resumed):
        interrupted = measure(groups, settings, info, folder, before, expected=expected)
        return _told(records.read(folder), interrupted, json=json, details=details)


def _told(measured: records.Records, interrupted: bool, *, json: bool, details: bool) -> int:
    """Show a run that has just ended. Returns the command's exit status."""
    found = findings(measured, here=common.is_here(measured.info))
    if json:
        common.print_json(document(measured, found.rows))
    else:
        console.show(found, screen.output(), details=details, saved=False)
    outcomes = {row.result.outcome for row in found.rows}
    well = Outcome.OK in outcomes and outcomes <= {Outcome.OK, Outcome.UNAVAILABLE}
    return interrupts.status() if interrupted else 0 if well else 1


def _usable(groups: list[Group], settings: Settings, selection: Selection, hashes: dict[str, str]) -> list[Group]:
    """The groups that can use the user's own file, tried before anything is written; raises if no group can.

    Puts the hash of each group's data into `hashes`, under the title of the group.
    """
    usable: list[Group] = []
    refused: UsageError | None = None
    for group in groups:
        try:
            if group.dataset.kind == "own" and absent(group.dataset) is None:
                hashes[group.title] = make(group, settings.threads)["hash"]
            usable.append(group)
        except Ended:
            usable.append(group)  # the run tries again, and records the outcome
        except UsageError as error:
            refused = error
            selection.left_out.append(f"{group.task.path}: {error}")
    if not usable and refused is not None:
        for note in selection.left_out[:-1]:  # the last note is the error itself; others may have other reasons
            _say(f"left out: {note}")
        raise refused
    return usable


def _all_of(scheduler: str, workers: str) -> tuple[str, int]:
    """The number of workers of a running scheduler, which are all used, and the threads of each."""
    if not is_installed("distributed"):
        raise UsageError(f"--scheduler needs Dask: {remedy('distributed')}")
    _check_address(scheduler)
    there, threads = workers_at(scheduler)
    if not there:
        raise UsageError(f"the scheduler at {scheduler} has no workers; start some: dask worker {scheduler}")
    if workers not in {"", str(there)}:
        raise UsageError(f"the scheduler at {scheduler} has {there} workers and all are used: leave out --workers")
    return str(there), threads


def _check_address(scheduler: str) -> None:
    """Raise `UsageError` if this is no address with a port: Dask would need 20 seconds to give up, with a traceback."""
    if not re.fullmatch(r"((tcp|tls|ws|wss|ucx|ucxx)://)?[^\s/]+:\d+", scheduler):
        raise UsageError(f"--scheduler {scheduler!r}: expected an address with a port, for example tcp://10.0.0.1:8786")
