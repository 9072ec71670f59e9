"""What several commands use: the catalogue of tasks, JSON output, writing a page, and finding a run."""

from __future__ import annotations

import functools
import json
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from residency.analysis.findings import findings
from residency.harness import own_suites, records
from residency.harness.discovery import Catalogue
from residency.harness.errors import RecordError, UsageError, typed, unknown
from residency.harness.files import write_whole
from residency.harness.task import Task
from residency.reports import document, screen, words
from residency.runners import machine
from residency.suites import SHIPPED

RESULTS = Path("results") / "runs"
REHEARSALS = Path("results") / "rehearsals"


@dataclass(frozen=True)
class FoundRun:
    """A run's folder, and its `run.json`."""

    folder: Path
    info: records.RunInfo


def catalogue(suites: Sequence[str] = ()) -> Catalogue:
    """All tasks: the shipped suites, and the user's own in the folders that RESIDENCY_SUITES names.

    `suites` are the folders to use if that variable is not set, for example those of a run that is continued.
    """
    own = own_suites.named_by(os.environ.get(own_suites.VARIABLE) or os.pathsep.join(suites))
    for suite in own:
        for line in own_suites.misplaced(suite):
            _say_once(line)
    return Catalogue([SHIPPED, *own])


def one_task(name: str) -> Task:
    """The task with this name; raises `UsageError` if there is none, or if the name is a topic."""
    tasks = catalogue()
    if name in tasks.topics:
        raise UsageError(f"{name}: name one task, for example tabular/etl")
    return tasks.select([name])[0]


@functools.cache
def _say_once(line: str) -> None:
    print(f"residency: {words.one_line(line)}", file=sys.stderr)


def is_here(info: records.RunInfo) -> bool:
    """Whether a run was measured on this machine, so that it can be continued here."""
    return (info.machine.get("host"), info.machine.get("cpu")) == (socket.gethostname(), machine.cpu_model())


def print_lines(lines: Iterable[str]) -> None:
    """Print lines on stdout as they are: a terminal may wrap them, and nothing in them is markup."""
    out = screen.output()
    for line in lines:
        out.print(line, markup=False, highlight=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """Print one JSON value on stdout."""
    print(document.text(value, default=str))


def check_file(path: Path | None) -> None:
    """Raise `UsageError` if a file cannot be written to this path, before hours of measuring; None is no file."""
    if path is None:
        return
    with _writing(path) as place:
        if _belongs_to_a_run(place):
            raise UsageError(f"cannot write {path}: it is a file of the run {place.parent}; name another file")
        if place.is_dir():
            raise UsageError(f"cannot write {path}: it is a folder; name a file, for example {path / 'page.html'}")
        if not place.parent.is_dir():
            raise UsageError(f"cannot write {path}: there is no folder {path.parent}")
        if not is_special(place):
            tempfile.NamedTemporaryFile(dir=place.parent, prefix=f".{place.name}.").close()


def write_file(path: Path, content: str | bytes) -> None:
    """Write a page or another report in one step: a failure leaves no half file, and the older one as it was.

    Raises `UsageError` if it cannot be written.
    """
    check_file(path)
    with _writing(path) as place:
        if is_special(place):
            place.write_bytes(content.encode() if isinstance(content, str) else content)
        else:
            write_whole(place, content)


def save_page(path: Path, html: str) -> None:
    """Write a page, and say where it is; raises `UsageError` if it cannot be written."""
    write_file(path, html)
    if not is_special(path):
        screen.progress().print(f"Page: {words.one_line(str(path))}", highlight=False, markup=False, soft_wrap=True)


def write_page_of(measured: records.Records, path: Path | None) -> None:
    """Write the page of a run that was measured; None is no page.

    Raises `UsageError` if it cannot be written. The message says how to write it later.
    """
    if path is None:
        return
    from residency.reports.page import render, run

    html = render.page(run.page(findings(measured, here=is_here(measured.info))))
    try:
        save_page(path, html)
    except UsageError as error:
        again = f"residency report {typed(measured.folder)} --format html -o page.html"
        raise UsageError(f"{error}. What was measured is saved. Write its page with: {again}") from error


def kept_words(folder: Path, page: Path | None) -> str:
    """A study's last line: where its run is saved, and how to view it or to write its page again."""
    view = f"residency report {typed(folder)}"
    kept = f"Saved to {folder}. View it with: {view}"
    return kept if page is None else f"{kept}\nWrite its page again with: {view} --format html -o {typed(page)}"


@contextmanager
def _writing(path: Path) -> Iterator[Path]:
    """The file that a path leads to, links followed; raises `UsageError` if the system refuses it."""
    try:
        yield path if is_special(path) else _followed(path)
    except OSError as error:
        raise UsageError(f"cannot write {words.one_line(str(path))}: {error.strerror}") from error


def _followed(path: Path) -> Path:
    """What a path leads to, links followed; raises `OSError` if the links lead in a circle."""
    with suppress(FileNotFoundError, NotADirectoryError):  # the checks that follow name these
        path.stat()
    return Path(os.path.realpath(path))


def _belongs_to_a_run(place: Path) -> bool:
    """Whether it is what a run has measured, or the code that it kept."""
    measured = place.name in (records.RUN_FILE, records.RECORDS_FILE) and (place.parent / records.RUN_FILE).is_file()
    return measured or any(
        (folder.parent / records.RUN_FILE).is_file() for folder in place.parents if folder.name == records.SOURCE_FOLDER
    )


def is_special(place: Path) -> bool:
    """Whether it is a device or a pipe, such as /dev/stdout, which cannot be replaced by a file."""
    return place.exists() and not place.is_file() and not place.is_dir()


def folder_of(named: Path | None, results: Path) -> Path:
    """The folder of the run that the user named.

    `named` is a run's folder (or its `run.json`), a folder of runs, or the name of a run in `results`. If several runs
    fit, the newest is taken. If `named` is None, it is the newest run in `results`. The newest is the one that started
    last, whatever its folder is called. If there was a choice, stderr says which run was taken.
    """
    if named is None:
        return _newest(results)
    if named.name == records.RUN_FILE and named.is_file():
        return named.parent
    if (named / records.RUN_FILE).is_file():
        return named
    if named.is_dir() and (inside := runs_in(named)):
        return _chosen(inside, f"the newest of {len(inside)} runs in {named}" if len(inside) > 1 else f"in {named}")
    runs = runs_in(results)
    so_named = [run for run in runs if run.info.name == str(named)]
    if so_named:
        return _chosen(so_named, f"the newest of {len(so_named)} runs named {named}" if len(so_named) > 1 else "")
    raise _not_found(named, results, {run.info.name for run in runs} - {""})


def identity(info: records.RunInfo) -> tuple[str, str, str]:
    """What a run has in common with its copies alone: its id, its start and its machine."""
    return info.id, info.started, json.dumps(info.machine, sort_keys=True, default=str)


def copy_of(folder: Path) -> str:
    """Why a run does not count beside the one in this folder."""
    return f"it is a copy of {folder} (the same id and start)"


def say(text: str) -> None:
    """A line on stderr, beside the results of a command."""
    screen.progress().print(words.one_line(text), style="dim", highlight=False, markup=False, soft_wrap=True)


def runs_in(folder: Path, left_out: Callable[[str], None] = say) -> list[FoundRun]:
    """The runs directly in a folder, the newest last. A folder inside a run belongs to that run.

    A run that cannot be read is left out: `left_out` is told which one, and why.
    """
    found = []
    for path in folder.glob(f"*/{records.RUN_FILE}"):
        try:
            found.append(FoundRun(path.parent, records.read_info(path.parent)))
        except RecordError as error:
            left_out(f"left out: {error}")
    return sorted(found, key=lambda run: (records.moment(run.info.started), run.folder))


def _newest(results: Path) -> Path:
    runs = runs_in(results)
    if not runs:
        raise UsageError(f"no run in {results}; measure one with `residency run`, or name a run's folder")
    return runs[-1].folder


def _chosen(runs: list[FoundRun], among: str) -> Path:
    """The newest of several runs. If `among` is not empty, stderr says which run was taken."""
    newest = runs[-1]
    if among:
        say(f"taken: {newest.folder}, started {newest.info.started}, {among}")
    return newest.folder


def _not_found(named: Path, results: Path, names: set[str]) -> UsageError:
    if named.is_dir():
        return UsageError(f"no run in {named}: it has no {records.RUN_FILE}, and neither has any folder in it")
    text = f"no run in {named}: there is no such folder"
    if len(named.parts) > 1:
        return UsageError(text)
    if not names:
        return UsageError(f"{text}, and no run in {results} has a name; give a run one with `residency run --name`")
    return UsageError(f"{text}, and there is {unknown(f'run in {results} named', str(named), names)}")
