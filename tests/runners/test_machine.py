"""What the machine says of itself, where others use it too."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from residency.labs import groups
from residency.runners import machine

LIMITED = groups.kind() in ("v1", "v2")
TOO_MUCH = [sys.executable, "-c", "kept = [bytearray(b'x' * (1 << 20)) for _ in range(1_000)]"]
COUNTS = """
import json, subprocess, sys
from residency.runners import machine
before = machine.out_of_memory_kills()
status = subprocess.run(sys.argv[1:], check=False).returncode
print(json.dumps([status, machine.out_of_memory_kills() - before]))
"""


@pytest.fixture
def container() -> Iterator[groups.Group]:
    """A control group with 300 MiB of memory."""
    made = groups.Group.made(groups.kind(), 300 << 20, 64)
    assert made is not None
    yield made
    made.kill()
    made.remove()


@pytest.mark.skipif(not LIMITED, reason="needs control groups that limit memory: run as root")
def test_only_those_who_ran_out_of_memory_are_told_so(container: groups.Group) -> None:
    before = machine.out_of_memory_kills()
    inside = subprocess.run(
        container.joining([sys.executable, "-c", COUNTS, *TOO_MUCH]), capture_output=True, text=True, check=False
    )
    assert json.loads(inside.stdout) == [-9, 1], inside.stderr
    assert container.was_full()
    assert machine.out_of_memory_kills() == before
