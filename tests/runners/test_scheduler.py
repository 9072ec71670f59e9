"""A cluster of separate processes, started by hand on loopback: the same result, and what faults of it become."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

pytest.importorskip("distributed")
FIXTURES = Path(__file__).parent.parent / "fixtures" / "suites"
DASK = [sys.executable, "-m", "dask"]


class Hand:
    """A scheduler and workers as somebody would start them in terminals."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self._environment = {**environment, "FAULTS": str(folder)}
        self.workers: list[subprocess.Popen] = []
        self.scheduler = self._start(
            "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", folder / "s.json"
        )
        deadline = monotonic() + 60
        while not (folder / "s.json").exists():
            assert monotonic() < deadline
            sleep(0.1)

    def _start(self, *arguments: str | Path, before: tuple[str, ...] = ()) -> subprocess.Popen:
        return subprocess.Popen(
            [*before, *DASK, *map(str, arguments)],
            env=self._environment,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    @property
    def address(self) -> str:
        import json

        return json.loads((self.folder / "s.json").read_text())["address"]

    def add(self, count: int, before: tuple[str, ...] = ()) -> None:
        """Start workers and wait for them to be there."""
        from distributed import Client

        there = len(self.workers) + count
        for _ in range(count):
            self.workers.append(
                self._start(
                    *("worker", "--scheduler-file", self.folder / "s.json", "--nthreads", "1", "--no-nanny"),
                    *("--host", "127.0.0.1", "--no-dashboard", "--local-directory", self.folder),
                    before=before,
                )
            )
        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(there, timeout=60)

    def end(self) -> None:
        for process in [*self.workers, self.scheduler]:
            if process.poll() is None:
                process.kill()
            process.wait()


@pytest.fixture
def hand(tmp_path: Path, environment: dict[str, str]) -> Iterator[Hand]:
    cluster = Hand(tmp_path, environment)
    try:
        yield cluster
    finally:
        cluster.end()


def slowly(
    residency, hand: Hand, *names: str, meanwhile: Callable[[], None] = lambda: None, timeout: str = "60"
) -> Any:
    """Run what takes a few seconds on the cluster, and do something as soon as it has begun."""

    def watch() -> None:
        deadline = monotonic() + 60
        while not (hand.folder / "begun").exists() and monotonic() < deadline and not over.is_set():
            sleep(0.05)
        over.wait(0.7)
        meanwhile()

    over = threading.Event()
    thread = threading.Thread(target=watch)
    thread.start()
    done = residency(
        "run", "cluster/faults", "--runner", "local,cluster", "--devices", "cpu", "--scheduler", hand.address,
        "--implementations", ",".join(names), "--replicates", "1", "--rounds", "1", "--budget", "300", "--json",
        "--timeout", timeout,
        RESIDENCY_SUITES=str(FIXTURES), FAULTS=str(hand.folder),
    )  # fmt: skip
    over.set()
    thread.join()
    return done


def rows(done: Any) -> dict[str, Any]:
    return {row["implementation"]: row for row in done.json["rows"]}


@pytest.mark.slow
def test_three_workers_give_exactly_what_one_process_gives(residency, hand: Hand) -> None:
    hand.add(3)
    done = residency(
        "run", "tabular/etl", "--runner", "local,cluster", "--devices", "cpu", "--scheduler", hand.address, "--json",
        "--implementations", "data_frame,partitions", "--replicates", "1", "--rounds", "1",
    )  # fmt: skip
    assert done.status == 0, done.err
    found = rows(done)
    assert found["partitions@3xcpu"]["quality"] == found["data_frame@cpu"]["quality"] == 1.0
    assert found["partitions@3xcpu"]["workers"] == found["partitions@3xcpu"]["threads"] == 3
    assert found["partitions@3xcpu"]["cluster"]["task_seconds"] > 0


@pytest.mark.slow
def test_a_killed_worker_is_made_good_by_the_others(residency, hand: Hand) -> None:
    hand.add(3)
    done = slowly(residency, hand, "slowly", meanwhile=hand.workers[0].kill)
    assert done.status == 0, done.out + done.err
    row = rows(done)["slowly@3xcpu"]
    assert row["outcome"] == "ok"
    assert any("was lost" in event for event in row["events"])


@pytest.mark.slow
def test_a_worker_that_comes_is_told(residency, hand: Hand) -> None:
    hand.add(1)
    done = slowly(residency, hand, "slowly", meanwhile=lambda: hand.add(1))
    assert done.status == 0, done.out + done.err
    row = rows(done)["slowly@1xcpu"]
    assert any("came" in event for event in row["events"])


@pytest.mark.slow
def test_a_killed_scheduler_fails_its_implementations_alone(residency, hand: Hand) -> None:
    hand.add(2)
    start = monotonic()
    done = slowly(residency, hand, "slowly", "alone", meanwhile=hand.scheduler.kill)
    assert done.status == 1
    assert monotonic() - start < 90
    found = rows(done)
    assert found["slowly@2xcpu"]["outcome"] == "failed"
    assert "the scheduler at tcp://127.0.0.1" in found["slowly@2xcpu"]["reason"]
    assert found["alone@cpu"]["outcome"] == "ok"


@pytest.mark.slow
def test_the_last_worker_killed_ends_in_time(residency, hand: Hand) -> None:
    hand.add(1)
    done = slowly(residency, hand, "slowly", meanwhile=hand.workers[0].kill, timeout="15")
    assert done.status == 1
    row = rows(done)["slowly@1xcpu"]
    assert row["outcome"] == "timeout"
    assert "took longer than 15 s" in row["reason"]


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="hiding a folder from a process takes root")
def test_workers_without_the_data_say_which_file(residency, hand: Hand, cache: Path) -> None:
    hidden = (
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        f'mount -t tmpfs none {cache} && exec "$@"',
        "sh",
    )
    if subprocess.run([*hidden, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no mount namespaces here")
    hand.add(2, before=hidden)
    done = slowly(residency, hand, "shared", "alone")
    assert done.status == 1
    row = rows(done)["shared@2xcpu"]
    assert row["outcome"] == "failed"
    assert "x.npy" in row["reason"]
    assert "RESIDENCY_CACHE" in row["reason"]


@pytest.mark.slow
def test_nobody_at_the_address(residency) -> None:
    done = residency("run", "tabular/etl", "--runner", "cluster", "--scheduler", "tcp://127.0.0.1:9")
    assert done.status == 2
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_a_scheduler_without_workers_and_too_many_asked_for(residency, hand: Hand) -> None:
    done = residency("run", "tabular/etl", "--runner", "cluster", "--scheduler", hand.address)
    assert done.status == 2
    assert f"has no workers; start some: dask worker {hand.address}" in done.err
    hand.add(1)
    done = residency("run", "tabular/etl", "--runner", "cluster", "--scheduler", hand.address, "--workers", "3")
    assert done.status == 2
    assert "has 1 workers and all are used: leave out --workers" in done.err


@pytest.mark.slow
def test_a_cluster_listens_on_loopback_alone_and_goes_with_a_killed_command(
    residency_in, environment: dict[str, str], tmp_path: Path
) -> None:
    """After `kill -9` of the command neither its worker nor the cluster's processes stay."""
    import psutil

    asked = ["run", "cluster/faults", "--runner", "cluster", "--devices", "cpu", "--workers", "2"]
    process = subprocess.Popen(
        [Path(sys.executable).parent / "residency", *asked, "--implementations", "slowly", "--replicates", "1"],
        cwd=tmp_path,
        env={**environment, "RESIDENCY_SUITES": str(FIXTURES), "FAULTS": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = monotonic() + 60
    while not (tmp_path / "begun").exists() and monotonic() < deadline:
        sleep(0.05)
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 4  # the worker, two of the cluster, and what watches them
    listening = [one for process in family for one in process.net_connections("inet") if one.status == "LISTEN"]
    assert len(listening) >= 3
    assert {one.laddr.ip for one in listening} == {"127.0.0.1"}
    process.send_signal(signal.SIGKILL)
    process.wait()
    _, alive = psutil.wait_procs(family, timeout=20)
    assert not alive
