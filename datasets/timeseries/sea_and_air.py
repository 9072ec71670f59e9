"""The sea's temperature and the air's carbon dioxide, 84 series of eleven years: shipped with statsmodels."""

from __future__ import annotations

import numpy as np

from residency.datasets.timeseries.series import Panel, panel
from residency.harness.dataset import shipped

YEAR = 12  # months, and what is to be forecast
MONTHS = 11 * YEAR


@shipped("statsmodels.datasets")
def sea_and_air() -> Panel:
    """Each year is forecast from the ten years before it, month by month: 84 series of 132 months.

    51 years of the temperature of the sea off Peru (1960 to 2010; National Oceanic and Atmospheric Administration), and
    33 years of carbon dioxide in the air above Mauna Loa (1969 to 2001; Keeling and Whorf, 2004); public domain. Months
    of carbon dioxide are means of its weeks; three months of 1964 are missing and filled with the value of a year
    earlier, or of the month before. The sea has a strong season and no trend, and El Niño breaks it every few years.
    The air has both. The windows overlap: what is to be forecast in one is known in the next. So these are series for a
    model each; one model of all would have seen the answers.
    """
    from statsmodels.datasets import co2, elnino

    sea = elnino.load_pandas().data.iloc[:, 1:].to_numpy(np.float64).reshape(-1)
    air = co2.load_pandas().data["co2"].resample("MS").mean().loc["1959":].to_numpy(np.float64)
    values = [
        whole[start : start + MONTHS] for whole in (sea, air) for start in range(0, len(whole) - MONTHS + 1, YEAR)
    ]
    remark = "3 missing months of carbon dioxide filled with the value of a year earlier, or of the month before"
    return panel(values, horizon=YEAR, season=YEAR, remarks=(remark,))
