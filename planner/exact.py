"""Closed forms of queueing theory: the waits that a simulation must reproduce.

Rates are per minute, times in minutes. Units have speed 1, and nobody gives up waiting. Textbook for all but the
bursts: Gross, Shortle, Thompson and Harris, "Fundamentals of Queueing Theory", 4th edition, Wiley 2008. Each function
names the first source.

`ValueError` says what is out of range; also when the units cannot keep up, so that the line would grow for ever.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Queue:
    """An M/M/c queue in its steady state: Poisson arrivals, exponential service, several equal units."""

    waiting: float  # probability that a job waits at all
    mean: float  # wait
    drain: float  # rate at which those who wait start, per minute

    def beyond(self, wait: float) -> float:
        """The probability of waiting longer than this."""
        return self.waiting * math.exp(-self.drain * wait)

    def percentile(self, percent: float) -> float:
        """The wait that this percentage of the jobs does not exceed."""
        return max(0.0, math.log(self.waiting / (1.0 - percent / 100.0)) / self.drain)


def mmc(rate: float, service: float, servers: int) -> Queue:
    """M/M/c: Erlang's second formula (Erlang 1917)."""
    load = _load(rate * service, servers)
    blocked = 1.0  # Erlang's first formula, unit by unit
    for unit in range(1, servers + 1):
        blocked = load * blocked / (unit + load * blocked)
    waiting = blocked / (1.0 - load / servers * (1.0 - blocked))
    drain = (servers - load) / service
    return Queue(waiting, waiting / drain, drain)


@dataclass(frozen=True)
class FiniteSource:
    """A number of people who each think, then run one job, then think again, in their steady state: M/M/c//N."""

    people: int
    servers: int
    think: float
    service: float
    mean: float  # wait
    waiting: float  # probability that a job waits at all
    rate: float  # jobs per minute of all people together
    present: tuple[float, ...]  # probability that 0, 1, 2, ... people wait or run a job, at any time


def finite_source(people: int, servers: int, think: float, service: float) -> FiniteSource:
    """M/M/c//N, also called the machine-repair model (Palm 1947), with exponential think and service times.

    A job that arrives sees the others as if there were one person fewer (Lavenberg and Reiser 1980).
    """
    _positive(people=people, servers=servers, think=think, service=service)
    present = _present(people, servers, think, service)
    line = sum((number - servers) * share for number, share in enumerate(present) if number > servers)
    thinking = sum((people - number) * share for number, share in enumerate(present))
    rate = thinking / think
    others = _present(people - 1, servers, think, service)
    return FiniteSource(people, servers, think, service, line / rate, sum(others[servers:]), rate, present)


def _present(people: int, servers: int, think: float, service: float) -> tuple[float, ...]:
    logs = [0.0]
    for number in range(1, people + 1):
        up, down = (people - number + 1) / think, min(number, servers) / service
        logs.append(logs[-1] + math.log(up / down))
    top = max(logs)
    weights = [math.exp(log - top) for log in logs]
    total = math.fsum(weights)
    return tuple(weight / total for weight in weights)


@dataclass(frozen=True)
class Burst:
    """People who all ask for a unit at the same moment, once."""

    people: int
    servers: int
    service: float
    exponential: bool

    @property
    def mean(self) -> float:
        """The mean wait over all people."""
        if self.exponential:
            late = max(0, self.people - self.servers)
            return self.service * late * (late + 1) / (2 * self.servers * self.people)
        return self.service * sum(place // self.servers for place in range(self.people)) / self.people

    @property
    def longest(self) -> float:
        """The expected wait of the last one."""
        if self.exponential:
            return self.service * max(0, self.people - self.servers) / self.servers
        return self.service * ((self.people - 1) // self.servers)

    def beyond(self, wait: float) -> float:
        """The expected share of the people who wait longer than this."""
        late = range(1, self.people - self.servers + 1)
        if self.exponential:
            return sum(_erlang_beyond(place, wait * self.servers / self.service) for place in late) / self.people
        return sum(self.service * (place // self.servers) > wait for place in range(self.people)) / self.people

    def percentile(self, percent: float) -> float:
        """The shortest wait that at least this percentage of the people is not expected to exceed."""
        if not self.exponential:
            last = max(1, math.ceil(percent * self.people / 100.0 - 1e-9))
            return self.service * ((last - 1) // self.servers)
        allowed = 1.0 - percent / 100.0
        low, high = 0.0, 0.0 if self.beyond(0.0) <= allowed else self.service
        while self.beyond(high) > allowed:
            low, high = high, 2.0 * high
        while high - low > 1e-12 * high:
            middle = (low + high) / 2.0
            low, high = (middle, high) if self.beyond(middle) > allowed else (low, middle)
        return high


def burst_exponential(people: int, servers: int, service: float) -> Burst:
    """A burst of exponential jobs.

    While all c units are busy, jobs end at intervals that are exponential with mean S / c. The k-th person beyond c
    waits for k of them: k * S / c minutes on average.
    """
    _positive(people=people, servers=servers, service=service)
    return Burst(people, servers, service, exponential=True)


def burst_deterministic(people: int, servers: int, service: float) -> Burst:
    """A burst of jobs that all take equally long: they run in rounds of c."""
    _positive(people=people, servers=servers, service=service)
    return Burst(people, servers, service, exponential=False)


def mg1(rate: float, service: float, scv: float) -> float:
    """The mean wait in M/G/1: one unit, any service time (Pollaczek 1930, Khinchine 1932).

    `scv` is the squared coefficient of variation of the service time: variance / mean².
    """
    load = _load(rate * service, 1)
    return load * service * (1.0 + scv) / (2.0 * (1.0 - load))


def priorities(rates: Sequence[float], service: float, servers: int) -> list[float]:
    """The mean wait of each class in M/M/c with priorities (Cobham 1954); no running job is stopped.

    `rates` has the arrivals of each class, the first served first. All have the same exponential service time.
    """
    queue = mmc(sum(rates), service, servers)
    alone = queue.mean * queue.drain * service / servers  # until the first unit is free
    waits, before = [], 0.0
    for rate in rates:
        until = before + rate * service / servers
        waits.append(alone / ((1.0 - before) * (1.0 - until)))
        before = until
    return waits


def processor_sharing(rate: float, service: float) -> float:
    """The mean time from arrival to end in M/G/1 with processor sharing (Sakata, Noguchi and Oizumi 1971).

    It depends on the service time by its mean only.
    """
    return service / (1.0 - _load(rate * service, 1))


def little(rate: float, minutes: float) -> float:
    """The mean number of jobs present, if each is present for so many minutes on average: L = λW (Little 1961)."""
    return rate * minutes


def _load(load: float, servers: int) -> float:
    """The load in units, if they can keep up with it."""
    _positive(servers=servers, load=load)
    if load >= servers:
        raise ValueError(f"a load of {load:.4g} units is too much for {servers}: the line grows for ever")
    return load


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not 0.0 < value < math.inf:
            raise ValueError(f"{name} must be positive, not {value}")


def _erlang_beyond(stages: int, time: float) -> float:
    """The probability that so many exponential stages of mean 1 take longer than this."""
    return (
        math.fsum(math.exp(-time + stage * math.log(time) - math.lgamma(stage + 1)) for stage in range(stages))
        if (time > 0.0)
        else 1.0
    )
