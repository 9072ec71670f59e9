"""What a slide is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from residency.reports.page import render
from residency.reports.page.parts import Block, Part, Text

AXIS = "times as fast (95 % interval)"
RESIDENT = "Resident (data already on the device)"


@dataclass(frozen=True)
class Reveal:
    """What a slide shows after the class has voted."""

    first: Sequence[Block]
    left: Sequence[Block]
    right: Sequence[Block]


@dataclass(frozen=True)
class Slide:
    """One slide."""

    name: str  # its address
    kind: str  # what is announced: `question`, `topic`, ...
    brief: str  # in the list of slides
    above: str  # in small letters above the title
    title: Text
    shown: Sequence[Block]
    notes: Sequence[Block]  # for the speaker
    choices: Sequence[str] = ()
    left: Sequence[Block] = ()  # two columns below what is shown
    right: Sequence[Block] = ()
    reveal: Reveal | None = None
    topic: str = ""  # in the overview; empty for what belongs to all topics
    entry: str = ""  # in the overview, where it stands once for all sizes of a task; empty if that is the brief text
    foot: str = ""  # below the slide
    follows: bool = False  # whether it goes on with what the slide before it began

    @property
    def blocks(self) -> list[Block]:
        """All that it shows."""
        hidden = [*self.reveal.first, *self.reveal.left, *self.reveal.right] if self.reveal else []
        return [*self.shown, *self.left, *self.right, *hidden, *self.notes]


@dataclass(frozen=True)
class Deck:
    """All slides of a run."""

    title: str
    slides: Sequence[Slide]

    @property
    def listed(self) -> dict[int, list[Slide]]:
        """The slides by their numbers, each together with those that follow it."""
        entries: dict[int, list[Slide]] = {}
        for number, slide in enumerate(self.slides, 1):
            if slide.follows and entries:
                entries[max(entries)].append(slide)
            else:
                entries[number] = [slide]
        return entries


def address(*parts: str) -> str:
    """A name that can stand in an address."""
    return re.sub(r"[^A-Za-z0-9]+", "-", "-".join(parts)).strip("-").lower() or "slide"


def beginning(text: str, length: int) -> tuple[str, str]:
    """The sentences at a text's beginning that are not longer than this together, at least one, and the others."""
    first, *others = re.split(r"(?<=[.?!]) +(?=[A-Z])", text)
    while others and len(first) + 1 + len(others[0]) <= length:
        first = f"{first} {others.pop(0)}"
    return first, " ".join(others)


def asked_in(question: str) -> tuple[str, str]:
    """The first question of a text, for a title, and what else the text says."""
    said = re.split(r"(?<=[.?!]) +(?=[A-Z])", question)
    title = next((sentence for sentence in said if sentence.endswith("?")), said[0])
    return title, " ".join(sentence for sentence in said if sentence is not title)


def line(*texts: Text) -> list[Part]:
    """Texts one after the other."""
    parts: list[Part] = []
    for text in texts:
        parts += [*render.parts(text)]
    return parts
