"""From a file to a cohort. What is wrong is said in one line for each mistake, with the field and the remedy."""

from __future__ import annotations

import datetime
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from residency.harness.errors import UsageError, likely, visible
from residency.planner.checks import Place, problems
from residency.planner.cohort import Cohort

EXAMPLE = Path(__file__).with_name("example.toml")
MOST_BYTES = 1 << 20
MOST_LINES = 10
REMEDIES = {  # of fields that are needed
    "name": 'name = "..."',
    "calendar": "a section [calendar] with weeks = 12 and start = 2027-01-11",
    "weeks": "weeks = 12",
    "hardware": "a section [[hardware]] for each option that may be bought",
    "targets": "a section [[targets]] with wait_minutes = 2",
    "wait_minutes": "wait_minutes = 2",
    "residents": "residents = 20",
    "days": 'days = ["mon", "wed", "fri"]',
    "hours": "hours = 3",
    "practice": "practice = 0.5, the share of the class in which residents use the hardware",
    "labs": 'labs = ["tabular-boosted-trees"]',
    "start_window_minutes": "start_window_minutes = 5, within which all start the exercise",
    "think_minutes": "think_minutes = 10, the time between two tries or jobs of a resident",
    "hours_per_week": "hours_per_week = 21",
    "from": "from = 09:00:00",
    "to": "to = 18:00:00",
    "jobs": "a section [[projects.jobs]] for each kind of job",
    "share": "share = 0.3",
    "minutes_per_submission": "minutes_per_submission = 1",
    "memory_gb": "memory_gb = 8",
    "reached": "reached = 0.5, how far a job gets before it fails",
    "count": "count = 4, or [1, 2, 4], or { from = 1, to = 16 }",
    "low": "low and high, the range of the assumption",
    "high": "low and high, the range of the assumption",
    "value": "value, the most likely number",
    "source": 'source = "a guess", or where the range comes from',
}
WANTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "string_type": 'a text in quotation marks, such as "h200"',
    "bool_type": "true or false",
    "date_type": "a date without quotation marks, such as 2027-01-11",
    "time_type": "a time of day, such as 09:00:00",
    "tuple_type": 'a list in brackets, such as ["mon", "wed"]',
    "dict_type": "a table, such as { low = 5 }",
    "finite_number": "a finite number",
}
BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}


class CohortError(UsageError):
    """What is wrong with a cohort: one line for each mistake in `lines`."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


def example() -> str:
    """The text of the example file, which documents every field."""
    return EXAMPLE.read_text(encoding="utf-8")


def read(path: Path) -> Cohort:
    """The cohort in a file; raises `UsageError`: `CohortError` with one line for each mistake where it has any."""
    shown = visible(str(path))
    try:
        return cohort_of(tomllib.loads(_text(path)))
    except tomllib.TOMLDecodeError as error:
        raise CohortError([_not_toml(shown, path, error)]) from None
    except CohortError as error:
        raise CohortError([f"{shown}: {line}" for line in error.lines]) from None
    except RecursionError:
        raise CohortError([f"{shown}: is nested too deeply"]) from None


def cohort_of(tables: dict[str, Any]) -> Cohort:
    """The cohort in tables as `tomllib` reads them; raises `CohortError`, whose lines begin with the field."""
    if not tables:
        raise CohortError(["is empty; write an example to begin with: residency plan --example > cohort.toml"])
    try:
        cohort = Cohort.model_validate(tables)
    except ValidationError as error:
        lines = [_line(detail) for detail in _causes(error.errors(include_url=False))]
    else:
        lines = [f"{written(place)}: {said}" for place, said in problems(cohort)]
        if not lines:
            return cohort
    lines = list(dict.fromkeys(lines))
    if len(lines) > MOST_LINES:
        lines[MOST_LINES:] = [f"and {len(lines) - MOST_LINES} more mistakes"]
    raise CohortError(lines)


def written(place: Place) -> str:
    """A place as the file would name it: `classes[0].start`."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f"{'.' if text else ''}{_short(visible(part))}"
    return text or "the file"


def _text(path: Path) -> str:
    shown = visible(str(path))
    if path.is_dir():
        raise UsageError(f"{shown}: is a folder; name a file, for example {visible(str(path / 'cohort.toml'))}")
    if not path.exists():
        raise UsageError(f"{shown}: no such file; write an example with: residency plan --example > cohort.toml")
    if not path.is_file():
        raise UsageError(f"{shown}: is not a regular file")
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{shown}: cannot be read: {error.strerror}") from None
    if len(content) > MOST_BYTES:
        raise UsageError(f"{shown}: is larger than {MOST_BYTES >> 20} MiB; a cohort is a short text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UsageError(f"{shown}:{line}: is not UTF-8; save the file as UTF-8") from None


def _not_toml(shown: str, path: Path, error: tomllib.TOMLDecodeError) -> str:
    said = str(error)
    at = re.search(r" \(at line (\d+), column \d+\)$", said)
    lines = _text(path).splitlines()
    number = int(at[1]) if at else len(lines)
    line = lines[number - 1] if 0 < number <= len(lines) else ""
    what = said[: at.start()] if at else said.removesuffix(" (at end of document)")
    remedy = ""
    if re.search(r"=\s*\d?\d:\d\d\s*(#.*)?$", line):
        remedy = "; a time of day has seconds: 09:00:00"
    elif "'\\n'" in what:
        remedy = "; a text ends with a quotation mark on the same line"
    elif re.search(r"=\s*[^\s\"'\d\[{#-][^\"']*$", line) and "value" in what.lower():
        remedy = '; a text has quotation marks: "..."'
    return f"{shown}:{number}: is not TOML: {what}{remedy}"


def _causes(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without what follows from another mistake: a misspelt section is not missing too, nor is its list empty."""
    unknown = [detail["loc"] for detail in details if detail["type"] == "extra_forbidden"]
    kept = []
    for detail in details:
        place, kind = detail["loc"], detail["type"]
        if kind == "missing" and any(
            place[:-1] == other[:-1] and likely(str(other[-1])[:100], _fields(place[:-1]))[:1] == [place[-1]]
            for other in unknown
        ):
            continue
        if kind == "too_short" and any(place == other["loc"][: len(place)] for other in details if other is not detail):
            continue
        kept.append(detail)
    return kept


def _line(detail: ErrorDetails) -> str:
    place = detail["loc"]
    kind = detail["type"]
    if kind == "extra_forbidden":
        return f"{written(place)}: {_unknown(place)}"
    return f"{written(place)}: {_said(detail, place)}"


def _said(detail: ErrorDetails, place: Place) -> str:
    kind, given, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "missing":
        return f"is missing; write {_remedy(place)}"
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return _choice(given, str(context["expected"]))
    if kind in BOUNDS:
        words, bound = BOUNDS[kind]
        limit = context[bound]
        return f"is {_given(given)}; it must be {words} {limit if isinstance(limit, str) else format(limit, 'g')}"
    if kind == "too_short":
        return "is empty; write at least one"
    if kind == "string_too_short":
        return "is empty"
    if kind in ("too_long", "string_too_long"):
        return f"is too long; at most {context['max_length']} characters"
    if kind == "tuple_type" and isinstance(given, dict):
        return f"is one section; write [[{written(place)}]] with two brackets, once for each"
    if kind in ("model_type", "model_attributes_type"):
        return _section(given, place, str(context.get("class_name")))
    if kind in WANTED:
        return f"is {_given(given)}; it must be {WANTED[kind]}"
    return f"is {_given(given)}: {detail['msg']}"


def _section(given: object, place: Place, model: str) -> str:
    if model == "Quantity":
        return (
            f"is {_given(given)}; it must be a number, or an assumption such as "
            '{ value = 10, low = 5, high = 20, source = "a guess" }'
        )
    if isinstance(given, list):
        return f"is a list; write [{written(place)}] with one bracket: there is one such section"
    name = re.sub(r"\[\d+\]$", "", written(place))
    brackets = f"[[{name}]]" if isinstance(place[-1], int) else f"[{name}]"
    return f"is {_given(given)}; it must be a section {brackets}"


def _remedy(place: Place) -> str:
    name = str(place[-1])
    if name == "start":
        return "start = 2027-01-11" if place[0] == "calendar" else "start = 09:00:00"
    return REMEDIES.get(name, f"{name} = ...")


def _choice(given: object, expected: str) -> str:
    options = re.findall(r"'([^']*)'", expected)
    near = likely(given[:100], options) if isinstance(given, str) else []
    listed = ", ".join(f'"{option}"' for option in options)
    return f'is {_given(given)}; did you mean "{near[0]}"?' if near else f"is {_given(given)}; write one of {listed}"


def _unknown(place: Place) -> str:
    if place[-1] == "currency":
        return 'no such field here; all prices are in one currency: write currency = "EUR" once, at the top of the file'
    known = _fields(place[:-1])
    near = likely(str(place[-1])[:100], known)
    if near:
        return f"no such field; did you mean {' or '.join(f'`{name}`' for name in near)}?"
    return f"no such field; there are: {', '.join(sorted(known))}"


def _fields(place: Place) -> list[str]:
    """The names of the fields of the section at a place."""
    model: type[BaseModel] = Cohort
    for part in place:
        if isinstance(part, str) and (found := _section_of(model, part)):
            model = found
    return [field.alias or name for name, field in model.model_fields.items()]


def _section_of(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    """The model in a field: alone, in a list, or where it may be missing."""
    names = {field.alias or own: field.annotation for own, field in model.model_fields.items()}
    waiting: list[Any] = [names.get(name)]
    while waiting:
        one = waiting.pop()
        if isinstance(one, type) and issubclass(one, BaseModel):
            return one
        waiting += getattr(one, "__args__", ())
    return None


def _given(value: object) -> str:
    """A value of the file as a message shows it, on one line and not too long."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{_short(visible(value))}"'
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, datetime.datetime):
        return f"{value.isoformat()}, a date with a time"
    return _short(str(value))


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
