"""Numbers as people and programs write them: which numbers the different texts of a column stand for.

    written                                            read
    1234  -1.5  1.5e3                                  as they stand
    1,234.5  1 234.5  1'234.5  12,34,567.8             commas, spaces, apostrophes between thousands; Indian groups
    1,5  1.234,5  1 234,5                              decimal commas, with points or spaces between thousands
    $1,234  1.234,50 €  CHF 5  ₹1,234/-                a currency on either side, the same in all values
    12%  5 kg  20 °C                                   a unit behind the number, the same in all values
    (1,234)  1,234-  −5                                negative

One way of writing must fit the whole column: of those above the first that leaves the fewest values over. A few may
be left over, one in a hundred and ten at most: they are missing, and named. `1.234` is a thousand only where all other
values fit that too, and where other columns of the file have decimal commas, or nothing else can be meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.harness.errors import visible

MOST_ODD, ODD_SHARE = 10, 0.01  # values that are no numbers in a column of numbers: no more than either
FEWEST = 20  # values that tell what a column holds, where one of them is odd
LEAST_NUMBERS = 10  # different ones, where another value is odd: fewer may be codes of a category
MOST_NAMED = 3  # values that a note names
GLANCE = 1_000  # different values, of which too many odd ones say that a column holds no numbers
SENTINEL = re.compile(r"-?(9{2,}|99+\.9+)")  # numbers that stand for a missing one, in files of instruments
FAR = 3  # times the largest other value
SPACES = " \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}"
APOSTROPHES = "'\N{RIGHT SINGLE QUOTATION MARK}"
MINUS = "\N{MINUS SIGN}"
SIGN = rf"(?:[-+{MINUS}] ?)?"
LIKELY = r"^\D{0,8}\d[\d.,'’ \x{a0}\x{202f}\x{2009}]*(?:[eE][-+]?\d+)?\D{0,12}$"
MONEY = (
    r"\p{Sc}|(?:US|A|C|R|HK|NZ)\$|Rs\.?|EUR|USD|GBP|CHF|JPY|CNY|INR|SEK|NOK|DKK|PLN|CZK|BRL|CAD|AUD|kr\.?|Fr\.?|zł|Kč"
)
UNIT = r"/[-=]|[%‰°\p{L}µ²³/\p{Sc}]{1,12}"
DECORATED = (
    rf"^(?P<open>\()?(?P<minus>[-+{MINUS}])?\s?(?P<before>{MONEY})?\s?(?P<number>[-+{MINUS}]?[\d.,].*?)"
    rf"\s?(?P<after>{UNIT}|{MONEY})?(?P<later>-)?(?P<close>\))?$"
)
GROUPS = {",": "commas", ".": "points", " ": "spaces", "'": "apostrophes"}


@dataclass(frozen=True)
class Numerals:
    """The numbers that a column's different texts stand for."""

    values: NDArray[np.float64]  # NaN where a text is no number
    odd: NDArray[np.bool_]  # which are none
    decimal: str
    group: str  # between thousands; empty where there is nothing
    note: str  # how they are written, where that is not plain
    grouped: NDArray[np.bool_]  # which hold such a mark

    @property
    def whole(self) -> bool:
        """Whether all are whole numbers, without marks: as identifiers are written."""
        return not self.note and bool((self.values[~self.odd] == np.floor(self.values[~self.odd])).all())


@dataclass(frozen=True)
class NumberColumn:
    """A column of text that holds numbers."""

    numerals: Numerals
    codes: NDArray[np.intp]  # of each row: its place among the different texts, -1 where it is missing
    levels: Any  # the different texts

    @property
    def odd(self) -> NDArray[np.intp]:
        """The rows that hold no number."""
        return np.flatnonzero(np.append(self.numerals.odd, False)[self.codes])

    def values(self) -> NDArray[np.float64]:
        """Each row's number."""
        return np.append(self.numerals.values, np.nan)[self.codes]

    def notes(self, where: Callable[[int], str], passed: Collection[int] = ()) -> list[str]:
        """How the numbers are written, and which rows hold none; `passed` rows are told of elsewhere."""
        said = []
        grouped = np.flatnonzero(np.append(self.numerals.grouped, False)[self.codes])
        if self.numerals.note:
            few = f" ({', '.join(where(int(row)) for row in grouped)})" if 0 < len(grouped) <= MOST_NAMED else ""
            said.append(f"read with {self.numerals.note}{few}")
        if odd := [int(row) for row in self.odd if int(row) not in passed]:
            cells = [f"`{visible(str(self.levels[self.codes[row]])[:40])}` in {where(row)}" for row in odd[:MOST_NAMED]]
            more = f", and {len(odd) - MOST_NAMED} more" if len(odd) > MOST_NAMED else ""
            said.append(
                f"{', '.join(cells)}{more} {'is not a number' if len(odd) == 1 else 'are not numbers'}: missing"
            )
        return said


def number_column(column: Any, decimal: str, name: str) -> NumberColumn | None:
    """A pandas.Series of text as numbers; None where it holds none.

    The first and the last row are no reason to doubt the others: they may hold units, or a sum.
    """
    import pandas as pd

    codes, levels = pd.factorize(column)
    if not len(levels) or not isinstance(levels[0], str):
        return None
    counts = np.bincount(codes[codes >= 0], minlength=len(levels))
    inner = counts.copy()
    for code in {int(codes[row]) for row in (0, -1)} - {-1}:
        inner[code] -= 1
    numerals = read_numerals(levels, inner, int(counts.sum()), decimal, name)
    return None if numerals is None else NumberColumn(numerals, codes, levels)


def read_numerals(texts: Any, counts: NDArray[np.intp], total: int, decimal: str, name: str = "") -> Numerals | None:
    """Different texts, of which each counts as often as told, as numbers; None where they are none.

    `decimal` is the file's decimal mark. A text that repeats the column's name (a second header) is no number, and no
    reason to doubt the others.
    """
    import pyarrow as pa
    from pyarrow import compute

    allowed = _allowed(total)
    glance = pa.array([str(text) for text in texts[:GLANCE]], pa.large_string())
    likely = compute.match_substring_regex(compute.utf8_trim_whitespace(glance), LIKELY)
    if compute.sum(compute.invert(likely)).as_py() > allowed + 3:
        return None
    plain = compute.utf8_trim_whitespace(pa.array(texts, pa.large_string(), from_pandas=True))
    named = plain.to_numpy(zero_copy_only=False) == name if name else np.zeros(len(texts), np.bool_)
    weights = np.where(named, 0, counts)
    best = _written(plain, weights, decimal)
    if best.odd.any():
        undressed, what = _undressed(plain, weights)
        if what:
            inner = _written(undressed, weights, decimal)
            if (weights[inner.odd].sum(), inner.odd.sum()) < (weights[best.odd].sum(), best.odd.sum()):
                notes = [what, *([inner.note] if inner.note else [])]
                best = Numerals(inner.values, inner.odd, inner.decimal, inner.group, ", ".join(notes), inner.grouped)
    odd = int(weights[best.odd].sum())
    numbers = int((~best.odd).sum())
    if odd > allowed or not numbers or (best.odd.any() and numbers < LEAST_NUMBERS):
        return None
    return best


def _allowed(values: int) -> int:
    """How many of a column's values may be no numbers."""
    return min(MOST_ODD, max(1, int(ODD_SHARE * values))) if values >= FEWEST else 0


def _written(texts: Any, counts: NDArray[np.intp], decimal: str) -> Numerals:
    """The first way of writing numbers that leaves the fewest values over."""
    other = "," if decimal == "." else "."
    best: Numerals | None = None
    for mark, group in (
        (decimal, ""), (decimal, other), (decimal, " "), (decimal, "'"), (other, ""), (other, decimal), (other, " "),
        (other, "'"),
    ):  # fmt: skip
        found = _by(texts, mark, group, decimal)
        if best is None or (counts[found.odd].sum(), found.odd.sum()) < (counts[best.odd].sum(), best.odd.sum()):
            best = found
        if not best.odd.any():
            break
    assert best is not None
    return best


def _by(texts: Any, mark: str, group: str, usual: str) -> Numerals:
    """Texts read with this decimal mark, and this between thousands."""
    import pandas as pd
    import pyarrow as pa
    from pyarrow import compute

    point = re.escape(mark)
    plain = rf"(?:\d+(?:{point}\d*)?|{point}\d+)(?:[eE][-+]?\d+)?"
    between = {"": "", " ": f"[{SPACES}]", "'": f"[{APOSTROPHES}]"}.get(group, re.escape(group))
    large = rf"[1-9]\d{{0,2}}(?:{between}\d{{3}})+"
    if group == ",":
        large = rf"(?:{large}|[1-9]\d?(?:,\d{{2}})+,\d{{3}})"
    large = rf"{SIGN}{large}(?:{point}\d*)?"
    grouped = compute.match_substring_regex(texts, f"^{large}$") if group else pa.nulls(len(texts), pa.bool_())
    grouped = grouped.fill_null(False).to_numpy(zero_copy_only=False)
    pattern = f"^(?:{large}|{SIGN}{plain})$" if group else f"^{SIGN}{plain}$"
    fits = compute.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False)
    if mark == "." and not group:  # what pandas takes for numbers: infinities too
        fits = fits | pd.to_numeric(pd.Series(texts.to_numpy(zero_copy_only=False)), errors="coerce").notna().to_numpy()
    bare = compute.replace_substring(compute.replace_substring(texts, MINUS, "-"), " ", "")
    if group:
        bare = compute.replace_substring_regex(bare, between, "")
    if mark == ",":
        bare = compute.replace_substring(bare, ",", ".")
    read = pd.to_numeric(pd.Series(bare.to_numpy(zero_copy_only=False)), errors="coerce").to_numpy(np.float64)
    odd = ~fits | np.isnan(read)
    return Numerals(np.where(odd, np.nan, read), odd, mark, group, _note(texts, mark, group, usual, grouped), grouped)


def _note(texts: Any, mark: str, group: str, usual: str, grouped: NDArray[np.bool_]) -> str:
    """How numbers are written, where that is not plain."""
    if group and grouped.any():
        example = visible(str(texts[int(grouped.argmax())]))
        note = f"{GROUPS[group]} between thousands, as in `{example}`"
        return note if mark == usual else f"{note}, and decimal {GROUPS[mark]}"
    return "" if mark == usual else f"decimal {GROUPS[mark]}"


def _undressed(texts: Any, counts: NDArray[np.intp]) -> tuple[Any, str]:
    """Texts without currency, unit and brackets, if all have the same; and what was taken off."""
    import pyarrow as pa
    from pyarrow import compute

    parts = compute.extract_regex(texts, DECORATED)
    whole = parts.is_valid().to_numpy(zero_copy_only=False)
    if not whole.any():
        return texts, ""
    columns = {
        name: np.array(compute.struct_field(parts, name).to_pylist(), dtype=object)
        for name in ("open", "minus", "before", "number", "after", "later", "close")
    }
    bare = whole & (columns["before"] == "") & (columns["after"] == "")
    heaviest = int(np.argmax(np.where(whole, counts, -1)))
    money = np.array(
        [str(after) == "%" or bool(before) for after, before in zip(columns["after"], columns["before"], strict=True)]
    )
    if bare[heaviest] and counts[whole & money].sum() > _allowed(int(counts.sum())):  # `0` beside `$4.99`
        heaviest = int(np.argmax(np.where(whole & money, counts, -1)))
    before, after = columns["before"][heaviest] or "", columns["after"][heaviest] or ""
    same = whole & (columns["before"] == before) & (columns["after"] == after)
    same &= (columns["open"] == "(") == (columns["close"] == ")")
    negative = (columns["open"] == "(") | (columns["later"] == "-") | np.isin(columns["minus"], ["-", MINUS])
    twice = negative & np.array([str(number)[:1] in ("-", MINUS) for number in columns["number"]])
    fits = same & ~twice
    number = texts.to_numpy(zero_copy_only=False).astype(object)
    number[fits] = np.where(negative[fits], "-", "").astype(object) + columns["number"][fits]
    some = "some of the numbers" if bare.any() else "the numbers"
    said = [f"`{visible(part)}` beside {some}" for part in (before, after) if part]
    if (same & (columns["open"] == "(")).any():
        said.append("numbers in brackets are negative")
    if (same & (columns["later"] == "-")).any():
        said.append("numbers before a minus sign are negative")
    return pa.array(number.tolist(), pa.large_string()), ", ".join(said)


def mark_of_missing(values: NDArray[np.float64]) -> str:
    """What is said of a number such as -9999 that occurs again and again, far from all others; nothing is changed."""
    for mark in (values.min(), values.max()):
        if not SENTINEL.fullmatch(f"{mark:.10g}"):
            continue
        others = values[values != mark]
        count = len(values) - len(others)
        if count > 1 and len(others) and abs(mark) > FAR * max(np.abs(others).max(), 1.0):
            return f"{mark:g} in {count} rows is far from all other values: if it means missing, empty those cells"
    return ""
