"""What a teacher writes: a lab, its inputs, its truth and its checks. Used by every `labs/NAME/lab.py`.

    lab = Lab(title="Vectorise a loop", order=1, topic="foundations", entry="fares", ...)

    @lab.truth
    def truth(distance, minutes): ...              # in float64, and how far from it is still right

    @lab.check("an odd number of rides", hint="Right on even sizes, wrong on odd ones: look at the last row.")
    def odd(rng): return rides(rng, 1_001)         # the arguments of one call, fresh for every seed

    @lab.timed
    def million(rng): return rides(rng, 1_000_000)

Only the judge and the driver load this file; a submission never sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from residency.harness.errors import UsageError
from residency.labs import tables

Kind = Literal[
    "right",
    "wrong",
    "replayed",
    "shape",
    "not finite",
    "type",
    "costly",
    "failed",
    "timeout",
    "memory",
    "not believed",
]
Random = np.random.Generator


@dataclass(frozen=True)
class Points:
    """What a lab is worth. `gpu` points need a GPU; without one they are not graded. `people` points need a reader."""

    visible: int = 2  # the checks that a resident can run
    hidden: int = 4  # checks of the same function on other inputs
    fast: int = 4  # the time, against the solution's
    gpu: int = 0
    people: int = 0  # for `report.md`: people read it and give these points, by hand

    @property
    def here(self) -> int:
        """What can be earned by machine, without a GPU."""
        return self.visible + self.hidden + self.fast


@dataclass(frozen=True)
class Demand:
    """What one resident's work on the lab asks of the hardware: the planner reads it."""

    seconds: float  # of one try: a check with its timing
    memory_bytes: int
    tries: float  # in a session of ninety minutes
    gpu: bool = False  # whether a try uses a GPU where there is one


@dataclass(frozen=True)
class Within:
    """A right answer in float64, and the largest error that is still right: one number, or one for every element."""

    value: NDArray[Any]
    error: ArrayLike = 0.0


@dataclass(frozen=True)
class Case:
    """One call: its arguments, and what only the judge knows of it, such as planted answers."""

    arguments: tuple[Any, ...]
    secret: Any = None


@dataclass(frozen=True)
class Verdict:
    """What the judge says of one answer. `what` is shown to the resident: it holds no input and no expected value."""

    kind: Kind
    what: str = ""
    quality: float | None = None

    @property
    def is_right(self) -> bool:
        """Whether the answer is right."""
        return self.kind == "right"


@dataclass(frozen=True)
class Check:
    """A check: the arguments of one call for a seed, and what a resident reads when the answer is wrong."""

    title: str
    make: Callable[[Random], Any]
    visible: bool = False
    hint: str = ""


@dataclass
class Lab:
    """One exercise. Everything beyond these fields is registered by the decorators below."""

    title: str
    order: int  # in the course; challenges have an order of their own
    topic: str
    entry: str = ""  # the function in `work.py`; empty: a lab of questions, answered in `answers.toml`
    demand: Demand = field(default_factory=lambda: Demand(seconds=20, memory_bytes=500_000_000, tries=6))
    points: Points = field(default_factory=Points)
    needs: Sequence[str] = ()  # libraries beside NumPy, by import name
    seconds: float = 10.0  # the limit of one call
    memory_bytes: int = 1 << 30
    output_bytes: int = 64 << 20
    threads: int = 1
    team: int = 1  # how many residents do it together: with more than one it is a challenge
    service: str = ""  # `module:Class` in `support/`: what the function gets as its first argument
    pair: tuple[str, str] | None = None  # NumPy or pandas and its GPU twin: given to the function before its arguments
    work: Callable[..., tuple[float, float]] | None = None  # operations and bytes of a call's arguments, at least
    folder: Path = field(default_factory=Path, repr=False)
    checks: dict[str, Check] = field(default_factory=dict, repr=False)
    timing: Callable[[Random], Any] | None = field(default=None, repr=False)
    shipped: tables.Shipped | None = field(default=None, repr=False)
    given: tables.Source | None = field(default=None, repr=False)  # the user's own table: set in the judge's process
    truths: Callable[..., Any] | None = field(default=None, repr=False)
    judging: Callable[[Case, Any], Verdict] | None = field(default=None, repr=False)
    answering: Callable[..., Any] | None = field(default=None, repr=False)
    costing: Callable[[dict[str, Any], Case], Verdict] | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """Its folder's name, as it is typed: `foundations-vectorise`."""
        return self.folder.name.replace("_", "-")

    @property
    def place(self) -> tuple[bool, int, str]:
        """Its place in lists: labs first, then challenges."""
        return self.team > 1, self.order, self.name

    @property
    def files(self) -> tuple[str, ...]:
        """The files that a resident edits."""
        return ("work.py",) if self.entry else ("answers.toml",)

    def truth(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Register the right answer for a call's arguments: an array, `Within`, or a tuple of them."""
        self.truths = function
        return function

    def judge(self, function: Callable[[Case, Any], Verdict]) -> Callable[[Case, Any], Verdict]:
        """Register what is right where it is not one array: quality above a floor, a set, a path."""
        self.judging = function
        return function

    def check(
        self, title: str, *, visible: bool = False, hint: str = ""
    ) -> Callable[[Callable[[Random], Any]], Callable[[Random], Any]]:
        """Register a check. A hidden check needs a hint: it names the kind of mistake, never an input."""
        if title in self.checks:
            raise UsageError(f"two checks of this lab are called {title!r}")

        def register(function: Callable[[Random], Any]) -> Callable[[Random], Any]:
            self.checks[title] = Check(title, function, visible, hint)
            return function

        return register

    def timed(self, function: Callable[[Random], Any]) -> Callable[[Random], Any]:
        """Register the arguments of the calls that are timed."""
        self.timing = function
        return function

    def table(self, function: tables.Shipped) -> tables.Shipped:
        """Register the table (a pandas frame, the column to predict) that a user's own, `--data FILE`, may replace.

        It adds a check of the team's rows and one of the rows that the team never had: the function gets CSV, the name
        of the column, and CSV without it; the values of this column in these rows are the case's secret.
        """
        self.shipped = function
        hint = "Compare your work with a constant, on rows of data.csv that you set aside: what do the columns add?"
        self.check("your table, data.csv", visible=True, hint=hint)(
            lambda rng: Case(*tables.call(function, self.given, rng, visible=True))
        )
        hint = "Worse than possible on the rows of your table that you never had: judge your work on rows set aside."
        self.check("rows of your table that you never had", hint=hint)(
            lambda rng: Case(*tables.call(function, self.given, rng, visible=False))
        )
        return function

    def answers(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Register the service: `function(case, state, name, *arguments)` gives a value, or `Later`.

        `state` is a dictionary that lives as long as a call; `state["asked"]` counts the questions by name. What a
        submission is told and charged for lives here, in the judge's process, where it cannot be forged.
        """
        self.answering = function
        return function

    def cost(self, function: Callable[[dict[str, Any], Case], Verdict]) -> Callable[[dict[str, Any], Case], Verdict]:
        """Register what a right answer may have cost: judged by the service's `state` at the end of a call."""
        self.costing = function
        return function

    def case(self, title: str, seed: int) -> Case:
        """The case of a check for a seed; an empty title means the timed call."""
        make = self.checks[title].make if title else self.timing
        if make is None:
            raise UsageError(f"lab {self.name} has no timed call")
        made = make(np.random.default_rng(seed))
        if isinstance(made, Case):
            return made
        return Case(made if isinstance(made, tuple) else (made,))


@dataclass(frozen=True)
class Later:
    """An answer of the service that takes its time, as a store or a network does."""

    value: Any
    seconds: float


def right(quality: float | None = None) -> Verdict:
    """The answer is right."""
    return Verdict("right", quality=quality)


def wrong(what: str, quality: float | None = None) -> Verdict:
    """The answer is wrong; `what` says how, without showing an input or the right value."""
    return Verdict("wrong", what, quality)


def costly(what: str) -> Verdict:
    """The answer is right, but cost too much. The check's hint is not shown: it speaks of wrong answers."""
    return Verdict("costly", what)


def rounding(operations: int, scale: ArrayLike, dtype: Any = np.float64) -> NDArray[np.float64]:
    """The largest rounding error of a sum of `operations` terms whose absolute values add up to `scale`.

    Any order of summation stays within `operations` x the unit roundoff x the sum of absolute values (Higham, Accuracy
    and Stability of Numerical Algorithms, section 4.2); twice that leaves room for the terms' own rounding.
    """
    unit = float(np.finfo(dtype).eps) / 2
    return np.asarray(2 * (operations + 2) * unit * np.asarray(scale, np.float64), np.float64)


def compared(expected: Any, answer: Any) -> Verdict:
    """Whether an answer is the expected one: its form, then finite, then every value within its error."""
    if isinstance(expected, tuple):
        if type(answer) is not list or len(answer) != len(expected):
            return Verdict("shape", f"the function must return {len(expected)} values")
        for number, (part, got) in enumerate(zip(expected, answer, strict=True), 1):
            if not (verdict := compared(part, got)).is_right:
                return Verdict(verdict.kind, f"value {number}: {verdict.what}", verdict.quality)
        return right()
    bound = expected if isinstance(expected, Within) else Within(np.asarray(expected))
    value = np.asarray(bound.value)
    got = _array(answer)
    if got is None:
        return Verdict("type", "this is no array of numbers")
    if got.shape != value.shape:
        return Verdict("shape", _other_shape(got.shape, value.shape))
    if value.dtype.kind not in NUMBERS or got.dtype.kind not in NUMBERS:
        same = got.dtype.kind == value.dtype.kind
        return _told(~np.asarray(got == value)) if same else Verdict("type", "these are values of another type")
    if got.dtype.kind == "c" and value.dtype.kind != "c":
        return Verdict("type", "these are complex numbers")
    error = np.asarray(bound.error, np.float64)
    if got.dtype.kind in "biu" and value.dtype.kind in "biu" and not error.any():
        return _told(got != value)  # exact, also beyond 2**53
    wide = np.complex128 if value.dtype.kind == "c" else np.float64
    got, value = got.astype(wide), value.astype(wide)
    if (~np.isfinite(got) & np.isfinite(value)).any():
        return Verdict("not finite", "the answer holds NaN or infinity")
    with np.errstate(invalid="ignore", over="ignore"):
        off = ~(np.abs(got - value) <= error)  # a bound that is NaN lets nothing pass
    off &= ~((got == value) | (np.isnan(got) & np.isnan(value)))
    off |= np.isnan(got) != np.isnan(value)
    return _told(off)


NUMBERS = "biufc"
LONGEST_LIST = 1 << 26  # bytes that a list of texts may need as an array: each place is as wide as the longest


def _array(answer: Any) -> NDArray[Any] | None:
    """An answer as an array; None if it is none, or would be a huge one."""
    if isinstance(answer, list):
        texts = [part for part in answer if isinstance(part, str)]
        if texts and 4 * len(answer) * max(map(len, texts)) > LONGEST_LIST:
            return None
        if any(isinstance(part, str) != bool(texts) for part in answer):
            return None
        if any(isinstance(part, list) and any(isinstance(deep, str) for deep in part) for part in answer):
            return None
    try:
        return np.asarray(answer)
    except (ValueError, TypeError, OverflowError):
        return None


def _other_shape(got: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """How a shape differs. No length is told: the submission chose one of them, and the other one is hidden."""
    if len(got) != len(wanted):
        return f"the answer has {len(got)} dimensions; it must have {len(wanted)}"
    axis = next(axis for axis, (one, other) in enumerate(zip(got, wanted, strict=True)) if one != other)
    where = f" along axis {axis}" if len(wanted) > 1 else ""
    return f"the answer is too {'short' if got[axis] < wanted[axis] else 'long'}{where}"


def _told(off: NDArray[np.bool_]) -> Verdict:
    """The verdict on values of which these are wrong. Roughly how many is told: an exact share could spell an input."""
    if not off.any():
        return right()
    share = float(off.mean())
    if share == 1.0:
        return wrong("all values are wrong" if off.size > 1 else "the value is wrong")
    if share < 0.01:
        return wrong("a few values are wrong")
    return wrong("most values are wrong" if share > 0.5 else "some values are wrong")
