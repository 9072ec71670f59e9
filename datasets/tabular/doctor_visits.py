"""Who saw a doctor at least twice, from the RAND health insurance experiment: shipped with statsmodels."""

from __future__ import annotations

import numpy as np

from residency.datasets.tabular.grouped import split_groups
from residency.datasets.tabular.table import Table
from residency.harness.dataset import shipped

COLUMNS = ("lncoins", "idp", "lpi", "fmde", "physlm", "disea", "hlthg")
VISITS, POOR_HEALTH = "mdvis", ("hlthf", "hlthp")


@shipped("statsmodels.datasets")
def doctor_visits(seed: int) -> Table:
    """Two or more visits to a physician in a year or fewer, in 20,190 person-years; the groups differ in health.

    Binary classification, half of the rows are 1. Eight columns: coinsurance, deductible, incentive payment and maximum
    expenditure of the plan, physical limitation, chronic diseases, health called good, and the group: health called
    fair or poor, 9 % of the rows. Cameron and Trivedi (2005), "Microeconometrics", after the RAND experiment of 1974 to
    1982; public domain. Most of the target is chance: a linear model has an AUC of 0.64, of 0.63 in the larger group
    and 0.68 in the smaller. Persons appear in several years: privacy of a row is less than privacy of a person.
    """
    from statsmodels.datasets import randhie

    frame = randhie.load_pandas().data
    poor = (frame[list(POOR_HEALTH)].to_numpy() > 0).any(axis=1)
    return split_groups(
        frame[list(COLUMNS)].to_numpy(dtype=np.float64),
        frame[VISITS].to_numpy() >= 2,
        poor,
        names=(*COLUMNS, "health fair or poor"),
        seed=seed,
        remarks=("binary target: two or more visits", "the smaller group: health called fair or poor"),
    )
