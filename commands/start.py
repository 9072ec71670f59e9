"""Where the command line begins. Importing takes half a second, and Ctrl-C must work during that time too."""

from __future__ import annotations

import codecs
import gc
import io
import os
import signal
import sys
from types import FrameType
from typing import TextIO

PLAIN = str.maketrans(  # one character for one character, so that tables stay aligned
    "×·µμ²³→←–—…‘’“”≤≥±−│─\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}", "x.uu23><--.''\"\"<>~-|-  "
)


def main() -> None:
    """Import the commands and run the one that was typed."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _interrupt)
    _open_streams()
    try:
        os.getcwd()  # noqa: PTH109 (checked before anything is imported)
    except FileNotFoundError:
        print("residency: the current folder no longer exists; change to another folder", file=sys.stderr)
        sys.exit(2)
    gc.disable()  # until all is imported: a seventh of that time goes into looking for garbage where there is none
    try:
        from residency.commands.main import main as begin

        begin()
    except KeyboardInterrupt as error:
        print("residency: interrupted", file=sys.stderr)
        sys.exit(128 + (error.args[0] if error.args else signal.SIGINT))


def _interrupt(number: int, _: FrameType | None) -> None:
    raise KeyboardInterrupt(number)


def _open_streams() -> None:
    """Open all three standard streams, and replace characters that a stream cannot encode.

    The number of a closed stream would be given to the next opened file, for example to a run's records.

    With PYTHONUNBUFFERED, as in many containers, Python loses what a pipe does not take at once, for example because
    the command was stopped and continued. So text goes through a buffer, which is emptied after each line.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8")  # noqa: SIM115 (open to the end)
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8")  # noqa: SIM115
    sys.stdout, sys.stderr = _buffered(sys.stdout), _buffered(sys.stderr)
    codecs.register_error("plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plain")


def _buffered(stream: TextIO) -> TextIO:
    if isinstance(stream, io.TextIOWrapper) and isinstance(stream.buffer, io.RawIOBase):
        return open(stream.fileno(), "w", 1, stream.encoding, stream.errors, closefd=False)
    return stream


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Replace characters that the encoding lacks: by a similar one, or else by `?`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(PLAIN)
    return "".join(character if character.isascii() else "?" for character in text), error.end
