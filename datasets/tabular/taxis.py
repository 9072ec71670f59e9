"""Yellow and green taxis of New York: 6,433 trips of March 2019."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path

import numpy as np

from residency.datasets.sources import Address
from residency.datasets.tabular.trips import (
    CARD,
    LEAST_FARE,
    LEAST_SECONDS,
    MISSING,
    MOST_MILES,
    MOST_SECONDS,
    PAYMENTS,
    UNKNOWN_ZONE,
    Trips,
    write_trips,
    write_zones,
)
from residency.harness.dataset import public

ADDRESS = Address(
    "https://raw.githubusercontent.com/mwaskom/seaborn-data/71e2436a092d714350de0fc409ca8a8714e7e78f/taxis.csv",
    sha256="08d6d71784dbaa2651fee37fc03389754194c05d72d2d19cbc2c799dea6ac09d",
    size="0.9 MB",
)
EPOCH = datetime(1970, 1, 1)


@public(ADDRESS, "pyarrow")
def taxis(folder: Path, source: Path) -> Trips:
    """A sample of the trip records of New York's Taxi and Limousine Commission, as seaborn's example data holds it.

    Rewritten in the layout of the generated `trips`: money in cents, the 203 zones' names as codes in alphabetical
    order, missing zones as code 264, which is not in the table of zones. Columns that `trips` does not have (tolls,
    total, colour) are left out. Missing: 44 payments, 26 pickup zones, 45 dropoff zones; unknown numbers of passengers
    are 0. The totals are counted trip by trip from the text of the file. The data is far too small for a GPU: it shows
    what launches and start-up cost, and that the job is right on real data.
    """
    with (source / ADDRESS.file).open(newline="", encoding="utf-8") as file:
        records = list(csv.DictReader(file))
    places = {(record[f"{end}_zone"], record[f"{end}_borough"]) for record in records for end in ("pickup", "dropoff")}
    zones = sorted(place for place in places if place[0])
    code = {"": UNKNOWN_ZONE, **{name: number for number, (name, _) in enumerate(zones, start=1)}}
    boroughs = sorted({borough for _, borough in zones})
    total = {name: np.zeros((len(boroughs), 7, 24), np.int64) for name in ("count", "fare", "tip", "distance")}
    trips = []
    for record in records:
        pickup, dropoff = datetime.fromisoformat(record["pickup"]), datetime.fromisoformat(record["dropoff"])
        fare, tip, distance = (round(100 * float(record[name])) for name in ("fare", "tip", "distance"))
        trips.append(
            {
                "pickup": round((pickup - EPOCH).total_seconds()),
                "dropoff": round((dropoff - EPOCH).total_seconds()),
                "pickup_zone": code[record["pickup_zone"]],
                "dropoff_zone": code[record["dropoff_zone"]],
                "passengers": int(record["passengers"]),
                "distance": distance,
                "fare": fare,
                "tip": tip,
                "payment": PAYMENTS.index(record["payment"]) if record["payment"] else MISSING,
            }
        )
        if (
            record["pickup_zone"]
            and record["payment"] == CARD
            and int(record["passengers"]) > 0
            and fare >= LEAST_FARE
            and 0 < distance <= 100 * MOST_MILES
            and LEAST_SECONDS <= (dropoff - pickup).total_seconds() <= MOST_SECONDS
        ):
            cell = boroughs.index(record["pickup_borough"]), pickup.weekday(), pickup.hour
            for name, value in {"count": 1, "fare": fare, "tip": tip, "distance": distance}.items():
                total[name][cell] += value
    columns = {name: np.array([trip[name] for trip in trips], np.int64) for name in trips[0]}
    write_trips(folder / "trips.parquet", [columns])
    ids = np.arange(1, len(zones) + 1, dtype=np.int16)
    write_zones(folder / "zones.parquet", ids, [borough for _, borough in zones])
    return Trips(folder / "trips.parquet", folder / "zones.parquet", len(trips), np.array(boroughs), **total)
