"""Strangers' clones: every kind is read, nothing in one is executed, and what cannot be read says why in one line."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from residency.harness.errors import UsageError
from residency.labs import catalogue, contribution, sandbox, submissions

spec = importlib.util.spec_from_file_location("lab_repositories", Path(__file__).with_name("repositories.py"))
assert spec is not None
assert spec.loader is not None
made = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = made
spec.loader.exec_module(made)
LAB, WORK, git = made.LAB, made.WORK, made.git

pytestmark = [
    pytest.mark.skipif(sandbox.means().kind != "bubblewrap", reason="needs bubblewrap and namespaces"),
    pytest.mark.skipif(shutil.which("git") is None, reason="needs Git"),
]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    return made.submitted(tmp_path / "ann")


def refused(clone: Path, tag: str | None = None) -> str:
    """The line that says why a clone cannot be graded, without the folders above it."""
    with pytest.raises(UsageError) as raised:
        submissions.read(clone, LAB, tag)
    line = str(raised.value)
    assert line.isprintable()
    return line.replace(f"{clone.parent}/", "")


# --- Kinds of clones ------------------------------------------------------------------------------------------------


def _normal(clone: Path) -> Path:
    return clone


def _bare(clone: Path) -> Path:
    git(clone, "clone", "--quiet", "--bare", str(clone), "../ann.git")
    return clone.with_name("ann.git")


def _work_tree(clone: Path) -> Path:
    git(clone, "worktree", "add", "--quiet", "../other", "submission-1")
    return clone.with_name("other")


def _shallow(clone: Path) -> Path:
    git(clone, "clone", "--quiet", "--depth=1", f"file://{clone}", "../short")
    return clone.with_name("short")


def _packed(clone: Path) -> Path:
    git(clone, "gc", "--quiet")
    git(clone, "pack-refs", "--all")
    git(clone, "checkout", "--quiet", "--detach")
    assert not (clone / ".git/refs/tags/submission-1").exists()
    return clone


def _annotated(clone: Path) -> Path:
    git(clone, "tag", "--force", "-m", "Mine", "submission-1", "HEAD")
    git(clone, "tag", "-m", "A tag of a tag", "submission-2", "submission-1")
    return clone


def _private(clone: Path) -> Path:
    for file in (clone, *clone.rglob("*")):
        file.chmod(file.stat().st_mode & 0o700)
    return clone


def _of_another_user(clone: Path) -> Path:
    if os.geteuid():
        pytest.skip("only root can give files to another user")
    for file in (clone, *clone.rglob("*")):
        os.chown(file, 12_345, 12_345)
    return _private(clone)


@pytest.mark.parametrize(
    "kind", [_of_another_user, _normal, _bare, _work_tree, _shallow, _packed, _annotated, _private]
)
def test_every_kind_of_clone_is_read(clone, kind) -> None:
    other = kind(clone)
    found = submissions.read(other, LAB)
    assert found.files == {**catalogue.protected(LAB), "work.py": WORK}
    assert found.tag == ("submission-2" if kind is _annotated else "submission-1")
    assert found.commit == git(clone, "rev-parse", "submission-1^{commit}")
    assert found.time is not None
    assert found.time.timestamp() == made.BEGAN + 3600
    assert (found.changed, found.removed, found.remarks, found.later) == ((), (), (), 0)
    assert found.unsubmitted == (None if kind in (_bare, _private, _of_another_user) else ())


def test_a_repository_with_sha256_is_read_and_blamed(tmp_path) -> None:
    clone = made.submitted(tmp_path / "ann", None, "--object-format=sha256")
    found = submissions.read(clone, LAB)
    assert len(found.commit) == 64
    assert found.files["work.py"] == WORK
    assert contribution.contribution(clone, LAB, submission=found).authors[0].email == "ann@example.org"


def test_the_last_tag_counts_or_what_is_asked_for(clone) -> None:
    first = git(clone, "rev-parse", "HEAD")
    for number in (2, 10, 9):
        made.commit(clone, {"work.py": WORK + b"# %d\n" % number})
        git(clone, "tag", f"submission-{number}")
    for other in ("submission-11x", "submission-", "late"):
        git(clone, "tag", other)
    made.commit(clone, {"work.py": b"later"})
    found = submissions.read(clone, LAB)
    assert (found.tag, found.later) == ("submission-10", 2)
    assert found.files["work.py"].endswith(b"# 10\n")
    assert submissions.read(clone, LAB, "submission-2").files["work.py"].endswith(b"# 2\n")
    by_commit = submissions.read(clone, LAB, first[:9])
    assert (by_commit.tag, by_commit.commit, by_commit.later) == ("", first, 4)
    assert submissions.read(clone, LAB, "late").tag == "late"
    assert refused(clone, "submission-3") == "ann has no tag or commit submission-3"
    for bad in ("--upload-pack=x", "HEAD@{1}", "a..b", "a b", "a\nb", ""):
        assert refused(clone, bad).startswith("invalid tag or commit")


def test_protected_files_are_restored_and_named(clone) -> None:
    git(clone, "rm", "--quiet", "README.md")
    made.commit(clone, {"baseline.py": b"print('mine')\n", "help.py": b"X = 1\n", "team.toml": b"name = 'a'\n"})
    (clone / "lab.toml").write_bytes((clone / "lab.toml").read_bytes().replace(b"\n", b"\r\n"))
    made.commit(clone, {})
    git(clone, "tag", "submission-2")
    made.write(clone, {"work.py": b"changed", "new.py": b"", "__pycache__/work.pyc": b"", "\x1b[2J.py": b""})
    found = submissions.read(clone, LAB)
    assert (found.changed, found.removed) == (("baseline.py",), ("README.md",))
    assert found.files == {
        **catalogue.protected(LAB),
        "work.py": WORK,
        "help.py": b"X = 1\n",
        "team.toml": b"name = 'a'\n",
    }
    assert found.team == b"name = 'a'\n"
    assert found.unsubmitted == ("\\x1b[2J.py", "new.py", "work.py")


# --- Files that are left out ----------------------------------------------------------------------------------------


def tagged_tree(clone: Path, entries: list[bytes]) -> None:
    """Submit a tree that Git itself would not make."""
    tree = git(clone, "mktree", "-z", "--missing", given=b"".join(entry + b"\0" for entry in entries))
    commit = git(clone, "commit-tree", tree, "-p", "HEAD", "-m", "Odd")
    git(clone, "tag", "submission-2", commit)


def test_odd_files_are_left_out_each_with_a_remark(clone) -> None:
    (clone / "big").write_bytes(b"x" * (submissions.FILE_BYTES + 1))
    (clone / "small").write_bytes(b"x = 1\n")
    big, small = git(clone, "hash-object", "-w", "big"), git(clone, "hash-object", "-w", "small")
    below = git(clone, "mktree", given=f"100644 blob {small}\tpasswd\n".encode())
    head = git(clone, "ls-tree", "HEAD").splitlines()
    kept = [line.encode() for line in head if not line.endswith("README.md")]
    odd = {
        b"100644 blob %s\t\xff.py": "is not UTF-8",
        b"100644 blob %s\ta\nb.py": "control characters",
        b"120000 blob %s\tlink.py": "a symbolic link",
        b"100644 blob %s\ta\\b.py": "out of the folder",
        b"100644 blob %s\t" + b"n" * 240: "too long",
    }
    entries = [*kept, *(line % small.encode() for line in odd), b"100644 blob %s\tbig.py" % big.encode()]
    entries += [b"040000 tree %s\t%s" % (below.encode(), name) for name in (b"..", b".GIT", b"README.md", b"fine")]
    entries += [b"160000 commit %s\tmodule" % git(clone, "rev-parse", "HEAD").encode()]
    tagged_tree(clone, entries)
    found = submissions.read(clone, LAB)
    assert set(found.files) == {*catalogue.protected(LAB), "work.py", "fine/passwd"}
    assert found.files["README.md"] == catalogue.protected(LAB)["README.md"]
    assert found.removed == ("README.md",)
    reasons = [*odd.values(), "more than 1 MB", "a submodule", "a protected file has this name"]
    for reason in reasons:
        assert any(reason in remark for remark in found.remarks), reason
    assert sum("leads out of the folder" in remark for remark in found.remarks) == 3
    assert all(remark.isprintable() for remark in found.remarks)


def test_more_than_a_thousand_files_or_twenty_megabytes_are_left_out(clone) -> None:
    files = {f"many/{number}.py": b"" for number in range(1_100)}
    files |= {f"large/{number}.py": bytes([number]) * 1_000_000 for number in range(23)}
    made.commit(clone, files)
    git(clone, "tag", "submission-2")
    found = submissions.read(clone, LAB)
    assert len(found.files) <= submissions.MOST_FILES
    assert sum(map(len, found.files.values())) <= submissions.TOTAL_BYTES
    assert found.files["work.py"] == WORK
    assert len(found.remarks) == submissions.MOST_REMARKS
    assert found.remarks[-1].endswith("more files were left out.")


# --- Clear lines ----------------------------------------------------------------------------------------------------


def test_what_cannot_be_read_says_why_in_one_line(tmp_path, clone) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("text")
    made.write(tmp_path / "plain", {"work.py": WORK})
    (tmp_path / "new").mkdir()
    git(tmp_path / "new", "init", "--quiet")
    made.begun(tmp_path / "untagged")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    made.write(tmp_path / "broken", {".git/HEAD": b"", ".git/objects/x": b"", ".git/config": b"[[["})
    assert refused(tmp_path / "absent") == "absent does not exist"
    assert refused(tmp_path / "empty") == "empty is an empty folder"
    assert refused(tmp_path / "file") == "file is a file, not a folder"
    assert refused(tmp_path / "plain") == "plain is not a Git repository"
    assert refused(tmp_path / "new") == "new has no commits that can be read"
    assert refused(tmp_path / "untagged") == "untagged has no tag submission-N: nothing was submitted"
    assert refused(tmp_path / "loop").startswith("loop cannot be read: ")
    assert refused(tmp_path / "broken") == "broken has no commits that can be read"
    for number, name, kind in ((2, "HEAD^{tree}", "tree"), (3, "HEAD:work.py", "blob")):
        git(clone, "tag", f"submission-{number}", name)
        assert refused(clone) == f"ann has the tag submission-{number}, but it points to a {kind}, not to a commit"


def test_another_lab_or_none_says_so(clone) -> None:
    made.commit(clone, {"lab.toml": b'lab = "tabular-groupby"\n'})
    git(clone, "tag", "submission-2")
    assert refused(clone) == "ann belongs to lab tabular-groupby, not to foundations-vectorise, at submission-2"
    git(clone, "rm", "--quiet", "lab.toml")
    made.commit(clone, {})
    git(clone, "tag", "submission-3")
    assert submissions.read(clone, LAB).removed == ("lab.toml",)
    git(clone, "rm", "--quiet", "work.py")
    made.commit(clone, {})
    git(clone, "tag", "submission-4")
    assert refused(clone) == (
        "ann is not a repository of lab foundations-vectorise at submission-4: it has no lab.toml and no work.py"
    )
    (clone / "work.py").symlink_to("/etc/passwd")
    made.commit(clone, {"lab.toml": b"\xff not toml"})
    git(clone, "tag", "submission-5")
    assert refused(clone) == ("ann cannot be graded at submission-5: work.py was left out: it is a symbolic link.")


def test_a_folder_within_another_repository_is_no_clone(tmp_path, clone) -> None:
    made.write(clone / "inner", {"work.py": WORK})
    assert refused(clone / "inner") == "inner is not a Git repository"


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read every folder")
def test_a_folder_that_cannot_be_read_says_so(clone) -> None:
    clone.chmod(0)
    assert refused(clone) == "ann cannot be read: Permission denied"
    clone.chmod(0o700)


# --- Nothing is executed --------------------------------------------------------------------------------------------


@pytest.fixture
def evil(tmp_path: Path):
    """A command for each way in, which leaves a file with its name; and the names that are there."""
    script, canaries = tmp_path / "evil.sh", tmp_path / "canaries"
    canaries.mkdir(mode=0o777)
    canaries.chmod(0o777)
    script.write_text(f'#!/bin/sh\ntouch "{canaries}/$1"\n')
    script.chmod(0o755)

    def command(name: str) -> str:
        return f"{script} {name}"

    def seen() -> list[str]:
        return sorted(file.name for file in canaries.iterdir())

    return command, seen


def _armed(clone: Path, command) -> None:
    """Every way in that Git's settings, attributes and hooks offer, all at once."""
    made.commit(clone, {".gitattributes": b"* filter=evil diff=evil merge=evil\n"})
    git(clone, "tag", "--force", "submission-1")
    settings = {
        "core.fsmonitor": command("fsmonitor"),
        "core.hooksPath": str(clone / ".git/hooks"),
        "core.sshCommand": command("ssh"),
        "core.pager": command("pager"),
        "core.editor": command("editor"),
        "core.askPass": command("askpass"),
        "core.gitProxy": command("proxy"),
        "core.alternateRefsCommand": command("alternate-refs"),
        "core.attributesFile": str(clone / ".gitattributes"),
        "pager.log": command("pager-log"),
        "diff.external": command("external"),
        "diff.evil.textconv": command("textconv"),
        "diff.evil.command": command("diff-command"),
        "filter.evil.clean": command("clean"),
        "filter.evil.smudge": command("smudge"),
        "filter.evil.process": command("process"),
        "filter.evil.required": "true",
        "merge.evil.driver": command("merge"),
        "gpg.program": command("gpg"),
        "log.showSignature": "true",
        "credential.helper": f"!{command('credential')}",
        "uploadpack.packObjectsHook": command("pack-objects"),
        "remote.origin.url": f"ext::{command('ext')}",
        "remote.origin.promisor": "true",
        "remote.origin.partialclonefilter": "blob:none",
        "extensions.partialClone": "origin",
        "core.repositoryFormatVersion": "1",
        "protocol.allow": "always",
        "safe.directory": "*",
        "include.path": str(clone / "more.config"),
        "trailer.co-authored-by.command": command("trailer"),
    }
    names = ("log", "blame", "cat-file", "ls-tree", "for-each-ref", "rev-list", "ls-files", "read-tree", "config")
    settings |= {f"alias.{name}": f"!{command('alias')}" for name in names}
    (clone / "more.config").write_text(f"[core]\n\tfsmonitor = {command('included')}\n")
    with (clone / ".git/config").open("a") as file:
        for key, value in settings.items():
            section, _, rest = key.partition(".")
            middle, _, last = rest.rpartition(".")
            head = f'[{section} "{middle}"]' if middle else f"[{section}]"
            quoted = value.replace("\\", "\\\\").replace('"', '\\"')
            file.write(f'{head}\n\t{last} = "{quoted}"\n')
    made.write(clone, {".git/info/attributes": b"* filter=evil diff=evil\n", "work.py": WORK + b"# changed\n"})
    for hook in ("post-index-change", "post-checkout", "pre-auto-gc", "reference-transaction", "fsmonitor-watchman"):
        (clone / ".git/hooks").mkdir(exist_ok=True)
        (clone / ".git/hooks" / hook).write_text(f"#!/bin/sh\n{command(f'hook-{hook}')}\n")
        (clone / ".git/hooks" / hook).chmod(0o755)


@pytest.mark.parametrize("isolated", [True, False], ids=["in the sandbox", "by Git alone"])
def test_no_setting_hook_or_attribute_of_a_clone_runs_a_program(clone, evil, isolated, monkeypatch) -> None:
    command, seen = evil
    _armed(clone, command)
    if not isolated:  # even without the sandbox's walls Git itself starts nothing
        monkeypatch.setattr(sandbox, "means", lambda: sandbox.Means("none", ""))
    found = submissions.read(clone, LAB)
    told = contribution.contribution(clone, LAB, submission=found)
    assert seen() == []
    assert found.files["work.py"] == WORK
    assert found.unsubmitted == ("more.config", "work.py")
    assert [author.email for author in told.authors] == ["ann@example.org"]
    if not isolated:  # the traps are real: plain Git falls into them
        for trapped in ("status", "diff", "log -p", "blame work.py", "add work.py"):
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run(
                    ["git", *trapped.split()],
                    cwd=clone,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=2,
                    check=False,
                )
        assert {"fsmonitor", "external", "textconv", "process"} & set(seen())
        assert len(seen()) >= 3


def test_a_work_tree_elsewhere_is_not_looked_at(clone, tmp_path) -> None:
    made.write(tmp_path / "secret", {"password.py": b"hidden"})
    git(clone, "config", "core.worktree", str(tmp_path / "secret"))
    assert submissions.read(clone, LAB).unsubmitted == ()


def test_replaced_and_grafted_history_is_not_believed(clone) -> None:
    commit, blob = git(clone, "rev-parse", "HEAD"), git(clone, "rev-parse", "HEAD:work.py")
    (clone / "fake").write_bytes(b"fake = True\n")
    git(clone, "update-ref", f"refs/replace/{blob}", git(clone, "hash-object", "-w", "fake"))
    (clone / "fake").unlink()
    (clone / ".git/info").mkdir(exist_ok=True)
    (clone / ".git/info/grafts").write_text(f"{commit}\n")
    found = submissions.read(clone, LAB)
    assert found.files["work.py"] == WORK
    told = contribution.contribution(clone, LAB, submission=found)
    assert told.starter > 0
    assert not any("does not begin" in warning for warning in told.warnings)


def _borrowing(clone: Path) -> Path:
    git(clone, "clone", "--quiet", "--shared", str(clone), "../thief")
    return clone.with_name("thief")


def test_objects_and_files_of_others_are_not_reached(clone, tmp_path) -> None:
    thief = _borrowing(clone)
    line = refused(thief)
    assert line.endswith("; it borrows objects of another repository: clone it whole")
    git(thief, "repack", "-a", "-d", "--quiet")  # all objects are its own now: the file does no harm
    assert submissions.read(thief, LAB).files["work.py"] == WORK
    for name in ("objects", "refs"):
        other = tmp_path / f"links-{name}"
        shutil.copytree(clone, other)
        shutil.rmtree(other / ".git" / name)
        (other / ".git" / name).symlink_to(clone / ".git" / name)
        assert refused(other) == f"links-{name} is not read: its {name} is a link out of the folder"
    made.write(tmp_path / "points", {".git": f"gitdir: {clone}/.git\n".encode()})
    assert "does not name it back" in refused(tmp_path / "points")
    inner = tmp_path / "inner"
    made.write(inner, {".git": b"gitdir: own\n", "own/commondir": f"{clone}/.git\n".encode(), "own/HEAD": b"x"})
    assert "does not name it back" in refused(inner)
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked/.git").symlink_to(clone / ".git")
    assert refused(tmp_path / "linked") == "linked is not read: its .git is a link out of the folder"


def test_missing_damaged_and_endless_objects_fail_in_one_line(clone, monkeypatch) -> None:
    blob = git(clone, "rev-parse", "submission-1:work.py")
    file = clone / ".git/objects" / blob[:2] / blob[2:]
    other = git(clone, "rev-parse", "submission-1:README.md")
    kept = file.read_bytes()
    file.chmod(0o644)
    file.write_bytes((clone / ".git/objects" / other[:2] / other[2:]).read_bytes())
    assert refused(clone) == "ann is damaged: work.py is not what its commit says"
    file.write_bytes(kept[: len(kept) // 2])
    assert refused(clone) == "ann is damaged: work.py is not what its commit says"
    file.unlink()
    assert refused(clone).startswith("ann lacks objects of submission-1")
    tag = clone / ".git/refs/tags/submission-1"
    tag.unlink()
    os.mkfifo(tag)
    monkeypatch.setattr(submissions, "SECONDS", 1.0)
    assert refused(clone) in {
        "ann cannot be read: Git needs more than 1 seconds",
        "ann has no tag submission-N: nothing was submitted",
    }


def test_objects_that_a_partial_clone_lacks_are_not_fetched(clone, evil, monkeypatch) -> None:
    command, seen = evil
    _armed(clone, command)
    blob = git(clone, "rev-parse", "submission-1:work.py", given=b"")
    (clone / ".git/objects" / blob[:2] / blob[2:]).unlink()
    monkeypatch.setattr(sandbox, "means", lambda: sandbox.Means("none", ""))
    assert refused(clone) == "ann lacks objects of submission-1: it is not a whole clone"
    assert seen() == []
    subprocess.run(
        ["git", "cat-file", "-p", blob], cwd=clone, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    assert "ext" in seen()  # plain Git falls into the trap


@pytest.mark.slow
def test_a_tree_that_is_endless_when_it_is_listed_is_cut_off(clone, monkeypatch) -> None:
    blob = git(clone, "rev-parse", "HEAD:work.py")
    tree = git(clone, "mktree", given=b"".join(b"100644 blob %s\t%d\n" % (blob.encode(), n) for n in range(10)))
    for _ in range(9):
        tree = git(clone, "mktree", given=b"".join(b"040000 tree %s\t%d\n" % (tree.encode(), n) for n in range(10)))
    head = [line.encode() for line in git(clone, "ls-tree", "HEAD").splitlines()]
    tagged_tree(clone, [*head, b"040000 tree %s\tzz" % tree.encode()])
    found = submissions.read(clone, LAB)
    assert found.files["work.py"] == WORK
    assert found.remarks[0] == "The commit holds more files than can be listed: the rest was left out."
    assert found.unsubmitted is None
    monkeypatch.setattr(contribution, "SECONDS", 1.0)
    told = contribution.contribution(clone, LAB, submission=found)
    assert any("longer than what was read" in warning for warning in told.warnings)
