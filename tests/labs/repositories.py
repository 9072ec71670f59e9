"""Real Git repositories for tests: made by Git itself, with authors and dates that a test chooses."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from residency.labs import catalogue

LAB = catalogue.lab("foundations-vectorise")
WORK = catalogue.solution((LAB.folder / "work.py").read_text()).encode()
ANN, BOB = ("Ann", "ann@example.org"), ("Bob", "bob@example.org")
START = ("Residency", "residency@localhost")
BEGAN = 1_780_000_000  # 2026-05-28


def git(folder: Path, *arguments: str, given: bytes = b"", author=ANN, committer=None, at: int = BEGAN, by=None) -> str:
    """Run Git without any of this machine's settings."""
    kept = {
        "PATH": os.environ["PATH"],
        "HOME": "/nowhere",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
    }
    for role, (name, email), when in (("AUTHOR", author, at), ("COMMITTER", committer or author, by or at)):
        kept |= {f"GIT_{role}_NAME": name, f"GIT_{role}_EMAIL": email, f"GIT_{role}_DATE": f"@{when} +0000"}
    allowed = ("-c", "protocol.file.allow=always", "-c", "safe.directory=*", "-c", "advice.detachedHead=false")
    done = subprocess.run(
        ["git", "-C", str(folder), *allowed, *arguments], input=given, capture_output=True, env=kept, check=True
    )
    return done.stdout.decode(errors="replace").strip()


def write(folder: Path, files: dict[str, bytes]) -> None:
    """Write files below a folder."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def commit(folder: Path, files: dict[str, bytes], message: str = "Work", **who) -> str:
    """Commit files; gives the commit."""
    write(folder, files)
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", message, **who)
    return git(folder, "rev-parse", "HEAD")


def begun(folder: Path, *options: str) -> Path:
    """A repository as `residency lab start` leaves it."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main", *options)
    commit(folder, catalogue.begun(LAB), f"Start {LAB.name}", author=START)
    return folder


def submitted(folder: Path, files: dict[str, bytes] | None = None, *options: str) -> Path:
    """A repository with one submission: the solution, or these files."""
    begun(folder, *options)
    commit(folder, {"work.py": WORK} if files is None else files, at=BEGAN + 3600)
    git(folder, "tag", "submission-1")
    return folder
