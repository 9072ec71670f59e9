"""A full disk, a read-only one, a limit on file sizes: one clear line, no damage, and with room the run goes on.

The disk is real: a file system of a few pages, mounted where only the processes of this test see it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from residency.harness import records
from residency.harness.errors import RecordError

FIXTURES = Path(__file__).parent.parent / "fixtures" / "suites"
COMMAND = str(Path(sys.executable).parent / "residency")
SLOW = pytest.mark.slow
PAGE = 4096  # bytes: what a file on this disk takes is a multiple
DISK = 64 * PAGE
STEADY = ["run", "steady", "--implementations", "steady", "--rounds", "2"]

Done = subprocess.CompletedProcess[str]


class Disk:
    """A small disk mounted at a folder, in a mount namespace of its own that a resting process keeps alive."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._environment = {**environment, "RESIDENCY_SUITES": str(FIXTURES)}
        self.folder = folder
        user = [] if os.geteuid() == 0 else ["--map-root-user"]
        mount = f"mount -t tmpfs -o size={DISK},nr_inodes=64 none '{folder}' && echo mounted && exec sleep 600"
        self._holder = subprocess.Popen(
            ["unshare", *user, "--mount", "sh", "-c", mount], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._enter = ["nsenter", f"--target={self._holder.pid}", "--mount"]
        if user:
            self._enter += ["--user", "--preserve-credentials"]
        assert self._holder.stdout is not None
        assert self._holder.stderr is not None
        if self._holder.stdout.readline() != "mounted\n":
            said = self._holder.stderr.read().strip()
            self.close()
            pytest.skip(f"no mount namespace here: {said}")
        self.root = Path(f"/proc/{self._holder.pid}/root{folder}")  # the folder as seen from outside

    def close(self) -> None:
        self._holder.kill()
        self._holder.communicate()

    def run(self, *command: str | Path, **extra: str) -> Done:
        """A command that sees the disk, in its folder."""
        return subprocess.run(
            [*self._enter, "sh", "-c", 'cd "$0" && exec "$@"', self.folder, *map(str, command)],
            env={**self._environment, **extra}, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def residency(self, *arguments: str | Path, **extra: str) -> Done:
        return self.run(COMMAND, *arguments, **extra)

    def fill(self, pages: int, inodes: int = 16) -> None:
        """Leave so much room, and room for so many files and folders."""
        self.make_room()
        count = os.statvfs(self.root).f_ffree - inodes - 1
        for number in range(count):
            (self.root / f"filler-{number}").touch()
        free = os.statvfs(self.root)
        (self.root / "filler").write_bytes(bytes(free.f_bavail * free.f_frsize - pages * PAGE))
        assert os.statvfs(self.root).f_bavail * free.f_frsize == pages * PAGE

    def make_room(self) -> None:
        for file in self.root.glob("filler*"):
            file.unlink()

    def remount(self, options: str) -> None:
        done = self.run("mount", "-o", f"remount,{options}", "none", self.folder)
        assert done.returncode == 0, done.stderr


@pytest.fixture
def disk(environment: dict[str, str], tmp_path: Path) -> Iterator[Disk]:
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        pytest.skip("unshare and nsenter are not installed")
    (tmp_path / "disk").mkdir()
    made = Disk(tmp_path / "disk", environment)
    yield made
    made.close()


@pytest.fixture(scope="module")
def warm(residency_in, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The data is made before the disk is full."""
    done = residency_in(tmp_path_factory.mktemp("warm"), *STEADY, "--replicates", "1", RESIDENCY_SUITES=str(FIXTURES))
    assert done.status == 0, done.err


def refusal(done: Done) -> str:
    """The one line that says why a command stopped, after those of its progress."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("residency: ")]
    assert done.stderr.endswith(f"{line}\n")
    return line


def intact(run: Path) -> records.Records:
    """A run whose every line is complete."""
    kept = records.read(run)
    text = (run / "records.jsonl").read_bytes()
    assert text == b"" or text.endswith(b"\n")
    assert len(text.splitlines()) == len(kept.samples) + len(kept.outcomes)
    return kept


def goes_on(run: Path, command: Callable[[], Done], replicates: int) -> None:
    """Resumed, a run comes to its end and keeps what it had."""
    before = (run / "records.jsonl").read_bytes() if (run / "records.jsonl").exists() else b""
    done = command()
    assert done.returncode == 0, done.stderr
    assert (run / "records.jsonl").read_bytes().startswith(before)
    ended = intact(run).outcomes
    assert [one.outcome for one in ended] == ["ok"] * replicates


@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize(
    ("task", "pages"),
    [pytest.param("steady", 0, id="nothing fits"), pytest.param("kills/many", 1, id="the first page fits", marks=SLOW)],
)
def test_a_disk_full_before_the_first_line(disk: Disk, task: str, pages: int) -> None:
    disk.fill(pages)
    line = refusal(disk.residency("run", task, "--results", "runs"))
    assert "cannot write results to runs/" in line
    assert "No space left on device" in line
    # What does not fit leaves no half of a run that others stumble over.
    line = refusal(disk.residency("report", "--results", "runs"))
    assert "no run in runs" in line
    disk.make_room()
    done = disk.residency(*STEADY, "--replicates", "1", "--results", "runs")
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("warm")
def test_a_disk_without_room_for_one_more_file(disk: Disk) -> None:
    (disk.root / "runs").mkdir()
    disk.fill(pages=8, inodes=2)  # the run's folder and run.json
    line = refusal(disk.residency(*STEADY, "--replicates", "2", "--results", "runs"))
    assert "cannot write results to runs/" in line
    assert "No space left on device" in line
    disk.make_room()
    # There is a whole run to go on with, or none.
    (folder,) = (disk.root / "runs").iterdir()
    if (folder / "run.json").exists():
        goes_on(folder, lambda: disk.residency("run", "--resume", f"runs/{folder.name}"), 2)
    else:
        assert "no run in runs" in refusal(disk.residency("report", "--results", "runs"))


@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize("pages", [pytest.param(1, marks=SLOW), pytest.param(2, marks=SLOW), 4])
def test_a_disk_that_becomes_full(disk: Disk, pages: int) -> None:
    disk.fill(pages + 2)  # two of them are for run.json, one for the source that is kept
    line = refusal(disk.residency(*STEADY, "--replicates", "4", "--results", "runs"))
    assert "cannot write to runs/" in line
    assert "records.jsonl: No space left on device; everything before this is kept" in line
    (run,) = (disk.root / "runs").iterdir()
    kept = intact(run)
    size = (run / "records.jsonl").stat().st_size
    assert size <= (pages - 1) * PAGE
    assert (len(kept.samples) > 0) == (pages > 1)
    disk.make_room()
    goes_on(run, lambda: disk.residency("run", "--resume", f"runs/{run.name}"), 4)


@pytest.mark.slow
@pytest.mark.usefixtures("warm")
def test_a_disk_still_full_when_the_run_is_resumed(disk: Disk) -> None:
    disk.fill(3)
    refusal(disk.residency(*STEADY, "--replicates", "4", "--results", "runs"))
    (run,) = (disk.root / "runs").iterdir()
    before = (run / "records.jsonl").read_bytes()
    while True:
        line = refusal(disk.residency("run", "--resume", f"runs/{run.name}"))
        assert "No space left on device; everything before this is kept" in line
        after = (run / "records.jsonl").read_bytes()
        assert after.startswith(before)
        if after == before:
            break
        before = after
    intact(run)
    disk.make_room()
    goes_on(run, lambda: disk.residency("run", "--resume", f"runs/{run.name}"), 4)


@pytest.mark.slow
@pytest.mark.usefixtures("warm")
def test_a_report_that_does_not_fit(disk: Disk) -> None:
    done = disk.residency(*STEADY, "--replicates", "1", "--results", "runs")
    assert done.returncode == 0, done.stderr
    disk.fill(0)
    line = refusal(disk.residency("report", "--results", "runs", "--format", "json", "--output", "report.json"))
    assert line == "residency: cannot write report.json: No space left on device"


@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize("form", [["--json"], pytest.param([], marks=SLOW)], ids=["json", "tables"])
def test_output_that_does_not_fit(environment: dict[str, str], tmp_path: Path, form: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [COMMAND, *STEADY, "--replicates", "1", *form], cwd=tmp_path, stdout=full, stderr=subprocess.PIPE,
            env={**environment, "RESIDENCY_SUITES": str(FIXTURES)}, text=True, timeout=120, check=False,
        )  # fmt: skip
    (run,) = tmp_path.glob("results/runs/*")
    assert [one.outcome for one in intact(run).outcomes] == ["ok"]
    assert "No space left on device" in refusal(done)


@pytest.mark.slow
def test_data_that_does_not_fit_is_an_outcome(disk: Disk) -> None:
    disk.fill(8)
    asked = [*STEADY, "--replicates", "1", "--results"]
    done = disk.residency(*asked, "runs", RESIDENCY_CACHE=str(disk.folder / "cache"))
    assert "Traceback" not in done.stderr
    assert done.returncode == 1, done.stderr
    (run,) = (disk.root / "runs").iterdir()
    (ended,) = intact(run).outcomes
    assert ended.outcome == "failed"
    assert ended.reason.startswith("making the data: OSError:")
    assert ended.reason.endswith(f"; cannot write the cache {disk.folder}/cache; set RESIDENCY_CACHE to another folder")
    assert not list(disk.root.rglob("cache/data/*"))
    disk.make_room()
    disk.remount("size=8m")
    done = disk.residency(*asked, "more", RESIDENCY_CACHE=str(disk.folder / "cache"))
    assert done.returncode == 0, done.stderr


def test_own_data_that_does_not_fit_is_an_outcome(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("x,y\n" + "".join(f"{row % 7},{row * row}\n" for row in range(9_000)))
    disk.fill(8)
    own = ["run", "tabular/ridge", "--implementations", "normal_equations@cpu", "--data", tmp_path / "own.csv"]
    asked = [*own, "--target", "y", "--results", tmp_path / "runs"]
    done = disk.residency(*asked, RESIDENCY_CACHE=str(disk.folder / "cache"))
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    (run,) = (tmp_path / "runs").iterdir()
    (ended,) = intact(run).outcomes
    assert ended.reason.endswith(f"; cannot write the cache {disk.folder}/cache; set RESIDENCY_CACHE to another folder")


def test_no_folder_for_temporary_files(environment: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", COMMAND, "check", "tabular/ridge"], cwd=tmp_path, env=environment,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert refusal(done).endswith("; set TMPDIR to a folder that can be written")


@pytest.mark.usefixtures("warm")
def test_a_read_only_folder(disk: Disk) -> None:
    done = disk.residency(*STEADY, "--replicates", "1", "--results", "runs")
    assert done.returncode == 0, done.stderr
    (run,) = (disk.root / "runs").iterdir()
    before = {file.name: file.read_bytes() for file in run.rglob("*.*") if file.is_file()}
    disk.remount("ro")
    line = refusal(disk.residency(*STEADY, "--results", "runs"))
    assert "cannot write results to runs/" in line
    assert "Read-only file system; name another with --results" in line
    line = refusal(disk.residency("run", "--resume", f"runs/{run.name}"))
    assert f"cannot write results to runs/{run.name}: Read-only file system" in line
    line = refusal(disk.residency("report", "--results", "runs", "--format", "json", "--output", "report.json"))
    assert line == "residency: cannot write report.json: Read-only file system"
    done = disk.residency("report", "--results", "runs", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert {file.name: file.read_bytes() for file in run.rglob("*.*") if file.is_file()} == before
    assert os.listdir(disk.root) == ["runs"]  # noqa: PTH208


def test_a_read_only_cache_is_an_outcome(disk: Disk, tmp_path: Path) -> None:
    disk.remount("ro")
    done = disk.residency(
        *STEADY, "--replicates", "1", "--results", tmp_path / "runs", RESIDENCY_CACHE=str(disk.folder / "cache")
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == 1, done.stderr
    (run,) = (tmp_path / "runs").iterdir()
    (ended,) = intact(run).outcomes
    assert ended.outcome == "failed"
    assert "Read-only file system" in ended.reason
    assert ended.reason.endswith(f"; cannot write the cache {disk.folder}/cache; set RESIDENCY_CACHE to another folder")


def test_a_read_only_cache_of_others(disk: Disk, tmp_path: Path) -> None:
    disk.remount("size=8m")
    asked = [*STEADY, "--replicates", "1", "--results", tmp_path / "runs"]
    cache = str(disk.folder / "cache")
    assert disk.residency(*asked, RESIDENCY_CACHE=cache).returncode == 0
    (about,) = disk.root.glob("cache/data/*/about-*.json")
    about.unlink()  # as if another task had made the data
    disk.remount("ro")
    done = disk.residency(*asked, RESIDENCY_CACHE=cache)
    assert done.returncode == 0, done.stderr


def limited(environment: dict[str, str], folder: Path, limit: int, *arguments: str | Path) -> Done:
    """The command, and all it starts, may write no file longer than that."""
    return subprocess.run(
        ["prlimit", f"--fsize={limit}", COMMAND, *map(str, arguments)], cwd=folder, capture_output=True, text=True,
        env={**environment, "RESIDENCY_SUITES": str(FIXTURES)}, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.usefixtures("warm")
@pytest.mark.skipif(shutil.which("prlimit") is None, reason="prlimit is not installed")
def test_a_run_file_cut_in_the_middle(environment: dict[str, str], residency, tmp_path: Path) -> None:
    line = refusal(limited(environment, tmp_path, 1000, *STEADY, "--results", "runs"))
    assert "cannot write results to runs/" in line
    assert "File too large" in line
    for run in (tmp_path / "runs").iterdir():
        with pytest.raises(RecordError, match="no run in"):
            records.read(run)
    done = residency("report", "--results", "runs")
    assert "no run in runs" in done.err


@pytest.mark.slow
@pytest.mark.usefixtures("warm")
@pytest.mark.skipif(shutil.which("prlimit") is None, reason="prlimit is not installed")
@pytest.mark.parametrize("limit", [5_000, 9_500])
def test_a_line_cut_in_the_middle(environment: dict[str, str], tmp_path: Path, limit: int) -> None:
    line = refusal(limited(environment, tmp_path, limit, *STEADY, "--replicates", "3", "--results", "runs"))
    assert "records.jsonl: File too large; everything before this is kept" in line
    (run,) = (tmp_path / "runs").iterdir()
    kept = intact(run)
    assert kept.samples
    size = (run / "records.jsonl").stat().st_size
    assert limit - 1_500 < size <= limit
    goes_on(run, lambda: limited(environment, tmp_path, 10**9, "run", "--resume", run), 3)
