"""From the host's memory to the device's and back: from ordinary memory, from pinned, and through pinned buffers.

Question  What does it cost to copy numbers to a GPU and back, and how does the kind of host memory change that?
Expect    PCIe 4.0 moves at most 32 GB a second each way through sixteen lanes, PCIe 5.0 64; some four fifths of that
          can be had. The system promises not to move pinned memory, so a GPU can read it directly. A GPU cannot read
          ordinary (pageable) memory: the driver first copies it piece by piece into pinned memory of its own, on one
          core, at 5 to 12 GB/s. So 64 MB (`smoke`) take 2.5 ms from pinned memory at 25 GB/s, from ordinary memory 5 to
          13. The device's own memory is 10 to 100 times as fast as the bus: what is not used many times over there is
          not worth the copy. Pinning has its price, because every page is found and locked (stage `allocate`): pin
          buffers that are used again. So do `run.to_device` and `run.to_host` (`staged`): several threads fill one of
          two pinned buffers while the GPU reads the other. With three threads or more that should come near the pinned
          rate; the first filling, an eighth of the array at most, does not overlap. A CPU copies within its own memory:
          one core some 10 GB/s, all of them several times that. Into memory that was just asked for it is slower, for
          each page of 4 kB must first be given.

Rates count each byte once, when it crosses the bus, or when a CPU reads and writes it. Every other `put` and `get` is
judged by them. The ratio of the times is not a speedup, because only the GPU's side crosses a bus.

Not yet seen on a real GPU: the `staged` rates.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from residency.datasets.foundations.numbers import Numbers, numbers
from residency.harness import Memory, Run, Task
from residency.harness.errors import WrongResult
from residency.harness.quality import metric
from residency.suites.foundations._laps import lap, observe_bytes

STARTER = 2**22  # numbers: enough to take the way through the buffers


@metric(name="numbers that came back")
def came_back(data: Numbers, returned: tuple[Any, ...]) -> float:
    """Share of the numbers that came back bit for bit, on the path that lost most."""
    if any(one.shape != data.values.shape or one.dtype != np.float32 for one in returned):
        raise WrongResult(f"what came back is not float32 {data.values.shape}")
    return min(float(np.mean(one.view(np.uint32) == data.values.view(np.uint32))) for one in returned)


task = Task(
    datasets=[numbers],
    sizes={"smoke": 2**24, "lab": 2**26, "lecture": 2**28, "production": 2**31},  # 64 MB, 256 MB, 1 GB, 8 GB
    quality=came_back,
    tolerance=0.0,
    floor=1.0,
    reference=lambda _: 1.0,
    unit="numbers",
    memory={"cpu": Memory(copies=5.5), "gpu": Memory(copies=2, host=6)},
)


@task.on_gpu("cupy", needs=["cupyx"])
def arrays_over_the_bus(data: Numbers, run: Run, cupy):
    """CuPy: to the device and back with NumPy's memory, then with memory that was pinned for it."""
    import cupyx

    run.effective(bytes=data.values.nbytes)
    with run.stage("allocate"):  # host memory is written to, so that it has its pages before a rate is taken
        first, second = (cupy.zeros(data.rows, np.float32) for _ in range(2))
        ordinary = np.full_like(data.values, np.nan)
        again = np.full_like(data.values, np.nan)
        pinned, back = (cupyx.zeros_pinned(data.rows, np.float32) for _ in range(2))
        pinned[:] = data.values
        run.to_device(data.values[:STARTER])  # makes the pinned buffers, in the first execution
    with lap(run, "put") as put_ordinary:
        first.set(data.values)
    with lap(run, "put") as put_pinned:
        second.set(pinned)
    with lap(run, "get") as got_ordinary:
        first.get(out=ordinary)
    with lap(run, "get") as got_pinned:
        second.get(out=back)
    del first  # its memory goes back to the pool, and the next array takes it from there
    with lap(run, "put") as put_staged:
        third = run.to_device(data.values)
    with lap(run, "get") as got_staged:
        run.to_host(third, out=again)
    put = {"to_device_pageable": put_ordinary, "to_device_pinned": put_pinned, "to_device_staged": put_staged}
    got = {"to_host_pageable": got_ordinary, "to_host_pinned": got_pinned, "to_host_staged": got_staged}
    observe_bytes(run, data.values.nbytes, **put, **got)
    return ordinary, back, again


@task.on_gpu("torch")
def tensors_over_the_bus(data: Numbers, run: Run, torch):
    """Torch: the same. The call does not wait for a copy from pinned memory (`non_blocking`); the stage's end does."""
    run.effective(bytes=data.values.nbytes)
    values = torch.from_numpy(data.values)
    with run.stage("allocate"):
        first, second = (torch.zeros_like(values, device=run.torch_device) for _ in range(2))
        ordinary, again = torch.full_like(values, torch.nan), np.full_like(data.values, np.nan)
        pinned, back = values.pin_memory(), torch.zeros(data.rows, pin_memory=True)
        run.to_device(data.values[:STARTER], into=torch)
    with lap(run, "put") as put_ordinary:
        first.copy_(values)
    with lap(run, "put") as put_pinned:
        second.copy_(pinned, non_blocking=True)
    with lap(run, "get") as got_ordinary:
        ordinary.copy_(first)
    with lap(run, "get") as got_pinned:
        back.copy_(second, non_blocking=True)
    del first
    with lap(run, "put") as put_staged:
        third = run.to_device(data.values, into=torch)
    with lap(run, "get") as got_staged:
        run.to_host(third, out=again)
    put = {"to_device_pageable": put_ordinary, "to_device_pinned": put_pinned, "to_device_staged": put_staged}
    got = {"to_host_pageable": got_ordinary, "to_host_pinned": got_pinned, "to_host_staged": got_staged}
    observe_bytes(run, data.values.nbytes, **put, **got)
    return run.to_host(ordinary), run.to_host(back), again


@task.on_cpu("numpy")
def arrays_in_memory(data: Numbers, run: Run, xp):
    """NumPy on one core: there and back between buffers used before, then twice into memory just allocated."""
    run.effective(bytes=data.values.nbytes, cores=1)
    with run.stage("allocate"):
        there, back = (xp.full_like(data.values, xp.nan) for _ in range(2))
    with lap(run, "copy") as copying:
        xp.copyto(there, data.values)
        xp.copyto(back, there)
    with lap(run, "copy_to_new") as copying_to_new:
        new = there.copy().copy()
    observe_bytes(run, 2.0 * data.values.nbytes, copy=copying, copy_to_new_memory=copying_to_new)
    return back, new


@task.on_cpu("torch")
def tensors_in_memory(data: Numbers, run: Run, torch):
    """Torch, the same on all cores: the strong side."""
    run.effective(bytes=data.values.nbytes, cores=torch.get_num_threads())
    values = run.to_device(data.values, into=torch)
    with run.stage("allocate"):
        there, back = (torch.full_like(values, torch.nan) for _ in range(2))
    with lap(run, "copy") as copying:
        there.copy_(values)
        back.copy_(there)
    with lap(run, "copy_to_new") as copying_to_new:
        new = there.clone().clone()
    observe_bytes(run, 2.0 * data.values.nbytes, copy=copying, copy_to_new_memory=copying_to_new)
    return run.to_host(back), run.to_host(new)
