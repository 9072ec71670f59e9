"""The two consoles: results go to stdout, progress goes to stderr."""

from __future__ import annotations

import os
import sys

from rich.console import Console


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to the command, which says what it has kept; rich would end it with status 1, without a word."""
        raise BrokenPipeError


def output() -> Console:
    """The console for results: as wide as the terminal or `COLUMNS`, or 160 letters if neither is known."""
    asked = os.environ.get("COLUMNS", "")
    told = sys.stdout.isatty() or (asked.isdecimal() and int(asked) > 0)
    return _Console(width=None if told else 160)


def progress() -> Console:
    """Where progress goes: stderr, so that stdout can be piped."""
    return _Console(stderr=True)
