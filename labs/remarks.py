"""Remarks for the teacher about clones, teams and residents. Remarks of one kind are folded into one sentence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from residency.reports import words

FEW = 5  # names in a sentence


@dataclass(frozen=True)
class Remark:
    """One sentence, and how to say it of several: `many` holds `{count}` and `{names}`, and `name` is one of these.

    Without `many` it is never folded. All texts can be shown as they are.
    """

    text: str
    name: str = ""
    many: str = ""


def folded(remarks: Iterable[Remark]) -> list[tuple[str, tuple[str, ...]]]:
    """A sentence for each kind of remark, and what it was folded from: one sentence for each remark."""
    kinds: dict[str, list[Remark]] = {}
    for remark in remarks:
        kinds.setdefault(remark.many or remark.text, []).append(remark)
    return [(_sentence(alike), tuple(remark.text for remark in alike)) for alike in kinds.values()]


def _sentence(alike: Sequence[Remark]) -> str:
    first = alike[0]
    if len(alike) == 1 or not first.many:
        return first.text
    return first.many.format(count=len(alike), names=words.few([remark.name for remark in alike], FEW))
