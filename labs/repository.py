"""A resident's repository: made with the starter committed, found again by `lab.toml`, submitted by a tag.

These are the resident's own repositories, so Git runs here as usual. The clones that an instructor grades belong to
strangers: `submissions.py` never runs Git on them outside the sandbox.
"""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path

from residency.harness.errors import UsageError
from residency.labs import catalogue, notebook, tables
from residency.labs.lab import Lab

TAG = "submission-"
MARK = "lab.toml"
WHO = {"user.name": "Residency", "user.email": "residency@localhost"}


def start(lab: Lab, folder: Path, *, as_notebook: bool = False, table: tables.Source | None = None) -> None:
    """Make a Git repository with what the resident begins with, committed; raises `UsageError`."""
    extra = notebook.files(lab) if as_notebook else {}
    if lab.shipped is not None:
        extra |= tables.files(lab.shipped, table)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} exists and is not empty; name another folder with --into")
    try:
        write(folder, {**catalogue.begun(lab), **extra})
        if as_notebook:
            notebook.write(folder)
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror}") from None
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    named = [word for name, value in WHO.items() for word in ("-c", f"{name}={value}")]
    git(folder, *named, "commit", "--quiet", "--no-verify", "-m", f"Start {lab.name}")


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files below a folder."""
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def lab_of(folder: Path) -> Lab:
    """The lab that a folder belongs to, by its `lab.toml`; raises `UsageError`."""
    for place in (folder, *folder.parents):
        if (place / MARK).is_file():
            return catalogue.lab(name_in((place / MARK).read_bytes(), place / MARK))
    raise UsageError(f"{folder} is not the folder of a lab: it has no {MARK}; begin one with `residency lab start LAB`")


def root_of(folder: Path) -> Path:
    """The folder of the lab that a folder lies in."""
    return next(place for place in (folder, *folder.parents) if (place / MARK).is_file())


def name_in(text: bytes, place: Path | str) -> str:
    """The lab's name in a `lab.toml`; raises `UsageError`."""
    try:
        name = tomllib.loads(text[:10_000].decode()).get("lab")
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError):
        name = None
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9-]{1,80}", name):
        raise UsageError(f'{place} names no lab: it needs the line lab = "NAME"')
    return name


def edited(lab: Lab, folder: Path) -> dict[str, bytes]:
    """The files of a working folder as they would be graded: the resident's own, and the teacher's copies."""
    notebook.refuse_unsaved(folder)
    found: dict[str, bytes] = {}
    for file in sorted(folder.rglob("*.py")) + [folder / name for name in lab.files]:
        place = file.relative_to(folder)
        if file.is_file() and not file.is_symlink() and not any(part.startswith(".") for part in place.parts):
            found[str(place)] = file.read_bytes()
    for name in lab.files:
        if name not in found:
            raise UsageError(f"{folder / name} is missing: it is the file of this lab")
    return {**found, **catalogue.protected(lab)}


def unedited(lab: Lab, folder: Path) -> list[str]:
    """What a team has to fill in, and is missing or as in the starter."""
    begun, names = catalogue.begun(lab), (catalogue.REPORT, catalogue.TEAM)
    return [name for name in names if name in begun and _content(folder / name) in (None, begun[name])]


def _content(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None


def submit(folder: Path) -> tuple[str, str]:
    """Tag the commit that is submitted; gives the tag and the commit's short name. Raises `UsageError`."""
    inside = git(
        folder, "rev-parse", "--show-toplevel", failing="this folder is not a Git repository: begin with `git init`"
    )
    del inside
    notebook.refuse_unsaved(folder)
    if changed := git(folder, "status", "--porcelain", "--untracked-files=no").rstrip():
        names = ", ".join(line[3:] for line in changed.splitlines()[:3])
        raise UsageError(f"{names} changed since the last commit: commit first, with `git commit --all -m MESSAGE`")
    tags = git(folder, "tag", "--list", f"{TAG}*").split()
    here = git(folder, "tag", "--list", f"{TAG}*", "--points-at", "HEAD").split()
    commit = git(folder, "rev-parse", "--short", "HEAD").strip()
    if here:
        return sorted(here, key=number)[-1], commit
    tag = f"{TAG}{max((number(name) for name in tags), default=0) + 1}"
    git(folder, "tag", tag)
    return tag, commit


def number(tag: str) -> int:
    """The number of a submission's tag: 3 for `submission-3`, and 0 for any other tag."""
    rest = tag.removeprefix(TAG)
    return int(rest) if tag.startswith(TAG) and rest.isascii() and rest.isdigit() and len(rest) < 10 else 0


def git(folder: Path, *arguments: str, failing: str = "") -> str:
    """Run Git in a folder and return what it prints; raises `UsageError` with its last line."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, errors="replace", check=False
        )
    except FileNotFoundError:
        raise UsageError("Git is not installed here; labs are Git repositories") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise UsageError(failing or f"git {arguments[0]} failed: {last}")
    return done.stdout
