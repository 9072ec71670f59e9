"""A new lab for a teacher: a small one that is complete and can be proved as it is, to be changed step by step."""

from __future__ import annotations

import re
from pathlib import Path

from residency.harness.errors import UsageError, quoted
from residency.labs import catalogue, repository
from residency.labs.catalogue import HERE

TEMPLATE = HERE / "_template"
TITLE = "Row lengths"  # the template's
NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
LONGEST = 80  # characters of a name
TOPICS = ("foundations", "tabular", "timeseries", "image", "ocr", "nlp")


def begin(name: str, into: Path) -> Path:
    """Make the folder of a new lab in the folder `into`, and return it; raises `UsageError`."""
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        raise UsageError(
            f"invalid name {quoted(name)}: use lower-case letters, digits and hyphens, such as tabular-my-lab"
        )
    lab = name.replace("_", "-")
    if lab in catalogue.names():
        raise UsageError(f"there is a lab {lab!r} already; choose another name")
    folder = into / lab.replace("-", "_")
    if folder.exists():
        raise UsageError(f"{folder} exists; choose another name, or another folder with --into")
    try:
        repository.write(folder, _files(lab))
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror}") from None
    return folder


def _files(lab: str) -> dict[str, bytes]:
    """The template's files, with the lab's own title and topic."""
    first, *rest = lab.split("-")
    topic = first if first in TOPICS else "foundations"
    title = " ".join(rest if first in TOPICS and rest else [first, *rest]).capitalize()
    files = {}
    for file in catalogue.below(TEMPLATE):
        text = file.read_text().replace(TITLE, title)
        if file.name == "lab.py":
            text = text.replace('topic="foundations"', f'topic="{topic}"')
        files[str(file.relative_to(TEMPLATE))] = text.encode()
    return files
