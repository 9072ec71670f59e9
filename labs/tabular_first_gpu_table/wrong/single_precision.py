"""Takes float32 for amounts, because it is half as large.

Fails: large amounts
"""

from types import ModuleType

import numpy as np

from ..work import BEST


def best_customers(
    frames: ModuleType, sales: dict[str, np.ndarray], customers: dict[str, np.ndarray], first: int, after: int
) -> tuple[np.ndarray, ...]:
    """Sums in float32; the share in float64."""
    sold, listed = frames.DataFrame(sales).astype({"amount": "float32"}), frames.DataFrame(customers)
    sold = sold[(sold["day"] >= first) & (sold["day"] < after)].dropna(subset=["amount"])
    homes = listed[listed["segment"] == "home"].drop_duplicates(subset=["customer"])
    revenue = (
        sold.groupby("customer", as_index=False, sort=False)
        .agg(revenue=("amount", "sum"))
        .astype({"revenue": "float64"})
    )
    found = revenue.merge(homes[["customer", "region"]], on="customer")  # few rows now: group first, then join
    found["share"] = found["revenue"] / found.groupby("region")["revenue"].transform("sum")
    found = found.sort_values(["region", "revenue", "customer"], ascending=[True, False, True])
    best = found.groupby("region").head(BEST)
    return tuple(best[name].to_numpy() for name in ("region", "customer", "revenue", "share"))
