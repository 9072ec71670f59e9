"""Accelerators without a GPU: their own code takes every call, and says what it would leave on the CPU on a GPU too.

    cuml.accel     cuML translates the parameters of each estimator, and each call is bound to cuML's own method
    cudf.pandas    each call of a function or method is bound to cuDF's own
    polars.gpu     cuDF's engine translates each query

The CPU library computes. On a GPU, a call may stay on the CPU for further reasons, such as the types of its data.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from residency.harness.accelerators import ACCELERATORS
from residency.runners.rehearsal import stand_ins
from residency.runners.rehearsal.signatures import Refused, bind

HOW: Mapping[str, str] = {
    "cudf.pandas": "cudf.pandas takes every call, each is bound to cuDF's own function, and pandas computes",
    "cuml.accel": "cuml.accel takes every call, each is bound to cuML's own method, and the CPU library computes",
    "polars.gpu": "cuDF's engine for Polars translates every query for the GPU, and Polars computes it on the CPU",
}
FITS = {"fit", "fit_transform", "fit_predict", "partial_fit"}
NO_GPU = "a rehearsal has no GPU"
STAYS: dict[str, str] = {}  # calls that the accelerator would leave on the CPU on a machine with a GPU too, and why


def install(name: str) -> None:
    """Install an accelerator without a GPU."""
    ACCELERATORS[name].install()
    {"cudf.pandas": _bind_to_cudf, "cuml.accel": _bind_to_cuml, "polars.gpu": _translate_only}[name]()


def _bind(path: str, function: Any, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> None:
    """Bind a call, and count it; raises `Refused` if it does not fit."""
    if bind(path, function, arguments, keywords):
        stand_ins.CHECKED[path] = stand_ins.CHECKED.get(path, 0) + 1
    else:
        stand_ins.UNCHECKED.add(path)


def _bind_to_cudf() -> None:
    """Bind what a program calls to cuDF's functions; what does not fit runs by pandas, on a machine with a GPU too."""
    proxies: Any = importlib.import_module("cudf.pandas.fast_slow_proxy")
    whole, within = proxies._CallableProxyMixin.__call__, [0]

    def look(proxy: Any, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> None:
        name = getattr(proxy._fsproxy_slow, "__qualname__", "")
        if isinstance(proxy._fsproxy_fast, proxies._Unusable):
            STAYS[name] = "cuDF does not have it"
        else:
            try:
                _bind(f"cudf.{name}", proxy._fsproxy_fast, arguments, keywords)
            except Refused as refused:
                STAYS[name] = str(refused)

    def call(proxy: Any, *arguments: Any, **keywords: Any) -> Any:
        if not within[0]:  # what pandas itself calls while it computes is not called on a GPU
            look(proxy, arguments, keywords)
        within[0] += 1
        try:
            return whole(proxy, *arguments, **keywords)
        finally:
            within[0] -= 1

    proxies._CallableProxyMixin.__call__ = call


class _Twin:
    """An estimator that cuml.accel made for the GPU: its methods bind their arguments, and refuse to compute."""

    def __init__(self, real: Any, unsupported: type[Exception]) -> None:
        self._real, self._unsupported = real, unsupported

    def __getattr__(self, name: str) -> Any:
        there = getattr(self._real, name)
        if name.startswith("_") or not callable(there):
            return there

        def method(*arguments: Any, **keywords: Any) -> None:
            _bind(f"cuml.{type(self._real).__name__}.{name}", there, arguments, keywords)
            raise self._unsupported(NO_GPU)

        return method


def _bind_to_cuml() -> None:
    """Bind what a program calls to cuML's methods, after all that cuml.accel checks without a GPU.

    After a `fit` that cuML refuses, cuml.accel goes on with the CPU. So the estimator that it made for the GPU is kept
    here for the calls that follow.
    """
    proxy: Any = importlib.import_module("cuml.accel.estimator_proxy").ProxyBase
    profilers: Any = importlib.import_module("cuml.accel.profilers")
    unsupported = importlib.import_module("cuml.internals.interop").UnsupportedOnGPU
    made: dict[int, tuple[Any, Any]] = {}  # by id, the estimator of the program and its twin
    on_gpu, call, on_cpu = proxy._call_gpu_method, proxy._call_method, profilers.track_cpu_call

    def note(name: str, reason: str | None) -> None:
        if reason and reason not in {NO_GPU, "Estimator not fit on GPU"}:
            STAYS[name] = reason

    def refuse(estimator: Any, method: str, *arguments: Any, **keywords: Any) -> None:
        real = estimator._gpu
        made[id(estimator)] = estimator, real
        estimator._gpu = _Twin(real, unsupported)
        try:
            on_gpu(estimator, method, *arguments, **keywords)
        except (unsupported, Refused):
            raise
        except Exception as error:  # it looked at the data on the GPU
            raise unsupported(NO_GPU) from error
        finally:
            estimator._gpu = real
        raise unsupported(NO_GPU)

    def called(estimator: Any, method: str, *arguments: Any, **keywords: Any) -> Any:
        if method in FITS:
            made.pop(id(estimator), None)
        elif id(estimator) in made:
            estimator._gpu = made[id(estimator)][1]
            try:
                refuse(estimator, method, *arguments, **keywords)
            except unsupported as error:
                note(f"{type(estimator).__name__}.{method}", str(error))
            finally:
                estimator._gpu = None
        return call(estimator, method, *arguments, **keywords)

    def told(name: str, reason: str | None = None) -> Any:
        note(name, reason)
        return on_cpu(name, reason=reason)

    proxy._call_gpu_method, proxy._call_method, profilers.track_cpu_call = refuse, called, told


def _translate_only() -> None:
    """Let cuDF's engine for Polars translate every query, which needs no GPU, and leave the computing to Polars."""
    engine: Any = importlib.import_module("cudf_polars")
    settings: Any = importlib.import_module("cudf_polars.utils.config")
    settings.get_total_device_memory = lambda: None  # as it says where the driver does not tell

    def translate(plan: Any, _: Any, *, config: Any) -> None:
        translator = engine.Translator(plan, config)
        translator.translate_ir()
        if (unsupported := translator.unsupported_operations_error()) is not None:
            raise unsupported

    engine.execute_with_cudf = translate
