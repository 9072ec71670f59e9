"""The base of the project: tasks and implementations, stages, quality, records and statistics.

It uses only the standard library and NumPy. The names that a task file needs are exported here; all others are in their
modules.
"""

from residency.harness import quality
from residency.harness.memory import Memory
from residency.harness.quality import Items, Metric, estimate, metric
from residency.harness.run import Run
from residency.harness.task import Implementation, Task
from residency.harness.truth import Asked, BestAnswer, Truth

__all__ = [
    "Asked",
    "BestAnswer",
    "Implementation",
    "Items",
    "Memory",
    "Metric",
    "Run",
    "Task",
    "Truth",
    "estimate",
    "metric",
    "quality",
]
