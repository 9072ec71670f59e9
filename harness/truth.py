"""What an implementation may see of a dataset: everything except the truth that its result is judged by.

A schema marks its fields by their types:

    y_test: Truth[NDArray]                the truth that results are judged by: an implementation never receives it
    expected_test: BestAnswer[NDArray]    a truth without noise: no answer can be better
    x_test: Asked[NDArray]                the questions: along the first axis, one entry for each answer

`Asked` fields can be shuffled to ask the same questions in another order. An implementation that remembers its answers
instead of computing them then gives wrong ones (`fresh`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, TypeVar, get_type_hints

import numpy as np

from residency.harness.errors import ResidencyError

LARGEST = 2**28  # bytes: larger questions are not shuffled, because the copy would take as long as some executions

T = TypeVar("T")
Truth = Annotated[T, "truth"]
BestAnswer = Annotated[T, "truth", "best"]
Asked = Annotated[T, "asked"]


class TruthError(ResidencyError):
    """An implementation has read the truth that its result is judged by."""


def names(schema: type, mark: str) -> tuple[str, ...]:
    """The schema's fields with this mark: `truth`, `best` or `asked`."""
    hints = get_type_hints(schema, include_extras=True)
    return tuple(name for name, hint in hints.items() if mark in getattr(hint, "__metadata__", ()))


def best_answer(data: Any) -> Any:
    """The best possible answer for this data if it is known, else None."""
    return next((value for name in names(type(data), "best") if (value := getattr(data, name)) is not None), None)


def without_truth(data: Any) -> Any:
    """The data for an implementation: reading its truth raises a `TruthError`. No array is copied."""
    hidden = names(type(data), "truth")
    if not hidden:
        return data
    return _shown(type(data), {name: value for name, value in vars(data).items() if name not in hidden})


def _shown(schema: type, values: dict[str, Any]) -> Any:
    """An instance of a schema with only these fields."""
    shown: Any = object.__new__(_blind(schema))
    shown.__dict__.update(values)
    return shown


def _blind(schema: type) -> type:
    """A subclass whose truth cannot be read, unless it is set again, for example by `dataclasses.replace`."""

    def guarded(name: str) -> property:
        def read(self: Any) -> Any:
            if name not in self.__dict__:
                raise TruthError(f"`{name}` is what the result is judged by: an implementation never receives it")
            return self.__dict__[name]

        return property(read, lambda self, value: self.__dict__.update({name: value}))

    def reduced(self: Any) -> Any:  # for pickling: workers make the class themselves
        return _shown, (schema, self.__dict__)

    def shown(self: Any) -> str:  # a dataclass would read every field
        fields = [f"{name}={value!r}" for name, value in self.__dict__.items()]
        hidden = [f"{name}=<hidden>" for name in truths if name not in self.__dict__]
        return f"{schema.__name__}({', '.join(fields + hidden)})"

    truths = names(schema, "truth")
    own = {name: guarded(name) for name in truths}
    methods = {"__reduce__": reduced, "__repr__": shown, "__eq__": object.__eq__, "__hash__": object.__hash__}
    return type(schema.__name__, (schema,), {**own, **methods, "__module__": schema.__module__})


def fresh(data: Any, seed: int) -> Any:
    """The same questions asked in another way, with the matching truth; None if the schema offers no other way.

    A schema has `Asked` fields, or its own method `fresh(generator)`.
    """
    generator = np.random.default_rng(seed)
    if hasattr(data, "fresh"):
        return data.fresh(generator)
    questions = [getattr(data, name) for name in names(type(data), "asked")]
    if not questions or sum(array.nbytes for array in questions) > LARGEST:
        return None
    count = len(questions[0])
    order = generator.permutation(count)
    marked = [name for mark in ("asked", "truth") for name in names(type(data), mark)]
    entries = {name: value for name in marked if (value := getattr(data, name)) is not None and len(value) == count}
    return replace(data, **{name: value[order] for name, value in entries.items()})
