"""Check which arguments a GPU library's callable takes, without calling it."""

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
    """The GPU library does not accept these arguments."""


def bind(name: str, real: Any, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> bool:
    """Bind a call to the real signature, and return whether there is one. Raises `Refused` if the call does not fit."""
    signature = signature_of(real)
    if signature is None:
        return False
    try:
        signature.bind(*arguments, **keywords)
    except TypeError as error:
        raise Refused(f"{name}{signature}: {error}") from None
    return True


def signature_of(real: Any) -> Signature | None:
    """The signature of a function, method or class: from Python, from its docstring's header, or from its kind."""
    if type(real).__name__ == "ufunc":
        return _ufunc(real.nin, real.nargs)
    try:
        return inspect.signature(real)
    except (TypeError, ValueError):
        return _from_docstring(getattr(real, "__doc__", None) or "")


def _ufunc(inputs: int, most: int) -> Signature:
    """The signature of CuPy's element-wise functions: inputs and optional outputs by position, and two keywords."""
    positional = [
        Parameter(f"x{number}", Parameter.POSITIONAL_ONLY, default=Parameter.empty if number < inputs else None)
        for number in range(most)
    ]
    keywords = [Parameter(name, Parameter.KEYWORD_ONLY, default=None) for name in ("out", "dtype")]
    return Signature([*positional, *keywords])


@functools.cache
def _from_docstring(text: str) -> Signature | None:
    """The signature of a compiled method: the first line of its docstring, `ndarray.max(self, axis=None)`."""
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
    """Whether instances of a class have an attribute: a class attribute, or one that its code or a base's code sets.

    A fitted estimator's attributes are set by its `fit`. The source of a compiled class is beside its module.
    """
    if hasattr(kind, name) or any(_sets(base, name) for base in kind.__mro__):
        return True
    if kind.__module__.startswith("cuml.dask."):  # these have the attributes of the estimators for one GPU
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
    return "\n".join(source.read_text(encoding="utf-8") for source in beside if source.exists())


def accepted(function: Callable[..., Any], keywords: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords that a function of the CPU library also takes."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return dict(keywords)
    if any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters.values()):
        return dict(keywords)
    return {name: value for name, value in keywords.items() if name in parameters}
