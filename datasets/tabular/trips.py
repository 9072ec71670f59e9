"""Taxi trips in Parquet, and the table of zones that they refer to: generated, any number of rows.

The schema is that of an extract-transform-load job: two files, and the result that the job must find, as exact integer
totals for each borough, weekday and hour. All quantities come from integers: money is in cents, distances are
hundredths of a mile (stored as the nearest float64 number of miles), times are whole seconds. So sums of money are
exact in any order, and a sum of distances is wrong only by float64's own rounding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.parquet import decoded_bytes
from residency.datasets.tabular.cells import checked, equal_cells, stored_bytes
from residency.harness.dataset import decoded, generated
from residency.harness.quality import metric
from residency.harness.truth import Truth

NEEDED = ["pickup", "dropoff", "pickup_zone", "passengers", "distance", "fare", "tip", "payment"]  # columns to read
KEYS = ["borough", "weekday", "hour"]  # of the table that the job must find

# A trip counts if its tip is recorded (only tips by card are), if there was a passenger for certain, and if what the
# meter says can be true.
CARD = "credit card"
LEAST_FARE = 250  # cents: the base fare
MOST_MILES = 100.0  # and more than 0
LEAST_SECONDS, MOST_SECONDS = 60, 4 * 3_600

PAYMENTS = (CARD, "cash", "no charge", "dispute")
MISSING = -1  # among passengers and payments
UNKNOWN_ZONE = 264  # a code that the table of zones does not hold
CHUNK = 1_000_000  # rows drawn at a time
ROW_GROUP = 250_000  # rows: query engines give row groups to cores, so there must be many

MONDAY = int(np.datetime64("2024-01-01", "s").astype(np.int64))
WEEKS, WEEK_HOURS = 52, 7 * 24
BOROUGHS = ("Bronx", "Brooklyn", "EWR", "Manhattan", "Queens", "Staten Island")
ZONES_OF_BOROUGH = (43, 61, 1, 69, 69, 20)
TRIPS_OF_BUSIEST = (230, 850, 100, 7_900, 1_350, 110)  # trips from the busiest zone of each borough, of some 50,000
TRIPS_OF_HOUR = (4, 3, 2, 1, 1, 2, 4, 6, 7, 6, 6, 6, 7, 7, 7, 8, 8, 9, 10, 10, 9, 8, 7, 6)
WEEKEND_NIGHT = (0, 1, 2, 3)  # hours, three times as busy on Saturday and Sunday
PAYMENT_SLOTS = np.repeat(np.array([0, 1, 2, 3, MISSING], np.int8), (72, 25, 1, 1, 1))
TIP_PERCENT = np.array([0, 10, 15, 18, 20, 20, 22, 25])
FLAWS = ("", "no passengers", "passengers 0", "refund", "distance 0", "far", "backwards", "forgotten", "zone")
FLAW_SLOTS = np.repeat(np.arange(len(FLAWS), dtype=np.int8), (229, 6, 3, 2, 4, 1, 2, 3, 6))

Columns = Mapping[str, NDArray[np.integer]]


@dataclass(frozen=True)
class Trips:
    """Two Parquet files, and the totals of the trips that count, by (borough, weekday, hour) of the pickup."""

    trips: Path  # pickup, dropoff, pickup_zone, dropoff_zone, passengers, distance, fare, tip, payment
    zones: Path  # zone, borough
    rows: int  # trips in the file, flawed ones included
    boroughs: NDArray[np.str_]  # (boroughs,), sorted
    count: Truth[NDArray[np.int64]]  # (boroughs, 7, 24); Monday is 0
    fare: Truth[NDArray[np.int64]]  # the same; cents
    tip: Truth[NDArray[np.int64]]  # cents
    distance: Truth[NDArray[np.int64]]  # hundredths of a mile

    @property
    def decoded(self) -> int:
        """Bytes of the trips in memory; the zones are few."""
        return decoded_bytes(self.trips)


@decoded(62)
@generated
def trips(rows: int, seed: int, folder: Path) -> Trips:
    """A year of taxi trips from 263 zones in six boroughs, one in ten of them flawed.

    Columns in the file: pickup and dropoff (timestamps in microseconds, whole seconds, in no order), pickup_zone and
    dropoff_zone (int16), passengers (float32, 2 % missing), distance (float64, miles), fare and tip (int64, cents),
    payment (string, 1 % missing). The files are compressed by Snappy, in row groups of 250,000 rows, about 21 bytes a
    trip. They are modelled on the records that New York's Taxi and Limousine Commission publishes, with their flaws:
    missing and zero passengers, refunds, journeys of no length or of hundreds of miles, meters that ran backwards or
    for days, and zone codes that do not exist. Three trips in four are paid by card, and half leave from a few zones of
    Manhattan, so groups differ in size by a factor of thousands.

    The totals are counted while the trips are drawn, when their flaws are known: no rule is applied to find them. An
    implementation is right or wrong: the expected quality is 1.
    """
    generator = np.random.default_rng(seed)
    borough_of_zone, zone_slots = _city(generator)
    total = {name: np.zeros(len(BOROUGHS) * WEEK_HOURS, np.int64) for name in ("count", "fare", "tip", "distance")}

    def chunks() -> Iterator[Columns]:
        for start in range(0, rows, CHUNK):
            columns, good, hour = _draw(generator, min(CHUNK, rows - start), zone_slots)
            group = borough_of_zone[columns["pickup_zone"][good]] * WEEK_HOURS + hour[good]
            total["count"] += np.bincount(group, minlength=len(total["count"]))
            for name in ("fare", "tip", "distance"):  # float64 totals of integers, exact below 2**53
                total[name] += np.bincount(group, columns[name][good], len(total[name])).astype(np.int64)
            yield columns

    write_trips(folder / "trips.parquet", chunks())
    ids = np.arange(1, len(borough_of_zone), dtype=np.int16)
    write_zones(folder / "zones.parquet", ids, [BOROUGHS[borough] for borough in borough_of_zone[ids]])
    cube = {name: values.reshape(len(BOROUGHS), 7, 24) for name, values in total.items()}
    return Trips(folder / "trips.parquet", folder / "zones.parquet", rows, np.array(BOROUGHS), **cube)


@metric(name="correct cells")
def correct_cells(data: Trips, result: Any) -> float:
    """Share of the table's cells that are right, row by row in sorted order.

    Keys, counts and sums of cents must be equal. The relative error of a mean may be as large as rounding can make it
    in a float64 sum of `count` positive terms in any order: count x 2**-53, and a little more for rounding the terms,
    the quotient and the truth itself.
    """
    kept = np.nonzero(data.count)  # in the order of the keys
    count = data.count[kept]
    exact = {"borough": data.boroughs[kept[0]], "weekday": kept[1], "hour": kept[2], "trips": count}
    exact["fare"] = data.fare[kept]
    means = {"distance": data.distance[kept] / (100.0 * count), "tip": data.tip[kept] / count}
    names = [*exact, *means]
    right = equal_cells(checked(result, names, len(count)), exact)
    right += sum(np.sum(abs(result[name] - mean) <= (count + 4) * 2.0**-53 * mean) for name, mean in means.items())
    return float(right / (len(names) * len(count)))


def work(data: Trips) -> tuple[float, float]:
    """Four additions for each trip that counts; every compressed byte of the needed columns is read once."""
    return 4.0 * float(data.count.sum()), float(stored_bytes(data.trips, NEEDED))


def write_trips(path: Path, chunks: Iterable[Columns]) -> None:
    """Write trips, chunk by chunk. Columns are integers: seconds, cents, hundredths of a mile, codes of `PAYMENTS`."""
    import pyarrow.parquet as pq

    writer = None
    for columns in chunks:
        table = _table(columns)
        if writer is None:
            dictionary = [name for name in table.column_names if name not in {"pickup", "dropoff"}]
            writer = pq.ParquetWriter(path, table.schema, compression="snappy", use_dictionary=dictionary)
        writer.write_table(table, row_group_size=ROW_GROUP)
    if writer is None:
        raise ValueError("no trips to write")
    writer.close()


def write_zones(path: Path, ids: NDArray[np.int16], boroughs: list[str]) -> None:
    """Write the table of zones: zone (int16), borough (string)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"zone": ids, "borough": pa.array(boroughs, pa.string())}), path, compression="snappy")


def _table(columns: Columns) -> Any:
    import pyarrow as pa

    def optional(name: str, dtype: type) -> Any:
        return pa.array(columns[name].astype(dtype), mask=columns[name] == MISSING)

    return pa.table(
        {
            "pickup": (columns["pickup"] * 1_000_000).view("datetime64[us]"),
            "dropoff": (columns["dropoff"] * 1_000_000).view("datetime64[us]"),
            "pickup_zone": columns["pickup_zone"].astype(np.int16),
            "dropoff_zone": columns["dropoff_zone"].astype(np.int16),
            "passengers": optional("passengers", np.float32),
            "distance": columns["distance"] / 100.0,
            "fare": columns["fare"].astype(np.int64),
            "tip": columns["tip"].astype(np.int64),
            "payment": pa.DictionaryArray.from_arrays(optional("payment", np.int8), PAYMENTS).dictionary_decode(),
        }
    )


def _city(generator: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The borough of each zone code, from 1 on, and a list of codes to draw trips from.

    In the list, each code stands as often as its share of trips: 1 / its rank in the borough.
    """
    borough = np.repeat(np.arange(len(BOROUGHS)), ZONES_OF_BOROUGH)
    rank = np.concatenate([np.arange(1, zones + 1) for zones in ZONES_OF_BOROUGH])
    codes = 1 + generator.permutation(len(borough))  # so that a code does not reveal its borough
    borough_of_zone = np.zeros(1 + len(borough), np.int64)
    borough_of_zone[codes] = borough
    return borough_of_zone, np.repeat(codes, np.array(TRIPS_OF_BUSIEST)[borough] // rank)


def _draw(
    generator: np.random.Generator, rows: int, zone_slots: NDArray[np.int64]
) -> tuple[Columns, NDArray[np.bool_], NDArray[np.int64]]:
    """Trips, which of them count, and the hour of the week at which each starts."""

    def one_of(slots: NDArray[Any]) -> NDArray[Any]:
        return slots[generator.integers(0, len(slots), rows, dtype=np.uint16)]

    busy = np.tile(TRIPS_OF_HOUR, (7, 1))
    busy[5:, WEEKEND_NIGHT] *= 3
    hour = one_of(np.repeat(np.arange(WEEK_HOURS), busy.reshape(-1)))
    week = generator.integers(0, WEEKS, rows, dtype=np.int8)
    second = generator.integers(0, 3_600, rows, dtype=np.uint16)
    pickup = MONDAY + (week.astype(np.int64) * WEEK_HOURS + hour) * 3_600 + second
    beyond = generator.integers(0, 2_048, rows) * generator.integers(0, 2_048, rows) >> 11  # mostly short journeys
    extra = generator.integers(0, 6, rows)
    lasted = LEAST_SECONDS + 2 * beyond + generator.integers(0, 900, rows)
    payment = one_of(PAYMENT_SLOTS)
    fare = LEAST_FARE + (beyond // 20 + extra) * 50
    tip = np.where(payment == PAYMENTS.index(CARD), fare * one_of(TIP_PERCENT) // 100, 0)
    distance = 20 + beyond
    passengers = one_of(np.array([1, 1, 1, 1, 1, 2, 2, 3, 4, 5, 6]))
    pickup_zone, dropoff_zone = one_of(zone_slots), one_of(zone_slots)

    flaw = one_of(FLAW_SLOTS)
    flawed = {name: flaw == code for code, name in enumerate(FLAWS)}
    passengers[flawed["no passengers"]] = MISSING
    passengers[flawed["passengers 0"]] = 0
    fare[flawed["refund"]] *= -1
    distance[flawed["distance 0"]] = 0
    distance[flawed["far"]] += round(100 * MOST_MILES)
    lasted[flawed["backwards"]] *= -1
    lasted[flawed["forgotten"]] += MOST_SECONDS
    pickup_zone[flawed["zone"]] = UNKNOWN_ZONE
    columns = {
        "pickup": pickup,
        "dropoff": pickup + lasted,
        "pickup_zone": pickup_zone,
        "dropoff_zone": dropoff_zone,
        "passengers": passengers,
        "distance": distance,
        "fare": fare,
        "tip": tip,
        "payment": payment,
    }
    return columns, flawed[""] & (payment == PAYMENTS.index(CARD)), hour
