"""Where does the time go? Questions about a run, answered in `answers.toml`. Nothing is programmed.

The run is made up (`make_run.py`). Every expected value is computed here from its records, as a reader would.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from statistics import median
from typing import Any

from residency.labs.lab import Case, Demand, Lab, Points, Random, Verdict, right, wrong

RUN = Path(__file__).parent / "support" / "run" / "records.jsonl"
TASK, CPU, GPU = "tabular/made_up", "array@cpu", "array@gpu"
STAGES = ("import", "load", "put", "fit", "predict", "get", "other")
COMPUTES, COPIES = ("fit", "predict"), ("put", "get")
NEAR = 0.05  # of a number: the report rounds to three digits, and a mean is not a median
FASTER = 1.05  # from which ratio on the GPU wins: the intervals of this run are +- 4 % wide
BELIEVED = 1.05  # of a device's peak, as in the report

lab = Lab(
    title="Where does the time go?",
    order=2,
    topic="foundations",
    points=Points(visible=1, hidden=9, fast=0),
    demand=Demand(seconds=1, memory_bytes=100_000_000, tries=4),
)


# --- The run --------------------------------------------------------------------------------------------------------


@cache
def lines() -> list[dict[str, Any]]:
    """The run's records."""
    return [json.loads(line) for line in RUN.read_text().splitlines()]


def middle(kind: str, size: str, phase: str, *stages: str) -> float:
    """The median seconds of an implementation: of its whole calls, or of some of their stages."""
    wanted = (TASK, kind, size, phase)
    samples = [
        line
        for line in lines()
        if line["kind"] == "sample" and (line["task"], line["implementation"], line["size"], line["phase"]) == wanted
    ]
    if stages:
        return float(median(sum(line["stages"].get(name, 0.0) for name in stages) for line in samples))
    return float(median(line["seconds"] for line in samples))


def gain(size: str, *stages: str) -> float:
    """How many times as fast the GPU is."""
    return middle(CPU, size, "timed", *stages) / middle(GPU, size, "timed", *stages)


def sizes() -> dict[str, int]:
    """The measured sizes and their rows, the smallest first."""
    return {line["size"]: line["rows"] for line in lines() if line["task"] == TASK}


def least(kind: str, size: str) -> dict[str, float]:
    """The seconds that an implementation's device needs at least by its peaks: for its bytes, for its operations."""
    facts = next(
        line
        for line in lines()
        if line["kind"] == "outcome" and (line["task"], line["implementation"], line["size"]) == (TASK, kind, size)
    )
    peak = {
        name: rate
        for line in lines()
        if line["kind"] == "sample" and line["task"].startswith("foundations/") and line["device"] == facts["device"]
        for name, rate in line["figures"].items()
    }
    return {
        "memory": facts["bytes"] / (1e9 * peak["copy_gb_per_s"]),
        "arithmetic": facts["flops"] / (1e12 * peak["float32_tflops"]),
    }


# --- The questions --------------------------------------------------------------------------------------------------


def longest_stage() -> str:
    """The stage in which the GPU spends most of its time."""
    return max(STAGES, key=lambda name: middle(GPU, "lecture", "timed", name))


def wins_from() -> float:
    """The smallest size from which on the GPU wins at every size."""
    wins = [rows for size, rows in sizes().items() if gain(size) > FASTER]
    loses = [rows for size, rows in sizes().items() if gain(size) <= FASTER]
    return min(rows for rows in wins if rows > max(loses, default=0))


def not_believed() -> str:
    """The implementation that computes faster than its device can."""
    kinds = {line["implementation"] for line in lines() if line["task"] == TASK}
    shares = {
        kind: max(least(kind, "lecture").values()) / middle(kind, "lecture", "timed", *COMPUTES) for kind in kinds
    }
    (found,) = [kind for kind, share in shares.items() if share > BELIEVED]
    return str(found)


def why_not() -> str:
    """Which peak it exceeds."""
    limits = least(not_believed(), "lecture")
    return {"memory": "faster than its memory", "arithmetic": "faster than its arithmetic"}[
        max(limits, key=limits.__getitem__)
    ]


def pays_from() -> float:
    """The call from which on the GPU has caught up, with its slow first call."""
    behind = middle(GPU, "lab", "cold") - middle(CPU, "lab", "cold")
    return 1 + math.ceil(behind / (middle(CPU, "lab", "timed") - middle(GPU, "lab", "timed")))


@dataclass(frozen=True)
class Question:
    """A key of `answers.toml`: what is right, and the words among which to choose, or how near a number must be."""

    expected: Callable[[], float | str]
    words: tuple[str, ...] = ()
    near: float = NEAR
    above: float = 0.0  # in the number's own unit


QUESTIONS = {
    "longest_stage": Question(longest_stage, STAGES),
    "times_as_fast": Question(lambda: gain("lecture")),
    "times_as_fast_resident": Question(lambda: gain("lecture", *COMPUTES)),
    "wins_from_rows": Question(wins_from, near=0.0),
    "not_believed": Question(not_believed, (CPU, GPU, "fused@gpu")),
    "because": Question(
        why_not, ("faster than its memory", "faster than its arithmetic", "lower quality", "too few processes")
    ),
    "copy_minutes": Question(lambda: 60 * middle(GPU, "lecture", "timed", *COPIES) / middle(GPU, "lecture", "timed")),
    "limited_by": Question(
        lambda: max(least(GPU, "lecture"), key=least(GPU, "lecture").__getitem__), ("memory", "arithmetic")
    ),
    "pays_from_call": Question(pays_from, near=0.0, above=1.0),
}


def form(key: str, answers: dict[str, Any]) -> str:
    """What is wrong with the form of an answer; empty if nothing is."""
    if key not in answers or answers[key] == "":
        return f"{key} is not answered yet"
    value, words = answers[key], QUESTIONS[key].words
    if words:
        return "" if value in words and type(value) is str else f"{key} must be one of: {', '.join(words)}"
    if type(value) not in (int, float):
        return f"{key} must be a number, without quotes and without a unit"
    return "" if math.isfinite(value) and value > 0 else f"{key} must be a number above 0"


@lab.judge
def judge(case: Case, answer: Any) -> Verdict:
    """The form of some answers, or the value of one."""
    if type(answer) is not dict:
        return Verdict("type", "answers.toml holds no keys")
    keys: tuple[str, ...] = case.secret["keys"]
    problems = [problem for key in keys if (problem := form(key, answer))]
    if problems:
        return Verdict("type", "; ".join(problems))
    if case.secret["form"]:
        return right()
    (key,) = keys
    question, value = QUESTIONS[key], answer[key]
    expected = question.expected()
    if isinstance(expected, str):
        return right() if value == expected else wrong("another word")
    near = question.near * expected + question.above
    return right() if abs(value - expected) <= near else wrong("another number")


def formed(*keys: str) -> Case:
    """Only the form of these answers."""
    return Case((), {"keys": keys, "form": True})


def valued(key: str, rng: Random) -> Case:
    """The value of this answer."""
    del rng
    return Case((), {"keys": (key,), "form": False})


@lab.check("words", visible=True, hint="Choose one of the words that the comment beside the question lists.")
def words(rng: Random) -> Case:
    del rng  # the run is the same for everybody
    return formed(*(key for key, question in QUESTIONS.items() if question.words))


@lab.check("numbers", visible=True, hint='Numbers stand alone: 3.5 is right, "3.5 x" is not.')
def numbers(rng: Random) -> Case:
    del rng
    return formed(*(key for key, question in QUESTIONS.items() if not question.words))


HINTS = {
    "longest_stage": "Where the time went is a column of the report. Look at array@gpu at the size `lecture`. The "
    "first call of each process does not count.",
    "times_as_fast": "End to end is everything: reading, copies, computing. The CPU's median time over the GPU's, of "
    "array@cpu and array@gpu; the report puts another implementation first.",
    "times_as_fast_resident": "With the data resident, reading and copies are left out, on both sides: only fit "
    "and predict count, the stages that compute.",
    "wins_from_rows": "A ratio whose interval holds 1 is no win. From which size on does every interval lie above 1?",
    "not_believed": "Not what is surprising: what cannot be. Look for a share of the device's limit above 100 %.",
    "because": "The report says of which limit it is more than 100 %. Its quality is as good as the others'.",
    "copy_minutes": "The share of put and get in a call, times 60 minutes. Reading is no copy to or from the GPU.",
    "limited_by": "The bytes need a time at least, and so do the operations. The report names the longer one: it says "
    "a share of which limit was reached.",
    "pays_from_call": "The first call on the GPU is seconds behind the CPU's first call. Each call after it gains the "
    "difference of the medians. How many calls make up for it, at the size `lab`?",
}
for name, hint in HINTS.items():
    lab.check(name, hint=hint)(partial(valued, name))
