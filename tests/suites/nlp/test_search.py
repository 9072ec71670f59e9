"""Finding passages: the data, the metric, and every CPU implementation."""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from residency.datasets.nlp.embeddings import NEAREST, Embeddings, recall, unit
from residency.datasets.nlp.planted_answers import planted_answers
from residency.harness import Run, store
from residency.harness.dataset import Request
from residency.harness.errors import WrongResult
from residency.harness.execute import execute
from residency.harness.outcomes import Outcome
from residency.runners.cluster import DaskCluster
from residency.suites.nlp import search
from residency.suites.nlp.search import task

CPU = [one for one in task.implementations if one.device == "cpu" and one.runner == "local"]
FIGURES = {
    "questions_per_second",
    "p50_ms_batch_1",
    "p99_ms_batch_1",
    "p50_ms_batch_256",
    "p99_ms_batch_256",
    "mean_reciprocal_rank",
}


@pytest.fixture(scope="module")
def embeddings() -> Embeddings:
    return planted_answers.maker(2_000, 20_260)


@pytest.fixture(scope="module")
def exact(embeddings: Embeddings) -> np.ndarray:
    cosine = embeddings.questions.astype(np.float64) @ embeddings.documents.astype(np.float64).T
    return np.argsort(-cosine, axis=1)[:, :NEAREST]


@pytest.mark.parametrize(
    ("rows", "digest"),
    [
        (300, "dfd7adc2bd77c422939f325ea961e235686c9283fe1aec1fd866c01826779af6"),
        (5_000, "1ef4fe621fd0611bc5b5f1378d2302ecda97d0818b3581d820cca5490d8e0725"),
    ],
)
def test_the_same_vectors_everywhere(rows: int, digest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESIDENCY_CACHE", str(tmp_path))
    stored = store.make(planted_answers, Request("planted_answers", rows=rows))
    assert (stored.hash, stored.rows) == (digest, rows)
    data = store.load(Embeddings, stored.folder)
    for vectors in (data.documents, data.questions):
        assert np.abs(np.linalg.norm(vectors.astype(np.float64), axis=1) - 1.0).max() < 1e-6


@pytest.mark.parametrize("implementation", CPU, ids=lambda one: one.id)
def test_an_exact_search_finds_all_and_says_how_long_users_wait(embeddings, exact, implementation) -> None:
    done = execute(task, implementation, embeddings, dataset="planted_answers", reference=1.0, threads=2)
    assert done.ending.outcome == Outcome.OK
    assert done.quality == 1.0
    assert {"search", "serve"} <= set(done.stages)
    assert set(done.figures) == FIGURES
    assert done.figures["mean_reciprocal_rank"] == pytest.approx(embeddings.reciprocal_rank(exact), abs=1e-3)
    assert 0.0 < done.figures["p50_ms_batch_1"] <= done.figures["p99_ms_batch_1"]
    waited = done.figures["p50_ms_batch_256"] * len(embeddings.questions) / 256
    assert done.figures["p50_ms_batch_256"] <= done.figures["p99_ms_batch_256"]
    assert waited / 1_000.0 < 2.0 * done.stages["search"]


@pytest.mark.parametrize("implementation", CPU, ids=lambda one: one.id)
@pytest.mark.parametrize("count", [*(pytest.param(count, marks=pytest.mark.slow) for count in (1, 255)), 257])
def test_any_number_of_questions(embeddings, exact, implementation, count: int) -> None:
    few = replace(embeddings, questions=embeddings.questions[:count], answer=embeddings.answer[:count])
    done = execute(task, implementation, few, dataset="planted_answers", reference=1.0, threads=2)
    assert (done.ending.outcome, done.quality) == (Outcome.OK, 1.0)


def test_blocks_of_documents_are_put_together(embeddings, exact, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "BLOCK", 333)  # the last block holds two documents
    data = replace(embeddings, documents=embeddings.documents[: 3 * 333 + 2])
    for implementation in (one for one in CPU if one.package == "torch"):
        assert execute(task, implementation, data, dataset="planted_answers", reference=1.0).quality == 1.0


@pytest.fixture(scope="module")
def shared(residency_in: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Three workers, each with fewer documents than are to be found."""
    pytest.importorskip("distributed")
    done = residency_in(
        tmp_path_factory.mktemp("shared"), "run", "nlp/search", "--implementations", "matrix_product,shards",
        "--size", "23", "--runner", "local,cluster", "--devices", "cpu", "--workers", "3",
        "--replicates", "1", "--rounds", "1", "--json",
    )  # fmt: skip
    assert done.status == 0, done.out + done.err
    return {row["implementation"]: row for row in done.json["rows"]}


@pytest.mark.slow
def test_a_cluster_finds_what_one_process_finds(shared: dict[str, Any]) -> None:
    alone, together = shared["matrix_product@cpu"], shared["shards@3xcpu"]
    assert alone["quality"] == together["quality"] == 1.0
    assert set(together["figures"]) == FIGURES
    assert together["figures"]["mean_reciprocal_rank"] == alone["figures"]["mean_reciprocal_rank"]
    assert {"load", "search", "serve"} <= set(together["stages"])
    assert together["parameters"] == alone["parameters"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Dask's, of ports in use
def test_a_cluster_forgets_no_document_where_workers_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More shares than workers, of which one is killed on the way: others read its documents again."""
    pytest.importorskip("distributed")
    monkeypatch.setenv("RESIDENCY_CACHE", str(tmp_path))
    monkeypatch.setattr(search, "SINGLE", 3)
    stored = store.make(planted_answers, Request("planted_answers", rows=2_000))
    data = store.load(Embeddings, stored.folder, mapped=True)
    data = replace(data, questions=data.questions[:300], answer=data.answer[:300])
    asked, served = [], search.served

    def lossy(data: Embeddings, run: Run, answer: search.Answer) -> Any:
        def kill_then_answer(questions: Any) -> Any:
            asked.append(len(questions))
            if len(asked) == 2:
                os.kill(min(run.client.run(os.getpid).values()), signal.SIGKILL)
            return answer(questions)

        return served(data, run, kill_then_answer)

    monkeypatch.setattr(search, "served", lossy)
    cluster = DaskCluster("cpu", 2, 1)
    try:
        cluster.open()
        run = Run("cpu", threads=1, workers=3, client=cluster.client, frame=cluster.frame)
        found = search.shards(data, run, importlib.import_module("torch"))
        _, happened = cluster.told()
    finally:
        cluster.close()
    assert asked == [256, 44, 1, 1, 1]
    assert any("was lost" in one for one in happened)
    assert recall(data, found) == 1.0


def test_recall_counts_what_is_near_and_nothing_twice(embeddings, exact) -> None:
    assert recall(embeddings, exact) == 1.0
    assert recall(embeddings, exact[:, ::-1]) == 1.0
    assert recall(embeddings, np.repeat(exact[:, :1], NEAREST, axis=1)) == pytest.approx(0.1)
    half = exact.copy()
    half[:, 5:] = (np.arange(5) + exact[:, :1] + 7) % len(embeddings.documents)
    assert recall(embeddings, half) == pytest.approx(0.5, abs=0.05)
    random = np.random.default_rng(0).integers(0, len(embeddings.documents), exact.shape)
    assert not task.quality.beyond(recall(embeddings, random), task.floor)


def test_of_equal_documents_either_will_do(embeddings, exact) -> None:
    twice = replace(embeddings, documents=np.concatenate([embeddings.documents, embeddings.documents]))
    first = np.stack([exact[:, :5], exact[:, :5] + len(embeddings.documents)], axis=2).reshape(-1, NEAREST)
    assert recall(twice, first) == 1.0
    assert recall(twice, exact) == 0.5  # the nearest ten are the nearest five, twice


@pytest.mark.parametrize(
    "change", [lambda found: found[:-1], lambda found: found.astype(float), lambda found: found - 3_000]
)
def test_a_result_that_names_no_documents(embeddings, exact, change) -> None:
    with pytest.raises(WrongResult):
        recall(embeddings, change(exact))


def test_mean_reciprocal_rank() -> None:
    vectors = unit(np.eye(3, dtype=np.float32) + 1)
    data = Embeddings(vectors, vectors, np.array([7, 8, 9]))
    assert data.reciprocal_rank(np.array([[7, 1], [1, 8], [1, 2]])) == pytest.approx((1 + 0.5 + 0) / 3)
