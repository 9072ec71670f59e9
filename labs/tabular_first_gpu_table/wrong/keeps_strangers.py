"""Joins from the left and takes what is not found for the usual case.

Fails: customers that are not listed
"""

from types import ModuleType

import numpy as np

from ..work import BEST


def best_customers(
    frames: ModuleType, sales: dict[str, np.ndarray], customers: dict[str, np.ndarray], first: int, after: int
) -> tuple[np.ndarray, ...]:
    """A left join, with a region and a segment for all that is not found."""
    sold, listed = frames.DataFrame(sales), frames.DataFrame(customers)
    sold = sold[(sold["day"] >= first) & (sold["day"] < after)].dropna(subset=["amount"])
    listed = listed.drop_duplicates(subset=["customer"])
    revenue = sold.groupby("customer", as_index=False, sort=False).agg(revenue=("amount", "sum"))
    found = revenue.merge(listed, on="customer", how="left").fillna({"region": 0, "segment": "home"})
    found = found[found["segment"] == "home"].copy()  # few rows now: group first, then join
    found["share"] = found["revenue"] / found.groupby("region")["revenue"].transform("sum")
    found = found.sort_values(["region", "revenue", "customer"], ascending=[True, False, True])
    best = found.groupby("region").head(BEST)
    return tuple(best[name].to_numpy() for name in ("region", "customer", "revenue", "share"))
