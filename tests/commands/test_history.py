"""`residency history` over runs written by hand: what changed, since when, and what never shares a line."""

from __future__ import annotations
