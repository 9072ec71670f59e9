"""The two consoles: results go to stdout, progress goes to stderr.

Whatever a record, a table or a folder's name holds, none of its control characters and marks of direction reaches the
terminal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from residency.reports import words


class _Console(Console):
    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """All that is printed passes here; what rich itself sends to the terminal is no text."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=words.visible(segment.text))

    def on_broken_pipe(self) -> None:
        """Let the command handle it and say what it has saved; rich would end it with status 1 and no message."""
        raise BrokenPipeError


def output() -> Console:
    """The console for results: as wide as the terminal or `COLUMNS`, or 160 characters if neither is known."""
    asked = os.environ.get("COLUMNS", "")
    told = sys.stdout.isatty() or (asked.isdecimal() and int(asked) > 0)
    return _Console(width=None if told else 160)


def progress() -> Console:
    """Where progress goes: stderr, so that stdout can be piped."""
    return _Console(stderr=True)
