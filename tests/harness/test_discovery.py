"""Tasks are found by their place, and a wrong name gets the nearest ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from residency.harness.discovery import Catalogue, Suites
from residency.harness.errors import UsageError
from residency.suites import SHIPPED

TASK = '''"""A task.

Question  ?
Expect    !
"""
from residency.datasets.tabular.linear import linear
from residency.harness import Task, quality
task = Task(datasets=[linear], sizes={"smoke": 10}, quality=quality.r2, tolerance=0.1, floor=0.1)
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "first.py").write_text(TASK)
    (tmp_path / "mine" / "_helper.py").write_text("")
    return tmp_path


def test_a_file_is_a_task(folder: Path) -> None:
    catalogue = Catalogue([SHIPPED, Suites(folder)])
    assert "mine/first" in catalogue.files
    assert "mine/_helper" not in catalogue.files
    task = catalogue.task("mine/first")
    assert (task.topic, task.name, task.title) == ("mine", "first", "A task.")


def test_selecting_by_topic_and_name(folder: Path) -> None:
    catalogue = Catalogue([SHIPPED, Suites(folder)])
    assert [task.path for task in catalogue.select(["mine"])] == ["mine/first"]
    assert [task.path for task in catalogue.select(["tabular/ridge", "tabular/ridge"])] == ["tabular/ridge"]
    assert [task.path for task in catalogue.select(["ridge", "first"])] == ["tabular/ridge", "mine/first"]
    assert len(catalogue.select([])) == len(catalogue.files)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tabular/ridgee", "no task `tabular/ridgee`; did you mean `tabular/ridge`?"),
        ("tabullar", "did you mean `tabular`"),
        ("zzz", "there are: "),
        ("zzz", " more"),  # of many names, the first are enough
        ("rigde", "did you mean `tabular/ridge`"),
        ("image/ridge", "did you mean `tabular/ridge`"),
        ("classify", "2 tasks are called `classify`: name one of `image/classify`, `nlp/classify`"),
        ("clasify", "did you mean `image/classify` or `nlp/classify`"),
    ],
)
def test_did_you_mean(folder: Path, name: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Catalogue([SHIPPED, Suites(folder)]).select([name])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "defines no `task = Task"),
        ("import nothing_like_this\ntask = 1", "broken.py:1: No module named"),
        (TASK.replace('"smoke"', '"tiny"'), "unknown sizes ['tiny']"),
    ],
)
def test_a_broken_file_is_named(folder: Path, text: str, message: str) -> None:
    (folder / "mine" / "broken.py").write_text(text)
    with pytest.raises(UsageError) as caught:
        Catalogue([Suites(folder)]).task("mine/broken")
    assert "broken.py" in str(caught.value)
    assert message in str(caught.value)


def test_the_same_place_twice_is_refused(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "mine").mkdir()
    (other / "mine" / "first.py").write_text(TASK)
    (other / "mine" / "second.py").write_text(TASK)
    catalogue = Catalogue([Suites(folder), Suites(other)])
    assert catalogue.task("mine/second").path == "mine/second"  # what is asked for is not in the way of the rest
    with pytest.raises(UsageError, match="defined twice") as caught:
        catalogue.task("mine/first")
    assert str(folder / "mine" / "first.py") in str(caught.value)
    assert str(other / "mine" / "first.py") in str(caught.value)


def test_a_folder_named_twice_counts_once(folder: Path) -> None:
    assert Catalogue([Suites(folder), Suites(folder)]).task("mine/first").path == "mine/first"
