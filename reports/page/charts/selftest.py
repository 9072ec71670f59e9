"""A against itself and against 5 % more work, as intervals beside the margin of a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from residency.analysis.row import Ratio
from residency.analysis.selftest import EFFECT, MOST, Control
from residency.harness import statistics
from residency.reports import words
from residency.reports.page.charts import changes
from residency.reports.page.numbers import Places
from residency.reports.page.parts import Chart, Table, TableRow

SIDES = {"again": "A against itself", "more": f"A with {words.percent(EFFECT)} more work"}


def load(control: Control) -> str:
    """What ran beside it; empty if nothing of ours did."""
    return f"beside {control.beside} other processes" if control.beside else ""


def chart(found: Sequence[Control], numbers: Places) -> Chart:
    """Two lines for each kind of work."""
    ratios = [ratio for control in found for ratio in (control.again, control.more)]
    margin = statistics.MARGIN
    known = [bound for ratio in ratios for bound in (ratio.value, ratio.low, ratio.high) if not _is_unknown(ratio)]
    shown = changes.axis([*known, 1 + EFFECT])
    return Chart(
        spec="changes",
        title="Times as long as A",
        description=f"For each kind of work, A against itself and A with {words.percent(EFFECT)} more work, on a "
        f"logarithmic axis with 1 and the margin of {words.percent(margin)} marked.",
        rows=[
            _entry(control, side, numbers, place) for place, control in enumerate(found) for side in ("again", "more")
        ],
        table=_table(found, numbers),
        settings={
            "low": shown.low,
            "high": shown.high,
            "ticks": shown.ticks,
            "axis": "times as long as A (95 % interval)",
            "below": "shorter",
            "above": "longer",
        },
        note="▶ seen as slower, ◀ seen as faster, ● seen as equally fast, "
        f"hollow ◇ {words.INCONCLUSIVE}. "
        "The band is the margin of a verdict, which the 99 % interval has to leave.",
    )


def _is_unknown(ratio: Ratio) -> bool:
    return words.is_unknown(ratio.low, ratio.high)


def _entry(control: Control, side: str, numbers: Places, place: int) -> Mapping[str, Any]:
    ratio: Ratio = getattr(control, side)
    label = ", ".join(filter(None, (SIDES[side], load(control))))
    text = f"{ratio.verdict} {words.digits(ratio.value)} × {words.bounds(ratio.low, ratio.high)}"
    return {
        "head": control.work,
        "label": label,
        "kind": ratio.verdict,
        "ratio": numbers.value(f"controls/{place}/{side}/value"),
        "low": numbers.value(f"controls/{place}/{side}/low"),
        "high": numbers.value(f"controls/{place}/{side}/high"),
        "margin": statistics.MARGIN,
        "text": text,
        "beside": "",
        "besideLines": [],
        "tip": f"{control.work}\n{label}\n{text}\nby {control.processes} processes",
    }


def _table(found: Sequence[Control], numbers: Places) -> Table:
    return Table(
        caption="what each kind of work shows",
        header=(
            "work",
            "other load",
            "A again",
            "A + 5 %",
            "spread between processes",
            "false alarms",
            "intervals with 1",
            "detects + 5 %",
            "smallest effect",
            "needed for + 5 %",
        ),
        rows=[TableRow(_cells(control, numbers, place)) for place, control in enumerate(found)],
        right=frozenset(range(2, 10)),
    )


def _cells(control: Control, numbers: Places, place: int) -> list[Any]:
    known = numbers.at(f"controls/{place}")
    return [
        control.work,
        load(control) or "none of ours",
        known.interval("again", "value", lambda _: (1.0, " ×")),
        known.interval("more", "value", lambda _: (1.0, " ×")),
        known.shown("spread", lambda value: f"{100 * value:.2f} %"),
        known.shown("false_alarms", lambda value: f"{100 * value:.1f} %"),
        known.shown("held", lambda value: f"{100 * value:.1f} %"),
        known.shown("power", lambda value: f"{100 * value:.0f} %"),
        known.shown("smallest", lambda value: f"{100 * value:.1f} %"),
        [*(["over "] if control.needed >= MOST else []), known.shown("needed", _count), " processes"],
    ]


def _count(value: float) -> str:
    return words.count(int(value))
