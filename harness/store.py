"""The cache of made data. Each entry is a folder of `.npy` files and two JSON files; request and code make its key.

Loading needs only NumPy. So a worker can load its data without importing a library whose import belongs to the timed
cold execution.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from residency.harness import scratch
from residency.harness.dataset import DERIVED, Dataset, Request, printable
from residency.harness.errors import UsageError
from residency.harness.files import files_under
from residency.harness.sources import hash_of_sources

TABLES = {".csv", ".tsv", ".parquet"}
MAKING = ".making-"  # prefix of the folder of data that is being made
CHUNK = 16 * 2**20  # bytes hashed at a time
UNUSABLE = (FileNotFoundError, FileExistsError, NotADirectoryError, PermissionError)  # the folder cannot be made
DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}  # it takes no more, but may hold other data


def cache_folder() -> Path:
    """`RESIDENCY_CACHE`, or `residency` in the user's cache folder; raises `UsageError` if there is neither."""
    if named := os.environ.get("RESIDENCY_CACHE"):
        return Path(named)
    if named := os.environ.get("XDG_CACHE_HOME"):
        return Path(named) / "residency"
    try:
        return Path.home() / ".cache" / "residency"
    except RuntimeError:  # as in a container that runs with a user number: --user 12345
        who = f"user {os.getuid()} has no name here, and HOME is not set"
        raise UsageError(f"no folder for the cache: {who}; name one: RESIDENCY_CACHE=/tmp/residency") from None


def public_folder(dataset: Dataset) -> Path:
    """Where `fetch` puts a public dataset's files."""
    return cache_folder() / "public" / dataset.name


@dataclass(frozen=True)
class Stored:
    """Made data on disk. `hash` covers every byte of every field, `bytes` is their size in memory or in files.

    `decoded` is their size in memory, also of what lies in files.
    """

    folder: Path
    hash: str
    rows: int
    bytes: int
    decoded: int


def folder_for(dataset: Dataset, request: Request) -> Path:
    """The cache folder of this request; its name depends on the request and on the code that makes and stores data."""
    digest = hashlib.sha256(json.dumps(asdict(request), default=str, sort_keys=True).encode())
    if request.path is not None:
        digest.update(hash_path(request.path).encode())
    digest.update(hash_of_sources(dataset.file, Path(__file__)).encode())
    digest.update(f"numpy {np.__version__} python {sys.version_info[:2]}".encode())
    size = f"-{request.rows}" if request.rows is not None else ""
    return cache_folder().absolute() / "data" / f"{dataset.name}{size}-{digest.hexdigest()[:16]}"


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def hash_path(path: Path) -> str:
    """SHA-256 of a file's bytes, or of the names and bytes of all files in a folder, also linked ones."""
    if not path.is_dir():
        return hash_file(path)
    digest = hashlib.sha256()
    for file in files_under(path):
        try:
            hashed = hash_file(file)
        except OSError as error:  # the reader of the folder leaves it out, and reports that
            hashed = f"cannot be read: {error.errno}"
        digest.update(os.fsencode(file.relative_to(path)) + f" {hashed}".encode())
    return digest.hexdigest()


def hash_data(data: Any) -> str:
    """SHA-256 of a schema's fields in order: the name, then an array's type, shape and bytes, or a path's file.

    A field with the metadata `DERIVED` follows from the others. It is left out, so that a schema can gain such a field.
    """
    digest = hashlib.sha256()
    for name, value in _fields(data, derived=False):
        digest.update(name.encode())
        if isinstance(value, np.ndarray):
            digest.update(f"{value.dtype.str}{value.shape}".encode())
            flat = np.ascontiguousarray(value).reshape(-1)
            step = max(1, CHUNK // max(1, value.itemsize))
            for start in range(0, flat.size, step):
                digest.update(flat[start : start + step].tobytes())
        elif isinstance(value, Path):
            digest.update(hash_file(value).encode())
        else:
            digest.update(json.dumps(value, default=list).encode())
    return digest.hexdigest()


@contextmanager
def _advised(numbers: AbstractSet[int | None]) -> Iterator[None]:
    """Add the remedy to an error with one of these numbers."""
    try:
        yield
    except OSError as error:
        if error.errno in numbers:
            error.add_note(f"cannot write the cache {printable(cache_folder())}; set RESIDENCY_CACHE to another folder")
        raise


@_advised(DISK)
def make(dataset: Dataset, request: Request) -> Stored:
    """The data of this request; make it if the cache does not hold it yet.

    Raises `UsageError` if the user's table is a folder, or if the cache cannot be written.
    """
    if dataset.table and request.path is not None and request.path.is_dir():
        raise no_table(request.path)
    folder = folder_for(dataset, request)
    try:
        if (stored := find(folder)) is not None:
            return stored
        folder.parent.mkdir(parents=True, exist_ok=True)
        held = scratch.take(folder.parent, MAKING)
    except UNUSABLE as error:
        where = f"{printable(cache_folder())}: {error.strerror}"
        raise UsageError(f"cannot write the cache {where}; set RESIDENCY_CACHE to another folder") from error
    with held:
        files = held.folder / "files"
        files.mkdir()
        data = dataset.make(request, files)
        with _advised({None}):  # NumPy does not say why only a part of an array was written
            size = save(data, held.folder)
        made = Stored(folder, hash_data(data), int(data.rows), size, decoded_bytes(data, size))
        facts = {"hash": made.hash, "rows": made.rows, "bytes": made.bytes, "decoded": made.decoded}
        (held.folder / "stored.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
        publish(held.folder, folder)
    return made


def no_table(folder: Path) -> UsageError:
    """The error for a folder in place of a table; it suggests files in the folder."""
    name = printable(folder.name or folder)
    files = [file.relative_to(folder) for file in files_under(folder) if not file.name.startswith(".")]
    named = [(file.suffix.lower(), printable(file.as_posix())) for file in files]
    tables = [f"{name}/{file}" for suffix, file in named if suffix in TABLES]
    texts = sum(suffix == ".txt" for suffix, _ in named)
    if tables:
        more = f" and {len(tables) - 3:,} more" if len(tables) > 3 else ""
        return UsageError(f"{name} is a folder: name a CSV or Parquet file in it: {', '.join(tables[:3])}{more}")
    if texts > 1:
        remedy = "write them into one CSV file, a line for each, with the name of its folder in a second column"
        return UsageError(f"{name} is a folder of {texts:,} text files: {remedy}, and name that file")
    return UsageError(f"{name} is a folder: name a CSV or Parquet file")


def find(folder: Path) -> Stored | None:
    """The data in this cache folder, if it is there."""
    try:
        facts = json.loads((folder / "stored.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Stored(folder, **{"decoded": facts["bytes"], **facts})  # older data does not say it


def decoded_bytes_of_row(dataset: Dataset) -> float | None:
    """Bytes of one row in memory, from the largest data of this dataset that was made here; None if none was made."""
    made = [find(file.parent) for file in (cache_folder() / "data").glob(f"{dataset.name}-*/stored.json")]
    largest = max((stored for stored in made if stored and stored.rows), key=lambda stored: stored.rows, default=None)
    return largest.decoded / largest.rows if largest else None


def decoded_bytes(data: Any, stored: int) -> int:
    """Bytes of a schema's fields in memory: as its property `decoded` says, else as many as are `stored`."""
    said = getattr(data, "decoded", None)
    return stored if said is None else int(said)


def save(data: Any, folder: Path) -> int:
    """Write a schema's fields to `folder`; its `files/` already holds those of type `Path`. Returns their bytes."""
    meta: dict[str, Any] = {}
    size = 0
    for name, value in _fields(data):
        if isinstance(value, np.ndarray):
            np.save(folder / f"{name}.npy", value, allow_pickle=False)
            meta[name] = {"array": f"{name}.npy"}
            size += value.nbytes
        elif isinstance(value, Path):
            meta[name] = {"file": str(value.relative_to(folder))}
            size += value.stat().st_size
        else:
            meta[name] = {"value": value}
    (folder / "fields.json").write_text(json.dumps(meta, indent=1, default=list), encoding="utf-8")
    return size


def load(schema: type, folder: Path, mapped: bool = False) -> Any:
    """Read a schema's instance. Its arrays are read into memory: mapped arrays would cause page faults in a stage.

    A cluster's client gets them `mapped`: it tells its workers where the rows are, and never reads them itself.
    """
    meta = json.loads((folder / "fields.json").read_text(encoding="utf-8"))
    values: dict[str, Any] = {}
    for name, entry in meta.items():
        if "array" in entry:
            file = folder / entry["array"]
            values[name] = np.load(file, mmap_mode="r" if mapped else None, allow_pickle=False)
        elif "file" in entry:
            values[name] = folder / entry["file"]
        else:
            values[name] = tuple(entry["value"]) if isinstance(entry["value"], list) else entry["value"]
    return schema(**values)


def publish(work: Path, folder: Path) -> None:
    """Move a finished folder to its place in one step. If another process was first, its folder stays."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        work.rename(folder)
    except OSError:
        if find(folder) is None:
            raise


def _fields(data: Any, derived: bool = True) -> Iterator[tuple[str, Any]]:
    if not is_dataclass(data) or isinstance(data, type):
        raise TypeError(f"a dataset's maker must return a dataclass, not {type(data).__name__}")
    for entry in fields(data):
        if derived or entry.metadata != DERIVED:
            yield entry.name, getattr(data, entry.name)
