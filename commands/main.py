"""`residency`: what a GPU is worth, measured."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from importlib import metadata
from typing import NoReturn

import typer

from residency.commands import (
    check,
    compare,
    crossover,
    data,
    doctor,
    history,
    lab,
    list_tasks,
    plan,
    prove,
    rehearse,
    report,
    run,
    scale,
    selftest,
)
from residency.harness import interrupts
from residency.harness.errors import UsageError
from residency.harness.libraries import PROJECT
from residency.reports import words
from residency.runners.process import close_all
from residency.studies import parting

AND = "\nresidency: "  # between several errors in one
DISK = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EROFS, errno.EIO}

app = typer.Typer(
    name="residency",
    help="Measure CPU and GPU implementations of the same machine-learning work, and say how sure that is.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
)
app.command("doctor", epilog=doctor.EPILOG)(doctor.doctor)
app.command("list", epilog=list_tasks.EPILOG)(list_tasks.list_tasks)
app.command("check", epilog=check.EPILOG)(check.check)
app.add_typer(data.app, name="data")
app.command("run", epilog=run.EPILOG)(run.run)
app.command("prove", epilog=prove.EPILOG)(prove.prove)
app.command("scale", epilog=scale.EPILOG)(scale.scale)
app.command("crossover", epilog=crossover.EPILOG)(crossover.find_crossover)
app.command("rehearse", epilog=rehearse.EPILOG)(rehearse.rehearse)
app.command("report", epilog=report.EPILOG)(report.report)
app.command("selftest", epilog=selftest.EPILOG)(selftest.selftest)
app.command("compare", epilog=compare.EPILOG)(compare.compare_runs)
app.command("history", epilog=history.EPILOG)(history.show_history)
app.add_typer(lab.app, name="lab")
app.command("plan", epilog=plan.EPILOG)(plan.plan)


def _version(wanted: bool) -> None:
    if wanted:
        print(metadata.version(PROJECT))
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    pass


def main() -> None:
    """Run the command line. Wrong arguments end with one line on stderr and status 2."""
    interrupts.install()
    try:
        _run()
    except KeyboardInterrupt:  # a second signal, while the last lines were printed
        _end_interrupted()


def _run() -> None:
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except SystemExit:
        if interrupts.received():
            _end_interrupted()
        raise
    except UsageError as error:
        for line in str(error).split(AND):
            print(f"residency: {words.one_line(line)}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        _end_interrupted()
    except BrokenPipeError:  # `residency report | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        if error.errno not in DISK:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(f"residency: cannot write the output: {error.strerror}", file=sys.stderr)
        sys.exit(2)


def _end_interrupted() -> NoReturn:
    """Print the last lines and end with the status of the signal.

    End at once: Python needs time to shut down, and another signal during that time would change the status.
    """
    with interrupts.whole():
        close_all()
        parting.say()
        if not parting.said:
            with suppress(OSError):  # the terminal may be gone
                print("residency: interrupted", file=sys.stderr)
        with suppress(OSError):
            sys.stdout.flush()
        os._exit(interrupts.status())
