"""Checks that a run's files are as `schema.json` describes them: what is damaged or was edited wrongly is named.

`schema.json` is the one description, for this program and for others. Of JSON Schema only what it uses is known here.
An integer is written as one (`1`, not `1.0`), and a number is finite.

Lines of records are checked one by one, and there are many, so what a check needs is worked out beforehand.
"""

from __future__ import annotations

import functools
import json
import math
import re
import reprlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TYPES: dict[str, set[type]] = {
    "array": {list},
    "boolean": {bool},
    "integer": {int},
    "null": {type(None)},
    "number": {int, float},
    "object": {dict},
    "string": {str},
}
BOUNDS = {"minimum", "maximum"}
# Keywords that are not checked here. Runs of older versions may have other names; a sample's cell is checked by itself.
FOR_OTHERS = {"title", "description", "format", "if", "then", "allOf"}
SHOWN = reprlib.Repr()  # a wrong value may be long
SHOWN.maxstring = SHOWN.maxlong = SHOWN.maxother = 60


class Mistaken(ValueError):
    """A value that is not as described, and its place in the file."""

    def __init__(self, why: str, *place: str | int) -> None:
        """`place` is known from the inside out; who looks inside a value adds the place of the value."""
        super().__init__(why)
        self.place = [*place]

    def __str__(self) -> str:
        """``field `machine.gpus[0].name` is 1, not string``."""
        parts = [f"[{part}]" if isinstance(part, int) else f".{ascii(part)[1:-1]}" for part in reversed(self.place)]
        where = f"field `{''.join(parts).removeprefix('.')}`" if parts else "it"
        return f"{where} {self.args[0]}"


@dataclass(frozen=True)
class Described:
    """A value as the schema describes it: its types, and what else must hold for a value of these types."""

    types: frozenset[type]
    rules: tuple[Callable[[Any], None], ...]
    names: str  # of the types

    def check(self, value: Any) -> None:
        """Raise `Mistaken` if the value is not as described."""
        if type(value) not in self.types:
            raise Mistaken(f"is {shown(value)}, not {self.names}")
        if value is not None:
            for rule in self.rules:
                rule(value)


@functools.cache
def described(name: str) -> Described:
    """What the schema calls `run`, `cell`, a part of these, or `sample` and `outcome` without their cell."""
    schema = json.loads(Path(__file__).with_name("schema.json").read_text(encoding="utf-8"))
    return _described(schema["$defs"][name])


def _described(schema: Mapping[str, Any]) -> Described:
    if "$ref" in schema:
        return described(schema["$ref"].removeprefix("#/$defs/"))
    choices = schema.get("enum", [schema["const"]] if "const" in schema else [])
    if choices:
        return Described(frozenset(map(type, choices)), (_choice(choices),), " or ".join(map(_written, choices)))
    names = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    types = frozenset().union(*(TYPES[name] for name in names))
    rules = [RULES[name](rule) for name, rule in schema.items() if name not in {"type", *BOUNDS, *FOR_OTHERS}]
    if dict in types and not schema.keys() & {"properties", "additionalProperties"}:
        rules.append(_finite_inside)
    if types & {int, float}:
        rules.append(_between(schema.get("minimum", -math.inf), schema.get("maximum", math.inf)))
    return Described(types, tuple(rules), " or ".join(names))


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def shown(value: Any) -> str:
    """A wrong value as a message shows it: short, and without characters that nobody sees."""
    return json.dumps(value) if value is None or isinstance(value, bool) else SHOWN.repr(value)


def _wrong(value: Any, why: str) -> Mistaken:
    return Mistaken(f"is {shown(value)}, {why}")


def _choice(values: Sequence[Any]) -> Callable[[Any], None]:
    known = frozenset(values)

    def rule(value: Any) -> None:
        if value not in known:
            raise _wrong(value, f"not {' or '.join(map(_written, values))}")

    return rule


def _between(least: float, most: float) -> Callable[[Any], None]:
    """The rule for a number, which is never infinite."""
    low, high = max(least, -sys.float_info.max), min(most, sys.float_info.max)

    def rule(value: float) -> None:
        if not low <= value <= high:
            raise _wrong(value, f"less than {least:g}" if value < least else f"more than {high:g}")

    return rule


def _pattern(pattern: str) -> Callable[[Any], None]:
    """The rule for a text of a form. What stands for `$` in JSON Schema does not match before a last new line."""
    form = re.compile(pattern.removesuffix("$") + r"\Z" if pattern.endswith("$") else pattern)

    def rule(value: str) -> None:
        if not form.search(value):
            raise _wrong(value, f"not of the form {pattern}")

    return rule


def _finite_inside(value: Any) -> None:
    """The rule for an object that may hold anything: its numbers are finite, because JSON has no others."""
    if isinstance(value, float) and not math.isfinite(value):
        raise Mistaken("is too large for a number")
    if isinstance(value, dict | list):
        for name, member in value.items() if isinstance(value, dict) else enumerate(value):
            try:
                _finite_inside(member)
            except Mistaken as mistaken:
                mistaken.place.append(name)
                raise


def _least_members(count: int) -> Callable[[Any], None]:
    def rule(value: Mapping[str, Any]) -> None:
        if len(value) < count:
            raise _wrong(value, f"with fewer than {count}")

    return rule


def _required(names: Sequence[str]) -> Callable[[Any], None]:
    needed = frozenset(names)

    def rule(value: Mapping[str, Any]) -> None:
        if not needed <= value.keys():
            raise Mistaken("is missing", next(name for name in names if name not in value))

    return rule


def _properties(schemas: Mapping[str, Any]) -> Callable[[Any], None]:
    members = [(name, _described(schema)) for name, schema in schemas.items()]
    known = [(name, inner, inner.types, inner.rules) for name, inner in members]

    def rule(value: Mapping[str, Any]) -> None:
        name = ""
        try:
            for name, inner, types, rules in known:
                member = value.get(name)
                if type(member) not in types:
                    if name in value:
                        inner.check(member)
                elif member is not None:
                    for inside in rules:
                        inside(member)
        except Mistaken as mistaken:
            mistaken.place.append(name)
            raise

    return rule


def _members(schema: Mapping[str, Any]) -> Callable[[Any], None]:
    """The rule for all members of an object: no object of the schema has others besides."""
    inner = _described(schema)

    def rule(value: Mapping[str, Any]) -> None:
        for name, member in value.items():
            _check_inside(inner, member, name)

    return rule


def _items(schema: Mapping[str, Any]) -> Callable[[Any], None]:
    inner = _described(schema)

    def rule(value: Sequence[Any]) -> None:
        for index, item in enumerate(value):
            _check_inside(inner, item, index)

    return rule


def _check_inside(inner: Described, value: Any, place: str | int) -> None:
    try:
        inner.check(value)
    except Mistaken as mistaken:
        mistaken.place.append(place)
        raise


RULES: dict[str, Callable[[Any], Callable[[Any], None]]] = {
    "additionalProperties": _members,
    "items": _items,
    "minProperties": _least_members,
    "pattern": _pattern,
    "properties": _properties,
    "required": _required,
}
"""Of each keyword, the rule that its value asks for; none is asked of a null."""
