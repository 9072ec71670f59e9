"""`residency check`, the source kept with a run, and going on with one, for a stranger's own file."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

FILE = '''from residency.suites.tabular.ridge import task


@task.on_cpu("numpy")
def good(data, run, np):
    """By least squares."""
    run.effective(alpha=0.0)
    with run.stage("fit"):
        return data.x_test @ np.linalg.lstsq(data.x, data.y, rcond=None)[0]


@task.on_cpu("numpy")
def bad(data, run, np):
    """Forgets to return."""
    run.effective(alpha=0.0)


@task.on_cpu("numpy")
def endless(data, run, np):
    """Does not come to an end."""
    while True:
        pass
'''


def write(folder: Path, text: str = FILE) -> dict[str, str]:
    (folder / "my" / "tabular").mkdir(parents=True, exist_ok=True)
    (folder / "my" / "tabular" / "ridge.py").write_text(text)
    return {"RESIDENCY_SUITES": "my"}


@pytest.mark.slow
def test_it_tells_what_holds_and_what_does_not(residency, tmp_path: Path) -> None:
    suites = write(tmp_path)
    done = residency("check", "ridge", "--implementation", "good,bad", "--json", **suites)
    assert done.status == 1, done.err
    assert (done.json["task"], done.json["holds"]) == ("tabular/ridge", False)
    (broken,) = [one for one in done.json["checks"] if one["holds"] is False]
    assert broken["about"] == "tabular/ridge on linear: bad@cpu"
    assert "it returned nothing" in broken["found"]
    assert "my/tabular/ridge.py:12" in broken["found"]
    assert broken["remedy"] == "correct what the reason names"
    done = residency("check", "tabular/ridge", "--implementations", "good", **suites)
    assert done.status == 0, done.out + done.err
    assert "good@cpu: ok: R² 0.494" in done.out
    assert not (tmp_path / "results").exists()
    done = residency("check", "ridge", "--implementation", "endless", "--timeout", "0.5", **suites)
    assert done.status == 1
    assert "timeout: took longer than 0.5 s" in " ".join(done.out.split())
    done = residency("check", "tabular", **suites)
    assert (done.status, done.err) == (2, "residency: tabular: name one task, for example tabular/etl\n")


def test_a_broken_file_hides_no_other_task(residency, tmp_path: Path) -> None:
    suites = write(tmp_path, "from residency.suites.tabular.ridge import task\n@task.on_cpux('numpy')\ndef f(): ...\n")
    done = residency("list", "tabular", **suites)
    assert done.status == 2
    assert "tabular/etl" in done.out
    assert done.err.startswith("residency: my/tabular/ridge.py:2: AttributeError: Task has no `on_cpux`")
    assert "Traceback" not in done.err


@pytest.mark.slow
def test_the_source_is_kept_and_a_change_keeps_both(residency, tmp_path: Path) -> None:
    suites = write(tmp_path)
    run = ["run", "ridge", "--implementations", "good", "--replicates", "1", "--rounds", "1", "--details"]
    done = residency(*run, **suites)
    assert done.status == 0, done.err
    (folder,) = (tmp_path / "results" / "runs").iterdir()
    (kept,) = (folder / "source" / "tabular").glob("ridge.*.py")
    assert kept.read_text() == FILE
    assert f"Your own code, as it was measured: source/tabular/{kept.name}" in done.out
    write(tmp_path, FILE.replace("alpha=0.0", "alpha=0"))
    again = residency("run", "--resume", folder)  # without RESIDENCY_SUITES: the run knows its folder
    assert again.status == 0, again.err
    assert "code, data, libraries or parameters have changed" in again.err
    assert len(list((folder / "source" / "tabular").glob("ridge.*.py"))) == 2
    shutil.rmtree(tmp_path / "my")
    gone = residency("run", "--resume", folder)
    assert gone.status == 2
    assert "no folder of suites at my" in gone.err
