"""A stranger's own files: they add to shipped tasks, and what is wrong with them is one line with the place."""

from __future__ import annotations

from pathlib import Path

import pytest

from residency.harness import own_suites
from residency.harness.discovery import Catalogue, Suites
from residency.harness.errors import UsageError
from residency.harness.task_info import TaskInfo
from residency.suites import SHIPPED

IMPORTED = "from residency.suites.tabular.ridge import task\n"
MINE = "\ndef mine(data, run, library): ..."
ADDED = f'{IMPORTED}\n\n@task.on_cpu("numpy")\ndef mine(data, run, np):\n    """Mine."""\n'
COPY = (SHIPPED.folder / "tabular" / "ridge.py").read_text(encoding="utf-8")
OWN = """from residency.datasets.tabular.linear import linear
from residency.harness import Task, quality
task = Task(datasets=[linear], sizes={"smoke": 100}, quality=quality.r2, tolerance=0.1, floor=0.1)
"""


def write(folder: Path, place: str, text: str) -> Path:
    file = folder / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def refused(folder: Path, text: str) -> str:
    """What is said of a file, without its place in front: that is looked at here."""
    file = write(folder, "lessons/own.py", text)
    with pytest.raises(UsageError) as caught:
        Catalogue([SHIPPED, Suites(folder)]).task("lessons/own")
    said = str(caught.value)
    assert said.startswith(str(file))
    assert "\n" not in said
    return said.removeprefix(str(file))


def test_a_file_that_imports_a_shipped_task_adds_to_it(tmp_path: Path) -> None:
    file = write(tmp_path, "tabular/ridge.py", ADDED)
    shipped = Catalogue([SHIPPED]).task("tabular/ridge")
    task = Catalogue([SHIPPED, Suites(tmp_path)]).task("tabular/ridge")
    assert [one.id for one in task.implementations] == [*(one.id for one in shipped.implementations), "mine@cpu"]
    assert (task.path, task.title, task.additions) == ("tabular/ridge", shipped.title, (file,))
    assert task.code[:2] == [shipped.file, file]
    assert (task.implementations[-1].file, task.implementations[-1].line) == (file, 4)
    again = Catalogue([SHIPPED]).task("tabular/ridge")
    assert [one.id for one in again.implementations] == [one.id for one in shipped.implementations]


def test_under_another_name_it_is_a_task_of_its_own(tmp_path: Path) -> None:
    file = write(tmp_path, "lessons/faster.py", f'"""Faster."""\n{ADDED}')
    catalogue = Catalogue([SHIPPED, Suites(tmp_path)])
    task, shipped = catalogue.task("lessons/faster"), catalogue.task("tabular/ridge")
    assert (task.path, task.title, task.file, task.package) == ("lessons/faster", "Faster.", file, None)
    assert {one.id for one in task.implementations} == {one.id for one in shipped.implementations} | {"mine@cpu"}
    assert "mine@cpu" not in {one.id for one in shipped.implementations}
    assert shipped.file in task.code


def test_two_folders_add_to_one_task_unless_names_clash(tmp_path: Path) -> None:
    first = write(tmp_path / "a", "tabular/ridge.py", ADDED)
    second = write(tmp_path / "b", "tabular/ridge.py", ADDED.replace("mine", "other"))
    folders = [SHIPPED, Suites(tmp_path / "a"), Suites(tmp_path / "b")]
    assert {"mine@cpu", "other@cpu"} < {one.id for one in Catalogue(folders).task("tabular/ridge").implementations}
    third = write(tmp_path / "c", "tabular/ridge.py", ADDED)
    with pytest.raises(UsageError, match="mine@cpu is registered twice") as caught:
        Catalogue([*folders, Suites(tmp_path / "c")]).task("tabular/ridge")
    assert all("/".join(file.parts[-3:]) in str(caught.value) for file in (first, third))
    assert second.name


def test_a_copy_under_the_shipped_name_is_refused_with_both_remedies(tmp_path: Path) -> None:
    file = write(tmp_path, "tabular/ridge.py", COPY)
    catalogue = Catalogue([SHIPPED, Suites(tmp_path)])
    with pytest.raises(UsageError) as caught:
        catalogue.task("tabular/ridge")
    said = str(caught.value)
    for part in ("suites/tabular/ridge.py", str(file), "rename the second file", IMPORTED.strip()):
        assert part in said
    assert catalogue.task("tabular/etl").name == "etl"
    file.rename(file.with_name("my_ridge.py"))
    assert Catalogue([SHIPPED, Suites(tmp_path)]).task("tabular/my_ridge").path == "tabular/my_ridge"


def test_a_helper_beside_it_is_imported_from_there(tmp_path: Path) -> None:
    write(tmp_path, "lessons/_shared.py", "SIZE = 7\n")
    helper = write(tmp_path, "lessons/own.py", f"from . import _shared\n{OWN}".replace("100", "_shared.SIZE"))
    task = Catalogue([Suites(tmp_path)]).task("lessons/own")
    assert task.sizes == {"smoke": 7}
    assert task.code == [helper, helper.with_name("_shared.py")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("task = (", ":1: SyntaxError: '(' was never closed"),
        ("task = 1 / 0", ":1: ZeroDivisionError: division by zero"),
        ("import sys\ntask = sys.exit(3)", ":2: calls sys.exit(3)"),
        ("import a_library\ntask = 1", ":1: No module named 'a_library'. Libraries are imported when"),
        ("from residency.suites.tabular.rigde import task", ":1: No module named 'residency.suites.tabular.rigde'"),
        (f'{IMPORTED}@task.on_cpus("numpy")\ndef mine(a, b, c): ...', ":2: AttributeError: Task has no `on_cpus`"),
        (f'{IMPORTED}@task.on_cpu("numpy")\ndef mine(data): ...', "cannot be called as every implementation is"),
        (f'{IMPORTED}@task.on_cpu("numpy")\ndef mine(data, run, np): yield', "`mine` is a generator"),
        (f'{IMPORTED}@task.on_cpu("numpy")\nasync def mine(a, b, c): ...', "`mine` is `async`"),
        (f"{IMPORTED}@task.on_cpu\ndef mine(a, b, c): ...", ":2: task.on_cpu takes a library's name: @task.on_cpu"),
        (f'{IMPORTED}mine = task.on_cpu("numpy")(lambda a, b, c: 1)', ":2: task.on_cpu registers a function with"),
        (f'{IMPORTED}@task.pair(cpu="numpy")\ndef mine(a, b, c): ...', "It is written task.pair(cpu=..., gpu="),
        (f'{IMPORTED}@task.on_cpu("numpy", nees=[])\ndef mine(a, b, c): ...', "did you mean `needs`? It is written"),
        (f'{IMPORTED}@task.on_cpu("numpy", needs="scipy"){MINE}', ":2: task.on_cpu: needs must be a list"),
        (f'{IMPORTED}@task.on_cpu("numpy", needs={{"gpu": []}}){MINE}', ":2: needs is said for 'gpu', but"),
        (f'{IMPORTED}@task.on_gpu("cupy", memory={{"gup": 1}}){MINE}', ":2: memory is said for 'gup', but"),
        (f'{IMPORTED}@task.on_cpu("numpy", environment={{"gup": "x"}}){MINE}', ":2: environment is said"),
        (f'{IMPORTED}@task.on_cpu("numpy", environment="here"){MINE}', ":2: task.on_cpu: leave out"),
        (f'{IMPORTED}@task.on_cpu("numpy", unchanged="cuml.acel"){MINE}', "did you mean `cuml.accel`?"),
        (f'{IMPORTED}@task.on_cpu("polars", unchanged="cudf.pandas"){MINE}', "runs pandas, not polars"),
        (f'{IMPORTED}@task.on_cluster()\ndef mine(a, b, c): ...', ":2: task.on_cluster needs a library"),
        (OWN.replace("tolerance", "tolerence"), ":3: Task() got an unexpected keyword argument 'tolerence'; did"),
        (OWN.replace("[linear]", "linear"), ":3: datasets must be a list"),
        (OWN.replace("[linear]", "[print]"), ":3: datasets holds `print`, which is not a dataset"),
        (OWN.replace("quality.r2", "max"), ":3: quality must be a metric, which `max` is not"),
        (OWN.replace("100", '"100"'), ":3: sizes must be numbers of rows by name"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    assert said in refused(tmp_path, text)


TWO = f"""{IMPORTED}
@task.pair(cpu="sklearn.svm", gpu="cuml.svm", environment={{"gpu": "newer"}}, unchanged="cuml.accel")
def mine(data, run, svm): ...
@task.on_gpu("cupy")
def other(data, run, cupy): ...
@task.on_cpu("numpy")
def other(data, run, numpy):
    return 1
"""


def test_sides_in_two_environments_are_twins_and_functions_of_one_name_keep_their_lines(tmp_path: Path) -> None:
    write(tmp_path, "tabular/ridge.py", TWO)
    task = Catalogue([SHIPPED, Suites(tmp_path)]).task("tabular/ridge")
    twins = {one.id: one.twin for one in task.implementations[-5:]}
    assert twins == {
        "mine@cpu": "mine+newer@gpu",
        "mine+newer@gpu": "mine@cpu",
        "mine+cuml.accel@gpu": "mine@cpu",
        "other@gpu": None,
        "other@cpu": None,
    }
    info = TaskInfo.of(task)
    assert [info.lines_of(name) for name in ("other@gpu", "other@cpu", "other+older@cpu", "mine+newer@gpu")] == [
        1,
        2,
        2,
        1,
    ]


def test_the_decorators_are_listed_and_the_near_one_is_named() -> None:
    task = Catalogue([SHIPPED]).task("tabular/ridge")
    with pytest.raises(AttributeError, match=r"did you mean `on_cpu`\? There are: pair, on_cpu, on_gpu, on_cluster"):
        _ = task.on_cpus
    assert not hasattr(task, "something_else")


def test_a_file_without_a_task_is_named_and_not_run(tmp_path: Path) -> None:
    said = refused(tmp_path, "raise SystemExit('this was run')\n")
    assert "defines no `task = Task(...)`" in said
    assert "this was run" not in said


def test_a_folder_that_holds_no_topic_says_where_the_file_should_be(tmp_path: Path) -> None:
    file = write(tmp_path, "my/tabular/ridge.py", ADDED)
    for named, said in [
        (file.parent, f"set RESIDENCY_SUITES={tmp_path}/my"),
        (file, f"RESIDENCY_SUITES={tmp_path}/my"),
        (tmp_path, f"set RESIDENCY_SUITES={tmp_path}/my"),
        (tmp_path / "nowhere", "no folder of suites at"),
    ]:
        with pytest.raises(UsageError) as caught:
            own_suites.named_by(str(named))
        assert said in str(caught.value)
    assert own_suites.named_by(f"{tmp_path}/my:{tmp_path}/my/") == [Suites(tmp_path / "my")]


def test_a_file_beside_the_topics_is_named(tmp_path: Path) -> None:
    write(tmp_path, "tabular/ridge.py", ADDED)
    write(tmp_path, "etl.py", IMPORTED)
    write(tmp_path, "setup.py", "x = 1\n")
    (line,) = own_suites.misplaced(Suites(tmp_path))
    assert line == f"{tmp_path}/etl.py is in no topic's folder and is left out: move it to {tmp_path}/TOPIC/etl.py"
