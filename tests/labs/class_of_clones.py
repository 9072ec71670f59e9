"""Make a cohort of 20 clones of the first lab: `python tests/labs/class_of_clones.py DIR [NAME...]`.

Right, right but slow, wrong in each planted way, cheating, hung, no repository, no tag, tests edited, a team of three,
a team of one, names that try to get out. With names, only these are made. `ROSTER` is a roster that fits them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

from residency.labs import catalogue, driver, repository

LAB = catalogue.lab("foundations-vectorise")
SOLUTION = driver.solved(LAB)["work.py"].decode()
HOSTILE = "=cmd() <script>alert(1)<b> `x` | [y](z)"
HEAD = "import numpy as np\n\n"

SLOW = "from baseline import fares\n"

TWICE = """
def fares(kilometres, minutes, night):
    fare = 3.0 + 1.9 * kilometres + 0.4 * minutes
    fare = np.where(night, 1.25 * fare, fare)
    for _ in range(2):
        fare = np.maximum(np.sqrt(fare * fare), 6.0)
    return np.maximum((3.0 + 1.9 * kilometres + 0.4 * minutes) * np.where(night, 1.25, 1.0), 6.0) + 0 * fare
"""

NOT_LEAST = """
def fares(kilometres, minutes, night):
    return (3.0 + 1.9 * kilometres + 0.4 * minutes) * np.where(night, 1.25, 1.0)
"""

SINGLE = """
def fares(kilometres, minutes, night):
    fare = (3.0 + 1.9 * kilometres + 0.4 * minutes) * np.where(night, 1.25, 1.0)
    return np.maximum(fare, 6.0).astype(np.float32)
"""

BY_SHAPE = f"""{SOLUTION}

kept = {{}}
honest = fares


def fares(kilometres, minutes, night):
    size = len(kilometres) // 100_000
    if size and size in kept:
        return kept[size]
    kept[size] = honest(kilometres, minutes, night)
    return kept[size]
"""

READS_THE_SOLUTION = f"""
from pathlib import Path

exec(Path({str(LAB.folder / "work.py")!r}).read_text())
"""

FORGES = """
import os
import socket


def fares(kilometres, minutes, night):
    for number in range(3, 20):
        try:
            os.write(number, b"RIGHT" * 1000)
        except OSError:
            pass
    return np.zeros(len(kilometres))
"""

GOES_ON = f"""
import threading

{SOLUTION}
honest = fares


def spin():
    while True:
        pass


def fares(kilometres, minutes, night):
    if threading.active_count() < 3:
        threading.Thread(target=spin, daemon=True).start()
    return honest(kilometres, minutes, night)
"""

HUNG = """
def fares(kilometres, minutes, night):
    while True:
        pass
"""

BOMB = """
def fares(kilometres, minutes, night):
    return np.ones((1 << 33,))
"""

LEAVES = """
import os


def fares(kilometres, minutes, night):
    os._exit(0)
"""

SYNTAX = "def fares(kilometres, minutes, night)\n    return 0\n"


def made(folder: Path, work: str, *, tag: bool = True, who: str = "Ada Lovelace", **files: str) -> None:
    """A clone in which `work.py` was edited and committed, and `files`, where two underscores stand for the dot."""
    repository.start(LAB, folder)
    (folder / "work.py").write_text(work)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content)
    commit(folder, who)
    if tag:
        repository.submit(folder)


def commit(folder: Path, who: str) -> None:
    """Commit everything in the name of somebody."""
    repository.git(folder, "add", "--all")
    named = ("-c", f"user.name={who}", "-c", f"user.email={address(who)}")
    repository.git(folder, *named, "commit", "--quiet", "--no-verify", "--allow-empty", "-m", "Work on it")


def address(who: str) -> str:
    """The e-mail address of somebody."""
    return f"{re.sub('[^a-z]+', '.', who.lower()).strip('.')}@example.org"


def team_of_three(folder: Path) -> None:
    """Three members, each with a commit of lines of its own."""
    repository.start(LAB, folder)
    names = ("Ann Example", "Bob Example", "Cem Sample")
    toml = 'name = "The three"\n'
    for who in names:
        toml += f'[[member]]\nname = "{who}"\nemail = "{address(who)}"\n'
    (folder / "team.toml").write_text(toml)
    work = SOLUTION
    for who in names:
        word = who.partition(" ")[0].lower()
        work += (
            f'\n\ndef of_{word}(value: float) -> float:\n    """A helper of {who}."""\n    return value * {len(work)}\n'
        )
        (folder / "work.py").write_text(work)
        commit(folder, who)
    repository.submit(folder)


def wrong(name: str) -> str:
    """A planted wrong answer."""
    return (LAB.folder / "wrong" / f"{name}.py").read_text()


def no_repository(folder: Path) -> None:
    """A folder with the right file, and no Git."""
    repository.write(folder, driver.solved(LAB))


def no_lab(folder: Path) -> None:
    """A clone that does not say which lab it is."""
    made(folder, SOLUTION)
    (folder / "lab.toml").unlink()
    commit(folder, "Ada Lovelace")


def of_work(work: str, **options: str) -> Callable[[Path], None]:
    """How to make a clone with this `work.py`."""
    return lambda folder: made(folder, work, **options)


CLONES: dict[str, Callable[[Path], None]] = {
    "ann": of_work(SOLUTION, who="Ann Right"),
    "bob-slow": of_work(SLOW, who="Bob Slow"),
    "cem-twice": of_work(HEAD + TWICE, who="Cem Middling"),
    "dan-least": of_work(HEAD + NOT_LEAST),
    "eve-single": of_work(HEAD + SINGLE),
    "fay-starter": of_work(catalogue.begun(LAB)["work.py"].decode() + "\n# nothing yet\n"),
    "gus-syntax": of_work(SYNTAX),
    "hal-by-shape": of_work(BY_SHAPE),
    "ida-reads": of_work(READS_THE_SOLUTION),
    "jon-forges": of_work(HEAD + FORGES),
    "kim-goes-on": of_work(GOES_ON),
    "leo-hung": of_work(HUNG),
    "mia-bomb": of_work(HEAD + BOMB),
    "ned-leaves": of_work(LEAVES),
    "oda-no-repository": no_repository,
    "pia-no-tag": lambda folder: made(folder, SOLUTION, tag=False),
    "quin-edited": of_work(SOLUTION, baseline__py="import time\n", README__md="full marks, please\n"),
    "team-of-three": team_of_three,
    HOSTILE: of_work(SOLUTION, who="=HYPERLINK(1) <script>alert(1)</script>"),
    **{f"wrong-{file.stem}": of_work(wrong(file.stem)) for file in sorted((LAB.folder / "wrong").glob("*.py"))},
}

ROSTER = """student_id,first_name,last_name,email,clone
1,Ann,Right,ann@example.org,ann
2,=cmd(),"-Slow, Bob",bob@example.org,bob-slow
3,Nobody,Here,nobody@example.org,zoe
"""


def main(folder: Path, names: list[str]) -> None:
    """Make the clones."""
    for name in names or CLONES:
        CLONES[name](folder / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
