"""What each job of a cohort needs on one kind of hardware: from measured runs, from the user, or from the lab itself.

Settling a cohort puts minutes and memory into every lab and job, with the range in which they are not known, so the
simulation asks nothing else. Each number keeps where it comes from: measured, assumed, or transferred by the roofline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from residency.harness.statistics import Interval
from residency.planner import simulate
from residency.planner.cohort import GB, Cohort, Grading, Hardware, Lab, Work, assumption, fact
from residency.planner.demand import Demand, Kind, Measured, Request
from residency.planner.engine import misfit
from residency.planner.fit import Refused

AnyWork = TypeVar("AnyWork", bound=Work)
PROFILE_RANGE = 2.0  # a lab's own profile was told by its author, for another machine: up to so many times off


@dataclass(frozen=True)
class Profile:
    """What a lab says of itself: seconds and bytes of one try on a CPU, tries of one resident in a session."""

    seconds: float
    memory_bytes: int
    tries: float
    gpu: bool = False  # whether a try uses a GPU where there is one


@dataclass(frozen=True)
class Need:
    """What one job needs on the hardware, and how that is known."""

    name: str
    field: str  # its place in the cohort's assumptions, or `` if it is not one
    kind: Kind | None  # None: it does not use this hardware
    minutes: Interval | None
    memory_bytes: int | None  # the upper end: memory is a hard limit
    source: str
    gang: int = 1
    made_up: bool = False  # the runs that it comes from are made up: nothing was measured


@dataclass(frozen=True)
class Settled:
    """A cohort in which every job's needs on one kind of hardware are known."""

    cohort: Cohort
    place: int  # of the hardware in the cohort
    needs: tuple[Need, ...]
    weeks: tuple[simulate.Kind, ...]

    @property
    def hardware(self) -> Hardware:
        """The hardware."""
        return self.cohort.hardware[self.place]


@dataclass(frozen=True)
class Unknown:
    """Why an option cannot be planned."""

    reason: str


def settle(cohort: Cohort, place: int, profiles: Mapping[str, Profile], measured: Measured) -> Settled | Unknown:
    """The cohort with the needs of its jobs on the hardware at this place, or why they are not known."""
    hardware = cohort.hardware[place]
    given = {lab.name: lab for lab in cohort.labs}
    taught = dict.fromkeys(name for each in cohort.classes for name in each.labs)
    labs, needs = [], []
    for name in taught:
        found = _lab(name, given.get(name), hardware, profiles, measured)
        if isinstance(found, Unknown):
            return found
        labs.append(found[0])
        needs.append(found[1])
    jobs = []
    for job in cohort.projects.jobs if cohort.projects else ():
        known = _need(job, f"projects.jobs.{job.name}", hardware, measured)
        if isinstance(known, Unknown):
            return known
        jobs.append(_with(job, known))
        needs.append(known)
    projects = cohort.projects.model_copy(update={"jobs": tuple(jobs)}) if cohort.projects else None
    grading = cohort.grading
    if grading is not None:
        if grading.gpu or hardware.device == "cpu":
            needs.append(_of_grading(grading))
        grading = grading.model_copy(update={"memory_gb": fact(grading.memory_gb.high)})
    if all(need.kind is None for need in needs):
        return Unknown("nothing in this cohort runs on a GPU")
    settled = cohort.model_copy(update={"labs": tuple(labs), "projects": projects, "grading": grading})
    return Settled(settled, place, tuple(needs), tuple(simulate.kinds(settled)))


def too_large(settled: Settled, count: int) -> str:
    """Which job can never run on so many cards, and why; empty if all can."""
    units = simulate.pool(settled.hardware, count)
    for need in settled.needs:
        if need.kind is not None and (reason := misfit(units, need.memory_bytes or 0, need.gang)):
            return f"{need.name}: {reason}"
    return ""


def _lab(
    name: str, given: Lab | None, hardware: Hardware, profiles: Mapping[str, Profile], measured: Measured
) -> tuple[Lab, Need] | Unknown:
    """A lab with its needs: what the cohort gives comes first, then what the lab says of itself."""
    profile = profiles.get(name)
    if given is not None and (given.minutes is not None or given.task is not None):
        known = _need(given, f"labs.{name}", hardware, measured)
        tries = given.tries or (fact(profile.tries) if profile else None)
        return known if isinstance(known, Unknown) else (_with(given, known).model_copy(update={"tries": tries}), known)
    if profile is None:
        return Unknown(
            f"labs: nobody measured `{name}`, and it is no lab of `residency lab list`: "
            f'give [[labs]] name = "{name}" with minutes and memory_gb, or with task and rows'
        )
    lab = given or Lab(name=name)
    tries = lab.tries or fact(profile.tries)
    lab = lab.model_copy(update={"tries": tries})
    if hardware.device == "gpu" and not profile.gpu:
        return lab.model_copy(update={"gpu": False}), Need(name, "", None, None, None, "runs on the CPU")
    if hardware.device == "gpu":
        return Unknown(
            f'labs: no run measured `{name}` on a GPU: give [[labs]] name = "{name}" with minutes and memory_gb'
        )
    minutes = profile.seconds / 60
    source = "the lab's own profile, for another machine"
    quantity = assumption(minutes, minutes / PROFILE_RANGE, minutes * PROFILE_RANGE, source)
    memory = fact(profile.memory_bytes / GB)
    lab = lab.model_copy(update={"minutes": quantity, "memory_gb": memory})
    return lab, _assumed(lab, f"labs.{name}")


def _need(work: Work, field: str, hardware: Hardware, measured: Measured) -> Need | Unknown:
    """What the user gives, or what the runs say of a task."""
    if not simulate.uses(work, hardware):
        return Need(work.name, "", None, None, None, "runs on the CPU", work.gang)
    if work.minutes is not None:
        return _assumed(work, field)
    if work.task is None:
        return Unknown(f"{field}: give minutes and memory_gb, or task and rows")
    request = Request(
        task=work.task,
        rows=work.rows or 1,
        dataset=work.dataset or "",
        device=hardware.device,
        machine=hardware.measured_on or hardware.gpu or "",
        workers=work.workers,
    )
    found = measured.demand(request)
    if isinstance(found, Refused):
        return Unknown(f"{field}: {found.reason}")
    return _measured(work, field, found)


def _measured(work: Work, field: str, found: Demand) -> Need | Unknown:
    memory = found.memory_needed
    if memory is None and work.memory_gb is None:
        return Unknown(f"{field}: its runs did not measure the memory: give memory_gb")
    given = round(work.memory_gb.high * GB) if work.memory_gb else 0
    return Need(
        work.name,
        field,
        found.kind,
        found.minutes,
        max(memory or 0, given),
        found.source,
        work.gang,
        found.made_up,
    )


def _assumed(work: Work, field: str) -> Need:
    assert work.minutes is not None
    minutes = Interval(work.minutes.value, work.minutes.low, work.minutes.high)
    memory = round(work.memory_gb.high * GB) if work.memory_gb else 0
    source = work.minutes.source or "given as a fact"
    return Need(work.name, field, "assumed", minutes, memory, source, work.gang)


def _of_grading(grading: Grading) -> Need:
    given = grading.minutes_per_submission
    return Need(
        "grading",
        "grading",
        "assumed",
        Interval(given.value, given.low, given.high),
        round(grading.memory_gb.high * GB),
        given.source or "given as a fact",
    )


def _with(work: AnyWork, need: Need) -> AnyWork:
    """The job with its needs as quantities; one that does not use the hardware stays as it is."""
    if need.minutes is None:
        return work
    found = need.minutes
    known = found.low == found.high
    minutes = fact(found.value) if known else assumption(found.value, found.low, found.high, need.source)
    memory = fact((need.memory_bytes or 0) / GB)
    return work.model_copy(update={"minutes": minutes, "memory_gb": memory})
