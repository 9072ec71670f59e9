"""Dask's page of diagnostics: served where it was asked for while a cluster runs, and gone with it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from time import monotonic, sleep

import pytest

pytest.importorskip("distributed")
SUITES = Path(__file__).parent.parent / "fixtures" / "suites"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def health(port: int) -> str | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return None


@pytest.mark.slow
def test_the_dashboard_is_served_while_the_cluster_runs(environment: dict[str, str], tmp_path: Path) -> None:
    port = free_port()
    command = [str(Path(sys.executable).parent / "residency"), "run", "cluster/faults", "--runner", "cluster"]
    command += ["--devices", "cpu", "--workers", "1", "--implementations", "slowly", "--replicates", "1"]
    command += ["--dashboard", f"127.0.0.1:{port}", "--results", str(tmp_path)]
    extra = {"RESIDENCY_SUITES": str(SUITES), "FAULTS": str(tmp_path)}
    with subprocess.Popen(
        command, env={**environment, **extra}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as run:
        try:
            end = monotonic() + 60
            while (found := health(port)) is None and run.poll() is None and monotonic() < end:
                sleep(0.2)
            assert found == "ok"
        finally:
            run.send_signal(signal.SIGINT)
            run.wait(30)
    assert health(port) is None
