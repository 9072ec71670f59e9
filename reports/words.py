"""How reports write times, counts, sizes and ratios: one place, so that all reports write them in the same way."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from residency.analysis.ratios import as_long
from residency.analysis.row import Resident, Roofline, Speedup
from residency.harness.records import readable_moment
from residency.harness.statistics import Interval
from residency.harness.task_info import Way

Write = Callable[[float], str]
"""How a number is written."""
FEW = 3  # names that stand for many
WAYS: Mapping[Way, str] = {"plain": "plain port", "unchanged": "zero code change", "best": "best code"}
STAGES_SHOWN = 3
MOST_PLACES = 6  # digits after the point
STAGE_SHARE = 0.02  # of the time; a smaller stage is not shown
ROUND_BY_ROUND = (
    "A ratio compares times round by round, so slow moments of the machine cancel. "
    "It can differ from the ratio of the medians, on a busy machine by much."
)
INCONCLUSIVE = "inconclusive: the run cannot tell; verdicts are stricter than the 95 % interval"
COLD = "cold (first call in a fresh process)"  # where a reader first meets the word
LEAST_SHARE = 0.01  # of what a device can do; a smaller share is shown as `under 1 %`
NOT_KNOWN = "[not known]"
WIDEST = 1_000.0  # times the lower bound; a wider interval says nothing
# What would change other text, or what nobody sees: control characters except tabs and new lines (so ESC and a lone
# carriage return), marks of direction, halves of characters. XML 1.0 allows none of them but the marks.
# Right-to-left letters stay, and what joins the parts of an emoji.
UNPRINTABLE = re.compile(
    r"\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
    r"\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff]"
)
SPACES = re.compile(r"[^\S\N{NO-BREAK SPACE}]+")


def plain(text: str) -> str:
    """A name or a reason as one line of visible characters, whatever a record holds."""
    return visible(SPACES.sub(" ", text).strip())


def visible(text: str) -> str:
    """The text with control characters, marks of direction and invalid characters written as escapes."""
    return UNPRINTABLE.sub(lambda match: ascii(match[0])[1:-1], text)


def one_line(text: str) -> str:
    """The text with all that is not visible as escapes, new lines too: for a path, whose spaces count."""
    return visible(text).replace("\n", "\\n")


def moment(started: str) -> str:
    """`2026-11-29 07:11 UTC`, or the text itself if it is no time."""
    read = readable_moment(started)
    return started if read is None else f"{read:%Y-%m-%d %H:%M} UTC"


def seconds(value: float) -> str:
    """Three digits and the unit: `2.53 ms`."""
    factor, unit = unit_of(value)
    return f"{digits(value * factor)}{unit}"


def unit_of(value: float) -> tuple[float, str]:
    """The unit that suits a time in seconds, with a space before it, and how many of it a second has."""
    for limit, factor, unit in ((1e-3, 1e6, " µs"), (1.0, 1e3, " ms"), (120.0, 1.0, " s"), (7200.0, 1 / 60, " min")):
        if value < limit:
            return factor, unit
    return 1 / 3600, " h"


def digits(value: float) -> str:
    """Three significant digits without an exponent: `0.123`, `1.23`, `12.3`, `123`, `1,235`."""
    if value == 0:
        return "0"
    size = abs(value)
    places = 3 if size < 0.9995 else 2 if size < 9.995 else 1 if size < 99.95 else 0
    return f"{value:,.{places}f}" if size >= 0.001 else f"{value:.1e}"


def interval(time: Interval) -> str:
    """`2.53 [2.41, 2.66] ms`, with the bounds in the same unit as the value."""
    if is_unknown(time.low, time.high):
        return f"{seconds(time.value)} {NOT_KNOWN}"
    factor, unit = unit_of(time.value)
    return f"{digits(time.value * factor)} {bounds(time.low * factor, time.high * factor)}{unit}"


def bounds(low: float, high: float) -> str:
    """`[2.41, 2.66]`, or `[not known]` if the bounds are so far apart that they say nothing."""
    return NOT_KNOWN if is_unknown(low, high) else f"[{digits(low)}, {digits(high)}]"


def is_unknown(low: float, high: float) -> bool:
    """Whether the bounds are so far apart that they say nothing."""
    return high > WIDEST * low


def speedup(ratio: Speedup, implementation: str) -> str:
    """`slower: 4.65 × as long [4.18, 5.10]`, or `baseline` for the baseline itself."""
    if ratio.baseline == implementation:
        return "baseline"
    return f"{ratio.verdict}: {times(ratio)}"


def resident(ratio: Resident) -> str:
    """`16.0 × as fast [15.1, 16.9]`; `at least 16.0 × as fast [..]` if it is a lower bound."""
    return f"{bound(ratio.value) if ratio.at_least else ''}{times(ratio)}"


def times(ratio: Interval) -> str:
    """A ratio of speeds that cannot be misread: `12.0 × as fast [..]`, or below 1 `4.65 × as long [..]`.

    All sentences tell ratios in this way. Axes and columns named `times as fast` hold the ratio itself.
    """
    told = as_long(ratio) if ratio.value < 1 else ratio
    return f"{digits(told.value)}{as_fast(ratio.value)} {bounds(told.low, told.high)}"


def bar(ratio: Interval) -> str:
    """A ratio beside its bar, with the number of the sentences: `12.0 × [..]`, or below 1 `4.65 × as long [..]`."""
    return times(ratio) if ratio.value < 1 else f"{digits(ratio.value)} × {bounds(ratio.low, ratio.high)}"


def as_fast(ratio: float) -> str:
    """What follows the number: ` × as fast`, or below 1 ` × as long`."""
    return " × as long" if ratio < 1 else " × as fast"


def takes(ratio: float) -> str:
    """The verb before it: it `is` 12.0 × as fast, or it `takes` 4.65 × as long."""
    return "takes" if ratio < 1 else "is"


def took(ratio: float) -> str:
    """The same of a run: it `was` 12.0 × as fast, or it `took` 4.65 × as long."""
    return "took" if ratio < 1 else "was"


def bound(ratio: float) -> str:
    """Before a ratio that is a lower bound: `at least `, or `at most ` where it is told as longer."""
    return "at most " if ratio < 1 else "at least "


def once(ratio: float) -> str:
    """The same without an interval: `12.0 × as fast` or `4.65 × as long`."""
    return times(Interval(ratio, ratio, ratio)).partition(" [")[0]


def quality(value: float, tolerance: float, error: float | None = None) -> str:
    """One digit more than the tolerance has: `0.4941` if the tolerance is 0.001.

    An estimate with a standard error has the digits that the error allows: `0.949 ± 0.014`.
    """
    if error:
        places = max(0, min(MOST_PLACES, 1 - math.floor(math.log10(error))))
        return f"{value:.{places}f} ± {error:.{places}f}"
    if tolerance <= 0:
        return f"{value:.5g}"
    return f"{value:.{max(0, min(MOST_PLACES, 1 - math.floor(math.log10(tolerance))))}f}"


def count(value: int) -> str:
    """`20,000`."""
    return f"{value:,}"


def about(value: float) -> str:
    """An estimated count with two digits, because more are not known: `2,300`, `74,000`."""
    step = 10 ** max(0, math.floor(math.log10(max(value, 1))) - 1)
    return f"{round(value / step) * step:,}"


def elsewhere(text: str) -> str:
    """A reason on record without `this machine`: a reader may sit at another one."""
    return text.replace("on this machine", "on the run's machine").replace(" are not here,", " are missing,")


def at_size(size: str) -> str:
    """`at lab`, or `at size 1,000,000`."""
    return f"at size {int(size):,}" if size.isdigit() else f"at {size}"


def size(value: int) -> str:
    """`1.2 GiB`."""
    amount = float(value)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{digits(amount) if unit != 'B' else int(amount)} {unit}"
        amount /= 1024
    return f"{digits(amount)} TiB"


def gigabytes(value: float) -> str:
    """`12.4 GB`, in the unit that names a card's memory: 10^9 bytes."""
    return f"{value / 1e6:,.0f} MB" if value < 1e9 else f"{digits(value / 1e9)} GB"


def ordinal(value: int) -> str:
    """`1st`, `2nd`, `11th`, `2,300th`."""
    last = "th" if value % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")
    return f"{value:,}{last}"


def percent(share: float) -> str:
    """`62 %`."""
    return f"{share:.0%}".replace("%", "\N{NO-BREAK SPACE}%")


def joined(parts: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def roofline(found: Roofline | None) -> str:
    """`62 % of memory`, and what limits it instead; `mistaken: 180 % of memory` if no device can be that fast."""
    if found is None:
        return "-"
    if found.mistaken:
        return f"mistaken: {share(found)}"
    return f"{share(found)}, limited by {found.limiter}" if found.limiter else share(found)


def share(found: Roofline) -> str:
    """`62 % of memory`."""
    percent = f"{100 * found.share:.0f}" if found.share >= LEAST_SHARE else "under 1"
    return f"{percent}\N{NO-BREAK SPACE}% of {found.limit}"


def gpu(facts: Mapping[str, Any]) -> str:
    """`NVIDIA L4 (22.5 GiB)`. A GPU that shares memory with the host or with others may not report how much it has."""
    amount = facts["memory_bytes"]
    return f"{facts['name']} ({size(amount) if amount is not None else 'memory not told'})"


def gpus(facts: Sequence[Mapping[str, Any]]) -> str:
    """`8 × NVIDIA H100 (80.0 GiB)`; unlike GPUs with commas between them."""
    counts = Counter(map(gpu, facts))
    return ", ".join(f"{count} × {name}" if count > 1 else name for name, count in counts.items())


def few(names: Sequence[str], most: int = FEW) -> str:
    """The first names, and how many there are beside them: `fit, predict, score, and 4 more`."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f", and {rest} more" if rest > 0 else "")


def listed(numbers: Sequence[int]) -> str:
    """`0, 1, 4`, or with runs of three and more `0 to 3, 6`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    parts = [[f"{run[0]} to {run[-1]}"] if len(run) > 2 else list(map(str, run)) for run in runs]
    return ", ".join(part for run in parts for part in run)


def where_time_went(stages: Mapping[str, float]) -> str:
    """The largest stages and their shares: `fit 95 %, predict 3 %`."""
    total = sum(stages.values())
    if not total:
        return ""
    ranked = sorted(stages.items(), key=lambda stage: -stage[1])
    shown = [(name, time / total) for name, time in ranked if time / total >= STAGE_SHARE][:STAGES_SHOWN]
    return ", ".join(f"{name}\N{NO-BREAK SPACE}{100 * share:.0f}\N{NO-BREAK SPACE}%" for name, share in shown)
