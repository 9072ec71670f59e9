"""Machines with several GPUs, through the real command: each is seen, and so is how they are connected."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from residency.reports import links, words
from residency.runners import machine

HEALTHY = {"driver": "580.65.06", "cuda": 13000, "mode": 0}
LINKED = {"peer": 0, "linked": 0, "links": 18, "topology": 50, "numa": 0}
SWITCHED = {"peer": 1, "linked": 5, "topology": 50}


@pytest.mark.parametrize(("count", "memory"), [(1, 24), (1, 80), (2, 24), (8, 80)])
def test_every_gpu_is_on_record(environment, stand_in_gpu, count: int, memory: int) -> None:
    """Of unlike names, so that a mix-up would show."""
    each = [{"name": f"NVIDIA Fake {number}", "memory": (memory + number) * 10**9} for number in range(count)]
    here = environment | stand_in_gpu(each=each, **HEALTHY, **LINKED)
    ask = "import json\nfrom residency.runners import machine\nprint(json.dumps(machine.facts()))"
    told = json.loads(subprocess.run([sys.executable, "-c", ask], env=here, capture_output=True, check=True).stdout)
    assert [gpu["name"] for gpu in told["gpus"]] == [one["name"] for one in each]
    assert [gpu["memory_bytes"] for gpu in told["gpus"]] == [one["memory"] for one in each]
    assert {(gpu["nvlinks"], gpu["numa_node"]) for gpu in told["gpus"]} == {(18, 0)}
    assert len({gpu["uuid"] for gpu in told["gpus"]}) == count
    assert len(told["links"]) == count * (count - 1) // 2
    assert all(link["peer"] and link["nvlink"] for link in told["links"])


@pytest.mark.slow
def test_doctor_is_short_about_eight_gpus(residency, stand_in_gpu) -> None:
    """Two quads with NVLink inside each; a process of another, and a compute mode that is wrong, on several."""
    inside = {f"{first}.{second}.{name}": LINKED[name] for first in range(8) for second in range(first + 1, 8)
              if first // 4 == second // 4 for name in ("peer", "linked")}  # fmt: skip
    each: list[dict[str, object]] = [{"numa": number // 4} for number in range(8)]
    each[5]["mode"] = each[6]["mode"] = 3
    environment = stand_in_gpu(each=each, name="NVIDIA Fake", memory=80 * 2**30, **{**HEALTHY, **SWITCHED, **inside})
    with Path(environment["FAKE_GPU"]).open("a") as file:
        file.writelines(f"process {os.getpid()} {2**30} {gpu}\n" for gpu in (1, 2))
    shown = " ".join(residency("doctor", **environment).out.split())
    assert "8 × NVIDIA Fake (80.0 GiB), driver 580.65.06" in shown
    assert (
        "Between GPUs: each two of 0 to 3 and each two of 4 to 7: NVLink; all other pairs: no peer access, "
        "PCIe through the link between CPU sockets" in shown
    )
    assert "The host's memory (NUMA): node 0 is near GPU 0 to 3; node 1 is near GPU 4 to 7" in shown
    assert "Workers of a cluster on these GPUs send each other data by" in shown
    assert f"process {os.getpid()} computes on GPUs 1 and 2 and holds 2.0 GiB of its memory" in shown
    assert "GPUs 5 and 6 are in a compute mode" in shown
    assert "GPU 0 to 7, NVIDIA Fake" in shown


def pair(first: int, second: int, **known: Any) -> dict[str, Any]:
    return {"gpus": [first, second], "peer": None, "nvlink": None, "path": None, **known}


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([pair(0, 1)], []),
        ([pair(0, 1, path="a NUMA node")], ["any two of 2: PCIe through a NUMA node, peer access not told"]),
        ([pair(0, 1, peer=True)], ["any two of 2: peer access over PCIe"]),
        (
            [pair(0, 1, nvlink=True), pair(0, 2, peer=False), pair(1, 2, peer=False)],
            ["0-1: NVLink; all other pairs: no peer access"],
        ),
    ],
)
def test_links_in_words(pairs: list[dict[str, Any]], said: list[str]) -> None:
    gpus = [{"numa_node": None, "nvlinks": None}] * (1 + max(link["gpus"][1] for link in pairs))
    assert links.described({"gpus": gpus, "links": pairs}) == [f"Between GPUs: {text}" for text in said]


def test_names_of_machines_and_gpus() -> None:
    gpu = {"name": "NVIDIA H100 80GB HBM3", "memory_bytes": 80 * 2**30}
    other = {"name": "NVIDIA L4", "memory_bytes": None}
    assert words.gpus([gpu]) == "NVIDIA H100 80GB HBM3 (80.0 GiB)"
    assert words.gpus([gpu, other, gpu]) == "2 × NVIDIA H100 80GB HBM3 (80.0 GiB), NVIDIA L4 (memory not told)"
    named = machine.name_of({"gpus": [gpu, gpu], "cpu": "Intel(R) Xeon(R) 8480C", "cores": 16})
    assert named == "2-h100-80gb-hbm3-16-cores-xeon"
    assert words.listed([0, 1, 2, 3, 6, 7]) == "0 to 3, 6, 7"
