"""Numbers of a page, taken from the JSON report by their places in it, so that both always say the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from residency.analysis.findings import Findings
from residency.analysis.row import Row
from residency.reports import words
from residency.reports.document import document
from residency.reports.page.parts import Number, Part, Text

UNKNOWN = "-"


def escaped(name: str) -> str:
    """A name as one part of a place, as in a JSON pointer (RFC 6901): `read GB/s` is `read GB~1s`."""
    return name.replace("~", "~0").replace("/", "~1")


def _unescaped(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")


class Places:
    """A JSON document whose values are known by their places. `prefix` is its place in a larger one."""

    def __init__(self, document: Mapping[str, Any], prefix: str = "") -> None:
        self.document, self._prefix = document, prefix

    def at(self, place: str) -> RowNumbers:
        """The numbers below a place."""
        return RowNumbers(self, place)

    def value(self, place: str) -> Any:
        """The value at a place; None if there is none on the way."""
        value: Any = self.document
        for key in map(_unescaped, place.split("/")):
            if value is None:
                return None
            value = value[int(key)] if isinstance(value, list | tuple) else value.get(key)
        return value

    def shown(self, place: str, write: Callable[[float], str]) -> Text:
        """The number at a place as a reader sees it, or `-` if it is not known."""
        value = self.value(place)
        return UNKNOWN if value is None else Number(write(value), value, f"{self._prefix}{place}")

    def interval(self, place: str, write: Callable[[float], str], *, middle: str, unit: str) -> list[Part]:
        """A value below a place with the bounds of its interval: `1.82 × [1.27, 2.61]`; `-` if it is not known."""
        value, low, high = (self.value(f"{place}/{bound}") for bound in (middle, "low", "high"))
        if value is None:
            return [UNKNOWN]
        number = self.at(place).number
        shown = number(middle, write)
        if low is None:
            return [shown]
        if high is None or words.is_unknown(low, high):
            return [shown, f"{unit} {words.NOT_KNOWN}"]
        return [shown, f"{unit} [", number("low", write), ", ", number("high", write), "]"]


class Numbers(Places):
    """The JSON report of a run, and its rows by place."""

    def __init__(self, found: Findings, prefix: str = "") -> None:
        super().__init__(document(found.records, found.rows), prefix)
        self._places = {row.key: f"rows/{index}" for index, row in enumerate(found.rows)}

    def of(self, row: Row) -> RowNumbers:
        """The numbers of a row."""
        return self.at(self._places[row.key])


class RowNumbers:
    """The numbers of one row, or below any other place."""

    def __init__(self, numbers: Places, place: str) -> None:
        self._numbers, self._place = numbers, place

    def value(self, name: str) -> Any:
        """The value under a name such as `seconds/median`; None if it is not known."""
        return self._numbers.value(f"{self._place}/{name}")

    def shown(self, name: str, write: Callable[[float], str]) -> Text:
        """The number under a name as a reader sees it."""
        return self._numbers.shown(f"{self._place}/{name}", write)

    def time(self, name: str = "seconds") -> Text:
        """A median time with its interval: `2.53 ms [2.41, 2.66]`."""
        return self.interval(name, "median", words.unit_of)

    def ratio(self, name: str = "speedup") -> Text:
        """How many times as fast, with its interval: `0.215 × [0.196, 0.239]`."""
        return self.interval(name, "ratio", lambda _: (1.0, " ×"))

    def times(self, name: str = "speedup", middle: str = "ratio") -> list[Part]:
        """A ratio as sentences tell it: `12.0 × as fast [10.1, 14.2]`, or below 1 `4.65 × as long [4.18, 5.10]`."""
        place, value = f"{self._place}/{name}", self.value(f"{name}/{middle}")
        if value is not None and value < 1:
            place, middle = f"{place}/as_long", "ratio"
        unit = "" if value is None else words.as_fast(value)
        return self._numbers.interval(place, words.digits, middle=middle, unit=unit)

    def interval(self, name: str, middle: str, unit: Callable[[float], tuple[float, str]]) -> Text:
        """A value with the bounds of its interval, all three in the unit that suits the value."""
        value = self.value(f"{name}/{middle}")
        if value is None:
            return UNKNOWN
        factor, sign = unit(value)
        place = f"{self._place}/{name}"
        return self._numbers.interval(place, lambda number: words.digits(number * factor), middle=middle, unit=sign)

    def number(self, name: str, write: Callable[[float], str]) -> Number:
        """The number under a name that is known."""
        shown = self.shown(name, write)
        assert isinstance(shown, Number)
        return shown
