"""What an implementation may see of a dataset: all of it but the truth that its result is judged by.

A schema marks its fields by their types:

    y_test: Truth[NDArray]                what results are judged by: an implementation never receives it
    expected_test: BestAnswer[NDArray]    a truth that is itself the best answer there can be, without the noise
    x_test: Asked[NDArray]                what is asked, one entry for each answer along the first axis

`Asked` fields also tell how to ask the same in another way: in another order. Whoever remembers an answer instead of
working it out gives the wrong one then (`fresh`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, TypeVar, get_type_hints

import numpy as np

from residency.harness.errors import ResidencyError

LARGEST = 2**28  # bytes that are copied to ask in another order; more would take as long as some executions

T = TypeVar("T")
Truth = Annotated[T, "truth"]
BestAnswer = Annotated[T, "truth", "best"]
Asked = Annotated[T, "asked"]


class TruthError(ResidencyError):
    """An implementation has read what its result is judged by."""


def names(schema: type, mark: str) -> tuple[str, ...]:
    """The schema's fields that bear a mark: `truth`, `best` or `asked`."""
    hints = get_type_hints(schema, include_extras=True)
    return tuple(name for name, hint in hints.items() if mark in getattr(hint, "__metadata__", ()))


def best_answer(data: Any) -> Any:
    """The best answer that can be given to this data, where it is known; else None."""
    return next((value for name in names(type(data), "best") if (value := getattr(data, name)) is not None), None)


def without_truth(data: Any) -> Any:
    """The same data as an implementation gets it: reading the truth raises a `TruthError`. No array is copied."""
    hidden = names(type(data), "truth")
    if not hidden:
        return data
    return _shown(type(data), {name: value for name, value in vars(data).items() if name not in hidden})


def _shown(schema: type, values: dict[str, Any]) -> Any:
    """An instance of a schema that holds these fields alone."""
    shown: Any = object.__new__(_blind(schema))
    shown.__dict__.update(values)
    return shown


def _blind(schema: type) -> type:
    """A subclass of which the truth cannot be read, unless it was given anew, as by `dataclasses.replace`."""

    def guarded(name: str) -> property:
        def read(self: Any) -> Any:
            if name not in self.__dict__:
                raise TruthError(f"`{name}` is what the result is judged by: an implementation never receives it")
            return self.__dict__[name]

        return property(read, lambda self, value: self.__dict__.update({name: value}))

    def reduced(self: Any) -> Any:  # to be sent to workers, which make the class themselves
        return _shown, (schema, self.__dict__)

    own = {name: guarded(name) for name in names(schema, "truth")}
    return type(schema.__name__, (schema,), {**own, "__module__": schema.__module__, "__reduce__": reduced})


def fresh(data: Any, seed: int) -> Any:
    """The same questions in another way, with the truth to match; None where the schema does not tell how.

    A schema has `asked` fields, or a method `fresh(generator)` of its own.
    """
    generator = np.random.default_rng(seed)
    if hasattr(data, "fresh"):
        return data.fresh(generator)
    questions = [getattr(data, name) for name in names(type(data), "asked")]
    if not questions or sum(one.nbytes for one in questions) > LARGEST:
        return None
    count = len(questions[0])
    order = generator.permutation(count)
    marked = [name for mark in ("asked", "truth") for name in names(type(data), mark)]
    entries = {name: value for name in marked if (value := getattr(data, name)) is not None and len(value) == count}
    return replace(data, **{name: value[order] for name, value in entries.items()})
