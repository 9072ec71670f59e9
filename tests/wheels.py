"""What a resolution would install, read from the index without downloading a wheel, and what is wrong with it.

A wheel is a zip file, which ends with the list of its files. A range request reads that end alone.
"""

from __future__ import annotations

import functools
import io
import re
import ssl
import sys
import time
import tomllib
import urllib.error
import urllib.request
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import unquote

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename

TAIL = 2**18  # bytes: holds the list of files of most wheels
CONNECTIONS = 16
SECONDS = 60.0  # for one request
PAUSES = (0.5, 2.0, 5.0)  # seconds before a request is tried again
INSTALLED = re.compile(r"[^/]+\.data/(purelib|platlib)/")  # these are installed beside the rest
CUDA = re.compile(r"^cuda\b[^=\n]*=\s*['\"](\d+)", re.MULTILINE)  # in torch/version.py

Content = tuple[int, int]  # of a file: its checksum and its bytes


class NoRanges(Exception):
    """The server does not send parts of files."""


@dataclass(frozen=True)
class Wheel:
    """A wheel of a resolution, and the files it installs."""

    name: str
    version: str
    files: Mapping[str, Content]
    torch_cuda: str | None = None  # of Torch alone: the major version of CUDA that it was built for


@functools.cache
def _trust() -> ssl.SSLContext:
    """Read the certificates once: for one request that takes longer than the request."""
    return ssl.create_default_context()


class Remote(io.RawIOBase):
    """A file on a server, read by range requests, its end first."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._position = 0
        self._kept, self._start = b"", 0
        self._kept, whole = self._ask(f"-{TAIL}")
        self._size = int(whole)
        self._start = self._size - len(self._kept)

    def _ask(self, wanted: str) -> tuple[bytes, str]:
        for pause in PAUSES:
            try:
                return self._answer(wanted)
            except urllib.error.HTTPError:
                raise
            except OSError:  # a name that is not resolved, or a connection that is lost, among many at once
                time.sleep(pause)
        return self._answer(wanted)

    def _answer(self, wanted: str) -> tuple[bytes, str]:
        request = urllib.request.Request(self._url, headers={"Range": f"bytes={wanted}"})
        with urllib.request.urlopen(request, timeout=SECONDS, context=_trust()) as answer:
            if answer.status != 206:
                raise NoRanges(f"the index's server answers {answer.status} to a range request")
            return answer.read(), answer.headers["Content-Range"].rpartition("/")[2]

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        return self._position

    def read(self, size: int = -1) -> bytes:
        end = self._size if size < 0 else min(self._size, self._position + size)
        begin, self._position = self._position, end
        if begin >= end:
            return b""
        if begin >= self._start:
            return self._kept[begin - self._start : end - self._start]
        return self._ask(f"{begin}-{end - 1}")[0]


def resolved(lock: str, python: str) -> list[Wheel]:
    """The wheels that a resolution names, in the form of pylock.toml, for Linux on x86-64 and a version of Python."""
    ranks = {tag: rank for rank, tag in enumerate(_tags(python))}

    def read(package: Mapping[str, Any]) -> Wheel:
        def rank(url: str) -> int:
            tags = parse_wheel_filename(unquote(url.rpartition("/")[2]))[3]
            return min(ranks.get(tag, len(ranks)) for tag in tags)

        best = min((wheel["url"] for wheel in package["wheels"]), key=rank)
        return _fetched(best, package["name"], package["version"])

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return list(pool.map(read, tomllib.loads(lock)["packages"]))


@functools.cache
def _fetched(url: str, name: str, version: str) -> Wheel:
    """A wheel on a server; many wheels suit several versions of Python."""
    with Remote(url) as file:
        return opened(file, name, version)


def _tags(python: str) -> Iterator[Tag]:
    """The tags of the wheels that an installer takes, the best first."""
    version = tuple(map(int, python.split(".")))
    platforms = [f"manylinux_2_{minor}_x86_64" for minor in range(28, 4, -1)]
    platforms += [f"manylinux{name}_x86_64" for name in ("2014", "2010", "1")] + ["linux_x86_64"]
    yield from cpython_tags(version, platforms=platforms)
    yield from compatible_tags(version, f"cp{version[0]}{version[1]}", platforms)


def opened(file: IO[bytes], name: str, version: str) -> Wheel:
    """A wheel whose list of files, and little else, is read from a file."""
    with zipfile.ZipFile(file) as archive:
        files = {
            INSTALLED.sub("", entry.filename, count=1): (entry.CRC, entry.file_size)
            for entry in archive.infolist()
            if not entry.is_dir()
        }
        if name != "torch":
            return Wheel(name, version, files)
        built = CUDA.search(archive.read("torch/version.py").decode())
        return Wheel(name, version, files, built[1] if built else "")


def clashes(wheels: Iterable[Wheel]) -> dict[str, list[str]]:
    """Files that several wheels bring with different content: what is installed last is there. The wheels of each."""
    return {path: list(owners) for path, owners in _shared(wheels).items() if len(set(owners.values())) > 1}


def same(wheels: Iterable[Wheel]) -> dict[str, list[str]]:
    """Files that several wheels bring with the same content, such as a namespace's empty `__init__.py`."""
    return {path: list(owners) for path, owners in _shared(wheels).items() if len(set(owners.values())) == 1}


def _shared(wheels: Iterable[Wheel]) -> dict[str, dict[str, Content]]:
    owners: dict[str, dict[str, Content]] = defaultdict(dict)
    for wheel in wheels:
        for path, content in wheel.files.items():
            owners[path][f"{wheel.name} {wheel.version}"] = content
    return {path: of for path, of in sorted(owners.items()) if len(of) > 1}


def complaints(wheels: Iterable[Wheel], modules: Iterable[str]) -> list[str]:
    """Why a resolution does not suit a machine with a GPU and CUDA 13 whose implementations import these modules."""
    wheels = list(wheels)
    wrong = [f"{' and '.join(owners)} bring different {path}" for path, owners in clashes(wheels).items()]
    nccl = [wheel.name for wheel in wheels if wheel.name.startswith("nvidia-nccl")]
    if nccl != ["nvidia-nccl-cu13"]:
        wrong.append(f"NCCL: {', '.join(nccl) or 'none'}, where nvidia-nccl-cu13 is wanted")
    wrong += [f"{wheel.name} is for CUDA 12" for wheel in wheels if wheel.name.endswith("-cu12")]
    for wheel in wheels:
        if wheel.name == "torch" and wheel.torch_cuda != "13":
            made_for = f"CUDA {wheel.torch_cuda}" if wheel.torch_cuda else "the CPU"
            wrong.append(f"torch {wheel.version} is built for {made_for}, where CUDA 13 is wanted")
    importable = {place for wheel in wheels for path in wheel.files for place in _importable(path)}
    for module in sorted(set(modules)):
        if module not in sys.stdlib_module_names and module.replace(".", "/") not in importable:
            wrong.append(f"no wheel brings {module}")
    return wrong


def _importable(path: str) -> Iterator[str]:
    """What an installed file makes importable, with slashes for dots: its folders, and itself without its endings."""
    folder, _, file = path.rpartition("/")
    yield f"{folder}/{file.partition('.')[0]}".removeprefix("/")
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]
