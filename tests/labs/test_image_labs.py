"""The labs about images: what is counted cannot be had without the work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from residency.labs import catalogue, driver, sandbox, verify

pytestmark = pytest.mark.skipif(sandbox.means().kind != "bubblewrap", reason="needs bubblewrap and namespaces")

KERNEL = catalogue.lab("image-kernel-of-your-own")
PIXELS = """
import numpy as np

def blurred(source, rows, columns, pitch):
    wide = np.pad(np.reshape(source, (rows, pitch))[:, :columns].astype(float), 1, mode="edge")
    high = wide[:-2] + 2 * wide[1:-1] + wide[2:]
    return (high[:, :-2] + 2 * high[:, 1:-1] + high[:, 2:]) / 16

def places(rows, columns, pitch):
    return np.array([row * pitch + column for row in range(rows) for column in range(columns)], np.int64)
"""
REMEMBERS = """
def blur(gpu, rows, columns, pitch):
    from gpu import Block
    ask, everything = Block.ask, places(rows, columns, pitch)
    ask("launch", 99, 64)
    ask("block", 64)
    parts = [ask("read", np.arange(first, first + 64)) for first in range(0, rows * pitch, 64)]
    result = blurred(np.concatenate(parts), rows, columns, pitch).ravel()
    for first in range(0, len(everything), 64):
        ask("block", 64)
        ask("write", everything[first : first + 64], result[first : first + 64])
"""
ONE_BLOCK = """
def blur(gpu, rows, columns, pitch):
    from gpu import Block
    Block.ask("launch", 1, 64)
    Block.ask("block", 64)
    parts = [Block.ask("read", np.arange(first, first + 64)) for first in range(0, rows * pitch, 64)]
    Block.ask("write", places(rows, columns, pitch), blurred(np.concatenate(parts), rows, columns, pitch).ravel())
"""


def verdict(lab, folder: Path, work: str, title: str) -> driver.Verdict:
    files = driver.write(folder / "files", {**driver.solved(lab), "work.py": work.encode()})
    with driver.Grader(lab, files) as grader:
        (checked,) = grader.checks([lab.checks[title]])
    return checked.verdict


def test_a_block_cannot_use_what_an_earlier_one_has_read(tmp_path) -> None:
    found = verdict(KERNEL, tmp_path, PIXELS + REMEMBERS, "blurred, with few reads")
    assert (found.kind, found.what) == ("wrong", "all values are wrong")


def test_one_block_cannot_do_the_work_of_all(tmp_path) -> None:
    found = verdict(KERNEL, tmp_path, PIXELS + ONE_BLOCK, "blurred, with few reads")
    assert (found.kind, found.what) == ("not believed", "a block of 64 threads wrote 384 pixels")


@pytest.mark.parametrize(
    ("planted", "said"),
    [
        ("without_a_kernel", "the picture was read or written without a kernel"),
        ("one_thread_for_all", "a thread wrote more than one pixel"),
    ],
)
def test_a_program_that_is_no_kernel_is_told_so(tmp_path, planted: str, said: str) -> None:
    file = KERNEL.folder / "wrong" / f"{planted}.py"
    work = verify.changed(driver.solved(KERNEL)["work.py"].decode(), file.read_text(), file)
    found = verdict(KERNEL, tmp_path, work, "blurred, with any number of reads")
    assert (found.kind, found.what.partition(":")[0]) == ("wrong", said)


COMPILE = """
import sys, types
sys.path[:0] = sys.argv[1:]
sys.modules["gpu"] = types.SimpleNamespace(Gpu=object)
import work
from numba import float32, int64, void
from numba.cuda.compiler import compile_cuda
memory = float32[::1]
given = (memory, int64, int64, int64, memory)
options = {"debug": False, "lineinfo": False, "inline": False, "fastmath": False, "nvvm_options": None}
compile_cuda(work.blur_kernel.py_func, void, given, cc=(8, 0), **options)
"""


def test_the_kernel_of_the_solution_has_types_that_a_gpu_accepts() -> None:
    """The simulator runs any Python. This compiles the kernel up to NVIDIA's own compiler, which is not here."""
    pytest.importorskip("numba")
    plain = {name: value for name, value in os.environ.items() if name != "NUMBA_ENABLE_CUDASIM"}
    command = [sys.executable, "-c", COMPILE, KERNEL.folder]
    done = subprocess.run(command, env=plain, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr[-2000:]
