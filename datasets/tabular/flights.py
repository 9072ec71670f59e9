"""Late flights: generated, any number of rows, in the shape of the airline data that tree libraries are timed on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from residency.datasets.tabular.table import TEST_SHARE, Table
from residency.harness.dataset import decoded, generated, mapped

MONTHS, DAYS, WEEKDAYS, CARRIERS, AIRPORTS, MINUTES = 12, 31, 7, 22, 240, 1440
NAMES = ("month", "day", "weekday", "departure", "carrier", "origin", "destination", "distance")
CATEGORICAL = (0, 1, 2, 4, 5, 6)
TICKETS = 65_536  # to draw categories from: a category with a share of 1/100 holds a hundredth of them
CHUNK = 65_536  # rows
LATE = -1.4  # sets the share of late flights

Numbers = NDArray[np.float64]


@decoded(4 * len(NAMES) + 5.6)
@generated
def flights(rows: int, seed: int, folder: Path) -> Table:
    """Flights, each of which leaves more than 15 minutes late or does not.

    Binary classification; one flight in five is late. Six columns are codes: month, day of the month, weekday, carrier
    (22), origin and destination (240 airports each, the largest with one flight in twenty). Two are numbers, in rough
    standard units: departure (minute of the day) and distance. The columns, the share of late flights and what is hard
    about them follow the airline data of GBM-perf (Pafka); the rows are invented.

    The odds depend on the time of day (delays grow until the evening), carrier, airports, storms (a day of a month),
    the airports' seasons and rush hours, each carrier at each airport, and each of 57,360 routes: too many to learn all
    from a million rows. `expected_test` is the true probability. Its AUC, 0.84, is the best possible; a linear model of
    indicators reaches 0.70, a hundred trees of depth 10 on a million rows 0.775.
    """
    generator = np.random.default_rng(seed)
    world = _world(generator)
    test = round(TEST_SHARE * rows)
    x, y = mapped(folder, (rows, len(NAMES)), np.float32), mapped(folder, (rows,), np.float32)
    expected = mapped(folder, (test,), np.float64)
    for start in range(0, rows, CHUNK):
        part = x[start : start + CHUNK]
        chance = world.fly(generator, part)
        y[start : start + CHUNK] = generator.random(len(part)) < chance
        known = expected[start : start + CHUNK]
        known[:] = chance[: len(known)]
    return Table(
        x=x[test:],
        y=y[test:],
        x_test=x[:test],
        y_test=y[:test],
        names=NAMES,
        categorical=CATEGORICAL,
        expected_test=expected,
    )


@dataclass(frozen=True)
class _World:
    """What decides a flight, drawn once: shares as lists to draw from, effects on the odds as tables by code."""

    airports: NDArray[np.uint8]  # (TICKETS,)
    carriers: NDArray[np.uint8]  # (TICKETS,)
    departures: NDArray[np.uint16]  # (TICKETS,), minute of the day
    distance: Numbers  # (AIRPORTS, AIRPORTS)
    minute: Numbers
    weekday: Numbers
    carrier: Numbers
    airport: Numbers  # as origin, then as destination
    storm: Numbers  # (MONTHS, DAYS)
    season: Numbers  # (AIRPORTS, MONTHS)
    rush: Numbers  # (AIRPORTS, 24 hours)
    home: Numbers  # (AIRPORTS, CARRIERS)
    route: Numbers  # (AIRPORTS, AIRPORTS)

    def fly(self, generator: np.random.Generator, x: NDArray[np.float32]) -> Numbers:
        """Fill the rows of `x` with flights; returns their probabilities of being late."""
        month, day, weekday = (generator.integers(0, most, len(x)) for most in (MONTHS, DAYS, WEEKDAYS))
        minute, carrier, origin, destination = (
            tickets[generator.integers(0, TICKETS, len(x))].astype(np.int64)
            for tickets in (self.departures, self.carriers, self.airports, self.airports)
        )
        destination = np.where(destination == origin, (destination + 1) % AIRPORTS, destination)
        distance = self.distance[origin, destination]
        odds = (
            self.minute[minute]
            + self.weekday[weekday]
            + self.carrier[carrier]
            + self.airport[0, origin]
            + self.airport[1, destination]
            + self.storm[month, day]
            + self.season[origin, month]
            + self.rush[origin, minute // 60]
            + self.home[origin, carrier]
            + self.route[origin, destination]
        )
        columns = (month, day, weekday, (minute - 840.0) / 255.0, carrier, origin, destination, distance)
        for place, values in enumerate(columns):
            x[:, place] = values
        # An S-shaped curve without exp, because the last bit of exp depends on the machine.
        return np.asarray(0.5 + 0.5 * odds / np.sqrt(1.0 + odds * odds))


def _world(generator: np.random.Generator) -> _World:
    def effects(deviation: float, *shape: int) -> Numbers:
        return deviation * generator.standard_normal(shape)

    clock = np.arange(MINUTES)
    awake = np.maximum(clock - 270, 0) * np.maximum(1410 - clock, 0)
    east, north = generator.random((2, AIRPORTS))
    apart = np.sqrt((east[:, None] - east) ** 2 + (north[:, None] - north) ** 2)
    return _World(
        airports=_tickets(1_000_000 // np.arange(6, 6 + AIRPORTS)).astype(np.uint8),
        carriers=_tickets(1_000_000 // np.arange(4, 4 + CARRIERS)).astype(np.uint8),
        departures=_tickets(awake).astype(np.uint16),
        distance=(apart - 0.5) * 4.0,
        minute=np.asarray(LATE + (clock - 840.0) / 600.0),
        weekday=effects(0.1, WEEKDAYS),
        carrier=effects(0.2, CARRIERS),
        airport=effects(0.2, 2, AIRPORTS),
        storm=effects(0.6, MONTHS, DAYS),
        season=effects(0.4, AIRPORTS, MONTHS),
        rush=effects(0.4, AIRPORTS, 24),
        home=effects(0.4, AIRPORTS, CARRIERS),
        route=effects(0.3, AIRPORTS, AIRPORTS),
    )


def _tickets(shares: NDArray[np.int64]) -> NDArray[np.int64]:
    """A list of TICKETS codes, in which each code has its share; the code with the largest share takes the rest."""
    held = shares * TICKETS // shares.sum()
    held[np.argmax(held)] += TICKETS - held.sum()
    return np.repeat(np.arange(len(shares)), held)
