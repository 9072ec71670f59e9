"""How well a GPU implementation has been tested: four tiers, of which only the last uses a GPU."""

from __future__ import annotations

from enum import IntEnum

REHEARSAL = "rehearsal"  # the runner in records of GPU code that was tried without a GPU; they hold no times
STAYS = "would stay on the CPU on a GPU too: "  # the first words of a remark about a call that an accelerator took


class Tier(IntEnum):
    """What was seen of a GPU implementation so far."""

    NOTHING = 0
    SAME_LINES = 1  # its twin on the CPU, the same function, gave a right result
    SIGNATURES = 2  # every call of a GPU library fits that library's real signature, while the CPU twin computed
    EMULATED = 3  # the real code ran, on an emulated device or on the library's CPU back end
    GPU = 4  # a real GPU

    @property
    def label(self) -> str:
        """The tier in words."""
        return LABELS[self]


LABELS = {
    Tier.NOTHING: "nothing seen",
    Tier.SAME_LINES: "same lines on the CPU",
    Tier.SIGNATURES: "real signatures",
    Tier.EMULATED: "real code, emulated device",
    Tier.GPU: "a real GPU",
}
