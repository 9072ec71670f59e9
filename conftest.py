"""pytest's front door. Task files are imported by name, never collected by path."""

from __future__ import annotations

collect_ignore = ["suites", "datasets", "harness", "runners", "reports", "commands"]
