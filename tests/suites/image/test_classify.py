"""Training a small network: Torch and JAX train the same one, and what was not learned is found out."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

from residency.datasets.image.digit_images import digit_images
from residency.datasets.image.face_patches import face_patches
from residency.datasets.image.labelled_images import LabelledImages, labelled
from residency.datasets.image.own_images import own_labelled
from residency.datasets.image.residual import initial, operations
from residency.datasets.image.shapes import CLASSES, shapes
from residency.harness import Run, store
from residency.harness.dataset import DEFAULT_SEED, Request
from residency.harness.execute import Execution, execute
from residency.runners.ranks import Ranks, meet
from residency.suites.image.classify import (
    WIDTHS,
    jax_functions,
    plan,
    predict_share,
    shares_of,
    task,
    torch_network,
    train_share,
)

HASHES = {
    100: "b3da46ac87b6694fe06d3c8c80d9125648248f5ca373a936ebb639d997614083",
    1_200: "dd291f689bcb417391dabe53f948fb5ec65a3894148293ca4b2895958253db9e",
}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Threads that spin make a busy test machine very slow."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def smoke() -> LabelledImages:
    return shapes.maker(task.sizes["smoke"], DEFAULT_SEED)


def run(name: str, data: Any, dataset: str = "shapes") -> Execution:
    return execute(task, task.implementation(f"{name}@cpu"), data, dataset=dataset, threads=1)


@pytest.mark.parametrize("rows", HASHES)
def test_the_same_seed_gives_the_same_pictures(rows: int) -> None:
    data = shapes.maker(rows, DEFAULT_SEED)
    assert store.hash_data(data) == HASHES[rows]
    assert data.rows == rows


def test_classes_are_equally_frequent_and_the_scale_is_known() -> None:
    data = shapes.maker(20_000, 1)
    counts = np.bincount(np.concatenate([data.y, data.y_test]), minlength=len(CLASSES))
    assert counts.min() > 1_800
    assert counts.max() < 2_200
    x = data.x.astype(np.float64)
    assert data.mean == pytest.approx(x.mean())
    assert data.deviation == pytest.approx(x.std())


def test_both_libraries_mean_the_same_network(smoke: LabelledImages) -> None:
    import jax
    import torch

    weights = initial(1, WIDTHS, len(CLASSES), 4)
    generator = np.random.default_rng(4)
    for part in weights.values():
        for name in part:
            part[name] = part[name] + generator.normal(0.0, 0.1, part[name].shape).astype(np.float32)
    flat = {
        f"{layer} {name}": torch.from_numpy(np.ascontiguousarray(a.transpose(3, 0, 1, 2) if a.ndim == 4 else a))
        for layer, part in weights.items()
        for name, a in part.items()
    }
    ours = torch_network(torch.nn.functional, flat, smoke, torch.from_numpy(smoke.x_test)).argmax(1).numpy()
    theirs = jax_functions(len(CLASSES), 200, smoke.mean, smoke.deviation, "float32")[2](
        weights, jax.numpy.asarray(smoke.x_test)
    )
    assert len(set(ours.tolist())) > 3
    assert np.mean(ours == np.asarray(theirs)) > 0.99


@pytest.mark.slow
def test_both_learn_and_come_out_alike_and_jax_compiles_its_step_once(smoke: LabelledImages) -> None:
    done = {name: run(name, smoke) for name in ("eager", "compiled")}
    for one in done.values():
        assert one.ending.outcome == "ok", one.ending.reason
        assert one.parameters["steps"] == 200
        assert one.figures["samples_per_second"] > 0
    assert abs(done["eager"].quality - done["compiled"].quality) <= task.tolerance
    assert jax_functions(len(CLASSES), 200, smoke.mean, smoke.deviation, "float32")[1]._cache_size() == 1


@pytest.mark.parametrize("dataset", [shapes, digit_images, face_patches], ids=["shapes", "digits", "faces"])
@pytest.mark.slow
def test_shuffled_labels_stay_below_the_floor(dataset: Any, smoke: LabelledImages) -> None:
    data = smoke if dataset is shapes else dataset.maker(DEFAULT_SEED)
    blind = replace(data, y=np.random.default_rng(0).permutation(data.y))
    done = run("eager", blind, dataset.name)
    assert done.ending.outcome == "wrong"
    assert "below the floor" in done.ending.reason


def test_digits_are_learned() -> None:
    done = run("eager", digit_images.maker(DEFAULT_SEED), "digit_images")
    assert done.quality > 0.95


def test_every_picture_comes_once_a_pass(smoke: LabelledImages) -> None:
    order = smoke.batches(60, 32, seed=1)
    assert order.shape == (60, 32)
    assert np.array_equal(np.sort(order[:30].reshape(-1)), np.arange(960))
    assert not np.array_equal(order[:30], order[30:])


def test_a_constant_picture_divides_by_no_zero() -> None:
    data = labelled(np.full((4, 2, 2, 1), 7, np.uint8), np.arange(4) % 2, np.arange(4) < 2, ["a", "b"])
    assert (data.mean, data.deviation) == (7.0, 1.0)


def test_the_work_is_that_of_the_convolutions(smoke: LabelledImages) -> None:
    first = 16 * 16 * 9 * (1 * 16 + 2 * 16 * 16)
    second = 8 * 8 * (9 * (16 * 32 + 32 * 32) + 16 * 32)
    third = 4 * 4 * (9 * (32 * 64 + 64 * 64) + 32 * 64)
    assert operations((16, 16, 1), WIDTHS) == 2 * (first + second + third)
    steps, batch = plan(smoke)
    assert task.work(smoke)[1] == steps * batch * 256


@pytest.mark.slow
def test_ones_own_classes_are_learned(tmp_path: Path) -> None:
    for label, level in (("dark", 60), ("light", 190)):
        (tmp_path / label).mkdir(parents=True)
        for number in range(10):
            pixels = np.random.default_rng(number).integers(level - 50, level + 50, (40, 30, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / label / f"{number}.png")
    data = own_labelled.make(Request("own_labelled", path=tmp_path), tmp_path)
    done = run("eager", data, "own_labelled")
    assert done.ending.outcome == "ok", done.ending.reason
    assert done.quality == 1.0


def on_cluster(cluster: Any, data: LabelledImages) -> Execution:
    return execute(task, task.implementation("data_parallel@2xcpu"), data, dataset="shapes", cluster=cluster)


@pytest.mark.slow
def test_a_cluster_learns_as_much(smoke: LabelledImages, cluster: Any, mapped: Any) -> None:
    alone, together = run("eager", smoke), on_cluster(cluster, mapped(smoke))
    assert together.ending.outcome == "ok", together.ending.reason
    assert abs(together.quality - alone.quality) <= task.tolerance
    assert together.parameters == alone.parameters
    assert together.figures["samples_per_second"] > 0
    assert [name for name in together.stages if name != "other"] == ["load", "fit", "predict", "get"]


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, 5, 32])
def test_however_a_cluster_splits_a_batch_the_step_is_the_same(
    batch: int, smoke: LabelledImages, cluster: Any, mapped: Any
) -> None:
    data = mapped(smoke)
    learnt = []
    for workers in (1, 2):
        ranks = Ranks(Run("cpu", seed=3, workers=workers, client=cluster.client))
        shares = shares_of(ranks, data, updates=4, batch=batch)
        learnt += cluster.client.gather(ranks.together(train_share, shares))
    alone, first, second = learnt
    for name, weight in alone.items():
        assert (first[name] == second[name]).all(), name
        assert np.allclose(first[name], weight, rtol=1e-3, atol=1e-5), name


@pytest.mark.slow
def test_a_cluster_may_have_more_ranks_than_pictures(smoke: LabelledImages, cluster: Any, mapped: Any) -> None:
    few = mapped(replace(smoke, x_test=smoke.x_test[:1], y_test=smoke.y_test[:1]))
    ranks = Ranks(Run("cpu", workers=2, client=cluster.client))
    shares = shares_of(ranks, few, updates=2, batch=32)
    found = cluster.client.gather(ranks.each(predict_share, shares, ranks.together(train_share, shares)))
    assert sorted(map(len, found)) == [0, 1]


@pytest.mark.slow
def test_what_fails_on_one_worker_of_a_cluster_ends_all_and_is_told(
    smoke: LabelledImages, cluster: Any, mapped: Any
) -> None:
    y = smoke.y.copy()
    y[7] = len(CLASSES)  # met by one rank, after some steps
    start = perf_counter()
    ending = on_cluster(cluster, mapped(replace(smoke, y=y))).ending
    assert perf_counter() - start < 30  # the others do not wait for their time to be over
    assert ending.outcome == "failed"
    assert "IndexError: Target 10 is out of bounds" in ending.reason
    assert on_cluster(cluster, mapped(smoke)).ending.outcome == "ok"


@pytest.mark.slow
def test_ranks_of_a_cluster_on_this_machine_meet_on_loopback(cluster: Any) -> None:
    workers = cluster.client.run(os.getpid)
    first = min(workers)
    host, port = cluster.client.submit(meet, workers=[first], pure=False).result()
    listens = [one.laddr for one in psutil.Process(workers[first]).net_connections() if one.status == "LISTEN"]
    assert (host, port) in listens
    assert {address.ip for address in listens} == {"127.0.0.1"}
