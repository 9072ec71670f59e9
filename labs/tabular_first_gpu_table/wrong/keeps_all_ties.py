"""Takes all that have one of the two highest ranks.

Fails: equal revenues
"""

from types import ModuleType

import numpy as np

from ..work import BEST


def best_customers(
    frames: ModuleType, sales: dict[str, np.ndarray], customers: dict[str, np.ndarray], first: int, after: int
) -> tuple[np.ndarray, ...]:
    """Ranks within the region; equal revenues have the same rank."""
    sold, listed = frames.DataFrame(sales), frames.DataFrame(customers)
    sold = sold[(sold["day"] >= first) & (sold["day"] < after)].dropna(subset=["amount"])
    homes = listed[listed["segment"] == "home"].drop_duplicates(subset=["customer"])
    revenue = sold.groupby("customer", as_index=False, sort=False).agg(revenue=("amount", "sum"))
    found = revenue.merge(homes[["customer", "region"]], on="customer")  # few rows now: group first, then join
    found["share"] = found["revenue"] / found.groupby("region")["revenue"].transform("sum")
    found = found.sort_values(["region", "revenue", "customer"], ascending=[True, False, True])
    best = found[found.groupby("region")["revenue"].rank(method="min", ascending=False) <= BEST]
    return tuple(best[name].to_numpy() for name in ("region", "customer", "revenue", "share"))
