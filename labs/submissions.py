"""A stranger's clone: what was submitted in it. Git reads it in the sandbox alone, and nothing of it is executed.

    submission = read(Path("clones/ann"), lab)
    submission.files        what is graded: the resident's files, and the teacher's copies of the protected ones

`reading.py` runs Git in the sandbox on a Git folder of its own, which borrows the clone's objects and references, so
that no setting, hook, attribute file, replacement or graft of the clone is ever read. What it answers is checked here
as if a stranger had written it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from residency.harness.errors import UsageError, visible
from residency.labs import catalogue, repository, sandbox, scratch
from residency.labs.lab import Lab

READER = Path(__file__).parent / "reading.py"
FILE_BYTES, TOTAL_BYTES, MOST_FILES = 1 << 20, 20 << 20, 1_000
HEADER_BYTES = 16 << 20
COPY_BYTES = 1 << 30
MEMORY_BYTES = 1 << 30
SECONDS = 60.0
MOST_REMARKS = 20
NAME_BYTES = 200  # of one part of a path
IDENTIFIER = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
ASKED = re.compile(r"[A-Za-z0-9](?!.*\.\.)[A-Za-z0-9._/+-]{0,199}")
NO_FILES = {"120000": "a symbolic link", "160000": "a submodule"}


@dataclass(frozen=True)
class Submission:
    """What one clone submitted. Names in `changed`, `removed`, `remarks` and `unsubmitted` can be shown as they are."""

    clone: Path
    lab: str
    tag: str  # `submission-3`; empty if a commit was asked for
    commit: str  # its whole identifier: 40 or 64 hexadecimal digits
    time: datetime | None  # when it was committed, in UTC, as the resident's clock said; None: an impossible time
    files: Mapping[str, bytes] = field(repr=False)  # by path: what is graded, with the teacher's protected files
    changed: tuple[str, ...] = ()  # protected files that differ from the teacher's; the teacher's are graded
    removed: tuple[str, ...] = ()  # protected files that are missing in the commit
    remarks: tuple[str, ...] = ()  # one sentence for each file that was left out, and why
    unsubmitted: tuple[str, ...] | None = None  # files of the work tree that differ from the commit; None: not known
    later: int = 0  # commits after the submitted one on the branch that is checked out
    team: bytes | None = field(default=None, repr=False)  # the text of `team.toml`


def read(clone: Path, lab: Lab, tag: str | None = None) -> Submission:
    """What a clone submitted: its last tag `submission-N`, or a given tag or commit.

    Raises `UsageError` with one line that says what is wrong with the clone.
    """
    if tag is not None and not ASKED.fullmatch(tag):
        raise UsageError(f"invalid tag or commit {visible(tag)!r}: use a name such as submission-2, or a commit")
    limits = {"each": FILE_BYTES, "total": TOTAL_BYTES, "count": MOST_FILES}
    first = [*lab.files, repository.MARK, "team.toml", *catalogue.protected(lab)]
    asked = {"do": "submission", "tag": tag or "", "first": first, **limits}
    header, bodies = ask(clone, asked, HEADER_BYTES + TOTAL_BYTES)
    try:
        return _submission(clone, lab, header, bodies)
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise UsageError(f"{shown(clone)} gave an answer that no clone gives ({type(error).__name__})") from None


def shown(clone: Path) -> str:
    """A clone's folder, as text that can be shown."""
    return visible(os.fsencode(clone).decode(errors="replace"))


def _submission(clone: Path, lab: Lab, header: dict[str, Any], bodies: Sequence[bytes]) -> Submission:
    commit, tag = str(header["commit"]), str(header["tag"])
    if not IDENTIFIER.fullmatch(commit) or (tag and not ASKED.fullmatch(tag)):
        raise ValueError(commit)
    found, left_out = _files(clone, header["entries"], bodies)
    label = tag or commit[:12]
    _belongs(clone, lab, label, found, left_out)
    given = catalogue.protected(lab)
    changed = [name for name in given if name in found and _text(found[name]) != _text(given[name])]
    changed += [name for name in given if name not in found and name in left_out]
    removed = [name for name in given if name not in found and name not in left_out]
    files = {name: content for name, content in found.items() if name in given or not _in_the_way(name, given)}
    left_out |= {name: f"{visible(name)}: a protected file has this name" for name in found.keys() - files.keys()}
    remarks = list(left_out.values())
    if not header["whole"]:
        remarks.insert(0, "The commit holds more files than can be listed: the rest was left out.")
    if len(remarks) > MOST_REMARKS:
        remarks[MOST_REMARKS - 1 :] = [f"{len(remarks) - MOST_REMARKS + 1:,} more files were left out."]
    return Submission(
        clone,
        lab.name,
        tag,
        commit,
        moment(header["time"]),
        {**files, **given},
        tuple(visible(name) for name in sorted(changed)),
        tuple(visible(name) for name in sorted(removed)),
        tuple(remarks),
        _unsubmitted(header["differs"]),
        int(header["later"]),
        found.get("team.toml"),
    )


def moment(seconds: Any) -> datetime | None:
    """A time in UTC from seconds since 1970; None if no calendar has it."""
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (OverflowError, ValueError, OSError, TypeError):
        return None


def _unsubmitted(differs: Any) -> tuple[str, ...] | None:
    if differs is None:
        return None
    return tuple(visible(bytes.fromhex(name).decode(errors="replace")) for name in differs)


def _text(content: bytes) -> bytes:
    """A file without what an editor on another system changes unasked."""
    return content.replace(b"\r\n", b"\n").rstrip()


def _belongs(clone: Path, lab: Lab, label: str, found: Mapping[str, bytes], left_out: Mapping[str, str]) -> None:
    """Raise `UsageError` if a commit belongs to another lab, or lacks the lab's own files."""
    name = None
    if repository.MARK in found:
        with contextlib.suppress(UsageError):
            name = repository.name_in(found[repository.MARK], repository.MARK)
    if name is not None and name != lab.name:
        raise UsageError(f"{shown(clone)} belongs to lab {name}, not to {lab.name}, at {label}")
    missing = [file for file in lab.files if file not in found]
    if not missing:
        return
    if missing[0] in left_out:
        raise UsageError(f"{shown(clone)} cannot be graded at {label}: {left_out[missing[0]]}")
    if repository.MARK not in found:
        raise UsageError(
            f"{shown(clone)} is not a repository of lab {lab.name} at {label}:"
            f" it has no {repository.MARK} and no {missing[0]}"
        )
    raise UsageError(f"{shown(clone)} lacks {missing[0]} at {label}: it is the file of this lab")


def _files(
    clone: Path, entries: Sequence[Mapping[str, Any]], bodies: Sequence[bytes]
) -> tuple[dict[str, bytes], dict[str, str]]:
    """The files of a tree by path, and sentences about those that are left out."""
    found: dict[str, bytes] = {}
    left_out: dict[str, str] = {}
    for entry in entries:
        raw = bytes.fromhex(entry["name"])
        name = raw.decode(errors="replace")
        why = _why_not(entry, raw)
        if not why and (name in found or any(str(parent) in found for parent in PurePosixPath(name).parents)):
            why = "the commit has two files of this name"
        if why:
            left_out[name] = f"{visible(name[:NAME_BYTES])} was left out: {why}."
            continue
        content = bodies[entry["body"]]
        if not _is_whole(content, str(entry["id"])):
            raise UsageError(f"{shown(clone)} is damaged: {visible(name)} is not what its commit says")
        found[name] = content
    return found, left_out


def _why_not(entry: Mapping[str, Any], raw: bytes) -> str:
    """Why a file is not taken; empty if it is."""
    if entry["mode"] in NO_FILES:
        return f"it is {NO_FILES[entry['mode']]}"
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        return "its name is not UTF-8"
    if any(ord(character) < 32 or ord(character) == 127 for character in name):
        return "its name holds control characters"
    parts = name.split("/")
    if any(part in ("", ".", "..") or part.casefold().rstrip(". ") == ".git" or "\\" in part for part in parts):
        return "its name leads out of the folder"
    if any(len(part.encode()) > NAME_BYTES for part in parts) or len(raw) > 1000 or len(parts) > 20:
        return "its name is too long"
    if entry["kind"] != "blob":
        return "it is not a regular file"
    if int(entry["size"]) > FILE_BYTES:
        return f"it has more than {FILE_BYTES >> 20} MB"
    if "body" not in entry:
        return f"there are more than {MOST_FILES:,} files, or they have more than {TOTAL_BYTES >> 20} MB together"
    return ""


def _is_whole(content: bytes, identifier: str) -> bool:
    """Whether an object's bytes are those that its identifier names."""
    kind = hashlib.sha1 if len(identifier) == 40 else hashlib.sha256
    return kind(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest() == identifier


def _in_the_way(name: str, given: Mapping[str, bytes]) -> bool:
    """Whether a file takes the place of a folder of the teacher's files, or the other way round."""
    above = {str(parent) for parent in PurePosixPath(name).parents}
    return bool(above & given.keys()) or any(PurePosixPath(other).is_relative_to(name) for other in given)


# --- The clone's folders, and the question to the sandbox -----------------------------------------------------------


@dataclass(frozen=True)
class Folders:
    """Where a clone keeps what Git needs."""

    clone: Path
    git: Path  # the folder with HEAD
    common: Path  # the folder with the objects; another one for a work tree that `git worktree add` made
    has_work: bool


def ask(clone: Path, request: Mapping[str, Any], most_bytes: int) -> tuple[dict[str, Any], list[bytes]]:
    """Ask `reading.py` in the sandbox about a clone: the header of its answer and the files; raises `UsageError`."""
    folders = located(clone)
    with contextlib.ExitStack() as stack:
        mine = stack.enter_context(scratch.folder())
        (mine / READER.name).write_bytes(READER.read_bytes())
        folders = _readable(folders, mine)
        seen = {folders.clone: "/clone", mine: "/reader"}
        if not folders.common.is_relative_to(folders.clone):
            seen[folders.common] = "/common"
        places = {
            "git": _seen(folders.git, seen),
            "common": _seen(folders.common, seen),
            "work": _seen(folders.clone, seen) if folders.has_work else "",
        }
        script = sandbox.place(mine, "/reader") + f"/{READER.name}"
        command = [sys.executable, "-I", "-S", script, json.dumps({**request, **places})]
        try:
            limits = sandbox.Limits(MEMORY_BYTES)
            code, answer = sandbox.run(command, seen, limits, SECONDS, most_bytes, environment={"LC_ALL": "C.UTF-8"})
        except sandbox.LimitBroken as broken:
            how = {"timeout": f"{SECONDS:g} seconds", "memory": f"{MEMORY_BYTES >> 30} GB of memory"}
            limit = how.get(broken.limit, "the sandbox allows")
            raise UsageError(f"{shown(clone)} cannot be read: Git needs more than {limit}") from None
    return _answer(clone, folders, code, answer)


def _answer(clone: Path, folders: Folders, code: int, answer: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """Take an answer apart; raises `UsageError` if it is not as agreed."""
    line, _, rest = answer.partition(b"\n")
    try:
        header = json.loads(line)
        lengths = header["lengths"]
        if code or not isinstance(lengths, list) or not all(type(length) is int and length >= 0 for length in lengths):
            raise ValueError(code)
        if sum(lengths) != len(rest):
            raise ValueError(len(rest))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UsageError(f"{shown(clone)} cannot be read: Git failed on it") from None
    if "stop" in header:
        borrowed = (folders.common / "objects" / "info" / "alternates").exists()
        more = "; it borrows objects of another repository: clone it whole" if borrowed else ""
        raise UsageError(f"{shown(clone)} {visible(str(header['stop']) or 'cannot be read')}{more}")
    bodies, begins = [], 0
    for length in lengths:
        bodies.append(rest[begins : begins + length])
        begins += length
    return header, bodies


def _seen(path: Path, seen: Mapping[Path, str]) -> str:
    """Where the sandbox sees a path."""
    for folder, place in seen.items():
        if path.is_relative_to(folder):
            below = path.relative_to(folder)
            return str(Path(sandbox.place(folder, place)) / below)
    raise UsageError(f"{shown(path)} is not shown to the sandbox")


def located(clone: Path) -> Folders:
    """Find a clone's Git folder without running Git, and never outside of the clone; raises `UsageError`."""
    try:
        clone = clone.resolve(strict=True)
        if not clone.is_dir():
            raise UsageError(f"{shown(clone)} is a file, not a folder")
        if not any(clone.iterdir()):
            raise UsageError(f"{shown(clone)} is an empty folder")
        folders = _found(clone)
    except FileNotFoundError:
        raise UsageError(f"{shown(clone)} does not exist") from None
    except (OSError, RuntimeError, ValueError) as error:
        why = getattr(error, "strerror", None) or "its links lead in a circle"
        raise UsageError(f"{shown(clone)} cannot be read: {why}") from None
    names = ("HEAD", "objects", "objects/pack", "objects/info", "refs", "packed-refs", "reftable")
    for place in (folders.git, *(folders.common / name for name in names)):
        if not _is_inside(place, folders.common) and not _is_inside(place, clone):
            raise UsageError(f"{shown(clone)} is not read: its {visible(place.name)} is a link out of the folder")
    if sandbox.means().kind != "bubblewrap" and (folders.common / "objects/info/alternates").exists():
        raise UsageError(f"{shown(clone)} is not read: it borrows objects of another repository; clone it whole")
    return folders


def _found(clone: Path) -> Folders:
    git = clone / ".git"
    if git.is_symlink() and not _is_inside(git, clone):
        raise UsageError(f"{shown(clone)} is not read: its .git is a link out of the folder")
    if stat.S_ISREG(_mode(git)):
        return _linked(clone, git)
    is_work = git.is_dir()
    folder = git.resolve() if is_work else clone
    if not (folder / "HEAD").exists() or not (folder / "objects").is_dir():
        raise UsageError(f"{shown(clone)} is not a Git repository")
    return Folders(clone, folder, folder, is_work)


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return 0


def _linked(clone: Path, file: Path) -> Folders:
    """A work tree whose `.git` is a file. Outside of the clone it counts only if the other side names this clone."""
    named = _line(file)
    refused = UsageError(
        f"{shown(clone)} is not read: its .git names a repository outside, which does not name it back"
    )
    if not named.startswith("gitdir:"):
        raise UsageError(f"{shown(clone)} is not a Git repository: its .git is a file that names none")
    folder = (clone / named.removeprefix("gitdir:").strip()).resolve()
    if not folder.is_dir():
        raise UsageError(f"{shown(clone)} is a work tree without its repository: clone it whole")
    if folder.is_relative_to(clone):
        common = (folder / (_line(folder / "commondir") or ".")).resolve()
        if not common.is_relative_to(clone):
            raise refused
        return Folders(clone, folder, common, True)
    back = folder / "gitdir"
    if folder.parent.name != "worktrees" or not back.is_file() or Path(_line(back)).resolve() != file.resolve():
        raise refused
    return Folders(clone, folder, folder.parent.parent, True)


def _line(file: Path) -> str:
    """The first line of a small regular file, or nothing."""
    if not stat.S_ISREG(_mode(file)):
        return ""
    with file.open("rb") as stream:
        return stream.read(4096).partition(b"\n")[0].decode(errors="replace").strip().replace("\0", "")


def _is_inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder)


def _readable(folders: Folders, scratch: Path) -> Folders:
    """The folders, or a copy of what Git needs where the sandbox's user may not read them."""
    roots = [folders.common] + [folders.git] * (not folders.git.is_relative_to(folders.common))
    above = [folders.clone, *(path for path in folders.git.parents if path.is_relative_to(folders.clone))]
    if sandbox.means().kind == "user":  # the folders are seen where they are
        above += folders.clone.parents
    hidden = [path for path in above if not _is_open(path.stat())]
    hidden += [Path(entry.path) for root in roots for entry in _entries(root) if not _is_open(entry.stat())]
    if not hidden:
        return folders
    if os.geteuid():
        raise UsageError(f"{shown(folders.clone)} cannot be read: {shown(hidden[0])}: Permission denied")
    common = _copied(folders.common, scratch / "copy", folders.clone)
    if folders.git.is_relative_to(folders.common):
        git = common / folders.git.relative_to(folders.common)
    else:
        git = _copied(folders.git, scratch / "git", folders.clone)
    return Folders(scratch, git, common, False)


def _is_open(about: os.stat_result) -> bool:
    """Whether the sandbox's user may read a file or enter a folder."""
    others = stat.S_IROTH | (stat.S_IXOTH if stat.S_ISDIR(about.st_mode) else 0)
    if os.geteuid() == 0:
        return about.st_mode & others == others
    mine = others << (6 if about.st_uid == os.geteuid() else 3 if about.st_gid in os.getgroups() else 0)
    return about.st_mode & mine == mine


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """The folders and regular files below a folder; links and what is neither are passed over."""
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            yield entry
            if os.geteuid() == 0 or _is_open(entry.stat()):
                yield from _entries(Path(entry.path))
        elif entry.is_file(follow_symlinks=False):
            yield entry


def _copied(source: Path, target: Path, clone: Path) -> Path:
    """A copy of the regular files of a Git folder that everybody may read."""
    room = COPY_BYTES
    target.mkdir(mode=0o755)
    for entry in _entries(source):
        copy = target / Path(entry.path).relative_to(source)
        if entry.is_dir(follow_symlinks=False):
            copy.mkdir()
            copy.chmod(0o755)
            continue
        room -= entry.stat().st_size
        if room < 0:
            raise UsageError(f"{shown(clone)} cannot be read: its repository has more than {COPY_BYTES >> 30} GB")
        shutil.copyfile(entry.path, copy)
        copy.chmod(0o644)
    return target
