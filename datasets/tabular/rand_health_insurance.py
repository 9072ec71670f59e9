"""The RAND health insurance experiment: 20,190 person-years, shipped with statsmodels."""

from __future__ import annotations

import numpy as np

from residency.datasets.tabular.table import Table, split
from residency.harness.dataset import shipped

TARGET = "mdvis"


@shipped("statsmodels.datasets")
def rand_health_insurance(seed: int) -> Table:
    """Visits to a physician in a year, from the insurance plan and the health of 20,190 person-years.

    Regression, 9 columns: coinsurance, deductible, incentive payment and maximum expenditure of the plan, physical
    limitation, chronic diseases, and three indicators of self-rated health. Cameron and Trivedi (2005),
    "Microeconometrics", after the RAND experiment of 1974 to 1982; public domain. Visits are counts from 0 to 77 with
    a third of zeros and a long tail, so the target is log(1 + visits): with the raw counts, a handful of people would
    decide R². Most of the rest is chance: a linear model explains 0.09 of the variance. Forests with small leaves reach
    0.2, but not because they are better: persons appear in several years, and with a split by rows a model can
    recognise them.
    """
    from statsmodels.datasets import randhie

    frame = randhie.load_pandas().data
    columns = [name for name in frame.columns if name != TARGET]
    visits = frame[TARGET].to_numpy(dtype=np.float64)
    return split(
        frame[columns].to_numpy(dtype=np.float64), np.log1p(visits), columns, seed, remarks=("log(1 + visits)",)
    )
