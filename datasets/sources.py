"""Where public data comes from: an address with its checksum, or one of scikit-learn's own fetchers.

A mirror is a folder that is searched before the network is used, for classrooms without a network. Files at an address
are found there by name, and used only if their checksum is right. For scikit-learn's datasets, the mirror holds
scikit-learn's data folder.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from residency.harness.dataset import Progress
from residency.harness.errors import Unavailable
from residency.harness.store import hash_file

DONE = "fetched"  # this file is written last: a folder that holds it is complete


@dataclass(frozen=True)
class Address:
    """One file at an address, pinned by its SHA-256."""

    address: str
    sha256: str
    size: str
    name: str = ""  # if the name in the address says too little, such as `test.csv`

    @property
    def file(self) -> str:
        """The file's name, in the mirror and in the cache."""
        return self.name or self.address.rpartition("/")[2]

    def is_here(self, folder: Path) -> bool:
        """Whether the complete file is there."""
        return (folder / DONE).exists() and (folder / self.file).exists()

    def fetch(self, folder: Path, mirror: Path | None, progress: Progress) -> None:
        """Copy it from the mirror or download it; raises `Unavailable`, which says what to do without a network."""
        folder.mkdir(parents=True, exist_ok=True)
        if mirror is not None and (copy := mirror / self.file).exists():
            digest = hash_file(copy)
            if digest != self.sha256:
                raise Unavailable(
                    f"{copy} has SHA-256 {digest}, expected {self.sha256}: it is another file, or damaged"
                )
            progress(f"{self.file}: from the mirror")
            _copy_whole(copy, folder / self.file)
        else:
            self._download(folder, progress)
        (folder / DONE).write_text(self.sha256, encoding="utf-8")

    def _download(self, folder: Path, progress: Progress) -> None:
        import pooch

        progress(f"{self.file}: {self.size} from {self.address}")
        downloader = pooch.HTTPDownloader(progressbar=_Bar(self.file, progress), timeout=30)
        try:
            pooch.retrieve(
                self.address, known_hash=f"sha256:{self.sha256}", fname=self.file, path=folder, downloader=downloader
            )
        except ValueError as error:  # pooch's error for a wrong checksum
            raise Unavailable(f"{self.address} no longer serves the expected file: {error}") from error
        except OSError as error:
            raise Unavailable(
                f"cannot reach {self.address}: {type(error).__name__}; without a network, put {self.file} "
                f"(SHA-256 {self.sha256}) into a folder and name it with --mirror or RESIDENCY_MIRROR"
            ) from error


@dataclass(frozen=True)
class Several:
    """Several files that make one dataset, each in a folder of its own."""

    files: tuple[Address, ...]
    size: str  # of all together

    @property
    def address(self) -> str:
        """Where they are fetched from, to be shown."""
        return ", ".join(file.address for file in self.files)

    def is_here(self, folder: Path) -> bool:
        """Whether all files are there, complete."""
        return all(file.is_here(folder / file.file) for file in self.files)

    def fetch(self, folder: Path, mirror: Path | None, progress: Progress) -> None:
        """Copy from the mirror, or download, the files that are not there yet."""
        for file in self.files:
            if not file.is_here(folder / file.file):
                file.fetch(folder / file.file, mirror, progress)

    def path(self, folder: Path, name: str) -> Path:
        """Where `fetch` put the file of that name."""
        return folder / name / name


@dataclass(frozen=True)
class ScikitLearn:
    """A dataset that scikit-learn fetches itself, and whose checksum it checks."""

    fetcher: str  # `fetch_covtype`
    address: str  # to be shown
    size: str
    options: tuple[tuple[str, Any], ...] = ()

    def is_here(self, folder: Path) -> bool:
        """Whether it has been fetched."""
        return (folder / DONE).exists()

    def fetch(self, folder: Path, mirror: Path | None, progress: Progress) -> None:
        """Let scikit-learn find it in the mirror or download it."""
        import sklearn.datasets

        fetch: Callable[..., Any] = getattr(sklearn.datasets, self.fetcher)
        folder.mkdir(parents=True, exist_ok=True)
        if mirror is not None and (mirror / "scikit_learn_data").is_dir():
            try:
                fetch(data_home=str(mirror / "scikit_learn_data"), download_if_missing=False, **dict(self.options))
                shutil.copytree(mirror / "scikit_learn_data", folder, copy_function=_copy_whole, dirs_exist_ok=True)
                (folder / DONE).write_text("mirror", encoding="utf-8")
                return
            except OSError:
                progress(f"{self.fetcher}: the mirror's scikit_learn_data does not hold it")
        progress(f"{self.fetcher}: {self.size} from {self.address}; scikit-learn shows no progress")
        try:
            fetch(data_home=str(folder), **dict(self.options))
        except OSError as error:
            raise Unavailable(
                f"scikit-learn cannot reach {self.address}: {type(error).__name__}; without a network, name a folder "
                f"that holds scikit-learn's data folder as scikit_learn_data with --mirror or RESIDENCY_MIRROR"
            ) from error
        (folder / DONE).write_text("network", encoding="utf-8")

    def load(self, folder: Path, **options: Any) -> Any:
        """What scikit-learn's fetcher returns, from the files that `fetch` brought."""
        import sklearn.datasets

        fetch: Callable[..., Any] = getattr(sklearn.datasets, self.fetcher)
        return fetch(data_home=str(folder), download_if_missing=False, **dict(self.options), **options)


def _copy_whole(source: str | Path, target: str | Path) -> None:
    """Copy a file so that nobody reads a half-written target, not even another process."""
    part = Path(target).with_name(f".{Path(target).name}.{secrets.token_hex(8)}")
    try:
        shutil.copyfile(source, part)
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)


class _Bar:
    """The progress bar that pooch expects, as text."""

    total = 0

    def __init__(self, name: str, progress: Progress) -> None:
        self._name, self._progress, self._done = name, progress, 0

    def update(self, step: int) -> None:
        self._done += step
        if self.total:
            self._progress(f"{self._name}: {self._done / self.total:.0%}")

    def reset(self) -> None:
        self._done = 0

    def close(self) -> None:
        self._done = 0
