"""The grader cannot be fooled: every cheat fails for its own reason, and every honest control passes.

A file in `cheats/` or `controls/` is a submission's `work.py`. Its docstring says what it tries, and in lines of the
form `Name: words` how it is graded:

Fails: KIND: words      the verdict that a cheat must get, and words of what the resident reads
                        (HERE: the line that ends with `# here`)
At: CHECK               the check that must be the first to fail, or `timing`
Every: yes              all checks must fail in the same way
Lab: NAME               a lab in `fixtures/`; default: foundations-vectorise
Also: PATH, ...         further files with the same text
Memory: MEGABYTES       the lab's limit
Forges: HEADER BYTES    instead of returning, it sends this header and so many bytes
Appended: CODE          what takes the place of `# here`, where Python cannot read it
Never: word             what no verdict may hold
Needs: LIBRARY, Cores: N    without them it is skipped
"""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from residency.labs import catalogue, driver, judging, program, sandbox
from residency.labs.lab import Lab

pytestmark = pytest.mark.skipif(sandbox.means().kind != "bubblewrap", reason="needs bubblewrap and namespaces")

HERE = Path(__file__).parent
CHEATS, CONTROLS = (sorted((HERE / kind).glob("*.py")) for kind in ("cheats", "controls"))
LONG = {  # they wait for a limit, fill one or compile: a second or more each
    "closes_the_channel", "daemon_burns_on", "drips", "fork_bomb", "fork_chain", "list_of_a_million",
    "long_and_tidy", "memory_bomb_of_children", "never_imported", "never_returns", "numba_loop", "patched_clock",
    "searches_the_disk", "thread_burns_on",
}  # fmt: skip
FORGER = """
import json, os, struct, sys


def {entry}(*arguments):
    header = json.dumps(json.loads({header!r})).encode()
    os.write(int(sys.argv[1]), struct.pack("<4sIQ", b"RLAB", len(header), {count}) + header + bytes({count}))
    while True:
        os.read(0, 1)
        __import__("time").sleep(1)
"""


@dataclasses.dataclass(frozen=True)
class Submission:
    """A file of the corpus."""

    text: str

    def line(self, name: str) -> str:
        found = re.search(rf"^{name}: (.*)$", self.text, re.MULTILINE)
        return found[1].strip() if found else ""

    @property
    def lab(self) -> Lab:
        name = self.line("Lab")
        lab = catalogue.lab(str(HERE / "fixtures" / name.replace("-", "_")) if name else "foundations-vectorise")
        return dataclasses.replace(
            lab,
            seconds=2.0 if "timeout" in self.line("Fails") else lab.seconds,
            memory_bytes=int(self.line("Memory") or lab.memory_bytes >> 20) << 20,
        )

    def files(self) -> dict[str, bytes]:
        text = self.text.replace("# here\n", self.line("Appended") + "\n") if self.line("Appended") else self.text
        if forged := self.line("Forges"):
            header, _, count = forged.rpartition(" ")
            text += FORGER.format(entry=self.lab.entry, header=header, count=int(count))
        support = self.lab.folder / "support"
        given = {file.name: file.read_bytes() for file in support.glob("*.py")}
        also = [name for name in self.line("Also").split(", ") if name]
        return {**given, **dict.fromkeys(["work.py", *also], text.encode())}


def skip_without(submission: Submission) -> None:
    if (library := submission.line("Needs")) and importlib.util.find_spec(library) is None:
        pytest.skip(f"needs {library}")
    cores = int(submission.line("Cores") or 0)
    if cores and (len(os.sched_getaffinity(0)) < cores or os.getloadavg()[0] > cores / 4):
        pytest.skip("needs several processor cores that are idle")


@pytest.fixture(scope="module")
def judges() -> Iterator[dict[Path, judging.JudgeProcess]]:
    """One judge for each lab: what is tried here is the submission."""
    started: dict[Path, judging.JudgeProcess] = {}
    yield started
    for judge in started.values():
        judging.JudgeProcess.close(judge)


@pytest.fixture
def graded(judges, monkeypatch, tmp_path):
    """Grade a submission until it fails: the place and the verdict of the first failure, or nothing."""
    monkeypatch.setattr(driver, "ROUNDS", 2)

    def grade(submission: Submission):
        lab = submission.lab
        if lab.folder not in judges:
            judges[lab.folder] = judging.JudgeProcess(lab)
        judge = judges[lab.folder]
        monkeypatch.setattr(driver, "JudgeProcess", lambda *_: judge)
        monkeypatch.setattr(judge, "close", lambda: None)
        files = driver.write(tmp_path / "files", submission.files())
        with driver.Grader(lab, files) as grader:
            for checked in grader.checks(list(lab.checks.values())):
                assert no_word(submission, checked.verdict.what)
                if not checked.verdict.is_right and not submission.line("Every"):
                    return checked.title, checked.verdict.kind, checked.verdict.what
            if submission.line("Every"):
                (verdict,) = {checked.verdict for checked in grader.graded.checks}
                return "all", verdict.kind, verdict.what
            if submission.line("At") != "timing":
                return None
            return timing(grader, tmp_path)

    return grade


def timing(grader: driver.Grader, folder: Path):
    """One pair of processes that take turns, instead of three."""
    solution = driver.write(folder / "solution", driver.solved(grader.lab))
    try:
        mine, _ = grader._turns(solution, 0)
    except program.Ended as ended:
        return "timing", ended.verdict.kind, ended.verdict.what
    if "slow" in Submission((folder / "files" / "work.py").read_text()).line("Fails") and min(mine) >= 0.5:
        return "timing", "slow", "the clock runs outside"
    return None


def no_word(submission: Submission, what: str) -> bool:
    return what.isprintable() and len(what) < 200 and (submission.line("Never") or "\0") not in what


def marked(files: Iterable[Path]) -> list[Any]:
    return [pytest.param(file, id=file.stem, marks=[pytest.mark.slow] * (file.stem in LONG)) for file in files]


@pytest.mark.parametrize("file", marked(CHEATS))
def test_a_cheat_fails_for_its_own_reason(file, graded, monkeypatch) -> None:
    submission = Submission(file.read_text())
    skip_without(submission)
    if "import took" in submission.line("Fails"):
        monkeypatch.setattr(program, "STARTING", 3.0)
    kind, _, words = submission.line("Fails").partition(": ")
    here = next((number for number, line in enumerate(submission.text.splitlines(), 1) if line.endswith("# here")), 0)
    words = words.replace("HERE", str(here))
    failure = graded(submission)
    assert failure is not None
    place, got, what = failure
    other, _, other_words = submission.line("Or").partition(": ")  # where the order of two processes decides
    expected = (got == kind and words in what) or (got == other and other_words in what)
    assert expected, f"{place}: {got}: {what}"
    assert not submission.line("At") or place == submission.line("At")


@pytest.mark.parametrize("file", marked(CONTROLS))
def test_an_honest_control_passes(file, graded) -> None:
    submission = Submission(file.read_text())
    skip_without(submission)
    assert graded(submission) is None
