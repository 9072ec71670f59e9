"""Which arguments a callable of a GPU library takes, without calling it."""

from __future__ import annotations

import functools
import importlib
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter, Signature
from pathlib import Path
from typing import Any

_HEADER = re.compile(r"^[\w.]*\((?P<parameters>.*)\)(\s*->.*)?$")


class Refused(TypeError):
    """The GPU library does not take what it was given."""


def bind(name: str, real: Any, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> bool:
    """Bind a call to the real signature; whether there is one to bind to. Raises `Refused` where it does not fit."""
    signature = signature_of(real)
    if signature is None:
        return False
    try:
        signature.bind(*arguments, **keywords)
    except TypeError as error:
        raise Refused(f"{name}{signature}: {error}") from None
    return True


def signature_of(real: Any) -> Signature | None:
    """The signature of a function, method or class, from its own record, its docstring's header or its kind."""
    if type(real).__name__ == "ufunc":
        return _ufunc(real.nin, real.nargs)
    try:
        return inspect.signature(real)
    except (TypeError, ValueError):
        return _from_docstring(getattr(real, "__doc__", None) or "")


def _ufunc(inputs: int, most: int) -> Signature:
    """CuPy's element-wise functions: their inputs and perhaps the outputs by position, two keywords."""
    positional = [
        Parameter(f"x{number}", Parameter.POSITIONAL_ONLY, default=Parameter.empty if number < inputs else None)
        for number in range(most)
    ]
    keywords = [Parameter(name, Parameter.KEYWORD_ONLY, default=None) for name in ("out", "dtype")]
    return Signature([*positional, *keywords])


@functools.cache
def _from_docstring(text: str) -> Signature | None:
    """Compiled methods carry their header as the first line of their docstring: `ndarray.max(self, axis=None)`."""
    header = _HEADER.match(text.partition("\n")[0].strip())
    if header is None:
        return None
    space: dict[str, Any] = {}
    try:
        exec(f"def header({header['parameters']}): ...", space)
    except (SyntaxError, NameError):
        return None
    return inspect.signature(space["header"])


def has_attribute(kind: type, name: str) -> bool:
    """Whether instances of a class have an attribute: of the class, or set by its own code or that of its bases.

    A fitted estimator's attributes are set where it is fitted. Compiled classes carry their source beside them.
    """
    if hasattr(kind, name) or any(_sets(base, name) for base in kind.__mro__):
        return True
    if kind.__module__.startswith("cuml.dask."):  # its estimators have the attributes of those for one GPU
        module = importlib.import_module(kind.__module__.replace(".dask", "", 1))
        return has_attribute(getattr(getattr(module, "real_module", module), kind.__name__), name)
    return False


@functools.cache
def _sets(kind: type, name: str) -> bool:
    return re.search(rf"\bself\.{re.escape(name)}\b[^=\n]*=[^=]", _source(kind.__module__)) is not None


@functools.cache
def _source(module: str) -> str:
    import sys

    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        return ""
    stem = Path(file).name.partition(".")[0]
    beside = (Path(file).with_name(f"{stem}{ending}") for ending in (".py", ".pyx"))
    return "\n".join(one.read_text(encoding="utf-8") for one in beside if one.exists())


def accepted(function: Callable[..., Any], keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the keywords that a function of the CPU library takes too."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return dict(keywords)
    if any(one.kind is Parameter.VAR_KEYWORD for one in parameters.values()):
        return dict(keywords)
    return {name: value for name, value in keywords.items() if name in parameters}
