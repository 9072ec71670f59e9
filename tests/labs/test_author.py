"""Labs of one's own, and a lab as a notebook: made, found, proved and checked as a teacher and a resident do."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from residency.labs import author, catalogue, sandbox
from tests.conftest import Done, Residency, in_this_process

boxed = pytest.mark.skipif(sandbox.means().kind != "bubblewrap", reason="needs bubblewrap and namespaces")
Refused = Callable[..., str]
Listing = Callable[[Path], str]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    author.begin("tabular-row-sums", tmp_path / "our labs")
    return tmp_path / "our labs"


@pytest.fixture
def listing(environment: dict[str, str], tmp_path: Path) -> Callable[[Path], str]:
    """The error line of `residency lab list` with labs of one's own in a folder."""

    def line(folder: Path) -> str:
        done = in_this_process(tmp_path, ["lab", "list"], {**environment, "RESIDENCY_LABS": str(folder)})
        return one_line(done)

    return line


def one_line(done: Done) -> str:
    assert (done.status, done.out) == (2, "")
    (said,) = done.err.strip().splitlines()
    return said


def started(residency: Residency, *options: str) -> Done:
    return residency("lab", "start", "foundations-vectorise", "--into", "mine", *options)


@pytest.mark.slow
@boxed
def test_a_new_lab_is_found_by_its_name(residency: Residency, tmp_path: Path) -> None:
    own = {"RESIDENCY_LABS": str(tmp_path / "our labs")}
    made = residency("lab", "author", "tabular-row-sums", "--into", "our labs")
    assert "residency lab verify 'our labs/tabular_row_sums'" in made.out
    listed = residency("lab", "list", **own)
    assert "tabular-row-sums" in listed.out
    assert "foundations-vectorise" in listed.out
    residency("lab", "start", "tabular-row-sums", "--into", "mine", **own)
    checked = residency("lab", "check", "mine", **own)
    assert "not implemented yet" in checked.out
    work = tmp_path / "mine" / "work.py"
    work.write_text(work.read_text().replace("raise NotImplementedError", "raise ValueError"))
    checked = residency("lab", "check", "mine", **own)
    assert ", during a call: your code here" in checked.out  # the author of the work reads the message
    submitted = residency("lab", "submit", "mine", **own)
    assert "residency: work.py changed since the last commit" in submitted.err


@boxed
@pytest.mark.slow
def test_a_new_lab_is_proved_as_it_is_and_its_solution_is_checked(own: Path, residency: Residency) -> None:
    proved = residency("lab", "verify", str(own / "tabular_row_sums"))
    assert proved.out.count("  ok  ") >= 3, proved.out
    assert re.search(r"the solution: (10|[6-9](\.\d+)?) of 10 points", proved.out)  # a busy machine may cost time
    residency("lab", "start", "tabular-row-sums", "--into", "mine", RESIDENCY_LABS=str(own))
    solution = catalogue.solution((own / "tabular_row_sums" / "work.py").read_text())
    (own.parent / "mine" / "work.py").write_text(solution)
    checked = residency("lab", "check", "mine", "--json", RESIDENCY_LABS=str(own))
    assert checked.json["right"]
    timed = checked.json["timed"]
    assert min(timed["least"], timed["handed_over"], timed["seconds"], timed["speedup"]["ratio"]) > 0


@pytest.mark.parametrize("name", ["../out", "Upper", "", "a b", "foundations-vectorise", "x" * 81, "-x"])
def test_a_name_that_cannot_be_a_labs(name: str, refused: Refused, tmp_path: Path) -> None:
    assert "name" in refused("lab", "author", "--", name)
    assert not list(tmp_path.iterdir())


def test_an_existing_lab_is_kept(own: Path, refused: Refused) -> None:
    (own / "tabular_row_sums" / "work.py").write_text("mine")
    assert "exists" in refused("lab", "author", "tabular-row-sums", "--into", str(own))
    assert (own / "tabular_row_sums" / "work.py").read_text() == "mine"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import no_such_library\n", "no_such_library"),
        ("lab = 3\n", "defines no `lab`"),
        ("\n\nx = 1 / 0\n", "lab.py:3: ZeroDivisionError"),
        ("x = (\n", "lab.py:1: SyntaxError"),
        ("from residency.labs.lab import Lab\n\nlab = Lab(name='x')\n", "lab.py:3"),
    ],
)
def test_a_faulty_lab_is_named_with_its_line(own: Path, listing: Listing, text: str, said: str) -> None:
    (own / "tabular_row_sums" / "lab.py").write_text(text)
    assert said in listing(own)


def test_a_folder_that_holds_no_labs(own: Path, listing: Listing, refused: Refused, tmp_path: Path) -> None:
    assert "name the folder above it" in listing(own / "tabular_row_sums")
    assert "holds no NAME/lab.py" in listing(tmp_path / "none")
    (tmp_path / "other" / "foundations_vectorise").mkdir(parents=True)
    (tmp_path / "other" / "foundations_vectorise" / "lab.py").touch()
    assert "two labs are called" in listing(tmp_path / "other")
    assert "RESIDENCY_LABS" in refused("lab", "start", "tabular-row-sums")


def test_a_notebook_and_its_file_are_kept_equal(residency: Residency, refused: Refused, tmp_path: Path) -> None:
    jupytext = pytest.importorskip("jupytext")
    assert started(residency, "--notebook").status == 0
    source, notebook = tmp_path / "mine" / "work.py", tmp_path / "mine" / "work.ipynb"
    before = source.read_text()
    book = jupytext.read(notebook)
    assert book.cells[-1].source == "!residency lab check"
    cell = next(cell for cell in book.cells if "NotImplementedError" in cell.source)
    cell.source = cell.source.replace('raise NotImplementedError("your code here")', "return kilometres")
    jupytext.write(book, notebook)
    os.utime(notebook, (source.stat().st_mtime + 10,) * 2)
    said = refused("lab", "check", "mine")
    assert "work.ipynb is newer than work.py" in said
    words = said.rpartition("write it with: ")[2].split()
    importlib.import_module("jupytext.cli").jupytext(
        [str(tmp_path / word) if "mine" in word else word for word in words[1:]]
    )
    assert source.read_text().startswith(
        before.replace('raise NotImplementedError("your code here")', "return kilometres").rstrip()
    )


def test_a_lab_of_questions_is_no_notebook(refused: Refused) -> None:
    assert "no code" in refused("lab", "start", "foundations-read-a-run", "--notebook")
