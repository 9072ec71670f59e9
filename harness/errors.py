"""The errors that a person sees, and how they are worded.

ResidencyError          everything this project raises on purpose
├── UsageError          the user asked for something that does not exist or cannot be done: exit status 2, one line
│   └── RecordError     a file of a run that cannot be read; names the file and the line
├── WrongResult         an implementation returned something other than host data; outcome `wrong` or `failed`
└── Unavailable         something is missing here; outcome `unavailable`, with the remedy
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterable
from pathlib import Path

MOST_LISTED = 40  # names in an error


class ResidencyError(Exception):
    """Base of every error this project raises on purpose."""


class UsageError(ResidencyError):
    """The user asked for something that does not exist or cannot be done; the message names the alternatives."""


class RecordError(UsageError):
    """A file of a run is damaged or of an unknown version; the message names the file and the line."""


class WrongResult(ResidencyError):
    """An implementation returned something that cannot be judged."""


class Unavailable(ResidencyError):
    """Something that an implementation or a dataset needs is missing on this machine."""


def visible(name: str) -> str:
    r"""A name or a value to be shown, with characters that nobody sees as escapes: `Sold\r`, `Sold\u200b`, `\x20Sold`.

    Spaces become escapes only at either end; between words they are visible anyway.
    """
    shown = [
        character if character == " " or character.isprintable() else character.encode("unicode_escape").decode()
        for character in name
    ]
    inner = name.strip(" ")
    begins = len(name) - len(name.lstrip(" ")) if inner else 0
    ends = len(name) - len(name.rstrip(" "))
    for place in (*range(begins), *range(len(name) - ends, len(name))):
        shown[place] = "\\x20"
    return "".join(shown)


def typed(path: Path | str) -> str:
    """A path as it can be typed into a command: quoted, and not taken for an option."""
    return quoted(as_place(path))


def as_place(path: Path | str) -> str:
    """A path that no command takes for an option."""
    return f"./{path}" if str(path).startswith("-") else str(path)


def quoted(word: str) -> str:
    r"""A word of a command, quoted for the shell; what is not visible as escapes: `$'new\x0aline'`."""
    if word.isprintable():
        return shlex.quote(word)
    return "$'" + "".join(_escaped(character) for character in word) + "'"


def _escaped(character: str) -> str:
    if character.isprintable():
        return f"\\{character}" if character in "'\\" else character
    return "".join(f"\\x{byte:02x}" for byte in character.encode(errors="surrogateescape"))


def likely(name: str, options: Iterable[str]) -> list[str]:
    """Up to three options that a misspelt name may mean. The last part of a path is also compared on its own."""
    likeness = {option: _likeness(name, option) for option in sorted(set(options))}
    best = max(likeness.values(), default=0.0)
    return [option for option in likeness if likeness[option] >= max(0.6, best - 0.05)][:3]


def _likeness(name: str, option: str) -> float:
    whole = difflib.SequenceMatcher(None, name, option).ratio()
    if "/" not in option:
        return whole
    return max(whole, difflib.SequenceMatcher(None, name.rpartition("/")[2], option.rpartition("/")[2]).ratio())


def unknown(what: str, name: str, known: Iterable[str], within: str = "") -> UsageError:
    """The error for a name that does not exist: it lists similar names, or all names (at most 40) if none is similar.

    `within` is the file or the task that was searched.
    """
    options = sorted(set(known))
    said = f"no {what} `{visible(name)}`{f' in {within}' if within else ''}"
    if near := likely(name, options):
        return UsageError(f"{said}; did you mean {' or '.join(f'`{visible(option)}`' for option in near)}?")
    if not options:
        return UsageError(f"{said}; there is none here")
    listed = ", ".join(f"`{visible(option)}`" for option in options[:MOST_LISTED])
    more = f", and {len(options) - MOST_LISTED} more" if len(options) > MOST_LISTED else ""
    return UsageError(f"{said}; there are: {listed}{more}")
