"""The notebooks run from top to bottom: on a fresh run, and on recorded ones with and without a GPU."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from residency.harness.discovery import Catalogue
from residency.suites import SHIPPED
from tests import passed
from tests.class_run import write

CATALOGUE = Catalogue([SHIPPED])
HERE = Path(__file__).parent.parent
SOURCES = sorted((HERE / "docs" / "notebooks").glob("*.py"))
SAVED = re.compile(r'^SAVED = None  # or a run: "\.\./\.\./(.*)"$', re.MULTILINE)
KERNEL = {
    "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
    "display_name": "Python 3",
    "language": "python",
}
RECORDED = [  # the made-up run with a GPU has other foundations
    *(pytest.param(source, "reference", marks=pytest.mark.slow) for source in SOURCES),
    *((source, "gpu") for source in SOURCES if source.stem != "foundations"),
]
MEASURED = HERE / "tests" / "notebooks.json"  # with which code each notebook ran whole
CANARY = "timeseries"
topic = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)


def code_of(source: Path) -> str:
    """A hash of a notebook and of its topic's tasks."""
    tasks = [CATALOGUE.task(name) for name in CATALOGUE.files if name.partition("/")[0] == source.stem]
    return passed.code_of([source, *sorted({file for task in tasks for file in passed.files_of_task(task)})])


@pytest.fixture
def jupyter(tmp_path: Path, cache: Path) -> dict[str, str]:
    """An environment in which Jupyter knows one kernel, this interpreter, and no settings of the user."""
    kernels = tmp_path / "jupyter" / "kernels" / "python3"
    kernels.mkdir(parents=True)
    (kernels / "kernel.json").write_text(json.dumps(KERNEL))
    folders = {
        name: str(tmp_path / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RESIDENCY_", "JUPYTER"))}
    return {**kept, **folders, "JUPYTER_PATH": str(tmp_path / "jupyter"), "RESIDENCY_CACHE": str(cache)}


def run(environment: dict[str, str], folder: Path, *words: str | Path) -> None:
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@topic
def test_a_notebook_has_few_cells_two_pictures_at_most_and_asks_questions(source: Path) -> None:
    text = source.read_text()
    assert 8 <= text.count("# %%") <= 15
    assert SAVED.search(text)
    asked = text.partition("# ## Your turn")[2].partition("# ## What to try next")[0]
    assert 2 <= len(re.findall(r"^# \d\. ", asked, re.MULTILINE)) <= 3
    assert "# %%\n# your answers" in asked
    assert set(re.findall(r"residency (?:run|data|crossover) ([a-z]+)", text)) <= {source.stem, "fetch"}


@pytest.mark.slow
@topic
def test_a_notebook_measures_and_runs_from_top_to_bottom(
    source: Path, tmp_path: Path, jupyter: dict[str, str], thorough: bool
) -> None:
    """Jupyter works in processes of its own, so that warnings of its libraries are not ours. Those of our cells are.

    Only the canary runs each time. The others run again after a change of their own text or of the topic's tasks.
    """
    if not thorough and source.stem != CANARY and passed.is_unchanged(source.stem, code_of(source), MEASURED):
        pytest.skip("passed with the code that it has now; --thorough runs it all the same")
    made = tmp_path / f"{source.stem}.ipynb"
    run(jupyter, tmp_path, "-m", "jupytext", "--to", "ipynb", "--output", made, source)
    run(jupyter, tmp_path, Path(sys.executable).parent / "jupyter-execute", "--inplace", made)
    cells = [cell for cell in json.loads(made.read_text())["cells"] if cell["cell_type"] == "code"]
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]
    said = "".join(text for output in outputs if output.get("name") == "stderr" for text in output["text"])
    assert not re.search(r"\w+Warning:", said)  # Python's; Residency itself may warn that the machine is busy
    assert len([output for output in outputs if "image/png" in output.get("data", {})]) == 2
    tables = ["".join(output["data"]["text/html"]) for output in outputs if "text/html" in output.get("data", {})]
    assert len(tables) >= 3
    assert "@cpu" in tables[0]
    assert ">ok<" in "".join(tables)
    (measured,) = (tmp_path / "results" / "runs").iterdir()
    gpus = json.loads((measured / "run.json").read_text())["machine"]["gpus"]
    printed = "".join(text for output in outputs if output.get("name") == "stdout" for text in output["text"])
    assert ("No GPU was found here" in printed) == (not gpus)
    passed.note(source.stem, code_of(source), MEASURED)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The figures that a source draws, without a screen."""
    import matplotlib
    import matplotlib.pyplot as plt

    matplotlib.use("agg")
    yield plt.get_fignums()
    plt.close("all")


@pytest.mark.parametrize(("source", "recorded"), RECORDED, ids=lambda value: getattr(value, "stem", value))
def test_a_notebook_reads_a_recorded_run(
    source: Path, recorded: str, tmp_path: Path, drawn: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    """The run that the notebook names, and a made-up one with a GPU, a cluster, what failed and hostile names."""
    text = source.read_text()
    folder = HERE / SAVED.search(text)[1]
    if recorded == "gpu":
        folder = tmp_path / "made up"
        write(folder, replicates=2, rounds=3)
    names: dict[str, Any] = {"__name__": "notebook"}
    exec(compile(SAVED.sub(f"SAVED = {str(folder)!r}", text), source, "exec"), names)
    assert len(names["done"]) > 1
    assert names["done"]["device"].eq("gpu").any() == (recorded == "gpu")
    printed = capsys.readouterr().out
    assert ("No GPU was found here" in printed) == (recorded == "reference")
