"""How `search` asks and is timed: all questions in batches, then some of them alone, one request after the other."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.nlp.embeddings import Embeddings
from residency.harness import Run
from residency.harness.device import synchronise

BATCH = 256  # questions in a request
SINGLE = 200  # requests of one question

Answer = Callable[[NDArray[np.float32]], Any]


def work(data: Embeddings) -> tuple[float, float]:
    """A multiply and an add for each question, document and column; the corpus read once a request."""
    batches = -(-len(data.questions) // BATCH)
    asked = len(data.questions) + SINGLE
    return 2.0 * asked * data.documents.size, float((batches + SINGLE) * data.documents.nbytes)


def served(data: Embeddings, run: Run, answer: Answer) -> Any:
    """All questions in batches, then some alone; what was found, by question, and how long requests took."""

    def requests(size: int, count: int) -> tuple[list[Any], NDArray[np.float64]]:
        found, waits = [], np.empty(count)
        for number in range(count):
            start = perf_counter()
            found.append(run.to_host(answer(data.questions[number * size : (number + 1) * size])))
            synchronise(run.device)
            waits[number] = 1_000.0 * (perf_counter() - start)
        return found, waits

    with run.stage("search"):
        found, batches = requests(BATCH, -(-len(data.questions) // BATCH))
    with run.stage("serve"):
        _, singles = requests(1, min(SINGLE, len(data.questions)))
    nearest = np.concatenate(found)
    run.observe(
        questions_per_second=len(data.questions) / run.stages["search"],
        p50_ms_batch_256=np.percentile(batches, 50),
        p99_ms_batch_256=np.percentile(batches, 99),
        p50_ms_batch_1=np.percentile(singles, 50),
        p99_ms_batch_1=np.percentile(singles, 99),
    )
    return nearest
