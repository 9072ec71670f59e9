"""Finding the passage that answers: the ten documents nearest to a question, exactly.

Question  A help desk's chatbot asks its corpus before it speaks. What is a GPU worth to it: to one user who waits, and
          to thousands who ask at once?
Expect    Question by document is one inner product of 384 numbers: 768 operations. One question alone reads the whole
          corpus, 1,536 bytes a document, for half an operation a byte: memory bandwidth decides, 154 MB for 100,000
          documents, hundredths of a second on a CPU and tenths of a millisecond on a GPU, where launches and the way
          there and back, tens of microseconds each, begin to show. 256 questions at once read the corpus once for all
          of them: 128 operations a byte, and arithmetic decides, where a GPU has the most to give. That is why services
          gather requests into batches, and what the wait for a batch costs the first user in it.
          Choosing the ten greatest is work too, without arithmetic: scores that are written out take 1 KB a document
          and batch. A cluster shares documents, not questions: batches gain by it, one user waits for its scheduler.

First all questions in batches of 256 (`search`), one after the other, then 200 single ones (`serve`). A request begins
with its questions in the host's memory and ends with the answers there; the next waits for it. Of 200 waits the 99th
percentile is about the third longest, of sixteen batches nearly the longest. Every request looks at all documents,
which are copied (`put`, on a cluster `load`) and indexed once.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle, islice
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.nlp.docstring_vectors import docstring_encodings, docstring_vectors
from residency.datasets.nlp.embeddings import NEAREST, Embeddings, recall
from residency.datasets.nlp.planted_answers import planted_answers
from residency.datasets.nlp.themed_answers import themed_answers
from residency.harness import Memory, Run, Task
from residency.harness.cluster import Rows
from residency.harness.device import place, synchronise, torch_device

BATCH = 256  # questions in a request
SINGLE = 200  # requests of one question
BY_BLAS = 8  # questions at once from which on FAISS asks BLAS; left to itself from 334 on, at 384 columns
BLOCK = 262_144  # documents whose scores are held at a time
CANDIDATES = 64  # documents whose rounded scores are the greatest, and which are scored again

Answer = Callable[[NDArray[np.float32]], Any]


def work(data: Embeddings) -> tuple[float, float]:
    """A multiply and an add for each question, document and column; the corpus read once a request."""
    batches, single = -(-len(data.questions) // BATCH), min(SINGLE, len(data.questions))
    asked = len(data.questions) + single
    return 2.0 * asked * data.documents.size, float((batches + single) * data.documents.nbytes)


task = Task(
    datasets=[planted_answers, themed_answers, docstring_vectors, docstring_encodings],
    sizes={"smoke": 5_000, "lab": 100_000, "lecture": 2_000_000, "production": 16_000_000},  # by 384 float32
    quality=recall,
    also={"mean_reciprocal_rank": Embeddings.reciprocal_rank},  # of the embeddings: every exact search reaches the same
    tolerance=1e-3,
    floor=0.99,  # all are exact
    reference=lambda _: 1.0,
    work=work,
    unit="documents",
    memory=Memory(copies=2, fixed=0.3e9),
)


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
    answers = np.concatenate(found)
    run.observe(
        questions_per_second=len(data.questions) / run.stages["search"],
        p50_ms_batch_256=np.percentile(batches, 50),
        p99_ms_batch_256=np.percentile(batches, 99),
        p50_ms_batch_1=np.percentile(singles, 50),
        p99_ms_batch_1=np.percentile(singles, 99),
    )
    return answers


@task.pair(cpu="torch", gpu="torch")
def matrix_product(data: Embeddings, run: Run, torch):
    """One matrix product and one selection a block of documents, and a selection among the blocks' ten."""
    run.effective(k=NEAREST, block=BLOCK, dtype="float32", precision=torch.get_float32_matmul_precision())
    torch.set_num_threads(run.threads)
    with run.stage("put"):
        documents = run.to_device(data.documents, into=torch)
    return served(data, run, lambda asked: nearest(torch, run.to_device(asked, into=torch), documents)[1])


def nearest(torch: Any, asked: Any, documents: Any, count: int = NEAREST) -> tuple[Any, Any]:
    """Scores and places of the ten, or `count`, nearest of some documents to each question."""
    best, where = [], []
    for start in range(0, len(documents), BLOCK):
        scores = asked @ documents[start : start + BLOCK].T
        top = scores.topk(min(count, scores.shape[1]), dim=1)
        best.append(top.values)
        where.append(top.indices + start)
    return chosen(torch, best, where, count)


def chosen(torch: Any, best: Any, where: Any, count: int = NEAREST) -> tuple[Any, Any]:
    """The nearest of those that were the nearest in one part each."""
    best, where = torch.cat(best, dim=1), torch.cat(where, dim=1)
    top = best.topk(min(count, best.shape[1]), dim=1)
    return top.values, where.gather(1, top.indices)


@task.pair(cpu="torch", gpu="torch", memory=Memory(copies=2.5, fixed=0.3e9))
def half_precision(data: Embeddings, run: Run, torch):
    """All scores in bfloat16, half the bytes to read and the work of matrix units; then the best 64 in float32.

    Eight bits round a score by up to 0.4 %. This changes which document is the tenth, but hardly ever takes one of the
    ten from the first 64. So what is found is exact, as the recall shows.
    """
    run.effective(k=NEAREST, block=BLOCK, dtype="bfloat16", rescored="float32", candidates=CANDIDATES)
    torch.set_num_threads(run.threads)
    with run.stage("put"):
        documents = run.to_device(data.documents, into=torch)
    with run.stage("build"):
        rounded = documents.bfloat16()

    def answer(questions):
        asked = run.to_device(questions, into=torch)
        _, candidates = nearest(torch, asked.bfloat16(), rounded, CANDIDATES)
        scores = (documents[candidates] @ asked[:, :, None])[:, :, 0]
        return candidates.gather(1, scores.topk(min(NEAREST, scores.shape[1]), dim=1).indices)

    return served(data, run, answer)


@task.on_cluster(cpu="torch", gpu="torch", needs={"gpu": ["cupy"]})
def shards(data: Embeddings, run: Run, torch):
    """Every worker keeps its share of the documents and answers every question; the client chooses among the tens."""
    run.effective(k=NEAREST, block=BLOCK, dtype="float32", precision=torch.get_float32_matmul_precision())
    nodes = run.client.scheduler_info(n_workers=-1)["workers"]
    with run.stage("load"):
        parts = run.partitions(data.documents, count=run.workers)
        at = list(islice(cycle(nodes), len(parts)))
        kept = run.on_workers(keep, parts, at=at, device=run.device)
    firsts = [rows.start for rows in parts]

    def answer(asked):
        tens = run.on_workers(
            ten, [np.array(asked)] * len(parts), kept, firsts, at=at, device=run.device, threads=run.threads
        )
        best, where = ([torch.tensor(one) for one in ones] for ones in zip(*run.client.gather(tens), strict=True))
        return chosen(torch, best, where)[1]

    return served(data, run, answer)


def keep(rows: Rows, device: str) -> Any:
    """Runs on a worker: its documents, from the file onto its device, as an array of which Dask knows the size."""
    return place(rows.read()[0], device)


def ten(asked: NDArray[np.float32], documents: Any, first: int, device: str, threads: int) -> tuple[Any, Any]:
    """Runs on a worker: scores and places of the ten nearest of its documents, in the host's memory."""
    import torch

    torch.set_num_threads(threads)
    shared = torch.as_tensor(documents, device=torch_device(device))
    best, where = nearest(torch, place(asked, device, torch), shared)
    return best.numpy(force=True), (where + first).numpy(force=True)


@task.pair(cpu="sklearn.neighbors", gpu="cuml.neighbors", plain=True, unchanged="cuml.accel")
def estimator(data: Embeddings, run: Run, neighbors):
    """The library's own brute force; of unit vectors those of greatest cosine are those of least distance.

    scikit-learn knows only distances. cuML would square the documents anew for each request if it were asked for them.
    """
    model = run.effective(
        neighbors.NearestNeighbors(
            n_neighbors=NEAREST,
            algorithm="brute",
            **run.only(
                cpu={"metric": "sqeuclidean", "n_jobs": run.threads},
                gpu={"metric": "inner_product"},
            ),
        )
    )
    with run.stage("put"):
        documents = run.to_device(data.documents)
    with run.stage("build"):
        model.fit(documents)
    return served(data, run, lambda asked: model.kneighbors(run.to_device(asked), return_distance=False))


@task.on_gpu("cuvs.neighbors.brute_force", needs=["cupy"])
def brute_force(data: Embeddings, run: Run, cuvs):
    """RAPIDS' library for vectors: a tile of scores at a time, and the ten best of each tile before the next."""
    from cuvs.common import Resources

    run.effective(k=NEAREST, metric="inner_product", dtype="float32")
    with run.stage("put"):
        documents = run.to_device(data.documents)
    with run.stage("build"):
        resources = Resources()  # else every request makes its own, with a new handle of the matrix library
        index = cuvs.build(documents, metric="inner_product", resources=resources)

    def answer(questions):
        _, found = cuvs.search(index, run.to_device(questions), NEAREST, resources=resources)
        resources.sync()
        return run.xp.asarray(found)

    return served(data, run, answer)


@task.on_cpu("faiss")
def flat_index(data: Embeddings, run: Run, faiss):
    """FAISS's index that compresses nothing: matrix products in blocks, the ten best kept in a heap a question."""
    faiss.omp_set_num_threads(run.threads)
    columns = data.documents.shape[1]
    # FAISS compares questions x columns with this. Question by question, a batch takes seven times as long.
    faiss.cvar.distance_compute_blas_threshold = BY_BLAS * columns
    run.effective(k=NEAREST, index="IndexFlatIP", threads=run.threads, by_blas=BY_BLAS)
    index = faiss.IndexFlatIP(columns)
    with run.stage("build"):
        index.add(data.documents)
    return served(data, run, lambda asked: index.search(asked, NEAREST)[1])
