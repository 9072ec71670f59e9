"""The product's face: one folder a topic, one file a task. A file's place is its registration."""

from pathlib import Path

from residency.harness.discovery import Suites

SHIPPED = Suites(Path(__file__).parent, "residency.suites")
