"""Datasets: made once on the host, cached, hashed, and handed to every implementation as the same bytes.

A dataset file holds a function that makes the data and returns a frozen dataclass, its *schema*. The decorators here
say which kind of data it is; the function's docstring is the dataset's card. A maker takes, by name, what it needs:

    rows, seed    generated data: how many, and which
    folder        an empty folder for data that lives in files (Parquet); fields of type `Path` point into it.
                  `mapped(folder, shape, dtype)` is an array in a file there, for data larger than memory
    source        public data: the folder that `fetch` filled
    path, target  own data: the file the user named, and the column to predict
"""

from __future__ import annotations

import inspect
import math
import os
import tempfile
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol, get_type_hints

import numpy as np
from numpy.typing import DTypeLike, NDArray

Kind = Literal["generated", "shipped", "public", "own"]
Progress = Callable[[str], None]

DERIVED = {"derived": True}  # metadata of a schema's field that follows from the others
DEFAULT_SEED = 20_260
LEAST_ROWS = 20  # of generated data, unless its maker needs more: with fewer, the test rows show no spread


class Source(Protocol):
    """Where public data comes from. `fetch` raises `OSError` or `ResidencyError` with the remedy when it cannot."""

    @property
    def size(self) -> str:
        """The download's size in words, `2.8 MB`."""

    @property
    def address(self) -> str:
        """Where it is fetched from, to show to people."""

    def is_here(self, folder: Path) -> bool:
        """Whether `folder` already holds the data."""

    def fetch(self, folder: Path, mirror: Path | None, progress: Progress) -> None:
        """Bring the data into `folder`, from the mirror if it has the file, and check the checksum."""


@dataclass(frozen=True)
class Dataset:
    """One dataset: its name, its kind, and how it is made."""

    name: str
    kind: Kind
    maker: Callable[..., Any]
    needs: tuple[str, ...] = ()  # modules that must be importable to make it
    source: Source | None = None
    table: bool = False  # own data: one CSV or Parquet file, never a folder
    least_rows: int = LEAST_ROWS  # generated data: the fewest rows it can have
    decoded: float | Callable[[int], float] | None = None  # bytes of a row in memory, or of so many rows; see `decoded`

    @property
    def card(self) -> str:
        """What a reader should know about the data: the maker's docstring."""
        return inspect.getdoc(self.maker) or ""

    @property
    def title(self) -> str:
        """The card's first line."""
        return self.card.partition("\n")[0]

    @property
    def file(self) -> Path:
        """The file that defines it. Its text is part of the cache key, like the texts of all files it imports."""
        return Path(inspect.getfile(self.maker))

    def decoded_bytes(self, rows: int) -> float | None:
        """Bytes of so many rows in memory, as the dataset says; None if it says nothing."""
        return self.decoded(rows) if callable(self.decoded) else None if self.decoded is None else self.decoded * rows

    @property
    def in_files(self) -> bool:
        """Whether an implementation gets files to read: its schema has a field of type `Path`."""
        try:
            return Path in get_type_hints(get_type_hints(self.maker).get("return", object)).values()
        except (NameError, TypeError, AttributeError):  # whoever makes the data says what is wrong with its types
            return False

    def make(self, request: Request, folder: Path) -> Any:
        """Make the data: call the maker with the arguments that it names."""
        offered = {
            "rows": request.rows,
            "seed": request.seed,
            "folder": folder,
            "source": request.source,
            "path": request.path,
            "target": request.target and unicodedata.normalize("NFC", request.target),
        }
        return self.maker(**{name: offered[name] for name in inspect.signature(self.maker).parameters})


@dataclass(frozen=True)
class Request:
    """Which data: everything that decides its bytes, except the code that makes it."""

    dataset: str
    rows: int | None = None
    seed: int = DEFAULT_SEED
    source: Path | None = None
    path: Path | None = None
    target: str | None = None
    versions: dict[str, str] = field(default_factory=dict)  # of the libraries that ship the data


def mapped(folder: Path, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """An array of zeros in a file under `folder`, for a maker to fill in parts if memory may not hold it.

    The file has no name and disappears with the array. Its disk space is reserved now: raises `OSError` if there is too
    little.
    """
    array_type = np.dtype(dtype)
    size = max(1, math.prod(shape) * array_type.itemsize)
    with tempfile.TemporaryFile(dir=folder) as file:
        os.posix_fallocate(file.fileno(), 0, size)
        return np.memmap(file, array_type, "r+", shape=shape)


def generated(maker: Callable[..., Any]) -> Dataset:
    """Data of any size from a seed, learnable, with known truth."""
    return generated_from(LEAST_ROWS)(maker)


def generated_from(least_rows: int) -> Callable[[Callable[..., Any]], Dataset]:
    """Like `generated`, for data that needs at least this many rows: a smaller size is refused."""
    return lambda maker: Dataset(maker.__name__, "generated", maker, least_rows=least_rows)


def decoded(size: float | Callable[[int], float]) -> Callable[[Dataset], Dataset]:
    """Say how large generated data is before it is made: bytes of a row in memory, or a function of the rows.

    All fields of its schema count, the truth too. A photograph counts as its pixels, a table in a Parquet file as its
    columns, text as UTF-8 with offsets. A forecast of memory counts in these bytes.
    """
    return lambda dataset: replace(dataset, decoded=size)


def shipped(*needs: str) -> Callable[[Callable[..., Any]], Dataset]:
    """Real data that an installed library carries; `needs` are the modules to import for it."""
    return lambda maker: Dataset(maker.__name__, "shipped", maker, needs)


def public(source: Source, *needs: str) -> Callable[[Callable[..., Any]], Dataset]:
    """Real data that `residency data fetch` downloads."""
    return lambda maker: Dataset(maker.__name__, "public", maker, needs, source)


def own(*needs: str) -> Callable[[Callable[..., Any]], Dataset]:
    """The user's file or folder, given by `--data PATH`."""
    return lambda maker: Dataset(maker.__name__, "own", maker, needs)


def own_table(maker: Callable[..., Any]) -> Dataset:
    """The user's table, given by `--data FILE --target COLUMN`."""
    return Dataset(maker.__name__, "own", maker, ("pandas", "pyarrow"), table=True)


def printable(name: str | Path) -> str:
    """A name from the user, safe to show or write: bytes that are not UTF-8 become `�`."""
    return str(name).encode(errors="surrogateescape").decode(errors="replace")


def number_of(count: int, thing: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{count} {thing}{'s' * (count != 1)}"
