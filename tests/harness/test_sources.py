"""What a dataset and a task rest on: read from their texts, in a circle too, and nothing of other topics."""

from __future__ import annotations

from pathlib import Path

import pytest

from residency.datasets.tabular.linear import linear
from residency.harness import sources
from residency.harness.dataset import Request
from residency.harness.discovery import Catalogue, Suites
from residency.harness.sources import HOUSE, hash_of_sources, sources_of
from residency.harness.store import folder_for
from residency.suites import SHIPPED

CATALOGUE = Catalogue([SHIPPED])
OWN = """
from residency.harness import Task, quality
from residency.datasets.tabular.table import Table
from residency.harness.dataset import generated

@generated
def made(rows: int, seed: int) -> Table:
    from . import _drawn
    return _drawn.draw(rows, seed)

task = Task(datasets=[made], sizes={"smoke": 100}, quality=quality.r2, tolerance=0.1, floor=0.1)
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A file with a dataset whose maker imports a helper, which imports another, which imports the first."""
    folder = tmp_path / "suites" / "lessons"
    folder.mkdir(parents=True)
    (folder / "own.py").write_text(OWN)
    (folder / "_drawn.py").write_text("import json\n\nfrom ._seeded import seeded\n\nSIZE = 7\n")
    (folder / "_seeded.py").write_text("def seeded():\n    from ._drawn import SIZE\n    return SIZE\n")
    (folder / "_apart.py").write_text("")
    return folder / "own.py"


def beside(file: Path) -> set[str]:
    return {source.name for source in sources_of(file) if source.parent == file.parent}


def shipped(*files: Path) -> set[str]:
    return {str(source.relative_to(HOUSE)) for source in sources_of(*files)}


def test_an_import_inside_a_function_counts_and_a_circle_ends(own: Path) -> None:
    assert beside(own) == {"own.py", "_drawn.py", "_seeded.py"}
    assert beside(own.with_name("_seeded.py")) == {"_drawn.py", "_seeded.py"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import _apart", {"_apart.py"}),
        ("from _apart import name", {"_apart.py"}),
        ("from ._apart import *", {"_apart.py"}),
        ("from ..lessons import _apart", {"_apart.py"}),
        ("import json, numpy as np", set()),
        ("from .nowhere import name", set()),
        ("from ...... import name", set()),
        ("this is no Python", set()),
    ],
)
def test_how_a_file_beside_may_be_imported(own: Path, text: str, found: set[str]) -> None:
    other = own.with_name("other.py")
    other.write_text(text)
    assert beside(other) == {"other.py", *found}


def test_a_package_counts_where_something_is_taken_from_it(own: Path) -> None:
    package = own.with_name("_all")
    package.mkdir()
    (package / "__init__.py").write_text("from .part import name\n")
    (package / "part.py").write_text("")
    own.write_text("from ._all import name\n")
    assert {source.name for source in sources_of(own)} == {"own.py", "__init__.py", "part.py"}
    own.write_text("from ._all import part\nfrom ._all.part import name\n")
    assert {source.name for source in sources_of(own)} == {"own.py", "part.py"}


def test_made_data_is_made_anew_by_what_its_maker_imports_alone(own: Path) -> None:
    (made,) = Catalogue([Suites(own.parent.parent)]).task("lessons/own").datasets
    request = Request("made", rows=100)
    seen = [folder_for(made, request)]
    own.with_name("_apart.py").write_text("APART = 1\n")
    assert folder_for(made, request) == seen[0]
    for name in ("own.py", "_drawn.py", "_seeded.py"):
        file = own.with_name(name)
        file.write_text(f"{file.read_text()}\n# touched\n")
        seen.append(folder_for(made, request))
    assert len(set(seen)) == 4


def test_what_a_file_imports_is_read_again_when_it_has_changed(own: Path) -> None:
    before = hash_of_sources(own)
    own.write_text(f"from . import _apart\n{OWN}")
    assert "_apart.py" in beside(own)
    assert hash_of_sources(own) != before


def test_the_same_files_elsewhere_have_the_same_hash(own: Path, tmp_path: Path) -> None:
    other = tmp_path / "a" / "lessons"
    other.parent.mkdir()
    before = hash_of_sources(own)
    own.parent.rename(other)
    assert hash_of_sources(other / "own.py") == before


def test_data_rests_on_its_schema_and_on_the_harness_as_far_as_it_is_imported() -> None:
    files = shipped(linear.file)
    assert {"datasets/tabular/linear.py", "datasets/tabular/table.py", "harness/dataset.py"} <= files
    assert not {"datasets/tabular/diabetes.py", "datasets/reading.py", "harness/run.py", "harness/__init__.py"} & files


@pytest.mark.parametrize("name", CATALOGUE.files)
def test_a_task_rests_on_its_own_topic_and_on_what_all_topics_share(name: str) -> None:
    task = CATALOGUE.task(name)
    files = {file.resolve() for file in sources_of(*task.files)}
    rooms = {HOUSE / "datasets", HOUSE / "suites"}
    assert {file.parent.name for file in files if file.parent.parent in rooms} == {task.topic}
    assert {dataset.file.resolve() for dataset in task.datasets} <= files
    for dataset in task.datasets:
        reached = {source.resolve().parent for source in sources_of(dataset.file)}
        assert reached <= {HOUSE / "datasets" / task.topic, HOUSE / "datasets", HOUSE / "harness"}


def test_nothing_is_imported_to_find_out(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own.write_text("raise SystemExit('this was run')\nfrom . import _apart\n")
    monkeypatch.setattr("builtins.__import__", lambda *_, **__: pytest.fail("something was imported"))
    found = sources.sources_of(own)
    monkeypatch.undo()
    assert {source.name for source in found} == {"own.py", "_apart.py"}
