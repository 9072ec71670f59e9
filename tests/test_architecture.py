"""The rules of the house: which room may import which, what the wheel must list, which versions must agree.

A test names all that breaks its rule at once.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from functools import cache
from graphlib import CycleError, TopologicalSorter
from itertools import combinations
from pathlib import Path

import yaml

HERE = Path(__file__).parent.parent
# From the top floor down: a room imports only from rooms below it.
ROOMS = ["commands", "labs", "planner", "studies", "reports", "analysis", "suites", "datasets", "runners", "harness"]
BELOW = {
    "commands": {"labs", "planner", "studies", "reports", "analysis", "suites", "datasets", "runners", "harness"},
    "labs": {"studies", "reports", "analysis", "suites", "datasets", "runners", "harness"},
    "planner": {"studies", "reports", "analysis", "suites", "datasets", "runners", "harness"},
    "studies": {"reports", "analysis", "suites", "datasets", "runners", "harness"},
    "reports": {"analysis", "harness"},
    "analysis": {"harness"},
    "suites": {"datasets", "runners", "harness"},
    "datasets": {"runners", "harness"},
    "runners": {"harness"},
    "harness": set(),
}
FILES = [file for room in ROOMS for file in sorted((HERE / room).rglob("*.py"))]
PROJECT = tomllib.loads((HERE / "pyproject.toml").read_text())
LIGHT = {"numpy", "residency", *sys.stdlib_module_names}  # what the ground floor may import


@cache
def imports(file: Path, *, top_only: bool = False) -> frozenset[str]:
    """The dotted modules a file imports, anywhere or at its top."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    nodes = tree.body if top_only else ast.walk(tree)
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return frozenset(found)


def room_of(file: Path) -> str:
    return file.relative_to(HERE).parts[0]


def module_of(file: Path) -> str:
    """`reports/words.py` is `residency.reports.words`, `harness/__init__.py` is `residency.harness`."""
    return ".".join(("residency", *file.relative_to(HERE).with_suffix("").parts)).removesuffix(".__init__")


MODULES = {module_of(file): file for file in FILES}


def modules_used(file: Path) -> set[str]:
    """The modules of the house that a file imports, anywhere in it: also within functions and for types alone."""
    used = set()
    for name in imports(file):
        parts = name.split(".")
        leading = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
        used.add(next((module for module in leading if module in MODULES), ""))
    return used - {"", module_of(file)}


def test_a_room_imports_only_from_rooms_below_it() -> None:
    up = [
        f"{file.relative_to(HERE)} imports {used}"
        for file in FILES
        for used in sorted(modules_used(file))
        if used.split(".")[1] not in BELOW[room_of(file)] | {room_of(file)}
    ]
    assert not up


def test_no_modules_import_each_other_in_a_circle() -> None:
    try:
        TopologicalSorter({name: modules_used(file) for name, file in MODULES.items()}).prepare()
    except CycleError as error:
        circle = " <- ".join(error.args[1])
    else:
        circle = ""
    assert not circle


def heavy(rooms: set[str], *, top_only: bool = False) -> list[str]:
    """What files of these rooms import beside the standard library and NumPy.

    With `top_only`, a helper (`_diagonals.py`) that others import only within functions may import anything.
    """
    at_top = {name for file in FILES for name in imports(file, top_only=True)}
    late = {
        file
        for module, file in MODULES.items()
        if file.stem.startswith("_")
        and file.stem != "__init__"
        and not any(f"{name}.".startswith(f"{module}.") for name in at_top)
    }
    return [
        f"{file.relative_to(HERE)} imports {name}"
        for file in FILES
        if room_of(file) in rooms and not (top_only and file in late)
        for name in sorted(imports(file, top_only=top_only))
        if name.partition(".")[0] not in LIGHT
    ]


def test_the_ground_floor_needs_numpy_alone() -> None:
    assert not heavy({"harness"})


def test_listing_tasks_imports_nothing_heavy() -> None:
    assert not heavy({"suites", "datasets"}, top_only=True)


def test_drawing_stays_in_reports_and_options_in_commands() -> None:
    places = {"rich": {"reports"}, "typer": {"commands"}, "pydantic": {"planner"}}
    strangers = [
        f"{file.relative_to(HERE)} imports {name}"
        for file in FILES
        for name in sorted(imports(file))
        if room_of(file) not in places.get(name.partition(".")[0], ROOMS)
    ]
    assert not strangers


def test_packaging_lists_every_folder_of_every_room() -> None:
    listed = set(PROJECT["tool"]["setuptools"]["packages"])
    on_disk = {".".join(("residency", *file.relative_to(HERE).parent.parts)) for file in FILES}
    assert listed == on_disk


def test_type_checkers_see_every_room() -> None:
    links = {link.name: link.resolve() for link in (HERE / "typings" / "residency").iterdir()}
    assert links == {room: (HERE / room).resolve() for room in ROOMS}


def test_no_folder_can_be_imported_in_place_of_a_well_known_library() -> None:
    assert not (HERE / "datasets" / "__init__.py").exists()


def pins() -> dict[str, str]:
    lines = (HERE / "constraints.txt").read_text().splitlines()
    split = (line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    return {name.strip().lower(): re.split("[;#]", version)[0].strip() for name, version in split}


def requirements() -> dict[str, str]:
    """Every requirement of every extra: its name and its specifier."""
    listed = list(PROJECT["project"]["dependencies"])
    for extra in PROJECT["project"]["optional-dependencies"].values():
        listed += extra
    found = {}
    for line in listed:
        name, specifier = re.match(r"([A-Za-z0-9_.-]+)(?:\[.*\])?(.*)", line.partition(";")[0].strip()).groups()
        found[name.lower()] = specifier.strip()
    return found


def test_what_was_tested_is_pinned() -> None:
    gpu_only = {
        "cudf-cu13",
        "cuml-cu13",
        "cupy-cuda13x",
        "cuvs-cu13",
        "dask-cuda",
        "dask-cudf-cu13",
        "distributed-ucxx-cu13",
    }
    assert set(requirements()) - gpu_only - {"residency-bench"} <= set(pins())


def test_conda_and_pip_ask_for_the_same_versions() -> None:
    conda = yaml.safe_load((HERE / "environment.yml").read_text())
    alias = {
        "python-duckdb": "duckdb",
        "cudf": "cudf-cu13",
        "cuml": "cuml-cu13",
        "cuvs": "cuvs-cu13",
        "dask-cudf": "dask-cudf-cu13",
        "cupy": "cupy-cuda13x",
        "distributed-ucxx": "distributed-ucxx-cu13",
        "pytorch-gpu": "torch",
        "ray[tune]": "ray",
        "jax[cuda13]": "jax",
        "nvidia-nvimgcodec-cu13[nvjpeg]": "nvidia-nvimgcodec-cu13",
        "python-tzdata": "tzdata",
    }
    entries = {}
    for line in conda["dependencies"]:
        for entry in [line] if isinstance(line, str) else line["pip"]:
            name, _, version = entry.partition("=")
            entries[alias.get(name, name)] = version.lstrip("=")
    wanted, pinned = requirements(), pins()
    runtime = set(wanted) - {
        one.split(">")[0].split("=")[0].lower() for one in PROJECT["project"]["optional-dependencies"]["dev"]
    }
    assert runtime - {"residency-bench", "xgboost-cpu"} <= set(entries)
    assert (3, 12) <= tuple(map(int, entries["python"].split("."))) < (3, 15)
    for name, version in entries.items():
        if name in pinned:
            assert version == pinned[name], name
        elif "==" in wanted.get(name, ""):
            assert wanted[name] == f"=={version}", name


def test_what_is_missing_is_remedied_by_one_command_that_brings_all_of_it() -> None:
    from residency.harness.discovery import Catalogue
    from residency.harness.libraries import distribution, package, remedy
    from residency.suites import SHIPPED

    extras = PROJECT["project"]["optional-dependencies"]
    base = {re.split(r"[<>=!\[; ]", line)[0].lower() for line in PROJECT["project"]["dependencies"]}

    @cache
    def brought(extra: str) -> set[str]:
        found = set()
        for line in extras[extra]:
            if own := re.match(r"residency-bench\[(.*)\]", line):
                found |= {name for part in own[1].split(",") for name in brought(part)}
            else:
                found.add(re.split(r"[<>=!\[; ]", line)[0].lower())
        return found

    needed: set[tuple[str, str]] = set()
    for task in map(Catalogue([SHIPPED]).task, Catalogue([SHIPPED]).files):
        for one in task.implementations:
            modules = [one.library, *one.needs]
            if one.runner == "cluster":
                modules += ["distributed", *(["dask_cuda"] if one.device == "gpu" else [])]
            tops = {package(module) for module in modules} - sys.stdlib_module_names
            needed |= {(" ".join(some), one.device) for n in range(1, len(tops) + 1) for some in combinations(tops, n)}
        needed |= {(module, "cpu") for dataset in task.datasets for module in dataset.needs}
    brings = {"distributed": "dask", "networkx": "torch", "scipy": "scikit-learn"}  # that come with another
    for missing, device in sorted(needed):
        command = remedy(*missing.split(), device=device)
        extras_named = re.search(r"\[(.*)\]", command)[1].split(",")
        found = base.union(*map(brought, extras_named))
        for module in missing.split():
            wanted = brings.get(distribution(module), distribution(module)).lower()
            assert wanted in found or (device == "cpu" and f"{wanted}-cpu" in found), (missing, command)
