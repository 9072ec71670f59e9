"""What computes for cuVS in a rehearsal: FAISS, with the same kind of index and the same parameters.

Functions take what cuVS's functions of the same place take. The parameters of an index are real objects of cuVS, which
exist without a GPU. So a rehearsal of inverted lists also shows whether enough of them are looked at. A graph of FAISS
(HNSW) is another one than CAGRA's, and neighbours by descent are replaced by exact ones: they show nothing of recall.

Like cuVS, they refuse arrays of other types and orders, and the index of another kind. What they return is no array of
CuPy: `cupy.asarray` makes it one.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

METRICS = {"inner_product": "METRIC_INNER_PRODUCT", "sqeuclidean": "METRIC_L2"}


class DeviceArray(np.ndarray[Any, Any]):
    """In place of pylibraft's array on a device."""


class Resources:
    """In place of cuVS's: a stream and the handles of libraries. Nothing here runs by itself, so there is no wait."""

    def __init__(self, stream: int | None = None) -> None:
        self.stream = stream

    def sync(self) -> None:
        """Return at once."""


@dataclass
class Exact:
    """An index that compares with all vectors."""

    index: Any


@dataclass
class Lists:
    """An index of inverted lists."""

    index: Any


@dataclass
class Graph:
    """An index that is a graph."""

    index: Any


@dataclass
class Neighbours:
    """The nearest neighbours of each vector, as indices in the host's memory."""

    graph: NDArray[np.uint32]


def build_exact(dataset: Any, metric: str = "sqeuclidean", **_: Any) -> Exact:
    """An index of all vectors as they are."""
    faiss = importlib.import_module("faiss")
    index = faiss.IndexFlat(dataset.shape[1], getattr(faiss, METRICS[metric]))
    index.add(_checked(dataset))
    return Exact(index)


def search_exact(index: Exact, queries: Any, k: int, **_: Any) -> tuple[DeviceArray, DeviceArray]:
    """Distances, and places as int64."""
    return _found(index, Exact, queries, k, np.int64)


def build_lists(index_params: Any, dataset: Any, **_: Any) -> Lists:
    """Inverted lists by k-means on a part of the vectors."""
    faiss = importlib.import_module("faiss")
    metric, columns, lists = getattr(faiss, METRICS[index_params.metric]), dataset.shape[1], index_params.n_lists
    index = faiss.IndexIVFFlat(faiss.IndexFlat(columns, metric), columns, lists, metric)
    index.cp.niter = index_params.kmeans_n_iters
    trained_by = index_params.kmeans_trainset_fraction * len(dataset) / lists
    index.cp.max_points_per_centroid = max(1, round(trained_by))
    index.cp.min_points_per_centroid = 1
    index.train(_checked(dataset))
    index.add(dataset)
    return Lists(index)


def search_lists(search_params: Any, index: Lists, queries: Any, k: int, **_: Any) -> tuple[DeviceArray, DeviceArray]:
    """Distances, and places as int64."""
    if isinstance(index, Lists):
        index.index.nprobe = search_params.n_probes
    return _found(index, Lists, queries, k, np.int64)


def build_graph(index_params: Any, dataset: Any, **_: Any) -> Graph:
    """A layered graph with as many links at its base."""
    faiss = importlib.import_module("faiss")
    metric = getattr(faiss, METRICS[index_params.metric])
    index = faiss.IndexHNSWFlat(dataset.shape[1], index_params.graph_degree // 2, metric)
    index.add(_checked(dataset))
    return Graph(index)


def search_graph(search_params: Any, index: Graph, queries: Any, k: int, **_: Any) -> tuple[DeviceArray, DeviceArray]:
    """Distances, and places as uint32."""
    if isinstance(index, Graph):
        index.index.hnsw.efSearch = search_params.itopk_size
    return _found(index, Graph, queries, k, np.uint32)


def build_neighbours(index_params: Any, dataset: Any, **_: Any) -> Neighbours:
    """The neighbours of each vector, without itself, the nearest first."""
    found = search_exact(build_exact(dataset, index_params.metric), dataset, index_params.graph_degree + 1)[1]
    itself = found == np.arange(len(found))[:, None]
    itself[:, -1] |= ~itself.any(axis=1)
    return Neighbours(np.asarray(found[~itself], np.uint32).reshape(len(found), -1))


def _found(index: Any, kind: type[Any], queries: Any, k: int, places: DTypeLike) -> tuple[DeviceArray, DeviceArray]:
    if not isinstance(index, kind):
        raise TypeError(f"Argument 'index' has incorrect type (got {type(index).__name__})")
    distances, found = index.index.search(_checked(queries), k)
    return distances.view(DeviceArray), found.astype(places).view(DeviceArray)


def _checked(vectors: Any) -> NDArray[np.float32]:
    if vectors.dtype != np.float32:
        raise TypeError(f"dtype {vectors.dtype} not supported")
    if not vectors.flags.c_contiguous:
        raise ValueError("Row major input is expected")
    return np.asarray(vectors)
