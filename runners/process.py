"""The parent's side of a worker: start it, send it requests, end it and everything it started."""

from __future__ import annotations

import errno
import json
import os
import pwd
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Any, Self

import psutil

from residency.harness import interrupts, memory_pool, store
from residency.harness.errors import UsageError
from residency.harness.execute import says_out_of_memory
from residency.harness.lingering import descendants
from residency.harness.outcomes import Ending, Outcome
from residency.runners import fallback, machine
from residency.runners.fallback import Trace
from residency.runners.watch import STEP, Watch

WORKER = "residency.runners.worker"
TORCH_SETTINGS = ("PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF")  # if the user has set one, it stays
SETTLE_TIMEOUT = 1.0  # seconds
SETTLE_STEP = 0.001
START_TIMEOUT = 120.0  # seconds for Python and NumPy to start, on a busy or slow machine
LONGEST_LINE = 300  # characters of its output in a reason
LOG_BYTES = 2**20
NOT_DONE = {Outcome.FAILED, Outcome.UNAVAILABLE}  # what a lack of memory may have been taken for
END_TIMEOUT = 5.0  # seconds for a worker to end after it has closed its pipe
TOO_MANY = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE}
NO_START = "a limit on processes, open files or memory is too low: raise it (ulimit -a, or the container's)"
LIMITS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
    "KVIKIO_NTHREADS",  # cuDF's readers; without it, four
)


_open: set[Worker] = set()  # the running workers


class Ended(Exception):
    """The worker has ended, or has reported a failure: the outcome and its reason."""

    def __init__(self, ending: Ending) -> None:
        """Keep the ending."""
        super().__init__(ending.reason)
        self.ending = ending


def limits(threads: int) -> dict[str, str]:
    """The limits of a worker's threads: one variable for each library that reads one."""
    return dict.fromkeys(LIMITS, str(threads))


def environment(
    device: str, threads: int, gate: bool = False, extra: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The environment of a worker: its device, and thread limits that every library sees before it is imported."""
    fixed = {"PYTHONHASHSEED": "0", "PYTHONSAFEPATH": "1", "PYTHONWARNINGS": "ignore"}
    if gate:
        fixed |= {"RESIDENCY_GATE": "1"}
    if device == "cpu":
        fixed |= {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
    else:
        fixed |= {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}  # several workers share the device
        fixed |= {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}  # as NVML counts
        fixed |= {} if any(name in os.environ for name in TORCH_SETTINGS) else memory_pool.TORCH
        fixed |= {"PYTHONWARNINGS": fallback.WARNINGS}
        fixed |= {name: value for name, value in fallback.LOUDER.items() if name not in os.environ}
    return {**os.environ, **limits(threads), **fixed, **_someone(), **(extra or {})}


def _someone() -> dict[str, str]:
    """A name and a home folder for a user id without them: libraries that need them fail (Torch's compiler does)."""
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        home = {} if "HOME" in os.environ else {"HOME": str(store.cache_folder() / "home")}
        return {**home, **({} if "LOGNAME" in os.environ else {"LOGNAME": f"user-{os.getuid()}"})}
    return {}


def _handle(process: int) -> int:
    """A handle that reports a process's end; -1 if a sandbox forbids it: then the end of the pipe reports it."""
    try:
        return os.pidfd_open(process)
    except OSError:
        return -1


def _runs(process: int) -> bool:
    try:
        states = [
            task.read_text().rpartition(")")[2].split()[0] for task in Path(f"/proc/{process}/task").glob("*/stat")
        ]
    except (FileNotFoundError, ProcessLookupError):
        return True  # a thread ended while we looked at it: look again
    return "R" in states


def settle(workers: Sequence[Worker]) -> None:
    """Wait, for at most `SETTLE_TIMEOUT`, until no thread of these workers and of their children runs any more.

    Thread pools of BLAS and OpenMP libraries spin for up to 0.2 s after their work is done, and would slow the next
    worker's turn. A two-threaded product of 2.5 ms was seen to take 110 ms.
    """
    deadline = monotonic() + SETTLE_TIMEOUT
    while any(worker.is_busy() for worker in workers) and monotonic() < deadline:
        sleep(SETTLE_STEP)


def close_all() -> None:
    """Close the workers that an interruption has left open."""
    for worker in list(_open):
        worker.close()


def reap_orphans() -> None:
    """As process 1 of a container, reap the children of dead workers, which would stay as zombies.

    The workers themselves are left to their `Popen`, which must read how they ended.
    """
    if os.getpid() != 1:
        return
    own = {worker._process.pid for worker in list(_open)}
    for child in psutil.Process().children():
        with suppress(psutil.Error, ChildProcessError):
            if child.pid not in own and child.status() == psutil.STATUS_ZOMBIE:
                os.waitpid(child.pid, os.WNOHANG)


class Worker:
    """A fresh process for one implementation. Use it as a context manager: leaving kills all it started."""

    def __init__(
        self,
        device: str,
        threads: int,
        gate: bool = False,
        patience: float = START_TIMEOUT,
        *,
        extra: Mapping[str, str] | None = None,
        python: Path | None = None,
    ) -> None:
        """Start the process, with an `extra` environment; raises `Ended` if it takes longer than `patience` seconds.

        `python` is the interpreter of another environment, which has this project's code in it.
        """
        machine.check_processes()
        self._kills = machine.out_of_memory_kills()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close)
        request_end, self._requests = os.pipe()
        self._replies, reply_end = os.pipe()
        try:
            self._process = subprocess.Popen(
                [str(python or sys.executable), "-m", WORKER, str(request_end), str(reply_end), str(os.getpid())],
                pass_fds=(request_end, reply_end),
                env=environment(device, threads, gate, extra),
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                start_new_session=True,
            )
        except OSError as error:
            os.close(self._requests)
            os.close(self._replies)
            self._log.close()
            if error.errno not in TOO_MANY:
                raise
            why = f"the worker could not be started: {error.strerror}; {NO_START}"
            raise Ended(Ending(Outcome.FAILED, why)) from None
        finally:
            os.close(request_end)
            os.close(reply_end)
        self._handle = _handle(self._process.pid)
        _open.add(self)
        try:
            self._answer(patience)
        except Ended:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def watch(self, device: str, trace: Trace | None = None, gpus: int = 1) -> Watch:
        """Observe this worker during a request; with a trace, also whether it uses the GPU.

        `gpus` is the number of GPUs on which it should compute.
        """
        return Watch(self._process.pid, device, trace=trace, expected=gpus)

    def log(self) -> str:
        """Its output so far; only the beginning if it is long."""
        return os.pread(self._log.fileno(), LOG_BYTES, 0).decode(errors="replace")  # does not move its file position

    def ask(self, request: Mapping[str, Any], timeout: float, watch: Watch | None = None) -> dict[str, Any]:
        """Send a request and wait for the reply, with almost no use of the processor.

        Raises `Ended` if the worker dies, reports a failure, or takes longer than `timeout` seconds (then it and all it
        started are killed). Raises `UsageError` if the worker says that the request cannot be met. A failure is called
        out of memory if a process that the worker had started ran out of it: its own error only says that this is gone.
        """
        logged, kills = os.fstat(self._log.fileno()).st_size, machine.out_of_memory_kills()
        try:
            os.write(self._requests, (json.dumps(request, default=str) + "\n").encode())
        except BrokenPipeError:
            raise self._died() from None
        reply = self._answer(timeout, watch)
        if "usage" in reply:
            raise UsageError(reply["usage"])
        for key in ("error", "ending"):
            if key in reply and reply[key]["outcome"] in NOT_DONE and (why := self._lack_of_memory(logged, kills)):
                reply[key] |= {"outcome": Outcome.OUT_OF_MEMORY, "reason": f"{why}; {reply[key]['reason']}"}
        if "error" in reply:
            raise Ended(Ending(Outcome(reply["error"]["outcome"]), reply["error"]["reason"]))
        return reply

    def pools(self, timeout: float) -> list[dict[str, Any]]:
        """Which BLAS and OpenMP libraries it has loaded; ask only after the last measurement.

        Before that, the question would cost measured time. Empty if the worker does not answer: what was measured stays
        valid.
        """
        try:
            return list(self.ask({"do": "pools"}, timeout)["pools"])
        except Ended:
            return []

    def is_busy(self) -> bool:
        """Whether one of its threads, or of a process that it has started, is running or ready to run."""
        return _runs(self._process.pid) or any(_runs(child) for child in descendants(self._process.pid))

    def close(self) -> None:
        """Kill the process and all it started, and close its files. It can be called again; no signal interrupts it."""
        with interrupts.whole():
            if self._process.returncode is None:
                self._kill()
            for descriptor in (self._requests, self._replies, self._handle):
                if descriptor >= 0:
                    os.close(descriptor)
            self._requests = self._replies = self._handle = -1
            self._log.close()
            _open.discard(self)
            reap_orphans()

    def _answer(self, timeout: float, watch: Watch | None = None) -> dict[str, Any]:
        deadline = monotonic() + timeout
        poll = select.poll()
        poll.register(self._replies, select.POLLIN)
        if self._handle >= 0:
            poll.register(self._handle, select.POLLIN)
        buffer = b""
        while not buffer.endswith(b"\n"):
            left = max(0.0, deadline - monotonic())
            ready = dict(poll.poll((min(left, STEP) if watch else left) * 1000))
            if not ready and watch is not None and monotonic() < deadline:
                watch.look()
                continue
            if not ready:
                self._kill()
                raise Ended(Ending(Outcome.TIMEOUT, f"took longer than {timeout:g} s; killed"))
            part = os.read(self._replies, 65536) if self._replies in ready else b""
            if not part:
                raise self._died()
            buffer += part
            if watch is not None:  # the first byte comes when the clock has stopped: what follows is not watched
                watch.finish()
                watch = None
        try:
            return dict(json.loads(buffer))
        except ValueError:
            self._kill()
            why = (
                "the worker's answer cannot be read: the implementation, or a child of it, wrote into its pipe; killed"
            )
            raise Ended(Ending(Outcome.FAILED, why)) from None

    def _kill(self) -> None:
        try:
            family = psutil.Process(self._process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            family = []
        for child in family:
            try:
                child.kill()
            except psutil.NoSuchProcess:
                continue
        self._process.kill()
        self._kill_group()
        self._process.wait()

    def _died(self) -> Ended:
        """The outcome of a worker that ended without a reply."""
        try:
            self._process.wait(END_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._kill()
            return Ended(Ending(Outcome.FAILED, "the worker closed its pipe and stayed; killed"))
        self._kill_group()
        code = self._process.returncode
        said = self._last_words()
        if code >= 0:
            outcome = Outcome.OUT_OF_MEMORY if says_out_of_memory(said) else Outcome.FAILED
            return Ended(Ending(outcome, f"the worker exited with status {code}{said}"))
        name = signal.Signals(-code).name
        if name == "SIGKILL" and machine.out_of_memory_kills() > self._kills:
            return Ended(Ending(Outcome.OUT_OF_MEMORY, "killed by the kernel, which had run out of memory"))
        if says_out_of_memory(said):
            return Ended(Ending(Outcome.OUT_OF_MEMORY, f"killed by {name}{said}"))
        return Ended(Ending(Outcome.FAILED, f"the worker was killed by {name}{said}"))

    def _lack_of_memory(self, logged: int, kills: int) -> str:
        """What shows that a process of the worker's ran out of memory during a request; empty if nothing does.

        Older are the first `logged` bytes of its output, and the first `kills` of processes by the kernel.
        """
        if machine.out_of_memory_kills() > kills:
            return "the kernel ran out of memory and killed a process"
        lines = os.pread(self._log.fileno(), LOG_BYTES, logged).decode(errors="replace").splitlines()
        signs = (line.strip(" #") for line in lines if says_out_of_memory(line))
        line = next(signs, "")
        return f"its output says: {line[:LONGEST_LINE]}" if line else ""

    def _kill_group(self) -> None:
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass  # nothing was left of the group

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return f": {lines[-1][:LONGEST_LINE]}" if lines else ""
