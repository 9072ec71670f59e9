"""A table that a lab takes: the user's own or the one that comes with it, and which of its rows a team gets.

A row belongs to the team or to the judge by a hash of its cells, so equal rows are on one side, and a row stays there
when the file grows or is sorted. The cell to predict is left out of the hash, which would tell it otherwise: with a
wrong guess in its place, a row of the judge's would mostly be the team's. The team gets 70 % of the rows as `data.csv`;
the judge keeps 30 %, and asks for them in a secret order, because many files are sorted by what is to be predicted.

Dates are read as in every table of a user's (`datasets/dates.py`), the whole file at once, and written in one form:
31.12.2025 becomes 2025-12-31. So no team has to find out whether 03.04.2025 is in April.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from residency.datasets.dates import read_moments
from residency.datasets.reading import Category, Column, OwnFile, read_file
from residency.datasets.target import LEAST_ROWS, target_column
from residency.harness.dataset import number_of, printable
from residency.harness.errors import UsageError, visible

KEPT = 0.3  # share of the rows that the judge keeps
MOST_ROWS = 10_000  # that a team gets
LEAST_OF_CLASS = 10  # rows of either class in the file
LEAST_IN_PART = 3  # of them in every part that is learned from or judged: fewer have no spread
VISIBLE, HIDDEN = "visible", "hidden"  # which parting a row's hash is for
DATA, ABOUT = "data.csv", "data.toml"
Shipped = Callable[[], tuple[Any, str]]  # the table that comes with a lab, a pandas.DataFrame, and its target
ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
REMEDY = f"get them back with: git checkout -- {DATA} {ABOUT}"


@dataclass(frozen=True)
class Source:
    """A file with a table, and the column to predict. The hash tells whether it is the same file later."""

    path: str
    target: str
    sha256: str
    whole: bool = True  # false: it holds the team's rows alone

    def refuse_another(self, why: str) -> None:
        """Raise `UsageError` if the file is not the one that it was."""
        if (now := source(Path(self.path), self.target).sha256) != self.sha256:
            raise UsageError(
                f"{self.path} is another file now: its SHA-256 begins with {now[:12]}, and {why} with "
                f"{self.sha256[:12]}; put the old file back"
            )


@dataclass(frozen=True)
class Shares:
    """The rows of a table with the column to predict among them: what the team gets, and what the judge keeps."""

    team: Any  # pandas.DataFrame
    kept: Any
    target: str
    dates: tuple[str, ...] = ()  # how the dates of each column were read, if that is not obvious


def source(path: Path, target: str | None, *, whole: bool = True) -> Source:
    """A file of the user's; raises `UsageError` with the remedy if a lab cannot use it."""
    file, column = _read(path, target, whole=whole)
    given = Source(str(path.resolve()), column.name, hashlib.sha256(path.read_bytes()).hexdigest(), whole)
    shares = _of_file(given)
    least = (2, LEAST_IN_PART) if len(column.labels) == 2 else (LEAST_IN_PART, 1)
    for part in (shares.team, *_parts(shares.team, column.name, VISIBLE), *([shares.kept] if whole else [])):
        rows = part[column.name].value_counts()
        if len(rows) < least[0] or rows.min() < least[1]:
            raise file.refusal(f"{file.name}: too few different rows to judge `{visible(column.name)}`: take more")
    return given


def of_team(folder: Path) -> Source:
    """The table in a team's folder; raises `UsageError` if it is missing or damaged."""
    try:
        target = tomllib.loads((folder / ABOUT).read_text())["target"]
    except (OSError, ValueError, KeyError):
        raise UsageError(f"{ABOUT} is missing or damaged; {REMEDY}") from None
    if not (folder / DATA).is_file():
        raise UsageError(f"{DATA} is missing; {REMEDY}")
    return source(folder / DATA, str(target), whole=False)


def files(shipped: Shipped, given: Source | None) -> dict[str, bytes]:
    """What a team begins with: its rows, and which column is to be predicted."""
    shares = _known(shipped, given)
    quoted = shares.target.replace("\\", "\\\\").replace('"', '\\"')
    about = f'# The column of {DATA} to predict.\ntarget = "{quoted}"\n'
    return {DATA: _csv(shares.team), ABOUT: about.encode()}


def call(
    shipped: Shipped, given: Source | None, rng: np.random.Generator, *, visible: bool
) -> tuple[tuple[bytes, str, bytes], Any]:
    """The arguments of a call: CSV, the target's name, CSV without it; and the target in these rows, a secret.

    Visible: a part of the team's rows. Hidden: the rows that the team never had. `rng` orders the rows to predict.
    """
    shares = _known(shipped, given)
    train, rows = _parts(shares.team, shares.target, VISIBLE) if visible else (shares.team, shares.kept)
    rows = rows.iloc[rng.permutation(len(rows))]
    return (_csv(train), shares.target, _csv(rows.drop(columns=shares.target))), rows[shares.target].to_numpy()


def asked(data: Path | None, target: str | None) -> Source | None:
    """What `--data FILE --target COLUMN` say; None if they are not given. Raises `UsageError`."""
    if data is None and target is not None:
        raise UsageError("--target names a column of your own table: name the table too, with --data FILE")
    return source(data, target) if data is not None else None


def _read(path: Path, target: str | None, *, whole: bool) -> tuple[OwnFile, Column]:
    """A file, and its column to predict: two values or a number.

    How many rows it needs is asked of the whole file alone: a team's part of a table that is large enough is, too.
    """
    file = read_file(path)
    if file.repeated:
        raise file.refusal(f"{file.name} has several columns called `{visible(min(file.repeated))}`: rename them")
    column = target_column(file, target, LEAST_ROWS if whole else 1)
    labels = column.labels
    if len(labels) == 2:
        rows = [int((column.ranks() == rank).sum()) for rank in (0, 1)]
        if whole and min(rows) < LEAST_OF_CLASS:
            rare = visible(labels[rows.index(min(rows))][:40])
            raise file.refusal(
                f"{file.name}: column `{visible(column.name)}` is {rare} in {number_of(min(rows), 'row')}; at least "
                f"{LEAST_OF_CLASS} are needed"
            )
    elif isinstance(column, Category) or column.kind == "date":
        kind = "texts" if isinstance(column, Category) else "dates"
        raise file.refusal(
            f"{file.name}: column `{visible(column.name)}` holds {len(labels)} different {kind}: name a column with "
            "two values, or with numbers"
        )
    if len(file.frame.columns) < 2:
        raise file.refusal(f"{file.name}: there is no column beside `{visible(column.name)}`: add what predicts it")
    return file, column


def _known(shipped: Shipped, given: Source | None) -> Shares:
    return _of_file(given) if given is not None else _of_lab(shipped)


@cache
def _of_file(given: Source) -> Shares:
    file, column = _read(Path(given.path), given.target, whole=given.whole)
    frame = file.frame[column.present]
    # The cells as they stand in the file decide who gets a row: a better reader of dates must not move any.
    team, kept = _parts(frame, column.name, HIDDEN) if given.whole else (frame, frame[:0])
    dated, dates = _dated(frame, column.name)
    return Shares(dated.loc[team.index], dated.loc[kept.index], column.name, tuple(dates))


def _dated(frame: Any, target: str) -> tuple[Any, list[str]]:
    """The table with its dates in one form, and a sentence on each column whose order of day and month was decided."""
    import pandas as pd

    said, frame = [], frame.copy()
    for name in frame.columns.drop(target):
        if frame[name].dtype.kind not in "OU" or not len(levels := frame[name].dropna().unique()):
            continue
        text = pd.Index(levels).astype(str)
        if (reading := read_moments(text)) is None:
            continue
        moments, how = pd.DatetimeIndex(reading[0]), reading[1].rstrip(", ")
        frame[name] = frame[name].map(dict(zip(levels, moments, strict=True)))
        if not ISO.match(text[0]):
            said.append(f"{visible(name)}: dates, {how}. {visible(text[0])} is {moments.astype(str)[0]} in {DATA}.")
    return frame, said


@cache
def _of_lab(shipped: Shipped) -> Shares:
    frame, target = shipped()
    return Shares(*_parts(frame, target, HIDDEN), target)


def _parts(frame: Any, target: str, salt: str) -> tuple[Any, Any]:
    """The rows of a table in two parts, in their order, each with no more rows than are needed."""
    places = [_place(cells, salt) for cells in frame.drop(columns=target).itertuples(index=False)]
    order = sorted(range(len(places)), key=places.__getitem__)
    kept = [row for row in order if places[row] < KEPT]
    rest = [row for row in order if places[row] >= KEPT]
    most = round(MOST_ROWS * KEPT / (1 - KEPT))
    return frame.iloc[sorted(rest[:MOST_ROWS])], frame.iloc[sorted(kept[:most])]


def _place(cells: tuple[Any, ...], salt: str) -> float:
    """A number from 0 to 1 that the cells of a row decide."""
    text = "\x1f".join([salt, *map(str, cells)])
    return int.from_bytes(hashlib.sha256(text.encode(errors="surrogatepass")).digest()[:6], "big") / (1 << 48)


def _csv(frame: Any) -> bytes:
    return bytes(frame.to_csv(index=False).encode())


def dates(shipped: Shipped, given: Source | None) -> tuple[str, ...]:
    """How the dates of a table were read: a sentence for each column for which that is not obvious."""
    return _known(shipped, given).dates


def shown(shipped: Shipped, given: Source | None) -> str:
    """Which rows a team got, in a sentence."""
    shares = _known(shipped, given)
    whose = printable(Path(given.path).name) if given else "the table of this lab"
    few = f" (never more than {MOST_ROWS:,} rows)" if len(shares.team) == MOST_ROWS else ""
    return (
        f"{DATA} holds {number_of(len(shares.team), 'row')} of {whose}, chosen by a hash of the row, about "
        f"{100 * (1 - KEPT):.0f} %{few}; {len(shares.kept)} others judge your work. Column to predict: "
        f"{visible(shares.target)}"
    )
