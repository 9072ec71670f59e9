"""What a page consists of: sections with text, charts and tables. Numbers know where the JSON report has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Number:
    """A number as the page shows it."""

    text: str
    value: float
    source: str  # its place in the JSON report, as a JSON pointer: `rows/3/seconds/median`


@dataclass(frozen=True)
class Code:
    """A command or a name that is shown as code."""

    text: str


@dataclass(frozen=True)
class Link:
    """A link to a section of the page."""

    text: str
    section: str  # its name


@dataclass(frozen=True)
class Strong:
    """The part of a sentence that a reader must see first."""

    part: str | Number

    @property
    def text(self) -> str:
        """The text alone."""
        return self.part if isinstance(self.part, str) else self.part.text


Part = str | Number | Code | Link | Strong
Text = Part | Sequence[Part]
"""A sentence or a cell of a table: text, a number or code, or a sequence of them."""


@dataclass(frozen=True)
class Tags:
    """By what a reader can filter: an empty tag fits every filter."""

    topic: str = ""
    device: str = ""
    size: str = ""


@dataclass(frozen=True)
class TableRow:
    """A row of a table."""

    cells: Sequence[Text]
    tags: Tags = Tags()


@dataclass(frozen=True)
class Table:
    """A table. It has a caption, because a reader may meet it alone."""

    caption: str
    header: Sequence[str]
    rows: Sequence[TableRow]
    right: frozenset[int] = frozenset()  # the columns of numbers


@dataclass(frozen=True)
class Chart:
    """Data for a Vega specification, and the table that says the same.

    `rows` are the data set `rows` of the specification; the keys `topic`, `device` and `size` of a row are filtered.
    `settings` are signals of the specification. A row's `tip` is the text of its tooltip.
    """

    spec: str  # the name of a file in assets/specs
    title: str
    description: str  # what the picture shows, for who does not see it
    rows: Sequence[Mapping[str, Any]]
    table: Table
    settings: Mapping[str, Any] = field(default_factory=dict)
    more: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)  # further data sets, by name
    note: Text = ""  # below the chart: what a reader must know to believe it


@dataclass(frozen=True)
class Details:
    """What is shown on demand."""

    summary: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Warned:
    """A warning, shown as one."""

    text: Text


@dataclass(frozen=True)
class Items:
    """A list of sentences."""

    sentences: Sequence[Text]


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of text."""

    text: Text
    role: str = ""  # `answer`, `question` or `note`, else plain


@dataclass(frozen=True)
class Section:
    """A part of a page with a heading. Sections may be nested."""

    name: str  # unique on the page; the address of the section
    title: Text
    blocks: Sequence[Block]
    tags: Tags = Tags()


Block = Paragraph | Items | Warned | Chart | Table | Details | Section


@dataclass(frozen=True)
class Page:
    """A whole page."""

    title: str
    lead: Sequence[Block]  # what ran where, and what is unusual
    guide: Sequence[Text]  # how to read it
    sections: Sequence[Section]
    filters: Mapping[str, Sequence[str]] = field(default_factory=dict)  # topic, device, size: what there is


def prose(text: str) -> list[Part]:
    """A sentence in which words between backticks are code. A single backtick belongs to a name, and stays."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:
        return [text]
    return [Code(piece) if number % 2 else piece for number, piece in enumerate(pieces) if piece]


def tags_of(task: str = "", device: str = "", size: str = "") -> Tags:
    """The tags of a row: the topic is the folder of its task."""
    return Tags(task.partition("/")[0], device, size)


def charts_in(blocks: Sequence[Block]) -> list[Chart]:
    """All charts of these blocks, in the order in which they appear."""
    found: list[Chart] = []
    for block in blocks:
        if isinstance(block, Chart):
            found.append(block)
        elif isinstance(block, Section | Details):
            found += charts_in(block.blocks)
    return found
