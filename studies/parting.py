"""A command's last message, however it ends: where the run is saved, and how to continue it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from residency.harness import interrupts, records
from residency.harness.errors import UsageError
from residency.reports import screen

_unsaid: list[Words] = []
said: list[str] = []


@dataclass(frozen=True)
class Words:
    """What to say about a run's folder."""

    folder: Path
    kept: str
    interrupted: str

    def __str__(self) -> str:
        more = f"{self.interrupted}\n" if interrupts.received() else ""
        return f"\n{self.kept}\n{more}" if (self.folder / records.RUN_FILE).exists() else ""


@contextmanager
def parting(folder: Path, kept: str, interrupted: str) -> Iterator[None]:
    """Print this at the end of the block, or of the command if a second signal interrupts the end of the block.

    It is not printed if an error says more. If the terminal is gone, only this message is lost.
    """
    words = Words(folder, kept, interrupted)
    _unsaid[:] = [words]
    interrupts.at_last(lambda: str(words))
    try:
        yield
    except UsageError:
        _unsaid.clear()
        raise
    finally:
        say()


def say() -> None:
    """Print what has not been printed yet."""
    with interrupts.whole():
        for words in _unsaid:
            if not str(words):
                continue
            said.append(str(words))
            err = screen.progress()
            with suppress(OSError):
                err.print(f"\n{words.kept}", highlight=False, soft_wrap=True, markup=False)
                if interrupts.received():
                    err.print(words.interrupted, style="yellow", highlight=False, soft_wrap=True, markup=False)
        _unsaid.clear()
