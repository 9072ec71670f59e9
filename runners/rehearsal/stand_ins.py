"""Stand-ins: modules, callables and values that behave like a GPU library's, but compute with a CPU library.

The stand-in for a module has the names of the real module, and no others. The stand-in for a callable binds every call
to the real signature, lets the CPU library compute, and wraps the result: a NumPy array becomes a stand-in for the CuPy
array that the GPU library would return. The stand-in for a value has only the attributes of the real class. Like values
of CuPy and cuDF, it refuses to become a host array unasked, and to be combined with one.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import operator
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from residency.runners.rehearsal import pairs
from residency.runners.rehearsal.signatures import Refused, accepted, bind, has_attribute

UFUNCS = {"ufunc", "_GUFunc"}  # types of CuPy's functions that take no host array, such as matrix products
DEVICE_ARRAYS = {"cupy": "CuPy takes its own", "cuvs": "cuVS takes one on the device"}
ABSENT = object()  # in place of a value that a side does not get
ONE_SIDED: dict[str, Any] = {}  # keywords that `run.only` gave to the GPU side: the CPU side's value, or ABSENT
CHECKED: dict[str, int] = {}  # how often each callable of a GPU library was bound to its signature
UNCHECKED: set[str] = set()  # callables without a signature: only their existence was checked


class NotRehearsed(AttributeError):
    """The GPU library has this name, but the CPU library cannot compute it."""


class ModuleStandIn(ModuleType):
    """The stand-in for a GPU library's module; a CPU library's module computes."""

    def __init__(self, real: ModuleType, by: str, path: str) -> None:
        super().__init__(path, real.__doc__)
        self.__dict__.update(real_module=real, computed_by=by, __spec__=real.__spec__)
        self.__dict__.update(
            {name: getattr(real, name) for name in ("__file__", "__path__", "__version__") if hasattr(real, name)}
        )

    def __getattr__(self, name: str) -> Any:
        real, path = self.real_module, f"{self.__name__}.{name}"
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            there = getattr(real, name)
        except AttributeError:
            raise AttributeError(f"{self.__name__} has no `{name}`") from None
        if isinstance(there, ModuleType):
            is_replaced = isinstance(there, ModuleStandIn)
            return there if is_replaced else ModuleStandIn(there, f"{self.computed_by}.{name}", path)
        if path in pairs.WRITTEN_HERE:
            return Call(path, there, pairs.WRITTEN_HERE[path])
        if pairs.is_one_library(path) or path in pairs.REAL:
            return Call(path, there, there) if callable(there) else there
        return _paired(path, there, functools.partial(_attribute, self.computed_by, name, path))

    def __reduce__(self) -> Any:
        return importlib.import_module, (self.__name__,)


def _attribute(module: str, name: str, path: str) -> Any:
    """A CPU module's attribute of that name."""
    try:
        return getattr(importlib.import_module(module), name)
    except (AttributeError, ModuleNotFoundError):
        raise NotRehearsed(f"{path} cannot be rehearsed: {module} has no `{name}` to compute it by") from None


def _paired(path: str, there: Any, here: Callable[[], Any]) -> Any:
    """The stand-in for a name of the real library: a call, or a constant that both libraries share."""
    mine = here()
    return Call(path, there, mine) if callable(there) and there is not mine else mine


class Call:
    """The stand-in for a GPU library's callable: it binds to the real signature, and the CPU library computes."""

    def __init__(self, path: str, real: Any, mine: Callable[..., Any], instance: Any = ABSENT) -> None:
        self.path, self.real, self.mine, self.instance = path, real, mine, instance
        self.__name__, self.__doc__ = path.rpartition(".")[2], getattr(real, "__doc__", None)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Bind the call, compute, and wrap the result."""
        bound = arguments if self.instance is ABSENT else (self.instance, *arguments)
        if bind(self.path, self.real, bound, keywords):
            CHECKED[self.path] = CHECKED.get(self.path, 0) + 1
        else:
            UNCHECKED.add(self.path)
        if type(self.real).__name__ in UFUNCS or self.path.startswith("cuvs."):
            refuse_host(self.path, *arguments, *keywords.values())
        result = self.mine(*on_cpu(list(arguments)), **self._on_cpu(keywords))
        if self.__name__ in pairs.ON_HOST:
            return result
        if isinstance(self.instance, StandIn) and result is self.instance._value:  # as `fit` returns the estimator
            return self.instance
        return StandIn.of(result, self.real) if inspect.isclass(self.real) else wrap(result, self.path)

    def _on_cpu(self, keywords: dict[str, Any]) -> dict[str, Any]:
        """The keywords that the CPU library takes."""
        if pairs.is_one_library(self.path):
            return dict(on_cpu(keywords))
        own = {name: ONE_SIDED.get(name, value) for name, value in keywords.items()}
        return accepted(self.mine, on_cpu({name: value for name, value in own.items() if value is not ABSENT}))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        path = f"{self.path}.{name}"
        if not hasattr(self.real, name):
            raise AttributeError(f"{self.path} has no `{name}`")
        if path in pairs.WRITTEN_HERE:
            return Call(path, getattr(self.real, name), pairs.WRITTEN_HERE[path])
        return _paired(path, getattr(self.real, name), lambda: getattr(self.mine, name))

    def __instancecheck__(self, value: Any) -> bool:
        return isinstance(value, StandIn) and isinstance(self.real, type) and issubclass(value._real, self.real)

    def __subclasscheck__(self, kind: type) -> bool:
        return False

    def __reduce__(self) -> Any:
        return _found, (self.path,)


def _found(path: str) -> Any:
    """A callable of a module's stand-in, by its path."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


class StandIn:
    """The stand-in for a value of a GPU library's class; it holds the CPU library's value."""

    def __init__(self, value: Any, real: type) -> None:
        object.__setattr__(self, "_value", value)
        object.__setattr__(self, "_real", real)

    @staticmethod
    def of(value: Any, real: type) -> StandIn:
        """A stand-in whose class has the real class's name and module, because some code looks at them."""
        return _class_of(real)(value, real)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        path = f"{_named(self._real)}.{name}"
        if not has_attribute(self._real, name):
            raise AttributeError(f"{_named(self._real)} has no `{name}`")
        there = getattr(self._real, name, None)
        if path in pairs.WRITTEN_HERE:
            return Call(path, there, functools.partial(pairs.WRITTEN_HERE[path], self._value), self)
        mine = getattr(self._value, name)
        if callable(mine) and callable(there):
            return Call(path, there, mine, self)
        return mine if path in pairs.ON_HOST_THERE else wrap(mine, path)

    def __setattr__(self, name: str, value: Any) -> None:
        if not has_attribute(self._real, name):
            raise AttributeError(f"{_named(self._real)} has no `{name}`")
        setattr(self._value, name, on_cpu(value))

    def __getitem__(self, place: Any) -> Any:
        return wrap(self._value[on_cpu(place)], self._own("__getitem__"))

    def __setitem__(self, place: Any, value: Any) -> None:
        self._own("__setitem__")
        self._value[on_cpu(place)] = on_cpu(value)

    def __iter__(self) -> Iterator[Any]:
        path = self._own("__iter__")
        return (wrap(item, path) for item in self._value)

    def __contains__(self, value: Any) -> bool:
        return on_cpu(value) in self._value

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError(f"{_named(self._real)} does not become a NumPy array unasked: run.to_host copies it")

    def __array_ufunc__(self, function: Any, method: str, *values: Any, **keywords: Any) -> Any:
        if method != "__call__":
            raise NotRehearsed(f"numpy.{function.__name__}.{method} cannot be rehearsed")
        return getattr(importlib.import_module("cupy"), function.__name__)(*values, **keywords)

    def __array_function__(self, function: Any, _: Any, values: Any, keywords: Any) -> Any:
        module = importlib.import_module(function.__module__.replace("numpy", "cupy", 1))
        return getattr(module, function.__name__)(*values, **keywords)

    def __len__(self) -> int:
        return len(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __int__(self) -> int:
        return int(self._value)

    def __index__(self) -> int:
        return operator.index(self._value)

    def __float__(self) -> float:
        return float(self._value)

    def __repr__(self) -> str:
        return f"{_named(self._real)} by {self._value!r}"

    def __reduce__(self) -> Any:
        return _again, (self._value, _named(self._real))

    def _own(self, name: str) -> str:
        """The path of a method; the real class must have it."""
        if not hasattr(self._real, name):
            raise TypeError(f"{_named(self._real)} has no `{name}`")
        return f"{_named(self._real)}.{name}"


def _operation(name: str) -> Callable[..., Any]:
    """An operator of the real class; the CPU library's values compute it."""

    def operate(self: StandIn, *others: Any) -> Any:
        path = self._own(name)
        refuse_host(path, *others, beside=self._real)
        result = getattr(type(self._value), name)(self._value, *on_cpu(list(others)))
        return NotImplemented if result is NotImplemented else wrap(result, path)

    return operate


_BINARY = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor", "lshift", "rshift"]
_OTHERS = ["eq", "ne", "lt", "le", "gt", "ge", "neg", "pos", "abs", "invert"]
for _name in [
    *_BINARY,
    *(f"r{operator_name}" for operator_name in _BINARY),
    *_OTHERS,
]:
    setattr(StandIn, f"__{_name}__", _operation(f"__{_name}__"))


def _in_place(name: str) -> Callable[..., Any]:
    def operate(self: StandIn, other: Any) -> Any:
        refuse_host(self._own(f"__{name}__"), other, beside=self._real)
        return wrap(getattr(operator, f"i{name}")(self._value, on_cpu(other)), _named(self._real))

    return operate


for _name in _BINARY:
    setattr(StandIn, f"__i{_name}__", _in_place(_name))


@functools.cache
def _class_of(real: type) -> type[StandIn]:
    return type(real.__name__, (StandIn,), {"__module__": real.__module__, "__hash__": StandIn.__hash__})


def _again(value: Any, path: str) -> StandIn:
    return StandIn.of(value, _real_class(path))


@functools.cache
def _real_class(path: str) -> type:
    """The real class of a dotted path, whether or not its module has a stand-in."""
    module, _, name = path.rpartition(".")
    holder = importlib.import_module(module)
    kind = getattr(holder.real_module if isinstance(holder, ModuleStandIn) else holder, name)
    if not isinstance(kind, type):
        raise TypeError(f"{path} is no class")
    return kind


def _named(real: type) -> str:
    """A class's name: `cupy.ndarray`, or the full path if it is not at its library's top."""
    top = real.__module__.partition(".")[0]
    holder = importlib.import_module(top)
    holder = holder.real_module if isinstance(holder, ModuleStandIn) else holder
    place = top if getattr(holder, real.__name__, None) is real else real.__module__
    return f"{place}.{real.__name__}"


def wrap(value: Any, path: str) -> Any:
    """Wrap a CPU library's value as the GPU library's value in its place."""
    if isinstance(value, (tuple, list)) and type(value) in (tuple, list):
        return type(value)(wrap(item, path) for item in value)
    if type(value) is dict:
        return {name: wrap(item, path) for name, item in value.items()}
    if isinstance(value, np.generic) and path.startswith("cupy"):
        return StandIn.of(value, _real_class("cupy.ndarray"))  # CuPy's reductions give arrays without dimensions
    if isinstance(value, StandIn) or (name := pairs.real_type(value)) is None:
        return value
    return StandIn.of(value, _real_class(name))


def on_cpu(value: Any) -> Any:
    """The CPU library's value for anything that is or holds stand-ins."""
    if isinstance(value, StandIn):
        return value._value
    if isinstance(value, Call):
        return value.mine
    if isinstance(getattr(value, "_meta", None), StandIn):  # Dask's array, whose blocks are stand-ins
        blocks = importlib.import_module("dask.array")
        return blocks.from_array(on_cpu(value.compute()), chunks=value.chunks)
    if type(value) in (tuple, list):
        return type(value)(on_cpu(item) for item in value)
    if type(value) is slice:
        return slice(*(on_cpu(item) for item in (value.start, value.stop, value.step)))
    if type(value) is dict:
        return {name: on_cpu(item) for name, item in value.items()}
    return functools.partial(_called_within, value) if inspect.isfunction(value) else value


def _called_within(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    """Call a task's function for the CPU library: the function gets stand-ins in place of the GPU library's values."""
    wrapped = [wrap(argument, "") for argument in arguments]
    return on_cpu(function(*wrapped, **keywords))


def refuse_host(path: str, *values: Any, beside: type | None = None) -> None:
    """Raise `Refused` for a host array where a GPU's is needed: CuPy refuses it, cuVS takes it for a GPU's address."""
    kind = beside.__module__ if beside is not None else path
    wanted = next((what for top, what in DEVICE_ARRAYS.items() if kind.startswith(top)), None)
    if wanted and any(isinstance(value, np.ndarray) and value.ndim > 0 for value in values):
        raise Refused(f"{path}: a NumPy array where {wanted}: run.to_device copies it")
