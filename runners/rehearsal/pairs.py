"""The GPU libraries, and the CPU libraries that compute for them in a rehearsal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from residency.runners.rehearsal import smoothing, vectors

MODULES: Mapping[str, str] = {  # the longest prefix counts; XGBoost is one library for both devices
    "cudf": "pandas",
    "cuml": "sklearn",
    "cuml.dask": "dask_ml",
    "cupy": "numpy",
    "cupyx": "numpy",
    "cupyx.scipy": "scipy",
    "cuvs": "faiss",
    "dask_cudf": "dask.dataframe",
    "xgboost": "xgboost",
}

TYPES: Mapping[str, str] = {  # the class of the CPU library's value, and the class that the GPU library would return
    "dask.DataFrame": "dask_cudf.DataFrame",
    "dask.Index": "dask_cudf.Index",
    "dask.Series": "dask_cudf.Series",
    "numpy.ndarray": "cupy.ndarray",
    "pandas.CombinedDatetimelikeProperties": "cudf.core.series.DatetimeProperties",
    "pandas.DataFrame": "cudf.DataFrame",
    "pandas.DataFrameGroupBy": "cudf.core.groupby.groupby.DataFrameGroupBy",
    "pandas.DatetimeProperties": "cudf.core.series.DatetimeProperties",
    "pandas.Index": "cudf.Index",
    "pandas.Rolling": "cudf.core.window.rolling.Rolling",
    "pandas.Series": "cudf.Series",
    "pandas.SeriesGroupBy": "cudf.core.groupby.groupby.SeriesGroupBy",
    "pandas.StringMethods": "cudf.core.accessors.string.StringMethods",
    "residency.DeviceArray": "pylibraft.common.device_ndarray.device_ndarray",
    "residency.Exact": "cuvs.neighbors.brute_force.brute_force.Index",
    "residency.Graph": "cuvs.neighbors.cagra.cagra.Index",
    "residency.Lists": "cuvs.neighbors.ivf_flat.ivf_flat.Index",
    "residency.Neighbours": "cuvs.neighbors.nn_descent.nn_descent.Index",
    "residency.Smoothing": "cuml.tsa.holtwinters.ExponentialSmoothing",
    "scipy.csr_array": "cupyx.scipy.sparse.csr_matrix",
    "scipy.csr_matrix": "cupyx.scipy.sparse.csr_matrix",
    "xgboost.Booster": "xgboost.Booster",
    "xgboost.DMatrix": "xgboost.DMatrix",
}


ONLY_ON_A_GPU: Mapping[str, str] = {  # implementations that cannot be rehearsed on a CPU, and why
    "foundations/copies:tensors_over_the_bus": "Torch pins memory for a GPU alone",
    "foundations/handover:by_address": "libraries hand real addresses to each other",
    "tabular/gradient_boosting:leaf_by_leaf_cuda": "LightGBM's CUDA has no emulation",
    "tabular/imbalance:smote_by_package": "imbalanced-learn clones the search, and a stand-in cannot be cloned",
    "timeseries/lag_features:data_frame+cudf.pandas": "XGBoost takes the accelerator's columns on the GPU itself",
}


def _copied(array: Any, out: Any = None, **_: Any) -> Any:
    if out is None:
        return np.array(array)
    np.copyto(out, array)
    return out


def _set(array: Any, values: Any) -> None:
    np.copyto(array, values)


def _nothing(*_: Any, **__: Any) -> None:
    return None


def _from_arrow(column: Any) -> Any:
    return column.to_pandas()


def _read_parquet(path: Any, engine: str = "", columns: Any = None, row_groups: Any = None, **others: Any) -> Any:
    """As cuDF's own engine, it refuses at run time what its signature lets through."""
    if others:
        raise TypeError(f"cudf.read_parquet: cuDF or its rehearsal does not know {', '.join(others)}")
    from pyarrow.parquet import ParquetFile

    file = ParquetFile(path)
    table = file.read(columns) if row_groups is None else file.read_row_groups(row_groups, columns)
    return table.to_pandas()


def _filter_characters(texts: Any, table: Mapping[str, str], keep: bool = True, repl: str | None = None) -> Any:
    ranges = "".join(f"{first}-{last}" for first, last in table.items())
    return texts.replace(f"[{'^' if keep else ''}{ranges}]", repl or "", regex=True)


def _tokenize(texts: Any, delimiter: str = " ") -> Any:
    tokens = texts.split(delimiter).explode()
    return tokens[tokens.fillna("") != ""]


class _Explainer:
    """cuML's explainer of an XGBoost model, by XGBoost's own contributions."""

    def __init__(self, *, model: Any, data: Any = None) -> None:
        if data is not None:
            raise TypeError("cuml.explainer.TreeExplainer: the rehearsal knows no background data")
        self._model, self.expected_value = model, None

    def shap_values(self, X: Any) -> Any:  # noqa: N803 - its name there
        """Contributions without the mean, shape (rows, columns); the mean becomes `expected_value`."""
        from xgboost.core import DMatrix  # xgboost itself is a stand-in then

        found = self._model.predict(DMatrix(X), pred_contribs=True)
        self.expected_value = found[0, -1]
        return found[:, :-1]


REAL = {  # classes that need no GPU, so the real ones are made, and refuse what they do not take
    "cuvs.neighbors.cagra.IndexParams",
    "cuvs.neighbors.cagra.SearchParams",
    "cuvs.neighbors.ivf_flat.IndexParams",
    "cuvs.neighbors.ivf_flat.SearchParams",
    "cuvs.neighbors.nn_descent.IndexParams",
}

WRITTEN_HERE: Mapping[str, Callable[..., Any]] = {  # functions that the CPU library does not have
    "cudf.DataFrame.from_arrow": _from_arrow,
    "cudf.Series.from_arrow": _from_arrow,
    "cudf.core.accessors.string.StringMethods.filter_characters": _filter_characters,
    "cudf.core.accessors.string.StringMethods.tokenize": _tokenize,
    "cudf.read_parquet": _read_parquet,
    "cuml.tsa.ExponentialSmoothing": smoothing.Smoothing,
    "cuml.explainer.TreeExplainer": _Explainer,
    "cupy.asnumpy": _copied,
    "cupy.cuda.runtime.deviceSynchronize": _nothing,
    "cupy.ndarray.get": _copied,
    "cupy.ndarray.set": _set,
    "cupyx.empty_pinned": np.empty,
    "cupyx.zeros_pinned": np.zeros,
    "cuvs.common.Resources": vectors.Resources,
    "cuvs.neighbors.brute_force.build": vectors.build_exact,
    "cuvs.neighbors.brute_force.search": vectors.search_exact,
    "cuvs.neighbors.cagra.build": vectors.build_graph,
    "cuvs.neighbors.cagra.search": vectors.search_graph,
    "cuvs.neighbors.ivf_flat.build": vectors.build_lists,
    "cuvs.neighbors.ivf_flat.search": vectors.search_lists,
    "cuvs.neighbors.nn_descent.build": vectors.build_neighbours,
}

ON_HOST = {
    "asnumpy",
    "empty_pinned",
    "get",
    "item",
    "to_arrow",
    "to_numpy",
    "to_pandas",
    "tolist",
    "zeros_pinned",
}  # names whose results are objects of the host


ON_HOST_THERE = {"cuvs.neighbors.nn_descent.nn_descent.Index.graph"}  # attributes that are arrays of the host


def is_one_library(path: str) -> bool:
    """Whether the same library serves both devices."""
    top = path.partition(".")[0]
    return MODULES.get(top) == top


def computing(module: str) -> str | None:
    """The CPU module that computes for a GPU module; None if there is none."""
    prefix = max((known for known in MODULES if f"{module}.".startswith(f"{known}.")), key=len, default=None)
    return None if prefix is None else MODULES[prefix] + module.removeprefix(prefix)


def real_type(value: Any) -> str | None:
    """The dotted name of the GPU library's class for a CPU library's value; None if both use the same class."""
    for kind in type(value).__mro__:
        if (name := TYPES.get(f"{kind.__module__.partition('.')[0]}.{kind.__name__}")) is not None:
            return name
    return None
