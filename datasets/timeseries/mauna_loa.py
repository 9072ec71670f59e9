"""Carbon dioxide above Mauna Loa: 2,284 weeks, shipped with statsmodels."""

from __future__ import annotations

import numpy as np

from residency.datasets.timeseries.series import Panel, panel
from residency.harness.dataset import shipped

YEAR = 52  # weeks


@shipped("statsmodels.datasets")
def mauna_loa() -> Panel:
    """Weekly carbon dioxide in the air above Mauna Loa, Hawaii, March 1958 to December 2001; the last year to forecast.

    Parts per million, one series. Keeling and Whorf (2004), Scripps Institution of Oceanography; public domain.
    59 weeks are missing and filled with the value of a year earlier. The series rises steadily and has a season:
    repeating the last year is wrong by the rise, and a model must learn to add it.
    """
    from statsmodels.datasets import co2

    values = co2.load_pandas().data["co2"].to_numpy(np.float64)
    missing = int(np.isnan(values[:-YEAR]).sum())
    remark = f"{missing} missing weeks filled with the value of a year earlier"
    return panel([values], horizon=YEAR, season=YEAR, phases=(YEAR,), remarks=(remark,))
