"""Checks while a task's file is loaded: mistakes in it are reported at once, before anything is measured.

The errors raised here say what is wrong and how to write it; `discovery` adds the file and the line.
"""

from __future__ import annotations

import inspect
import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from residency.harness.accelerators import ACCELERATORS
from residency.harness.dataset import Dataset
from residency.harness.errors import UsageError, unknown
from residency.harness.memory import Memory
from residency.harness.quality import Metric

CALLED = "function(data, run, library)"
HERE = "here"  # what the command line calls the environment of this process
ENVIRONMENT = re.compile(r"[a-z0-9][a-z0-9._-]*|")
GENERATORS = (inspect.isgeneratorfunction, inspect.isasyncgenfunction)


def place_of_loading() -> tuple[Path, int]:
    """The file that is being loaded, and the line in it that led to this call. A registration belongs to them."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_name != "<module>":
        frame = frame.f_back
    return Path(frame.f_code.co_filename), frame.f_lineno


def check_libraries(decorator: str, libraries: Mapping[Any, Any]) -> None:
    """Raise `UsageError` if a decorator was not given the names of libraries."""
    for library in libraries.values():
        if callable(library) or inspect.ismodule(library):
            raise UsageError(f"task.{decorator} takes a library's name: @task.{decorator}({_names(libraries)})")
        if not isinstance(library, str) or not library:
            raise UsageError(
                f'task.{decorator} takes a library\'s name in quotation marks, as "numpy", not {library!r}'
            )
    if not libraries:
        raise UsageError(f'task.{decorator} needs a library: cpu="pandas", gpu="cudf", or both')


def _names(libraries: Mapping[Any, Any]) -> str:
    return '"numpy"' if len(libraries) == 1 else 'cpu="numpy", gpu="cupy"'


def check_function(decorator: str, function: Any) -> None:
    """Raise `UsageError` if the registered object cannot be called as an implementation is."""
    name = getattr(function, "__name__", None)
    if not callable(function) or name is None or inspect.isclass(function):
        raise UsageError(f"task.{decorator} registers a function (`def name(data, run, library):`), not {function!r}")
    if not name.isidentifier():
        raise UsageError(
            f"task.{decorator} registers a function with a name (`def name(data, run, library):`): reports show it"
        )
    if any(is_kind(function) for is_kind in GENERATORS):
        raise UsageError(f"`{name}` is a generator (it holds `yield`): an implementation returns its result")
    if inspect.iscoroutinefunction(function):
        raise UsageError(
            f"`{name}` is `async`: an implementation is a plain `def`; asyncio.run inside it runs coroutines"
        )
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return  # it is written in C, and has no signature
    try:
        signature.bind(None, None, None)
    except TypeError:
        taken = ", ".join(map(str, signature.parameters.values()))
        raise UsageError(f"`{name}({taken})` cannot be called as every implementation is: {CALLED}") from None


def check_task(datasets: Any, sizes: Any, quality: Any, tolerance: Any, floor: Any) -> None:
    """Raise `UsageError` if one of a task's own values is of the wrong kind."""
    if not isinstance(datasets, Sequence) or not datasets:
        raise UsageError("datasets must be a list of at least one dataset: Task(datasets=[linear], ...)")
    for dataset in datasets:
        if not isinstance(dataset, Dataset):
            name = getattr(dataset, "__name__", repr(dataset))
            raise UsageError(
                f"datasets holds `{name}`, which is not a dataset: put @generated above the function that makes it"
            )
        if "return" not in getattr(dataset.maker, "__annotations__", {}):
            raise UsageError(
                f"the dataset `{dataset.name}` must say what it returns: def {dataset.name}(...) -> Table:"
            )
    if not isinstance(sizes, Mapping) or not sizes or any(type(rows) is not int or rows < 1 for rows in sizes.values()):
        raise UsageError(f'sizes must be numbers of rows by name, as {{"smoke": 20_000}}, not {sizes!r}')
    if not isinstance(quality, Metric):
        name = getattr(quality, "__name__", repr(quality))
        raise UsageError(f'quality must be a metric, which `{name}` is not: put @quality.metric(name="...") above it')
    if not _is_number(tolerance) or tolerance < 0:
        raise UsageError(f"tolerance must be a number of 0 or more, not {tolerance!r}")
    floors = floor.values() if isinstance(floor, Mapping) else [floor]
    if not all(map(_is_number, floors)):
        raise UsageError(f"floor must be a number, or numbers by dataset, not {floor!r}")


def check_accelerator(decorator: str, accelerator: Any, library: str) -> None:
    """Raise `UsageError` if an accelerator is not known, or does not run this library."""
    if accelerator == "":
        return
    known = ACCELERATORS.get(accelerator) if isinstance(accelerator, str) else None
    if known is None:
        raise UsageError(f"task.{decorator}: {unknown('accelerator', str(accelerator), ACCELERATORS)}")
    if library.partition(".")[0] not in known.runs:
        raise UsageError(f"task.{decorator}: {accelerator} runs {', '.join(sorted(known.runs))}, not {library}")


def check_devices(word: str, value: Any, devices: Iterable[str]) -> None:
    """Raise `UsageError` if what is said by device names a device that is not there."""
    for device in value if isinstance(value, Mapping) else ():
        if device not in devices:
            there = ", ".join(map(repr, devices))
            raise UsageError(f"{word} is said for {device!r}, but here it can be said for {there}")


def check_needs(decorator: str, needs: Any) -> None:
    """Raise `UsageError` if this is not a list of modules, or lists by device."""
    for modules in needs.values() if isinstance(needs, Mapping) else [needs]:
        if not isinstance(modules, (list, tuple)) or not all(isinstance(module, str) for module in modules):
            raise UsageError(f"task.{decorator}: needs must be a list of modules, as ['pyarrow'], not {modules!r}")


def check_environment(decorator: str, environment: Any) -> None:
    """Raise `UsageError` if this is not the name of an environment, or names by device."""
    for name in environment.values() if isinstance(environment, Mapping) else [environment]:
        if name == HERE:
            raise UsageError(f"task.{decorator}: leave out environment={HERE!r}: without a name, it runs here")
        if not isinstance(name, str) or not ENVIRONMENT.fullmatch(name):
            raise UsageError(f"task.{decorator}: environment must be a name such as 'xgboost-3.4', not {name!r}")


def check_memory(memory: Any) -> None:
    """Raise `UsageError` if this does not say how much memory an implementation holds."""
    check_devices("memory", memory, ("cpu", "gpu"))
    said = memory.values() if isinstance(memory, Mapping) else [] if memory is None else [memory]
    if not all(isinstance(one, Memory) for one in said):
        raise UsageError(f'memory must be a Memory, or one by device, as {{"gpu": Memory(copies=2)}}, not {memory!r}')
    for one in said:
        for name in ("copies", "fixed", "host"):
            value = getattr(one, name)
            if not _is_number(value) or not 0 <= value < math.inf:
                raise UsageError(f"memory's {name} must be a number of 0 or more, not {value!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and not math.isnan(value)


def how_called(function: Callable[..., Any], name: str) -> str:
    """How to call a function, with the names of its arguments: `task.pair(cpu=..., gpu=..., needs=())`."""
    written = []
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        default = "..." if parameter.default is parameter.empty else repr(parameter.default)
        named = parameter.kind is parameter.KEYWORD_ONLY or name == "Task"
        shown = "None" if "factory" in default else default
        written.append(f"{parameter.name}={shown}" if named else parameter.name)
    return f"{name}({', '.join(written)})"
