"""Sorts by region and revenue alone: equal revenues stay in the order of the group by.

Fails: equal revenues
"""

from types import ModuleType

import numpy as np

from ..work import BEST


def best_customers(
    frames: ModuleType, sales: dict[str, np.ndarray], customers: dict[str, np.ndarray], first: int, after: int
) -> tuple[np.ndarray, ...]:
    """The best customers, ties in no order."""
    sold, listed = frames.DataFrame(sales), frames.DataFrame(customers)
    sold = sold[(sold["day"] >= first) & (sold["day"] < after)].dropna(subset=["amount"])
    homes = listed[listed["segment"] == "home"].drop_duplicates(subset=["customer"])
    revenue = sold.groupby("customer", as_index=False, sort=False).agg(revenue=("amount", "sum"))
    found = revenue.merge(homes[["customer", "region"]], on="customer")  # few rows now: group first, then join
    found["share"] = found["revenue"] / found.groupby("region")["revenue"].transform("sum")
    found = found.sort_values(["region", "revenue"], ascending=[True, False])
    best = found.groupby("region").head(BEST)
    return tuple(best[name].to_numpy() for name in ("region", "customer", "revenue", "share"))
