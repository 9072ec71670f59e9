"""One execution of one implementation: timed from entry to return, then judged, in this process.

The clock runs from an implementation's entry to its return; time outside all stages is `other`. After the clock has
stopped, the result is checked and its quality is computed.
"""

from __future__ import annotations

import gc
import importlib
import mmap
import os
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from residency.harness import device as devices
from residency.harness.accelerators import ACCELERATORS
from residency.harness.cluster import Workers
from residency.harness.errors import Unavailable, WrongResult
from residency.harness.libraries import is_installed, not_installed
from residency.harness.lingering import Idle, Started, fingerprint, native_work
from residency.harness.outcomes import OK, Ending, Outcome
from residency.harness.outputs import Outputs
from residency.harness.quality import Judged
from residency.harness.run import Run, check_result
from residency.harness.task import Implementation, Task
from residency.harness.truth import best_answer, without_truth

BELIEVED = 0.5  # share of the gap between the best possible answer and a perfect score
FORKED = "it called os.fork, and the child returned from the function too: end a child with os._exit"
_CHILD_CAME_OUT = mmap.mmap(-1, 1)  # one byte that this process and its children share
CHANGED = "the result changed after it was returned, while a thread of this process was running"
OUT_OF_MEMORY = (
    *("outofmemory", "out of memory", "out_of_memory", "bad_alloc", "resource_exhausted", "cannot allocate"),
    *("memoryerror", "insufficient memory"),
)
NOT_OUT_OF_MEMORY = (  # lines with such a sign that say something else
    "static tls block",  # a library loaded too late
    "not a failure",  # XLA and TensorFlow try again with less
    "onoutofmemoryerror",  # an option of Java, in a command line
)


@dataclass(frozen=True)
class Execution:
    """What one execution measured. `seconds` is None if it did not return."""

    ending: Ending
    seconds: float | None = None
    stages: dict[str, float] = field(default_factory=dict)  # seconds; `other` is what no stage covers
    quality: float | None = None
    judged: Judged | None = None  # how the quality was judged, if the caller asked for it
    cpu_seconds: float | None = None
    other_cpu_seconds: float | None = None
    peak_host_bytes: int | None = None  # resident, of this process, while it ran
    parameters: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)  # numbers that the implementation measured itself
    cluster: dict[str, float] = field(default_factory=dict)  # what its workers spent, in seconds and bytes
    events: list[str] = field(default_factory=list)  # events meanwhile that a reader must know
    aside: float = 0.0  # seconds off the clock: touching memory, waiting for threads to rest, judging the result
    waited_seconds: float | None = None  # time that all threads of this process together waited for a core


def execute(
    task: Task,
    implementation: Implementation,
    data: Any,
    *,
    dataset: str,
    reference: float | None = None,
    ceiling: float | None = None,
    rows: int | None = None,
    shares: bool = False,
    threads: int = 1,
    seed: int = 0,
    cold: bool = False,
    calls: int = 1,
    lead_in: bool = False,
    cluster: Workers | None = None,
    idle: Idle | None = None,
    kind: type[Run] = Run,
    stopped: Callable[[], None] = lambda: None,
) -> Execution:
    """Run an implementation, several times in a row if one call is too short to time; all times are for one call.

    A cold execution begins with the import of its library, as a stage `import`. On a cluster, the start of the cluster
    follows as a stage `cluster`; on GPUs the cluster comes first. The last call's result is judged, after `stopped` is
    called; with `shares` the execution also holds what its quality is based on. The implementation gets a run of class
    `kind`, and the truth in the data is hidden from it.

    The memory that the last execution's results were written to is made anew and touched before the clock starts.

    `idle` is the spell before, in which nothing was asked of this process: threads that ran all through it do not count
    as this execution's work.

    A lead-in is a call before the clock starts. Without it a single call of 4 ms took 1.4 % longer than each of two
    calls in a row, most likely because another process's turn leaves the processor's caches cold.
    """
    asked = without_truth(data)
    outputs = Outputs(implementation.place, threads)
    settings = {**_seen(implementation), "threads": threads, "seed": seed, "outputs": outputs}
    run, aside = kind(**settings), kind(**settings)
    gc.collect()
    reset_peak_memory()
    always = idle.always_running() if idle is not None else frozenset()
    started = Started(cluster)
    if cluster is not None and not cold:
        cluster.begin()
    try:
        outputs.make()
        if lead_in:
            _call(implementation, asked, aside, importlib.import_module(implementation.library))
        touching = _touch(outputs, implementation)
        waited, busy, cpu, start = waited_seconds(), machine_cpu_seconds(), process_time(), perf_counter()
        library = _begin(implementation, run, cold, cluster)
        if cluster is not None:
            started = Started(cluster)  # the client's own threads are not the implementation's work
        for _ in outputs.calls(calls):
            result = _call(implementation, asked, run, library)
        end, cpu_end, after, queued = _clocks()
        later, working = started.wait(_clocks)
        if later is not None:  # work that was left is part of the execution: the clock went on
            end, cpu_end, after, queued = later
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        ending = (cluster and cluster.explain(error)) or ending_of(error, implementation.place)
        return Execution(ending, parameters=run.parameters, peak_host_bytes=peak_memory())
    stopped()
    outputs.remember()
    run.effective(**devices.told(implementation.device), **_replaced(implementation))
    if cluster is not None and (memory := cluster.memory()):
        run.effective(memory=f"workers: {memory}")
    seconds, cpu, peak = (end - start) / calls, (cpu_end - cpu) / calls, peak_memory()
    others, wait = _passed(busy, after, calls, cpu), _passed(waited, queued, calls)
    spent, events = cluster.told() if cluster is not None else ({}, [])
    beside, first = perf_counter(), fingerprint(result) if always else None
    polls = cold and (cluster is not None or implementation.device == "gpu")  # libraries for these poll
    working = working or native_work(always, may_poll=polls)
    stages = {name: time / calls for name, time in run.stages.items()}
    stages["other"] = max(0.0, seconds - sum(stages.values()))
    limits = {"dataset": dataset, "reference": reference, "ceiling": ceiling, "rows": rows}
    quality, ending = _judged(task, data, result, run, working, place=implementation.place, **limits)
    judged = task.quality.judged(data, result) if shares and ending == OK else None
    if ending == OK and (late := started.late()):
        ending = Ending(Outcome.WRONG, f"{_unfinished(late)} ({implementation.place})")
    elif ending == OK and first is not None and fingerprint(result) != first:
        ending = Ending(Outcome.WRONG, f"{CHANGED} ({implementation.place})")
    told = (run.parameters, run.figures, {name: amount / calls for name, amount in spent.items()}, events)
    beside = perf_counter() - beside + touching
    return Execution(
        ending, seconds, stages, quality, judged, cpu, others, peak, *told, aside=beside, waited_seconds=wait
    )


def _seen(implementation: Implementation) -> dict[str, Any]:
    """The device as the implementation's lines see it: under an accelerator, the CPU."""
    accelerated = bool(implementation.accelerator)
    return {"device": "cpu" if accelerated else implementation.device, "accelerated": accelerated}


def _replaced(implementation: Implementation) -> dict[str, Any]:
    """The parameters that an accelerator puts in place of those that the program gives."""
    accelerator = ACCELERATORS.get(implementation.accelerator)
    return {} if accelerator is None else dict(accelerator.effective)


def _touch(outputs: Outputs, implementation: Implementation) -> float:
    """Overwrite the memory for results, and let new libraries share the GPU's; returns the seconds it took."""
    start = perf_counter()
    outputs.overwrite()
    devices.share_memory(implementation.device)
    return perf_counter() - start


def _clocks() -> tuple[float, float, float | None, float | None]:
    """The time, and what this process and this machine have used and waited until now."""
    return perf_counter(), process_time(), machine_cpu_seconds(), waited_seconds()


def _unfinished(working: list[str]) -> str:
    return f"returned before its work was done: {', '.join(working)} is still running"


def _passed(before: float | None, after: float | None, calls: int, own: float = 0.0) -> float | None:
    """The increase of a counter in one call, without our own part; None if it is not known."""
    return None if before is None or after is None else max(0.0, (after - before) / calls - own)


def _judged(
    task: Task, data: Any, result: Any, run: Run, working: list[str], *, place: str, **limits: Any
) -> tuple[float | None, Ending]:
    """The quality of a result, if it has one, and the outcome; `working` names threads that are still running.

    `place` is where the implementation is registered; a reason that names no line names this place.
    """
    try:
        if _CHILD_CAME_OUT[0]:
            return None, Ending(Outcome.FAILED, f"{FORKED} ({place})")
        if working:
            raise WrongResult(_unfinished(working))
        quality = _quality(task, data, result, run)
        return quality, judge(task, quality, **limits)
    except WrongResult as error:
        return None, Ending(Outcome.WRONG, f"{error} ({place})")
    except Exception as error:
        return None, Ending(Outcome.FAILED, f"judging the result of {place}: {_describe(error)}")


def _call(implementation: Implementation, data: Any, run: Run, library: Any) -> Any:
    """The result, after the device has finished all its work."""
    process = os.getpid()
    try:
        result = implementation.function(data, run, library)
    finally:
        if os.getpid() != process:
            _end_child()
    devices.synchronise(implementation.device)
    return result


def _end_child() -> None:
    """End a forked child that returned from the implementation: two processes must not answer for one execution."""
    _CHILD_CAME_OUT[0] = 1
    os._exit(1)


def _quality(task: Task, data: Any, result: Any, run: Run) -> float:
    """The quality of a valid result; also records the task's further numbers."""
    check_result(result)
    quality = task.quality(data, result)
    run.observe(**{name: function(data, result) for name, function in task.also.items()})
    run.observe(**{task.quality.of(name): task.quality(data, function(data)) for name, function in task.naive.items()})
    return quality


def _begin(implementation: Implementation, run: Run, cold: bool, cluster: Workers | None) -> Any:
    """The implementation's library, when the run has its cluster; on GPUs the cluster comes first.

    Libraries may create a CUDA context, and the workers' contexts must come before it. The workers inherit what the
    environment says of Torch's memory.
    """
    if cold and implementation.device == "gpu" and "torch" in {implementation.package, *implementation.needs}:
        with run.stage("import"):
            devices.leave_torch_its_pool(implementation.device)
    if cluster is not None and implementation.device == "gpu":
        _join(cluster, run, cold)
    library = _library(implementation, run, cold)
    if cluster is not None and implementation.device == "cpu":
        _join(cluster, run, cold)
    if cold and implementation.device == "gpu":
        with run.stage("import"):
            devices.share_memory(implementation.device)
    return library


def _library(implementation: Implementation, run: Run, cold: bool) -> Any:
    """The implementation's library, which a cold execution imports on the clock.

    On a machine with a GPU, a library that is installed but cannot be imported is a failure, whatever it lacks.
    """
    if not cold:
        return importlib.import_module(implementation.library)
    with run.stage("import"):
        try:
            if implementation.accelerator:
                ACCELERATORS[implementation.accelerator].install()
            library = importlib.import_module(implementation.library)
        except ModuleNotFoundError as error:
            if implementation.device == "cpu" or not is_installed(implementation.library):
                raise
            raise ImportError(f"{implementation.library} is installed and cannot be imported: {error}") from error
    return library


def _join(cluster: Workers, run: Run, cold: bool) -> None:
    """Give the run its cluster, which a cold execution starts."""
    if cold:
        with run.stage("cluster"):
            cluster.open()
        run.effective(**cluster.parameters)
    run.client, run.frame, run.part_bytes = cluster.client, cluster.frame, cluster.part_bytes
    run.workers, run.threads = cluster.workers, cluster.threads


def ceiling_of(task: Task, data: Any) -> float | None:
    """The quality of the best answer to generated data, if known: an estimate exceeds it only by chance."""
    best = best_answer(data) if task.quality.items is not None else None
    return None if best is None else task.quality(data, best)


def judge(
    task: Task,
    quality: float,
    *,
    dataset: str,
    reference: float | None = None,
    ceiling: float | None = None,
    rows: int | None = None,
) -> Ending:
    """Whether a quality passes: at least the floor, close to the exact solution, and not too good to be true.

    `ceiling` is the quality of the best possible answer: an estimate may exceed it by chance, but not by half of the
    gap to a perfect score. `rows` is the number of generated rows, if floor and ceiling depend on it.
    """
    name = task.quality.name
    if ceiling is not None and (rows is None or rows >= min(task.sizes.values())):
        left = abs(task.quality.perfect - ceiling)
        if task.quality.shortfall(quality, ceiling) < -BELIEVED * left:
            best = f"the best answer there can be has {ceiling:.6g}"
            return Ending(Outcome.WRONG, f"{name} {quality:.6g} is better than the data allows: {best}")
    floor = task.floor_for(dataset, rows)
    exact = floor == reference and not task.tolerance  # the reference says the same, and says it on any data
    if floor is not None and not exact and not task.quality.beyond(quality, floor):
        limit = "below the floor" if task.quality.better == "higher" else "above the ceiling"
        return Ending(Outcome.WRONG, f"{name} {quality:.6g} is {limit} of {floor:g}")
    if reference is not None and (short := task.quality.shortfall(quality, reference)) > task.tolerance:
        unit = " of it" if task.quality.relative else ""
        return Ending(
            Outcome.WRONG,
            f"{name} {quality:.6g} misses the exact solution's {reference:.6g} by {short:.3g}{unit}; "
            f"the tolerance is {task.tolerance:g}",
        )
    if reference is not None and task.quality.items is not None and short < -task.tolerance:
        return Ending(
            Outcome.WRONG,
            f"{name} {quality:.6g} is better than the exact solution's {reference:.6g} by {-short:.3g}: the "
            f"result solves another problem; the tolerance is {task.tolerance:g}",
        )
    return OK


def says_out_of_memory(line: str) -> bool:
    """Whether a line of a message or of a process's output says that memory ran out."""
    lower = line.lower()
    return any(sign in lower for sign in OUT_OF_MEMORY) and not any(sign in lower for sign in NOT_OUT_OF_MEMORY)


def ending_of(error: BaseException, place: str = "") -> Ending:
    """The outcome for an exception, with its message as the reason; `place` is named if the exception has no line."""
    text = _describe(error, place)
    if isinstance(error, MemoryError) or says_out_of_memory(text):
        return Ending(Outcome.OUT_OF_MEMORY, text)
    if isinstance(error, Unavailable):
        return Ending(Outcome.UNAVAILABLE, str(error))
    if isinstance(error, ModuleNotFoundError) and error.name and not is_installed(error.name):
        return Ending(Outcome.UNAVAILABLE, not_installed([error.name]))
    if isinstance(error, WrongResult):
        return Ending(Outcome.WRONG, str(error))
    if isinstance(error, SystemExit):
        return Ending(Outcome.FAILED, f"it called sys.exit({error.code!r}) ({_place(error)})")
    return Ending(Outcome.FAILED, text)


def machine_cpu_seconds() -> float | None:
    """Processor time that everything on this machine has used, in seconds, to a hundredth; None if Linux is silent."""
    try:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    except OSError:
        return None
    user, nice, system, _, _, irq, softirq, steal = (int(field) for field in fields[:8])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def waited_seconds() -> float | None:
    """How long all threads of this process together have waited for a core so far; None if Linux does not tell.

    It counts nanoseconds, so it also works for samples that are shorter than a hundredth of a second, the unit of
    processor time. Reading takes 9 µs for each thread, before the clock starts and after it has stopped. The time of a
    thread that has ended is lost.
    """
    waited = [_waited(thread) for thread in Path("/proc/self/task").iterdir()]
    known = [nanoseconds for nanoseconds in waited if nanoseconds is not None]
    return sum(known) / 1e9 if known else None


def _waited(thread: Path) -> int | None:
    """Nanoseconds that a thread of this process has waited; None if it has ended, or Linux does not tell."""
    try:
        descriptor = os.open(thread / "schedstat", os.O_RDONLY)
    except OSError:
        return None
    try:
        return int(os.read(descriptor, 100).split()[1])
    except (OSError, IndexError):
        return None
    finally:
        os.close(descriptor)


def peak_memory() -> int | None:
    """Highest resident memory of this process since `reset_peak_memory`, in bytes; None if Linux does not tell."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def reset_peak_memory() -> None:
    """Reset the peak; if the kernel refuses, the peak is that of the whole process."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass


def _describe(error: BaseException, place: str = "") -> str:
    try:
        text = " ".join(str(error).split())
    except Exception as another:
        text = f"its text cannot be made: {type(another).__name__}"
    text = "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
    if len(text) > 400:
        text = f"{text[:200]} ... {text[-180:]}"
    where = f" ({line})" if (line := _place(error) or place) else ""
    notes = "".join(f"; {note}" for note in getattr(error, "__notes__", ()))
    return f"{type(error).__name__}: {text}{where}{notes}"


def _place(error: BaseException) -> str:
    """The deepest line in the implementation's own file, or in a module that fails on import."""
    frames = traceback.extract_tb(error.__traceback__)
    inner = max((number for number, frame in enumerate(frames, 1) if frame.filename == __file__), default=0)
    called = frames[inner:] or frames
    if not called:
        return ""
    own = [frame for frame in called if frame.filename == called[0].filename and "importlib" not in frame.filename]
    last = own[-1] if own else called[-1]
    return "" if last.filename.startswith("<") else f"{'/'.join(Path(last.filename).parts[-3:])}:{last.lineno}"
