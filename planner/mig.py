"""How MIG cuts NVIDIA's cards into slices: names, memory, multiprocessors, and which slices fit on one card together.

Names, fractions and numbers of instances: NVIDIA Multi-Instance GPU User Guide, "Supported MIG Profiles"
(https://docs.nvidia.com/datacenter/tesla/mig-user-guide/supported-mig-profiles.html), read on 2026-11-29. Memory and
multiprocessors: published outputs of `nvidia-smi mig -lgip`, and places on the card: of `nvidia-smi mig -lgipp`, read
on the same day; each card names its outputs. They differ a little between drivers, so memory is the smallest that was
seen. What was not seen is left out: the larger slices of the B200, and the card as one slice (`sharing = "exclusive"`
is the same). No slice was measured here: its speed is an assumption.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

READ_ON = "2026-11-29"
GUIDE = "NVIDIA Multi-Instance GPU User Guide, Supported MIG Profiles"
GIB = 1 << 30


@dataclass(frozen=True)
class Slice:
    """One kind of slice: what a program gets, and where on the card it may lie."""

    name: str  # `1g.18gb`
    memory: int  # bytes
    multiprocessors: int
    width: int  # eighths of the card's memory (fourths on an A30)
    places: tuple[int, ...]  # the first eighth (fourth) where it may begin


@dataclass(frozen=True)
class Card:
    """A kind of card, and its slices by name: none if it has no MIG."""

    kind: str
    memory: int  # bytes; as the card is sold, which is a little less than it has
    multiprocessors: int
    slices: Mapping[str, Slice]
    source: str

    def share(self, name: str) -> float:
        """A slice's share of the card's multiprocessors."""
        return self.slices[name].multiprocessors / self.multiprocessors

    def memory_share(self, name: str) -> float:
        """A slice's share of the card's memory, and so of its bandwidth."""
        return self.slices[name].width / (4 if self.kind == "a30" else 8)


# Where profiles of a width begin, as an A100 and an H100 say. The guide has the same numbers of instances for the H200
# and the B200: their places are taken to be the same.
ONE, DOUBLE, TWO, THREE, FOUR = (1, tuple(range(7))), (2, (0, 2, 4, 6)), (2, (0, 2, 4)), (4, (0, 4)), (4, (0,))


def _card(
    kind: str,
    gigabytes: int,
    multiprocessors: int,
    source: str,
    *slices: tuple[str, float, int, tuple[int, tuple[int, ...]]],
) -> Card:
    """A card of this many gigabytes; of each slice its name, GiB, multiprocessors and places."""
    table = {name: Slice(name, int(gib * GIB), sms, *where) for name, gib, sms, where in slices}
    return Card(kind, gigabytes * 10**9, multiprocessors, table, source)


CARDS = {
    card.kind: card
    for card in (
        _card(
            "a30",
            24,
            56,
            "nvidia-smi of an A30",
            ("1g.6gb", 5.81, 14, (1, (0, 1, 2, 3))),
            ("2g.12gb", 11.69, 28, (2, (0, 2))),
        ),
        _card(
            "a100-40gb",
            40,
            108,
            "nvidia-smi of an A100-PCIE-40GB and others",
            ("1g.5gb", 4.75, 14, ONE),
            ("1g.10gb", 9.62, 14, DOUBLE),
            ("2g.10gb", 9.62, 28, TWO),
            ("3g.20gb", 19.5, 42, THREE),
            ("4g.20gb", 19.5, 56, FOUR),
        ),
        _card(
            "a100-80gb",
            80,
            108,
            "nvidia-smi of an A100-SXM4-80GB and others",
            ("1g.10gb", 9.5, 14, ONE),
            ("1g.20gb", 19.5, 14, DOUBLE),
            ("2g.20gb", 19.5, 28, TWO),
            ("3g.40gb", 39.25, 42, THREE),
            ("4g.40gb", 39.25, 56, FOUR),
        ),
        _card(
            "h100-80gb",
            80,
            132,
            "nvidia-smi of an H100 80 GB (SXM)",
            ("1g.10gb", 9.62, 16, ONE),
            ("1g.20gb", 19.5, 26, DOUBLE),
            ("2g.20gb", 19.5, 32, TWO),
            ("3g.40gb", 39.25, 60, THREE),
            ("4g.40gb", 39.5, 64, FOUR),
        ),
        _card(
            "h200",
            141,
            132,
            "nvidia-smi of an H200, github.com/NVIDIA/mig-parted/issues/120",
            ("1g.18gb", 16.0, 16, ONE),
            ("1g.35gb", 32.25, 26, DOUBLE),
            ("2g.35gb", 32.25, 32, TWO),
            ("3g.71gb", 69.5, 60, THREE),
            ("4g.71gb", 69.5, 64, FOUR),
        ),
        _card(
            "b200",
            180,
            148,
            "nvidia-smi of a B200, github.com/NVIDIA/mig-parted/pull/166 and 187",
            ("1g.23gb", 20.5, 18, ONE),
            ("1g.45gb", 44.25, 30, DOUBLE),
            ("2g.45gb", 44.25, 36, TWO),
        ),
    )
}


def fit_together(card: Card, names: Sequence[str]) -> bool:
    """Whether these slices have a place each on one card, in any order; a name may come several times."""
    wanted = sorted((card.slices[name] for name in names), key=lambda one: (len(one.places), -one.width))

    def placed(count: int, taken: frozenset[int]) -> bool:
        if count == len(wanted):
            return True
        for start in wanted[count].places:
            cells = frozenset(range(start, start + wanted[count].width))
            if not cells & taken and placed(count + 1, taken | cells):
                return True
        return False

    return len(wanted) <= 7 and placed(0, frozenset())


def most(card: Card, name: str) -> int:
    """How many slices of one kind fit on a card."""
    return max(count for count in range(1, 8) if fit_together(card, [name] * count))
