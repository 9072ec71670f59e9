"""Ctrl-C, TERM and HUP, once or several times: what was measured is kept, how to go on is said, nobody is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import psutil
import pytest

from residency.harness import interrupts

FIXTURES = Path(__file__).parent.parent / "fixtures" / "suites"
COMMAND = str(Path(sys.executable).parent / "residency")
# What runs the tests may ignore the end of its terminal, as under `nohup`; what it starts would ignore it too.
HEARD = ["env", "--default-signal=HUP"]
INT, TERM, HUP = signal.SIGINT, signal.SIGTERM, signal.SIGHUP


def left(pids: list[int]) -> list[int]:
    """Those that still live after they had the time to die."""
    alive = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    _, stay = psutil.wait_procs(alive, timeout=10)
    return [process.pid for process in stay if process.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize(
    "sent",
    [
        [TERM],
        [INT, INT],
        *(pytest.param(sent, marks=pytest.mark.slow) for sent in ([HUP], [TERM, TERM, INT, INT, TERM])),
    ],
)
def test_how_to_go_on_is_said_whatever_comes(environment, tmp_path: Path, sent: list[signal.Signals]) -> None:
    process = subprocess.Popen(
        [*HEARD, COMMAND, "run", "outcomes", "--implementations", "waits_later", "--timeout", "600"],
        cwd=tmp_path, env={**environment, "RESIDENCY_SUITES": str(FIXTURES)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    deadline = monotonic() + 60
    while not any('"cold"' in kept.read_text() for kept in tmp_path.glob("results/runs/*/records.jsonl")):
        assert monotonic() < deadline
        sleep(0.05)
    workers = [child.pid for child in psutil.Process(process.pid).children()]
    for number in sent:  # one after another while the command cleans up, reports, and ends
        process.send_signal(number)
        sleep(0.03)
    _, err = process.communicate(timeout=60)
    (run,) = tmp_path.glob("results/runs/*")
    assert process.returncode == 128 + sent[0], err
    assert f"Continue with: residency run --resume {run.relative_to(tmp_path)}\n" in err
    assert "Traceback" not in err
    assert workers
    assert not left(workers)


@pytest.fixture
def listening() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in interrupts.SIGNALS}
    interrupts.install()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    interrupts._received.clear()


@pytest.mark.usefixtures("listening")
def test_what_is_whole_is_interrupted_after_its_end() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 (when it comes is the point)
        with interrupts.whole():
            with interrupts.whole():
                os.kill(os.getpid(), TERM)
                done.append("inner")
            done.append("outer")
        done.append("after")
    assert done == ["inner", "outer"]
    assert interrupts.received()
    assert interrupts.status() == 143


@pytest.mark.usefixtures("listening")
def test_only_the_main_thread_is_ever_interrupted() -> None:
    entered, go_on = threading.Event(), threading.Event()

    def close() -> None:
        with interrupts.whole():
            entered.set()
            go_on.wait(30)

    other = threading.Thread(target=close)
    other.start()
    entered.wait(30)
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), TERM)
    go_on.set()
    other.join()


def test_a_signal_that_is_ignored_stays_ignored(environment, tmp_path: Path) -> None:
    """As under `nohup`."""
    code = "from residency.harness import interrupts; import os, signal\ninterrupts.install()\n"
    code += "os.kill(os.getpid(), signal.SIGHUP)\nprint('alive')"
    ignore = "trap '' HUP; exec \"$@\""
    done = subprocess.run(
        ["sh", "-c", ignore, "sh", sys.executable, "-c", code], env=environment, cwd=tmp_path, text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr


def test_what_hangs_can_be_left(environment, tmp_path: Path) -> None:
    code = (
        "from residency.harness import interrupts; import os, signal, time\n"
        "interrupts.install()\ninterrupts.at_last(lambda: 'go on with this\\n')\n"
        "with interrupts.whole():\n"
        "    for _ in range(9): os.kill(os.getpid(), signal.SIGTERM)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=tmp_path, text=True, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (143, "go on with this\n")


def test_term_while_the_command_is_imported(residency, tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\n")
    done = residency("list", PYTHONPATH=str(tmp_path))
    assert (done.status, done.out, done.err) == (143, "", "residency: interrupted\n")
