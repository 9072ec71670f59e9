"""The ground floor: tasks and implementations, stages, quality, records and statistics.

Standard library and NumPy only. What a task file needs is exported here; everything else has a module of its own.
"""

from residency.harness import quality
from residency.harness.quality import Items, Metric, estimate, metric
from residency.harness.run import Run
from residency.harness.task import Implementation, Task
from residency.harness.truth import Asked, BestAnswer, Truth

__all__ = [
    "Asked",
    "BestAnswer",
    "Implementation",
    "Items",
    "Metric",
    "Run",
    "Task",
    "Truth",
    "estimate",
    "metric",
    "quality",
]
