"""`residency data`: list the datasets, show what they contain, and fetch the public ones."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from residency.commands import common
from residency.commands.options import Once
from residency.harness import store
from residency.harness.dataset import Dataset, Progress
from residency.harness.errors import Unavailable, UsageError, unknown
from residency.harness.libraries import is_installed, remedy
from residency.reports import datasets, screen
from residency.reports.datasets import Listed
from residency.runners.plan import absent

app = typer.Typer(help="List the datasets, and download the public ones.", no_args_is_help=True)

Name = Annotated[str | None, typer.Argument(metavar="[NAME]", help="Default: all.")]


@app.command("list", cls=Once, epilog="Examples:  [bold]residency data list[/]   [bold]residency data list flights[/]")
def list_data(name: Name = None, json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the datasets with their kinds and tasks, or show one dataset's card."""
    found = _datasets()
    if name is not None:
        found = {name: _named(found, name)}
    listed = [Listed(dataset, tasks, _state(dataset)) for dataset, tasks in found.values()]
    if json:
        common.print_json([_document(each) for each in listed])
    elif name is not None:
        datasets.show(listed[0], screen.output())
    else:
        datasets.show_all(listed, screen.output())


def _document(listed: Listed) -> dict[str, Any]:
    dataset = listed.dataset
    return {
        "dataset": dataset.name,
        "kind": dataset.kind,
        "tasks": listed.tasks,
        "card": dataset.card,
        "absent": listed.absent,
    }


@app.command(
    "fetch",
    cls=Once,
    epilog="Examples:  [bold]residency data fetch taxis[/]   [bold]residency data fetch --mirror DIR[/]",
)
def fetch(
    name: Name = None,
    mirror: Annotated[
        Path | None,
        typer.Option(metavar="DIR", envvar="RESIDENCY_MIRROR", help="Look into this folder before the network."),
    ] = None,
) -> None:
    """Download public datasets and check their checksums. Datasets that are already here are not downloaded again."""
    if mirror is not None and not mirror.is_dir():
        raise UsageError(f"--mirror {mirror}: there is no such folder")
    found = _datasets()
    public = [dataset for dataset, _ in found.values() if dataset.kind == "public"]
    chosen = [_named(found, name)[0]] if name else public
    failed = []
    for dataset in chosen:
        if dataset.source is None:
            raise UsageError(f"{dataset.name} is {dataset.kind}: there is nothing to fetch")
        folder = store.public_folder(dataset)
        if dataset.source.is_here(folder):
            print(f"{dataset.name}: already here")
            continue
        try:
            dataset.source.fetch(folder, mirror, _progress(dataset.name))
            print(f"{dataset.name}: fetched, and the checksum is right")
        except ModuleNotFoundError as error:
            failed.append(f"{dataset.name}: needs {error.name}: {remedy(error.name or '')}")
        except Unavailable as error:
            failed.append(f"{dataset.name}: {error}")
        except OSError as error:
            failed.append(f"{dataset.name}: cannot write to {folder}: {error.strerror}{os.linesep}")
    if failed:
        raise UsageError("\nresidency: ".join(failed))


def _progress(name: str) -> Progress:
    err = screen.progress()
    last = [""]

    def show(text: str) -> None:
        if text != last[0]:
            last[0] = text
            err.print(f"{name}: {text}", end="\r" if text.endswith("%") and err.is_terminal else "\n", highlight=False)

    return show


def _datasets() -> dict[str, tuple[Dataset, list[str]]]:
    """Every dataset of every task, by name, with the tasks that use it."""
    found: dict[str, tuple[Dataset, list[str]]] = {}
    for task in common.catalogue().select([]):
        for dataset in task.datasets:
            found.setdefault(dataset.name, (dataset, []))[1].append(task.path)
    return dict(sorted(found.items()))


def _named(found: dict[str, tuple[Dataset, list[str]]], name: str) -> tuple[Dataset, list[str]]:
    if name not in found:
        raise unknown("dataset", name, found)
    return found[name]


def _state(dataset: Dataset) -> str | None:
    """Why a dataset is not on this machine; None if it is."""
    for module in dataset.needs:
        if not is_installed(module):
            return f"needs {module}: {remedy(module)}"
    why = absent(dataset)
    return why.reason if why else None
