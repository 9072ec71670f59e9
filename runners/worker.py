"""The process in which implementations run: `python -m residency.runners.worker REQUESTS REPLIES PARENT`.

REQUESTS and REPLIES are descriptors of pipes, PARENT is the id of the process that holds their other ends.

It reads one JSON request per line and answers each with one line. Before its first execution it imports only NumPy and
the task's own file, and no library of an implementation.

    {"do": "make", ...}     make a dataset in the cache, and compute the task's exact quality and least work on it
    {"do": "load", ...}     bring the data into memory, untimed
    {"do": "sample", ...}   execute once
    {"do": "count"}         execute once, and count the calls that an accelerator ran on either device
    {"do": "unchanged"}     hash the data again
    {"do": "about"}         tell Python, versions, this project's code, and which modules are installed
    {"do": "pools"}         tell which BLAS and OpenMP libraries are loaded
    {"do": "rehearse", ...} execute a GPU implementation once without a GPU
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, get_type_hints

import numpy as np

from residency.harness import driver, store
from residency.harness.accelerators import ACCELERATORS
from residency.harness.dataset import Dataset, Request
from residency.harness.discovery import Suites, load
from residency.harness.errors import UsageError
from residency.harness.execute import ceiling_of, ending_of, execute
from residency.harness.files import write_whole
from residency.harness.lingering import Idle
from residency.harness.outcomes import Outcome
from residency.harness.sources import hash_of_sources
from residency.harness.task import Implementation, Task
from residency.harness.truth import fresh
from residency.runners import nvml
from residency.runners.about import about
from residency.runners.cluster import FRAMES, DaskCluster
from residency.runners.fallback import outspoken
from residency.runners.pools import loaded

PR_SET_PDEATHSIG = 1
PERSONALITY_ONLY_ASK = 0xFFFFFFFF
ADDR_NO_RANDOMIZE = 0x0040000
GATE = "RESIDENCY_GATE"


class Session:
    """What a worker keeps between requests."""

    task: Task
    implementation: Implementation
    data: Any
    settings: Mapping[str, Any]
    cluster: DaskCluster | None = None
    idle: Idle | None = None  # the spell since the latest execution

    def __init__(self, stopped: Callable[[], None]) -> None:
        """`stopped` tells the parent that an execution's clock has stopped."""
        self.stopped = stopped

    def make(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Make the dataset and the task's facts about it, unless the cache holds them."""
        start = perf_counter()
        task = _task(request["task"])
        dataset = task.dataset(request["data"]["dataset"])
        stored = store.make(dataset, _request(request["data"]))
        sizes = {"rows": stored.rows, "bytes": stored.bytes, "decoded": stored.decoded}
        facts = {"folder": str(stored.folder), "hash": stored.hash, **sizes}
        about = _about(task, dataset, stored)
        return {**facts, **about, "seconds": perf_counter() - start}

    def load(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Bring the data into memory and set the memory limit; for a cluster the data is mapped from its files."""
        start = perf_counter()
        self.task = _task(request["task"])
        self.implementation = self.task.implementation(request["implementation"])
        self.settings = request
        if limit := request["memory_limit"]:
            resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        if request.get("cluster"):
            device, workers = self.implementation.device, self.implementation.workers
            named = {name.partition(".")[0] for name in (self.implementation.library, *self.implementation.needs)}
            spills = device == "gpu" and bool(named & FRAMES) and nvml.total() is not None  # else refused by Dask-CUDA
            self.cluster = DaskCluster(device, workers, **request["cluster"], spills=spills, suites=self.task.own_files)
        schema = _schema(self.task.dataset(request["dataset"]))
        self.data = store.load(schema, Path(request["folder"]), mapped=self.implementation.runner == "cluster")
        return {"seconds": perf_counter() - start}

    def count(self, _: Mapping[str, Any]) -> dict[str, Any]:
        """Which calls its accelerator ran on the GPU and on the CPU, in an execution that is not timed."""
        with ACCELERATORS[self.implementation.accelerator].counting() as calls:
            ending = self.sample({"cold": False, "calls": 1})["ending"]
        if ending["outcome"] != Outcome.OK:
            raise RuntimeError(f"it was {ending['outcome']} while its calls were counted: {ending['reason']}")
        return asdict(calls)

    def about(self, _: Mapping[str, Any]) -> dict[str, Any]:
        """What this process runs in: see `about.py`."""
        return about()

    def unchanged(self, _: Mapping[str, Any]) -> dict[str, Any]:
        """The hash of the data after all executions; the parent checks that it did not change."""
        return {"hash": store.hash_data(self.data)}

    def pools(self, _: Mapping[str, Any]) -> dict[str, Any]:
        """Which BLAS and OpenMP libraries this process has loaded; on a cluster, those of one worker."""
        return {"pools": loaded() if self.cluster is None else self.cluster.pools()}

    def rehearse(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Execute a GPU implementation without a GPU, with stand-ins for its library; nothing is timed."""
        from residency.runners.rehearsal.stage import rehearse

        return rehearse(self.task, self.implementation, self.data, self.settings, request["twin"])

    def sample(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Execute once, or several times in a row; the reply also says whether this process has a CUDA context now."""
        data = self.data
        if (seed := request.get("fresh")) is not None and self.cluster is None:
            data = fresh(data, seed) or data
        idle, self.idle = self.idle, None
        with outspoken(self.implementation, request["cold"]):
            execution = execute(
                self.task,
                self.implementation,
                data,
                dataset=self.settings["dataset"],
                reference=self.settings["reference"],
                ceiling=self.settings.get("ceiling"),
                shares=request.get("shares", False),
                rows=self.settings.get("rows"),
                threads=self.settings["threads"],
                seed=self.settings["seed"],
                cold=request["cold"],
                calls=request["calls"],
                lead_in=request.get("lead_in", False),
                cluster=self.cluster,
                idle=idle,
                stopped=self.stopped,
            )
        self.idle = Idle()
        return {**asdict(execution), "context": driver.has_context()}


def _about(task: Task, dataset: Dataset, stored: store.Stored) -> dict[str, Any]:
    """The exact quality and the least work on this data, computed once and kept in its folder."""
    key = hash_of_sources(*task.files)[:16]
    file = stored.folder / f"about-{task.topic}-{task.name}-{key}.json"
    if not file.exists():
        data = store.load(_schema(dataset), stored.folder, mapped=True)  # it may be larger than memory
        flops, moved = task.work(data) if task.work else (None, None)
        about = {
            "reference": task.reference(data) if task.reference else None,
            "flops": flops,
            "moved": moved,
            "best": task.best_work(data) if task.best_work else (flops, moved),
            "ceiling": ceiling_of(task, data),
            "remarks": list(getattr(data, "remarks", ())),
        }
        text = json.dumps(about)
        with suppress(OSError):  # a cache that others made may be read-only
            write_whole(file, text)
        return dict(json.loads(text))
    return dict(json.loads(file.read_text(encoding="utf-8")))


def _schema(dataset: Dataset) -> type:
    return get_type_hints(dataset.maker)["return"]  # type: ignore[no-any-return]


def _task(place: Mapping[str, Any]) -> Task:
    suites, additions = (
        Suites(Path(place["folder"]), place["package"]),
        [Path(file) for file in place.get("additions", ())],
    )
    return load(suites, Path(place["file"]), additions)


def _request(raw: Mapping[str, Any]) -> Request:
    paths = {name: Path(raw[name]) if raw[name] else None for name in ("source", "path")}
    return Request(**{**raw, **paths})


def die_with_parent(parent: int) -> None:
    """Make the kernel kill this process when its parent ends, however that happens.

    If the parent ended before the kernel was asked, this process now has another parent. The number 1 alone does not
    show that, because in a container the parent may really be process 1.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the parent has ended")


def be_killed_first() -> None:
    """Ask the kernel to kill this process first if memory runs out, not the process that writes the records."""
    try:
        Path("/proc/self/oom_score_adj").write_text("1000")
    except OSError:
        pass  # not allowed everywhere, and only a preference


def serve(requests: int, replies: int) -> None:
    """Answer each request with a line, until there are no more. When a clock stops, a space is sent at once."""
    with os.fdopen(requests, "r", encoding="utf-8") as source, os.fdopen(replies, "w", encoding="utf-8") as sink:

        def tell(text: str) -> None:
            sink.write(text)
            sink.flush()

        session = Session(partial(tell, " "))
        actions = {
            "make": session.make,
            "load": session.load,
            "sample": session.sample,
            "count": session.count,
            "unchanged": session.unchanged,
            "about": session.about,
            "pools": session.pools,
            "rehearse": session.rehearse,
        }
        tell("{}\n")
        for line in source:
            request = json.loads(line)
            try:
                reply = actions[request["do"]](request)
            except UsageError as error:
                reply = {"usage": str(error)}
            except Exception as error:
                reply = {"error": asdict(ending_of(error))}
            tell(json.dumps(reply, default=_number) + "\n")


def _number(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} in a reply")


def fix_layout_and_processor() -> None:
    """Gate mode: the same memory layout in every process, and one-threaded work on one processor.

    Two fresh processes with the same code differ by several per cent, because their memory lies elsewhere and they run
    on other processors. A gate that must detect five per cent cannot accept that. One fixed layout may favour a side,
    so the run records that it was used. The layout takes effect when a program is loaded, so this process loads itself
    again.
    """
    if os.environ.get("OMP_NUM_THREADS") == "1":
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    libc = ctypes.CDLL(None)
    now = libc.personality(PERSONALITY_ONLY_ASK)
    if not now & ADDR_NO_RANDOMIZE and libc.personality(now | ADDR_NO_RANDOMIZE) != -1:
        os.execv(sys.executable, [sys.executable, "-m", "residency.runners.worker", *sys.argv[1:]])


if __name__ == "__main__":
    if os.environ.get(GATE):
        fix_layout_and_processor()
    die_with_parent(int(sys.argv[3]))
    be_killed_first()
    for descriptor in sys.argv[1:3]:
        os.set_inheritable(int(descriptor), False)
    serve(int(sys.argv[1]), int(sys.argv[2]))
