"""`residency rehearse`: try the GPU implementations on a machine without a GPU."""

from __future__ import annotations

from typing import Annotated

import typer

from residency.analysis.rows import rows
from residency.commands import common, options
from residency.harness import interrupts, records
from residency.harness.errors import typed
from residency.harness.outcomes import Outcome
from residency.harness.records import OutcomeRecord
from residency.reports import screen
from residency.reports.document import document
from residency.reports.live import Planned, Progress
from residency.reports.rehearsal import show
from residency.runners.plan import Selection, plan
from residency.runners.rehearsal.rehearse import ONLY_THERE, rehearse_all
from residency.runners.settings import Settings
from residency.runners.turn import Ledger
from residency.studies.measuring import info_of
from residency.studies.parting import parting

EPILOG = """
Examples:  [bold]residency rehearse[/]   [bold]residency rehearse tabular/ridge --strict[/]

`make gpu-rehearsal` makes an environment with the GPU libraries. There, every call to such a library is checked against
the real signature, while the CPU twin computes the result. Exit status: 0 everything that can be rehearsed here passed;
1 something failed, or with --strict could not be rehearsed; 2 the arguments are wrong; 130 interrupted.
"""


def rehearse(
    tasks: options.Tasks = None,
    implementations: options.Names = "",
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Fail if an implementation cannot be rehearsed because a library is missing."),
    ] = False,
    results: options.Results = common.REHEARSALS,
    json: options.Json = False,
) -> None:
    """Test every GPU implementation without a GPU: with real signatures, or on an emulated device. Nothing is timed."""
    selection = Selection(
        tasks=tuple(tasks or ()),
        devices=("gpu",),
        runners=("local", "cluster"),
        workers=(1,),
        implementations=options.split(implementations),
    )
    groups = plan(common.catalogue(), selection)
    settings = Settings(replicates=1, rounds=1, threads=1)
    info = info_of(groups, settings, selection)
    info.cells.clear()  # a rehearsal measures no cells
    folder = results / info.id
    interrupted = False
    count = sum(len(group.implementations) for group in groups)
    kept = f"Saved to {folder}. All that was seen: residency report {typed(folder)} --details"
    with parting(folder, kept, "interrupted: what was rehearsed is saved"):
        with records.Recorder(folder, info) as recorder, Progress(screen.progress(), Planned(count)) as listener:
            try:
                rehearse_all(groups, Ledger(settings, recorder, listener))
            except KeyboardInterrupt:
                interrupted = True
        found = records.read(folder)
        if json:
            common.print_json(document(found, rows(found)))
        else:
            show(found.outcomes, count, screen.output())
    if interrupted:
        raise typer.Exit(interrupts.status())
    if not all(_passed(record, strict) for record in found.outcomes):
        raise typer.Exit(1)


def _passed(record: OutcomeRecord, strict: bool) -> bool:
    missing = record.ending.outcome is Outcome.UNAVAILABLE
    return record.ending.outcome is Outcome.OK or (missing and (not strict or record.reason.startswith(ONLY_THERE)))
