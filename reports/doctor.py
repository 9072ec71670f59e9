"""The report of `residency doctor` in a terminal: what can run, the machine, what slows it, and its libraries."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from residency.harness import environment
from residency.harness.tiers import Tier
from residency.reports import links, tables, words

HOW = {"ucx": "UCX", "tcp": "TCP, through the host: UCX (distributed-ucxx) is not installed"}
STEPS = (
    "The steps are: the same lines with the CPU library; every call checked against the GPU library's real signatures; "
    "the real GPU code on an emulated device; a real GPU."
)
FEW = 3  # implementations: so few are named even without --all


def show(told: Mapping[str, Any], free: int, everything: bool, out: Console) -> None:
    """Print for a person what `residency doctor --json` prints, with the number of bytes of memory that are `free`.

    Implementations that are alike are counted. With `everything`, all of them are named.
    """
    facts, states = told["machine"], told["implementations"]
    _show_answer(out, states, [*told["warnings"], *told["health"]])
    _show_machine(out, facts, told["between_gpus"], free)
    _show_environment(out, told["environment"], told["warnings"])
    if facts["gpus"] or told["health"]:
        _show_health(out, told["health"])
    out.print("\n[bold]What can run here[/]")
    _show_implementations(out, states, everything)
    _show_memory(out, told["memory"], everything)
    out.print("\n[bold]How far the GPU implementations were tested[/]")
    _show_tiers(out, states, everything)
    out.print("\n[bold]Environments[/] (run in one: residency run TASK --environments here,NAME)")
    for one in told["environments"]:
        python = f", Python {one['python']}" if one["python"] else ""
        state = (one["missing"] or "ready").removeprefix(f"environment {one['name']} is ")
        out.print(f"  {one['name']}{python}: {state}", highlight=False, markup=False)
        out.print(f"    {one['why']}", highlight=False, markup=False)
    out.print("\n[bold]Libraries[/]")
    libraries = ", ".join(f"{name} {version}" for name, version in told["versions"].items())
    out.print(Padding(libraries, (0, 0, 0, 2)), highlight=False)


def _show_answer(out: Console, states: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, str]]) -> None:
    """How much can run here, and whether something will spoil a measurement."""
    on = {device: [state for state in states if state["implementation"].endswith(device)] for device in ("cpu", "gpu")}
    can = {device: sum(not _obstacle(state) for state in on[device]) for device in on}
    parts = [f"{can[device]} of {len(on[device])} {device.upper()} implementations" for device in on]
    out.print(f"[bold]Can run here: {' and '.join(parts)}.[/]", highlight=False)
    if found:
        count = f"{len(found)} thing{'s' * (len(found) > 1)}"
        out.print(f"[yellow]{count} will slow or spoil a measurement; what to do is below.[/]\n", highlight=False)
    else:
        out.print("Nothing was found that will slow or spoil a measurement.\n")


def _show_machine(out: Console, facts: Mapping[str, Any], protocol: str, free: int) -> None:
    out.print("[bold]Machine[/]")
    out.print(f"  {facts['cpu']}, {facts['cores']} of {facts['cores_in_machine']} cores can be used", highlight=False)
    out.print(f"  {words.size(facts['memory_bytes'])} of memory, {words.size(free)} free")
    if facts["gpus"]:
        out.print(f"  {escape(words.gpus(facts['gpus']))}, driver {facts['gpus'][0]['driver']}", highlight=False)
    for line in links.described(facts):
        out.print(f"  {line}", highlight=False)
    if len(facts["gpus"]) > 1:
        out.print(f"  Workers of a cluster on these GPUs send each other data by {HOW[protocol]}", highlight=False)
    if not facts["gpus"]:
        out.print(f"  [yellow]{escape(str(facts['no_gpu_because']))}[/]")
    out.print(f"  {facts['system']}, Python {facts['python']}", highlight=False)


def _show_health(out: Console, findings: Sequence[Mapping[str, str]]) -> None:
    out.print("\n[bold]GPU health[/]")
    if not findings:
        out.print("  found nothing that will spoil a measurement")
    for finding in findings:
        out.print(f"  [yellow]{finding['about']}: {escape(finding['cause'])}[/]", highlight=False)
        out.print(f"    {escape(finding['remedy'])}", highlight=False)


def _show_memory(out: Console, forecasts: Sequence[Mapping[str, Any]], everything: bool) -> None:
    """How many tasks fit into each GPU's memory at each size; few that do not are named, with `everything` all."""
    tasks = max((forecast["tasks"] for forecast in forecasts), default=0)
    out.print(f"\n[bold]How many of the {tasks} tasks fit a GPU's memory, by forecast[/] (more: residency list TASK)")
    sizes = list(dict.fromkeys(forecast["size"] for forecast in forecasts))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in ("memory", *sizes):
        table.add_column(column, overflow="fold")
    alike: dict[tuple[str, ...], list[int]] = {}  # numbers of GPUs of the same name, for which the same sizes fit
    for memory in dict.fromkeys(forecast["memory"] for forecast in forecasts):
        mine = {forecast["size"]: forecast for forecast in forecasts if forecast["memory"] == memory}
        numbered = re.fullmatch(r"GPU (\d+), (.*)", memory)
        name = numbered[2] if numbered else memory
        cells = tuple(_fitting(mine[size], everything) for size in sizes)
        alike.setdefault((name, *cells), []).extend([int(numbered[1])] if numbered else [])
    for (name, *fitting), numbers in alike.items():
        table.add_row(escape(f"GPU {words.listed(numbers)}, {name}" if numbers else name), *fitting)
    out.print(table)


def _fitting(forecast: Mapping[str, Any], everything: bool) -> str:
    """`15 of 16; not tabular/ridge`."""
    too_large, in_part = forecast["too_large"], forecast["in_part"]
    text = f"{forecast['tasks'] - len(too_large)} of {forecast['tasks']}"
    for names, word in ((too_large, "not"), (in_part, "in part")):
        if names:
            shown = everything or len(names) <= FEW
            text += f"; {word} {', '.join(names) if shown else len(names)}"
    return text


def _show_environment(out: Console, surroundings: Mapping[str, Any], warnings: Sequence[Mapping[str, str]]) -> None:
    """What changes the speed of the CPU side, and which of these settings are known to slow a library."""
    out.print("\n[bold]What the CPU side computes with[/]")
    if not surroundings["pools"]:
        out.print("  not known: a worker could not import NumPy, SciPy and scikit-learn in a minute", style="yellow")
    for pool in surroundings["pools"]:
        out.print(f"  {escape(environment.described(pool))} ({escape(pool['file'])})", highlight=False)
    for name, value in surroundings["variables"].items():
        out.print(f"  {name}={escape(environment.shown(value))}", highlight=False)
    for warning in warnings:
        cause = f"{warning['variable']} is `{warning['value']}`: {warning['cause']}"
        out.print(f"  [yellow]{escape(cause)}[/]", highlight=False)
        out.print(f"    {escape(warning['remedy'])}", highlight=False)


def _show_implementations(out: Console, states: Sequence[Mapping[str, Any]], everything: bool) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in ("task", "can run here", "cannot"):
        table.add_column(column, no_wrap=column == "task", overflow="fold")
    for task in dict.fromkeys(state["task"] for state in states):
        mine = [state for state in states if state["task"] == task]
        cannot = [state["implementation"] for state in mine if _obstacle(state)]
        can = [state["implementation"] for state in mine if not _obstacle(state)]
        table.add_row(task, ", ".join(can), ", ".join(cannot) if everything else str(len(cannot) or ""))
    out.print(table)
    named = [(f"{state['task']}:{state['implementation']}", _obstacle(state)) for state in states]
    for missing in tables.by_reason((name, reason) for name, reason in named if reason is not None):
        count = f"{len(missing.names)} implementation{'s' * (len(missing.names) > 1)}"
        out.print(f"\n[yellow]{count} cannot run here: {escape(missing.reason)}[/]", highlight=False)
        for reason in missing.further:
            out.print(f"  [yellow]and {escape(reason)}[/]", highlight=False)
        if everything or len(missing.names) <= FEW:
            out.print(f"  {', '.join(missing.names)}", highlight=False)


def _obstacle(state: Mapping[str, Any]) -> str | None:
    """Why an implementation cannot run here; None if it can."""
    return state["unavailable"] or (f"failed: {state['failed']}" if state["failed"] else None)


def _next_of_any(state: Mapping[str, Any]) -> str:
    """The next command for an implementation, without the task, so that it is the same for all that are alike."""
    return str(state["next"] or "").removesuffix(f" {state['task']}")


def _show_tiers(out: Console, states: Sequence[Mapping[str, Any]], everything: bool) -> None:
    """The tier that each GPU implementation has reached, and the next command. Without `everything`, only counts."""
    names = ("task", "implementation") if everything else ("implementations",)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in (*names, "tested on this machine", "best in the recorded runs", "next"):
        table.add_column(column, no_wrap=column in names, overflow="fold")
    reached = [(state["tier"].label, state["tier_on_record"].label, state) for state in states if "tier" in state]
    if everything:
        for seen, recorded, state in reached:
            table.add_row(state["task"], state["implementation"], seen, recorded, state["next"] or "")
    else:
        alike = Counter((seen, recorded, _next_of_any(state)) for seen, recorded, state in reached)
        for texts, count in alike.items():
            table.add_row(str(count), *texts)
    out.print(table)
    proved = sum(max(state["tier"], state["tier_on_record"]) is Tier.GPU for state in states if "tier" in state)
    out.print(
        f"{proved} of {sum('tier' in state for state in states)} have run on a real GPU, in runs seen or recorded."
    )
    out.print(STEPS, style="dim", highlight=False)
