"""Preparing photographs: every implementation on every kind of picture, and results that are not right."""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from residency.datasets.image.photos import SIDE, Photos, colours, decode, packed, prepared, psnr
from residency.datasets.image.synthetic_photos import synthetic_photos
from residency.harness import Run
from residency.harness.errors import WrongResult
from residency.harness.execute import Execution, execute
from residency.suites.image.preprocess import CHUNK, task

CPU = [one for one in task.implementations if one.device == "cpu" and one.runner == "local"]
TWINS = {"images_shared_out": "image_by_image", "filters_shared_out": "filters"}  # on a cluster, and alone
SIZES = [(1, 1), (1, 700), (700, 1), (30, 40), (SIDE, SIDE), (225, 223), (480, 333)]  # heights and widths


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Threads that spin make a busy test machine very slow."""
    import torch

    torch.set_num_threads(1)


def run(implementation: Any, data: Photos) -> Execution:
    return execute(task, implementation, data, dataset="synthetic_photos", threads=2)


@pytest.mark.parametrize("implementation", CPU, ids=lambda one: one.name)
def test_sizes_may_differ_as_they_like(implementation: Any) -> None:
    done = run(implementation, of_all_sizes())
    assert done.ending.outcome == "ok", done.ending.reason
    assert done.quality == pytest.approx(58.92, abs=0.01)


@pytest.mark.parametrize("implementation", CPU, ids=lambda one: one.name)
@pytest.mark.slow
def test_the_last_chunk_may_be_short(implementation: Any) -> None:
    one = synthetic_photos.maker(1, 8)
    rows = CHUNK + 1
    data = packed([one.file(0).tobytes()] * rows, [tuple(one.sizes[0].tolist())] * rows)
    done = run(implementation, data)
    assert done.ending.outcome == "ok", done.ending.reason
    assert {"decode", "pipeline"} & set(done.stages)


@pytest.fixture(scope="module")
def photos() -> Photos:
    return synthetic_photos.maker(4, 2)


def each(data: Photos, prepare: Callable[[Any], Any]) -> Any:
    """The pictures prepared in some other way than the one that is right."""
    matrix, offset = colours()
    small = np.stack([prepare(decode(data, image).astype(np.float32)) for image in range(data.rows)])
    return (small @ matrix.T + offset).transpose(0, 3, 1, 2).astype(np.float32)


def test_the_exact_result_has_the_most_decibels(photos: Photos) -> None:
    exact = np.stack([prepared(photos, image) for image in range(photos.rows)]).astype(np.float32)
    assert psnr(photos, exact) == pytest.approx(10 * np.log10(12 * 255**2), abs=1e-6)


@pytest.mark.parametrize(
    "prepare",
    [
        lambda image: cv2.resize(image, (SIDE, SIDE)),  # no blur
        lambda image: cv2.resize(image[:, :, ::-1], (SIDE, SIDE), interpolation=cv2.INTER_AREA),  # BGR
        lambda image: np.full((SIDE, SIDE, 3), image.mean()),
    ],
    ids=["no blur", "red for blue", "the mean"],
)
def test_shortcuts_stay_below_the_floor(photos: Photos, prepare: Callable[[Any], Any]) -> None:
    assert psnr(photos, each(photos, prepare)) < task.floor_for("synthetic_photos")


def test_another_shape_or_type_is_wrong(photos: Photos) -> None:
    for result in (np.zeros((4, SIDE, SIDE, 3), np.float32), np.zeros((4, 3, SIDE, SIDE))):
        with pytest.raises(WrongResult, match="expected float32"):
            psnr(photos, result)


@pytest.mark.slow
def test_a_folder_of_ones_own(residency: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (300, 260 + number, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "pictures" / f"{number}.jpg")
    (tmp_path / "pictures" / "readme.txt").write_text("three pictures")
    done = residency(
        "run",
        "image",
        "--data",
        tmp_path / "pictures",
        "--replicates",
        "1",
        "--rounds",
        "1",
        "--devices",
        "cpu",
        "--json",
    )
    assert done.status == 0, done.err
    assert {(row["task"], row["outcome"], row["rows"]) for row in done.json["rows"]} == {("image/preprocess", "ok", 3)}
    assert done.json["rows"][0]["remarks"] == ["`readme.txt`: left out, no picture that Pillow knows"]
    assert "image/classify: pictures holds 0 folders" in done.err


def of_all_sizes() -> Photos:
    generator = np.random.default_rng(5)
    files = []
    for height, width in SIZES:
        file = io.BytesIO()
        Image.fromarray(generator.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(file, "PNG")
        files.append(file.getvalue())
    return packed(files, SIZES)


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("rows", [1, len(SIZES)])
def test_a_cluster_finds_what_one_process_finds(name: str, rows: int, cluster: Any, mapped: Any) -> None:
    data = of_all_sizes()
    data = packed([data.file(image).tobytes() for image in range(rows)], SIZES[:rows])
    alone, together = Run("cpu"), Run("cpu", workers=2, client=cluster.client)
    one, other = task.implementation(f"{TWINS[name]}@cpu"), task.implementation(f"{name}@2xcpu")
    expected = one.function(data, alone, importlib.import_module(one.library))
    found = other.function(mapped(data), together, importlib.import_module(other.library))
    assert np.array_equal(found, expected)
    assert together.parameters == alone.parameters
    assert list(together.stages) == ["load", "prepare", "get"]


def test_a_photograph_that_cannot_be_decoded_is_told_by_a_cluster(cluster: Any, mapped: Any) -> None:
    data = of_all_sizes()
    encoded = data.encoded.copy()
    encoded[data.offsets[3] : data.offsets[4]] = 0
    other = task.implementation("images_shared_out@2xcpu")
    done = run_on(cluster, other, mapped(replace(data, encoded=encoded)))
    assert (done.ending.outcome, "cannot decode" in done.ending.reason) == ("failed", True)
    assert run_on(cluster, other, mapped(data)).ending.outcome == "ok"


def run_on(cluster: Any, implementation: Any, data: Photos) -> Execution:
    return execute(task, implementation, data, dataset="synthetic_photos", cluster=cluster)
