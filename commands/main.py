"""`residency`: what a GPU is worth, measured."""

from __future__ import annotations

import errno
import gc
import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import metadata
from typing import NoReturn

import typer

from residency.commands.options import Once
from residency.harness import interrupts
from residency.harness.errors import UsageError
from residency.harness.libraries import PROJECT
from residency.reports import words
from residency.runners.machine import NO_PROC
from residency.runners.process import close_all
from residency.studies import parting

AND = "\nresidency: "  # between several errors in one
DISK = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EROFS, errno.EIO}
NO_TEMPORARY = "No usable temporary directory"  # how `tempfile` begins

COMMANDS = {  # in the order of `--help`: the module of this folder, and what is its command or its group of commands
    "doctor": ("doctor", "doctor"),
    "list": ("list_tasks", "list_tasks"),
    "check": ("check", "check"),
    "data": ("data", "app"),
    "run": ("run", "run"),
    "prove": ("prove", "prove"),
    "scale": ("scale", "scale"),
    "crossover": ("crossover", "find_crossover"),
    "rehearse": ("rehearse", "rehearse"),
    "report": ("report", "report"),
    "selftest": ("selftest", "selftest"),
    "compare": ("compare", "compare_runs"),
    "history": ("history", "show_history"),
    "lab": ("lab", "app"),
    "plan": ("plan", "plan"),
}


def app(typed: Sequence[str] = ()) -> typer.Typer:
    """The command line. Of all commands only the one that was `typed` is imported: importing all takes much longer.

    All are imported if the first word is no command, for `--help` and to suggest what was meant.
    """
    made = typer.Typer(
        name="residency",
        help="Measure CPU and GPU implementations of the same machine-learning work, and say how sure that is.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        rich_markup_mode="rich",
    )
    made.callback()(_root)
    for name in [typed[0]] if typed and typed[0] in COMMANDS else COMMANDS:
        file, attribute = COMMANDS[name]
        module = importlib.import_module(f"residency.commands.{file}")
        command = getattr(module, attribute)
        if isinstance(command, typer.Typer):
            made.add_typer(command, name=name)
        else:
            made.command(name, cls=Once, epilog=module.EPILOG)(command)
    return made


def _version(wanted: bool) -> None:
    if wanted:
        print(metadata.version(PROJECT))
        raise typer.Exit


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
            command = app(sys.argv[1:])
            gc.enable()  # `start.py` turned it off
            command()
        finally:
            sys.stdout.flush()
    except SystemExit as ending:
        if interrupts.received():
            _end_interrupted()
        if isinstance(ending.__context__, BrokenPipeError):  # Typer makes status 1 of it, which has another meaning
            _end_unread()
        raise
    except UsageError as error:
        for line in str(error).split(AND):
            print(f"residency: {words.one_line(line)}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        _end_interrupted()
    except BrokenPipeError:
        _end_unread()
    except OSError as error:
        if why := _lacking(error):
            print(f"residency: {why}", file=sys.stderr)
            sys.exit(2)
        if error.errno not in DISK:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(f"residency: cannot write the output: {error.strerror}", file=sys.stderr)
        sys.exit(2)


def _lacking(error: OSError) -> str:
    """What this system lacks, if that is why something failed, with the remedy; else empty."""
    if str(error.strerror).startswith(NO_TEMPORARY):  # as in a container with a read-only file system
        return f"{error.strerror}; set TMPDIR to a folder that can be written"
    if str(error.filename).startswith("/proc/") and not os.path.lexists("/proc/self"):
        return NO_PROC
    return ""


def _end_unread() -> NoReturn:
    """End as nobody reads the output any more: `residency report | head`."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(141)


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
