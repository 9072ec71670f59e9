"""The sea's temperature off Peru, 732 months: shipped with statsmodels."""

from __future__ import annotations

import numpy as np

from residency.datasets.timeseries.anomalous import Anomalous
from residency.harness.dataset import shipped

WINDOW = 24  # months
STRONGEST = (("1982-05", "1983-07"), ("1997-05", "1998-06"))  # the first month of each, and the first after it


@shipped("statsmodels.datasets")
def el_nino() -> Anomalous:
    """Monthly temperature of the sea's surface off the coast of Peru (El Niño region 1+2), 1950 to 2010.

    National Oceanic and Atmospheric Administration; public domain. Each year has a warm and a cold season; an El Niño
    breaks the pattern for about a year. The two strongest, 1982/83 and 1997/98, are to be found in windows of two
    years: quality 1. The La Niña of 2007/08 ranks third, the El Niño of 1972/73 fourth.
    """
    from statsmodels.datasets import elnino

    frame = elnino.load_pandas().data
    values = frame.iloc[:, 1:].to_numpy(np.float64).reshape(-1)
    first = np.datetime64(f"{int(frame.iloc[0, 0])}-01", "M")
    anomalies = (np.array(STRONGEST, dtype="datetime64[M]") - first).astype(np.int64)
    return Anomalous(values, WINDOW, anomalies)
