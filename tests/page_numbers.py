"""Whether the numbers of a page are those of the JSON report, to the last digit that is shown."""

from __future__ import annotations

import html
import re
from typing import Any

NUMBER = re.compile(r'<data value="([^"]+)" data-from="([^"]+)">([^<]*)</data>')
FACTORS = {"FLOP/s": 1.0, "MFLOP/s": 1e-6, "GFLOP/s": 1e-9, "TFLOP/s": 1e-12, "MB/s": 1e-6, "GB/s": 1e-9,
    "µs": 1e6, "ms": 1e3, "s": 1.0, "min": 1 / 60, "h": 1 / 3600, "thousand": 1e-3, "million": 1e-6, "billion": 1e-9,
    "B": 1.0, "KiB": 2.0**-10, "MiB": 2.0**-20, "GiB": 2.0**-30, "TiB": 2.0**-40, "GB": 1e-9,
    "×": 1.0, "%": 100.0, "J": 1.0,
}  # fmt: skip
TIMES = [FACTORS[unit] for unit in ("µs", "ms", "s", "min", "h")]  # the unit of a time may stand outside the number


def at(document: Any, place: str) -> Any:
    """What a JSON pointer names."""
    for part in place.split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        document = document[int(key)] if isinstance(document, list) else document[key]
    return document


ESTIMATED = re.compile(r"(from_size/\d+|crossovers/\d+(/resident)?)/(rows|low|high)$")
"""Sizes where lines cross. Of these only two digits are shown, because more are not known."""


def shows(text: str, value: float, *, estimated: bool = False) -> bool:
    """Whether a text shows a value to its last digit; of an estimated count, to its second digit."""
    text = text.partition(" ± ")[0]  # the error after it has no place of its own
    found = re.fullmatch(r"(-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?)\s*(\S*)", text)
    assert found, text
    digits, unit = found[1].replace(",", ""), found[2]
    mantissa, _, power = digits.partition("e")
    step = 10.0 ** (int(power or 0) - len(mantissa.partition(".")[2]))
    step = max(step, 10.0 ** (len(digits) - 2)) if estimated else step
    factors = [FACTORS[unit]] if unit else [1.0, *TIMES]
    return any(abs(float(digits) - value * factor) <= step * 0.5000001 for factor in factors)


def places_of(page: str) -> list[str]:
    """The places that the numbers of a page name."""
    return [place for _, place, _ in NUMBER.findall(page)]


def assert_says_the_same(page: str, document: Any) -> None:
    """Every number of the page is that of the JSON report at the place that it names."""
    numbers = [(float(value), html.unescape(place), html.unescape(text)) for value, place, text in NUMBER.findall(page)]
    assert numbers
    assert len(numbers) == page.count("<data ")
    assert [number for number in numbers if number[0] != at(document, number[1])] == []
    wrong = [place for value, place, text in numbers if not shows(text, value, estimated=bool(ESTIMATED.search(place)))]
    assert wrong == []
