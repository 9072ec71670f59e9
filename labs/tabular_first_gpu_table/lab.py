"""pandas to cuDF, the same lines: the best customers of each region, by steps that both libraries know."""

from __future__ import annotations

import numpy as np

from residency.labs.lab import Demand, Lab, Points, Random, Within

Columns = dict[str, np.ndarray]

BEST = 2  # customers of a region
SEGMENTS = ("home", "home office", "firm", "public")
FIRST, AFTER = 90, 181  # the days that count: FIRST <= day < AFTER

lab = Lab(
    title="pandas to cuDF, the same lines",
    order=3,
    topic="tabular",
    entry="best_customers",
    needs=("pandas",),
    pair=("pandas", "cudf"),
    points=Points(visible=2, hidden=4, fast=2, gpu=2),
    demand=Demand(seconds=25, memory_bytes=800_000_000, tries=6, gpu=True),
)


def shop(
    rng: Random, sales: int, customers: int, regions: int, *, largest: int = 50_000, unknown: float = 0.02
) -> tuple[Columns, Columns, int, int]:
    """A table of sales and one of customers, both in no order. Amounts are whole cents as float64; NaN is unknown."""
    numbers = rng.permutation(10 * customers)[:customers]  # of customers; they leave gaps
    table = {
        "customer": numbers,
        "region": rng.integers(0, regions, customers) * 3 + 1,
        "segment": rng.choice(SEGMENTS, customers, p=(0.5, 0.2, 0.2, 0.1)),
    }
    amount = rng.integers(100, largest, sales).astype(np.float64)
    amount[rng.random(sales) < unknown] = np.nan
    sold = {"customer": rng.choice(numbers, sales), "day": rng.integers(0, 365, sales), "amount": amount}
    return sold, table, FIRST, AFTER


@lab.truth
def truth(sales: Columns, customers: Columns, first: int, after: int) -> tuple[np.ndarray | Within, ...]:
    """Region, customer, revenue and share. Sums of whole cents are exact; the share is one division of two of them."""
    good = (sales["day"] >= first) & (sales["day"] < after) & ~np.isnan(sales["amount"])
    home = customers["segment"] == "home"
    numbers, places = np.unique(customers["customer"][home], return_index=True)  # a customer may be listed twice
    region = customers["region"][home][places]
    numbers, region = np.append(numbers, np.iinfo(np.int64).max), np.append(region, 0)  # so that a search finds a place
    place = np.searchsorted(numbers, sales["customer"])
    good &= numbers[place] == sales["customer"]
    revenue = np.bincount(place[good], sales["amount"][good], len(numbers))
    bought = np.bincount(place[good], minlength=len(numbers)) > 0
    numbers, region, revenue = numbers[bought], region[bought], revenue[bought]
    kinds, group = np.unique(region, return_inverse=True)
    total = np.bincount(group, revenue, len(kinds))
    order = np.lexsort((numbers, -revenue, group))
    rank = np.arange(len(order)) - np.searchsorted(group[order], group[order])
    best = order[rank < BEST]
    share = revenue[best] / total[group[best]]
    return region[best], numbers[best], revenue[best], Within(share, 2 * np.finfo(np.float64).eps * share)


@lab.check("a thousand sales", visible=True)
def thousand(rng: Random) -> tuple[Columns, Columns, int, int]:
    return shop(rng, 1_000, 60, 4)


@lab.check("more regions", visible=True)
def more(rng: Random) -> tuple[Columns, Columns, int, int]:
    return shop(rng, 20_000, 900, 25)


@lab.check(
    "a customer listed twice",
    hint="Wrong where the table of customers has the same line twice: a join then finds each sale twice.",
)
def twice(rng: Random) -> tuple[Columns, Columns, int, int]:
    sales, customers, first, after = shop(rng, 4_000, 200, 5)
    listed = rng.permutation(np.concatenate([np.arange(200), rng.integers(0, 200, 80)]))
    return sales, {name: column[listed] for name, column in customers.items()}, first, after


@lab.check(
    "equal revenues",
    hint="Wrong where two customers have the same revenue: how many of them are the best, and which comes first?",
)
def ties(rng: Random) -> tuple[Columns, Columns, int, int]:
    sales, customers, first, after = shop(rng, 3_000, 240, 6, unknown=0.0)
    customers["segment"][:] = "home"
    place = rng.permutation(np.arange(3_000) % 240)  # the same number of sales for each customer, all on good days
    sales["customer"] = customers["customer"][place]
    sales["day"] = rng.integers(first, after, 3_000)
    sales["amount"] = np.full(3_000, float(rng.integers(10, 90)))
    few = rng.integers(0, 240, 3)  # and some have more
    sales["amount"][np.isin(place, few)] *= 2
    return sales, customers, first, after


@lab.check(
    "amounts that are not known",
    hint="Wrong where amounts are missing: who has no known sale is no customer of this period, not one of revenue 0.",
)
def missing(rng: Random) -> tuple[Columns, Columns, int, int]:
    sales, customers, first, after = shop(rng, 120, 40, 3, unknown=0.6)
    sales["day"] = rng.integers(first, after, 120)
    customers["segment"][:], customers["region"] = "home", np.arange(40) % 3
    customers["region"][:2] = 7  # without a known sale
    sales["customer"][:12], sales["amount"][:12] = customers["customer"][:12], np.nan
    sales["customer"][12:] = rng.choice(customers["customer"][20:], 108)
    return sales, customers, first, after


@lab.check(
    "customers that are not listed",
    hint="Wrong where sales name a customer that the other table does not have: such sales do not count.",
)
def strangers(rng: Random) -> tuple[Columns, Columns, int, int]:
    sales, customers, first, after = shop(rng, 2_000, 150, 5)
    sales["customer"][::3] += 10_000
    return sales, customers, first, after


@lab.check("large amounts", hint="Wrong for large amounts: float32 holds 7 digits, and a revenue may have 15.")
def large(rng: Random) -> tuple[Columns, Columns, int, int]:
    return shop(rng, 2_000, 100, 5, largest=10**12)


@lab.check(
    "a region without a sale, and one with a single customer",
    hint="Wrong where a region has fewer than two customers with sales: it then has one line, or none.",
)
def lonely(rng: Random) -> tuple[Columns, Columns, int, int]:
    sales, customers, first, after = shop(rng, 200, 12, 1, unknown=0.0)
    customers["segment"][:], customers["region"] = "home", np.array([5, 2, 2, *[8] * 9])
    sales["day"] = rng.integers(first, after, 200)
    sales["customer"] = rng.permutation(customers["customer"][[0, *range(3, 12)]][np.arange(200) % 10])
    return sales, customers, first, after


@lab.check("no sale at all", hint="Wrong where no sale is left: four empty columns are the answer.")
def none(rng: Random) -> tuple[Columns, Columns, int, int]:
    sales, customers, first, _ = shop(rng, 100, 20, 3)
    return sales, customers, first, first


@lab.timed
def many(rng: Random) -> tuple[Columns, Columns, int, int]:
    return shop(rng, int(rng.integers(290_000, 310_000)), 20_000, 50)
