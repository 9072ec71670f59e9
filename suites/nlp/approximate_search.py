"""Finding nearly all of the ten nearest documents: an index looks at a small part of the corpus.

Question  Both devices may miss one neighbour in twenty. How much faster do they answer then, and how many questions
          does it take to pay for the index?
Expect    Brute force reads all documents. Inverted lists read those of the nearest lists, one in ten or fewer. A
          graph reads a few thousand, each found through the one before: few bytes, but steps that wait for each
          other. A GPU walks many graphs at once, so it has most to give to a batch and least to one user.
          The index is not free: to build it, each document is compared with hundreds or thousands of others. On a CPU
          a graph costs more than all questions here. Look at `build`, and at the time of a request.

Everybody states the same recall, 0.95, and is compared with the others that reach it; who finds less is wrong. So an
approximate search on a GPU is never compared with an exact one on a CPU: those are in `search`. Each index is first
tuned to the stated recall by 128 questions. The requests are the same as in `search`: all questions in batches of 256,
then 200 single ones. `--dataset themed_answers` gives `search` this corpus, `--dataset planted_answers` gives this task
the other: its vectors have 384 independent directions, in which a walk through a graph is easily led astray.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

from residency.datasets.nlp.docstring_vectors import docstring_encodings, docstring_vectors
from residency.datasets.nlp.embeddings import NEAREST, Embeddings, recall
from residency.datasets.nlp.planted_answers import planted_answers
from residency.datasets.nlp.themed_answers import themed_answers
from residency.harness import Memory, Run, Task
from residency.suites._recall import RECALL, SAMPLE, WIDTHS, lists_by_cuvs, tuned
from residency.suites.nlp.search import served

LISTS = 2  # inverted lists, in square roots of the number of documents
ITERATIONS = 5  # of k-means, which finds the lists
TRAINED_BY = 64  # documents for each list that k-means looks at
AGAIN = 16  # candidates that are scored again in float32, for each document to be found
DEGREE = 32  # links of a document in a graph
BUILT_BY = 64  # candidates that FAISS keeps while it builds its graph

task = Task(
    datasets=[themed_answers, planted_answers, docstring_vectors, docstring_encodings],
    sizes={"smoke": 5_000, "lab": 100_000, "lecture": 2_000_000, "production": 16_000_000},  # by 384 float32
    quality=recall,
    also={"mean_reciprocal_rank": Embeddings.reciprocal_rank},
    tolerance=1.0 - RECALL,
    floor=RECALL,
    reference=lambda _: 1.0,
    stated=f"recall of at least {RECALL}",
    unit="documents",
    memory={"cpu": Memory(copies=3, fixed=0.5e9), "gpu": Memory(copies=4, fixed=1e9)},
)


def lists_of(data: Embeddings) -> int:
    """How many inverted lists the documents are in."""
    return round(LISTS * sqrt(len(data.documents)))


@task.on_cpu("faiss")
def inverted_lists(data: Embeddings, run: Run, faiss):
    """k-means makes lists of documents that lie together; a question looks through the nearest lists."""
    faiss.omp_set_num_threads(run.threads)
    lists, columns = lists_of(data), data.documents.shape[1]
    run.effective(lists=lists, iterations=ITERATIONS, trained_by=TRAINED_BY)
    with run.stage("build"):
        index = faiss.IndexIVFFlat(faiss.IndexFlatIP(columns), columns, lists, faiss.METRIC_INNER_PRODUCT)
        index.cp.niter, index.cp.max_points_per_centroid, index.cp.min_points_per_centroid = ITERATIONS, TRAINED_BY, 1
        index.train(data.documents)
        index.add(data.documents)

    def search(asked: Any, width: int) -> Any:
        index.nprobe = min(width, lists)
        return index.search(asked, NEAREST)[1]

    return answered_by_faiss(data, run, faiss, search)


@task.on_cpu("faiss", memory=Memory(copies=4, fixed=0.5e9))
def packed_lists(data: Embeddings, run: Run, faiss):
    """The same lists, with four bits for every two numbers (product quantisation), and their best scored again.

    The scores of 32 packed documents come from tables in the processor's registers. They only choose candidates.
    """
    faiss.omp_set_num_threads(run.threads)
    lists, columns = lists_of(data), data.documents.shape[1]
    run.effective(lists=lists, iterations=ITERATIONS, trained_by=TRAINED_BY, packed_to_bits=2 * columns, again=AGAIN)
    with run.stage("build"):
        packing = f"IVF{lists},PQ{columns // 2}x4fs,RFlat"
        index = faiss.index_factory(columns, packing, faiss.METRIC_INNER_PRODUCT)
        packed = faiss.downcast_index(faiss.extract_index_ivf(index))
        for means in (packed.cp, packed.pq.cp):
            means.niter, means.max_points_per_centroid, means.min_points_per_centroid = ITERATIONS, TRAINED_BY, 1
        index.train(data.documents[: TRAINED_BY * lists])
        index.add(data.documents)
        index.k_factor = AGAIN

    def search(asked: Any, width: int) -> Any:
        packed.nprobe = min(width, lists)
        return index.search(asked, NEAREST)[1]

    return answered_by_faiss(data, run, faiss, search)


@task.on_cpu("faiss")
def layered_graph(data: Embeddings, run: Run, faiss):
    """HNSW: layers of graphs, the upper ones of few documents; a question walks down to its neighbours."""
    faiss.omp_set_num_threads(run.threads)
    run.effective(degree=DEGREE, built_by=BUILT_BY)
    half = DEGREE // 2  # FAISS doubles it where all documents are, at the base
    with run.stage("build"):
        index = faiss.IndexHNSWFlat(data.documents.shape[1], half, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = BUILT_BY
        index.add(data.documents)

    def search(asked: Any, width: int) -> Any:
        index.hnsw.efSearch = width
        return index.search(asked, NEAREST)[1]

    return answered_by_faiss(data, run, faiss, search)


def answered_by_faiss(data: Embeddings, run: Run, faiss: Any, search: Any) -> Any:
    """Tune the index by exact answers to some questions, then answer all."""
    with run.stage("tune"):
        asked = data.questions[:SAMPLE]
        _, exact = faiss.knn(asked, data.documents, NEAREST, metric=faiss.METRIC_INNER_PRODUCT)
        width = tuned(run, search, asked, exact, WIDTHS)
    return served(data, run, lambda asked: search(asked, width))


@task.on_gpu("cuvs.neighbors.ivf_flat", needs=["cupy"])
def ivf_flat(data: Embeddings, run: Run, ivf_flat):
    """Inverted lists on a GPU: of unit vectors those of greatest cosine are those of least distance."""
    index = {"lists": lists_of(data), "iterations": ITERATIONS, "trained_by": TRAINED_BY}
    run.effective(**index)
    with run.stage("put"):
        documents = run.to_device(data.documents)
    with run.stage("build"):
        search = lists_by_cuvs(run, ivf_flat, documents, neighbours=NEAREST, **index)
    return answered_by_cuvs(data, run, documents, search)


@task.on_gpu("cuvs.neighbors.cagra", needs=["cupy"])
def cagra(data: Embeddings, run: Run, cagra):
    """One graph, made for a GPU: every document has equally many links, and many threads walk for a question."""
    from cuvs.common import Resources

    run.effective(degree=DEGREE, built_by="nn_descent")
    with run.stage("put"):
        documents = run.to_device(data.documents)
    with run.stage("build"):
        resources = Resources()
        shape = cagra.IndexParams(
            metric="sqeuclidean",
            graph_degree=DEGREE,
            intermediate_graph_degree=2 * DEGREE,
            build_algo="nn_descent",
        )
        index = cagra.build(shape, documents, resources=resources)

    def search(asked: Any, width: int) -> Any:
        walk = cagra.SearchParams(itopk_size=width)
        _, found = cagra.search(walk, index, asked, NEAREST, resources=resources)
        resources.sync()
        return run.xp.asarray(found)

    return answered_by_cuvs(data, run, documents, search)


def answered_by_cuvs(data: Embeddings, run: Run, documents: Any, search: Any) -> Any:
    """The same on a GPU."""
    from cuvs.neighbors import brute_force

    with run.stage("tune"):
        asked = run.to_device(data.questions[:SAMPLE])
        _, exact = brute_force.search(brute_force.build(documents, metric="inner_product"), asked, NEAREST)
        width = tuned(run, search, asked, run.xp.asarray(exact), WIDTHS)
    return served(data, run, lambda asked: search(run.to_device(asked), width))
