"""Runs Git on a stranger's clone: `python -I reading.py REQUEST`, in the sandbox. It uses the standard library alone.

Git gets a folder of its own (`Git`): fresh settings, a copy of the clone's list of references, and its objects. The
clone's settings, hooks, attribute files, replacements, grafts and index are never read, so nothing in them can start
a program. What is left, Git's own reading of objects and of the work tree, happens in the sandbox.

It answers with one line of JSON and then the bytes of files; `submissions.py` checks both.
"""

from __future__ import annotations

import json
import os
import re
import select
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

SMALL = 4 << 20  # the longest settings, list of references or answer of Git
TREE_BYTES, TREE_ENTRIES = 2 << 20, 20_000
LOG_BYTES = 8 << 20
BLAME_BYTES = 32 << 20
SUBMISSION = re.compile(r"refs/tags/submission-([0-9]{1,9})")
SETTINGS = """\
[core]
\trepositoryformatversion = {version}
\tbare = true
\tfileMode = false
\tautocrlf = input
\tpreloadIndex = false
\tfsmonitor = false
\thooksPath = /dev/null
\tattributesFile = /dev/null
\texcludesFile = /dev/null
\tpager = cat
\tquotePath = true
\tuseReplaceRefs = false
[protocol]
\tallow = never
[safe]
\tdirectory = *
[gc]
\tauto = 0
[maintenance]
\tauto = false
[pack]
\tthreads = 1
[index]
\tthreads = 1
[submodule]
\trecurse = false
[diff]
\tignoreSubmodules = all
[log]
\tshowSignature = false
\tmailmap = true
[i18n]
\tlogOutputEncoding = UTF-8
"""
QUIET = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": "/dev/null",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_PROTOCOL_FROM_USER": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": "false",
    "GIT_ASKPASS": "false",
    "GIT_SSH_COMMAND": "false",
    "LC_ALL": "C.UTF-8",
}
# On the command line as well: it outranks every file.
OVERRIDES = ("core.fsmonitor=false", "core.hooksPath=/dev/null", "protocol.allow=never", "safe.directory=*")
ALWAYS = (
    *(word for setting in OVERRIDES for word in ("-c", setting)),
    "--no-pager",
    "--no-replace-objects",
    "--no-optional-locks",
)


class Stop(Exception):
    """The clone cannot be read: one line that says why."""


class Git:
    """Git in a folder of its own, which borrows a clone's objects and references."""

    def __init__(self, place: Path, folder: Path, common: Path, work: Path | None) -> None:
        self.place, self.common, self.work = place / "git", common, work
        self.place.mkdir()
        self.environment = {**os.environ, **QUIET, "GIT_DIR": str(self.place)}
        self.environment |= {"GIT_OBJECT_DIRECTORY": str(common / "objects"), "GIT_INDEX_FILE": str(place / "index")}
        (self.place / "HEAD").write_text("ref: refs/heads/none\n")
        for name in ("refs", "reftable"):
            if (common / name).is_dir():
                (self.place / name).symlink_to(common / name)
        if not (self.place / "refs").is_symlink():
            (self.place / "refs").mkdir()
        for name in ("packed-refs", "shallow"):
            if text := small(common / name):
                (self.place / name).write_bytes(text)
        self._settings("")
        self._settings(self._formats(place))
        head = small(folder / "HEAD")
        if re.fullmatch(rb"ref: refs/heads/[^\0-\x20\x7f]{1,250}|[0-9a-f]{40}|[0-9a-f]{64}", head.strip()):
            (self.place / "HEAD").write_bytes(head.strip() + b"\n")

    def _settings(self, extensions: str) -> None:
        (self.place / "config").write_text(SETTINGS.format(version=1 if extensions else 0) + extensions)

    def _formats(self, place: Path) -> str:
        """The formats of the clone's objects and references: the only two settings of the clone that count."""
        (place / "settings").write_bytes(small(self.common / "config"))
        command = ["config", "--file", str(place / "settings"), "--no-includes", "--get-regexp", r"^extensions\."]
        _, said = self.run(command, 10_000)
        known = {"extensions.objectformat sha256", "extensions.refstorage reftable"}
        found = known & {line.lower() for line in said.decode(errors="replace").splitlines()}
        lines = [f"\t{line.removeprefix('extensions.').replace(' ', ' = ')}\n" for line in sorted(found)]
        return "[extensions]\n" + "".join(lines) if lines else ""

    def run(
        self,
        arguments: Sequence[str],
        most: int,
        *,
        given: bytes = b"",
        seconds: float | None = None,
        tree: bool = False,
    ) -> tuple[int, bytes]:
        """Run Git: its return code and up to `most` bytes; code -1 if it writes more or takes too long."""
        environment, where = self.environment, str(self.place)
        if tree:
            assert self.work is not None
            environment, where = {**environment, "GIT_WORK_TREE": str(self.work)}, str(self.work)
        bare = ("-c", "core.bare=false") if tree else ()
        with tempfile.TemporaryFile() as asked:
            asked.write(given)
            asked.seek(0)
            running = subprocess.Popen(
                ["git", *ALWAYS, *bare, *arguments],
                stdin=asked,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                cwd=where,
            )
        assert running.stdout is not None
        ends = time.monotonic() + (seconds or 600)
        found = bytearray()
        with running.stdout:
            number = running.stdout.fileno()
            while len(found) <= most and (left := ends - time.monotonic()) > 0:
                if not select.select([number], [], [], left)[0]:
                    break
                if not (piece := os.read(number, 1 << 18)):
                    return running.wait(), bytes(found)
                found += piece
            running.kill()
        running.wait()
        return -1, bytes(found[:most])

    def kind(self, name: str) -> tuple[str, str]:
        """The identifier and the type of what a name means, after annotated tags; empty if it is not there."""
        _, said = self.run(["cat-file", "--batch-check"], 10_000, given=f"{name}^{{}}\n".encode())
        parts = said.decode(errors="replace").split()
        return (parts[0], parts[1]) if len(parts) == 3 and re.fullmatch("[0-9a-f]{40,64}", parts[0]) else ("", "")

    def blobs(self, names: Sequence[tuple[str, int]]) -> Iterator[bytes | None]:
        """The bytes of objects of known sizes; None for one that is not there."""
        running = subprocess.Popen(
            ["git", *ALWAYS, "cat-file", "--batch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self.environment,
            cwd=self.place,
        )
        assert running.stdin is not None
        assert running.stdout is not None
        try:
            for name, size in names:
                running.stdin.write(f"{name}\n".encode())
                running.stdin.flush()
                said = running.stdout.readline(200).split()
                if len(said) != 3:
                    yield None
                    continue
                if int(said[2]) != size:
                    raise Stop("has an object of another length than its tree says")
                content = running.stdout.read(size)
                running.stdout.read(1)
                yield content
        except BrokenPipeError:
            raise Stop("has objects that Git cannot read; they may be damaged") from None
        finally:
            running.kill()
            running.wait()
            running.stdout.close()
            try:
                running.stdin.close()
            except BrokenPipeError:
                pass


def small(path: Path) -> bytes:
    """The bytes of a small regular file; none if it is something else, such as a link or a pipe."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    with os.fdopen(number, "rb") as file:
        about = os.fstat(number)
        if not stat.S_ISREG(about.st_mode) or about.st_size > SMALL:
            return b""
        return file.read(SMALL)


def tags(git: Git) -> list[str]:
    """The submissions' tags, the last one last."""
    _, said = git.run(["for-each-ref", "--format=%(refname)", "refs/tags/submission-*"], SMALL)
    found = [line for line in said.decode(errors="replace").splitlines() if SUBMISSION.fullmatch(line)]
    return sorted(found, key=lambda name: (int(name.rpartition("-")[2]), name))


def commit_of(git: Git, wanted: str) -> tuple[str, str]:
    """The tag (empty if it is a commit) and the commit that are asked for; raises `Stop`."""
    if wanted:
        for name, tag in ((f"refs/tags/{wanted}", wanted), (wanted, "")):
            if not tag and not re.fullmatch("[0-9a-f]{4,64}", name):
                continue
            commit, kind = git.kind(name)
            if commit and kind != "commit":
                raise Stop(f"has {wanted}, but it points to a {kind}, not to a commit")
            if commit:
                return tag, commit
        raise Stop(f"has no tag or commit {wanted}")
    found = tags(git)
    if not found:
        known = [git.run(["rev-list", "--max-count=1", where], 1000)[1] for where in ("HEAD", "--all")]
        if not any(text.strip() for text in known):
            raise Stop("has no commits that can be read")
        raise Stop("has no tag submission-N: nothing was submitted")
    tag = found[-1].removeprefix("refs/tags/")
    commit, kind = git.kind(found[-1])
    if not commit:
        raise Stop(f"has the tag {tag}, but the commit that it names is missing")
    if kind != "commit":
        raise Stop(f"has the tag {tag}, but it points to a {kind}, not to a commit")
    return tag, commit


def tree(git: Git, commit: str) -> tuple[list[dict[str, Any]], bool]:
    """The entries of a commit's tree, and whether these are all; names as hexadecimal digits of their bytes."""
    code, said = git.run(["ls-tree", "-r", "-z", "-l", "--full-tree", commit], TREE_BYTES, seconds=10)
    records = said.split(b"\0")
    if code > 0:
        raise Stop("has a commit whose tree Git cannot read: objects are missing or damaged")
    entries = []
    for record in records[:-1][:TREE_ENTRIES]:
        about, _, name = record.partition(b"\t")
        mode, kind, identifier, size = about.decode("ascii", errors="replace").split()
        entries.append(
            {
                "mode": mode,
                "kind": kind,
                "id": identifier,
                "size": int(size) if size.isdigit() else -1,
                "name": name.hex(),
            }
        )
    return entries, code == 0 and len(records) - 1 <= TREE_ENTRIES


def differs(git: Git, commit: str) -> list[str] | None:
    """Files of the work tree that differ from a commit, as hexadecimal digits; None where that cannot be said."""
    if git.work is None:
        return None
    if git.run(["read-tree", commit], 1000, seconds=5)[0]:
        return None
    ignored = ["__pycache__", "*.pyc", ".*"]
    command = ["ls-files", "-z", "-m", "-o", "--directory", "--no-empty-directory"]
    command += ["--exclude-per-directory=.gitignore", *(f"--exclude={name}" for name in ignored)]
    code, said = git.run(command, SMALL, seconds=5, tree=True)
    return None if code else sorted({name.hex() for name in said.split(b"\0") if name})[:1000]


def submission(git: Git, request: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """The commit, its tree, and the bytes of the files that are wanted."""
    tag, commit = commit_of(git, request["tag"])
    code, raw = git.run(["cat-file", "commit", commit], SMALL)
    if code:
        raise Stop(f"has a commit {commit[:12]} that Git cannot read")
    when = re.search(rb"^committer .*> (-?[0-9]{1,20}) [+-][0-9]{4}$", raw.partition(b"\n\n")[0], re.MULTILINE)
    entries, is_whole = tree(git, commit)
    bodies: list[bytes] = []
    room, most, count = request["total"], request["each"], request["count"]
    first = [bytes(name, "utf-8").hex() for name in request["first"]]
    wanted = [entry for entry in entries if entry["mode"] in ("100644", "100755", "100664")]
    wanted.sort(key=lambda entry: (entry["name"] not in first, bytes.fromhex(entry["name"])))
    chosen: list[dict[str, Any]] = []
    if any(entry["size"] < 0 for entry in wanted):
        raise Stop(f"lacks objects of {tag or commit[:12]}: it is not a whole clone")
    for entry in wanted:
        if entry["size"] <= most and entry["size"] <= room and len(chosen) < count:
            room -= entry["size"]
            chosen.append(entry)
    for entry, content in zip(chosen, git.blobs([(entry["id"], entry["size"]) for entry in chosen]), strict=True):
        if content is None:
            raise Stop(f"lacks objects of {tag or commit[:12]}: it is not a whole clone")
        entry["body"] = len(bodies)
        bodies.append(content)
    _, later = git.run(["rev-list", "--count", "--max-count=10000", f"{commit}..HEAD"], 1000, seconds=5)
    header = {
        "tag": tag,
        "commit": commit,
        "time": int(when[1]) if when else None,
        "entries": entries,
        "whole": is_whole,
        "later": int(later) if later.strip().isdigit() else 0,
        "differs": differs(git, commit) if is_whole else None,
    }
    return header, bodies


def history(git: Git, request: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Who wrote each line of some files at a commit, the log up to it, and the commits that were submitted before."""
    commit = request["commit"]
    ends = time.monotonic() + request["seconds"]
    mapped = ["-c", f"mailmap.blob={commit}:.mailmap", "-c", "mailmap.file=/dev/null"]
    # A letter at the beginning of each line: lines of --numstat begin with a digit or a hyphen.
    shape = "H%H%nP%P%nT%at %ct%nA%an%nB%ae%nC%aN%nD%aE%nE%cN%nF%cE%nS%s%n"
    shape += "O%(trailers:key=Co-authored-by,valueonly,unfold,separator=%x1f)"
    command = ["log", "--no-show-signature", "--no-ext-diff", "--no-textconv", "--no-renames", "--numstat", "--root"]
    command += ["--ignore-submodules=all", f"--max-count={request['commits']}", f"--format={shape}", commit, "--"]
    code, log = git.run([*mapped, *command], LOG_BYTES, seconds=request["seconds"] / 2)
    blamed: dict[str, list[list[Any]] | None] = {}
    for path in request["paths"]:
        left = ends - time.monotonic()
        blame = ["blame", "-w", "-M", "-C", "--line-porcelain", "--no-textconv", commit, "--", path]
        status, said = git.run(blame, BLAME_BYTES, seconds=left) if left > 0 else (-1, b"")
        blamed[path] = None if status else runs(said)
    _, said = git.run(["for-each-ref", "--format=%(refname) %(objectname) %(*objectname)", "refs/tags"], SMALL)
    earlier = {}
    for line in said.decode(errors="replace").splitlines():
        name, *identifiers = line.split()
        if SUBMISSION.fullmatch(name) and identifiers:
            earlier[name.removeprefix("refs/tags/")] = identifiers[-1]
    header = {
        "blamed": blamed,
        "log_whole": code == 0,
        "earlier": earlier,
        "shallow": bool(small(git.common / "shallow")),
        "contacts": contacts(git, mapped, log),
    }
    return header, [log]


def runs(said: bytes) -> list[list[Any]]:
    """Commits of the lines in their order, as [commit, lines] for each run of lines of one commit."""
    found: list[list[Any]] = []
    begins = True
    for line in said.split(b"\n")[:-1]:
        if line.startswith(b"\t"):
            begins = True
        elif begins:
            begins = False
            commit = line[:64].split(b" ")[0].decode("ascii", errors="replace")
            if found and found[-1][0] == commit:
                found[-1][1] += 1
            else:
                found.append([commit, 1])
    return found


def contacts(git: Git, mapped: Sequence[str], log: bytes) -> dict[str, str]:
    """Co-authors as `.mailmap` names them."""
    named = set()
    for line in log.split(b"\n"):
        if line.startswith(b"O") and b"<" in line:
            named |= {text.strip() for text in line[1:].split(b"\x1f") if re.fullmatch(rb"[^<>]*<[^<>]+>\s*", text)}
    asked = sorted(named)[:1000]
    code, said = git.run([*mapped, "check-mailmap", "--stdin"], SMALL, given=b"".join(text + b"\n" for text in asked))
    answered = said.split(b"\n")[:-1]
    if code or len(answered) != len(asked):
        return {}
    pairs = zip(asked, answered, strict=True)
    return {text.decode(errors="replace"): answer.decode(errors="replace") for text, answer in pairs}


def main() -> None:
    """Answer one request."""
    request = json.loads(sys.argv[1])
    bodies: list[bytes] = []
    with tempfile.TemporaryDirectory(prefix="residency-git-") as place:
        try:
            work = Path(request["work"]) if request["work"] else None
            git = Git(Path(place), Path(request["git"]), Path(request["common"]), work)
            header, bodies = {"submission": submission, "history": history}[request["do"]](git, request)
        except Stop as stop:
            header = {"stop": str(stop)}
        except FileNotFoundError as error:
            header = {"stop": "cannot be read: Git is not installed here"} if error.filename == "git" else {"stop": ""}
    header["lengths"] = [len(body) for body in bodies]
    sys.stdout.buffer.write(json.dumps(header).encode() + b"\n")
    for body in bodies:
        sys.stdout.buffer.write(body)


if __name__ == "__main__":
    main()
