"""Photographs: made alike everywhere, and prepared as scikit-image's and SciPy's authors would."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from residency.datasets.image.photographs import photographs
from residency.datasets.image.photos import DEVIATION, MEAN, SIDE, jpeg, packed, prepared, taps, weights
from residency.datasets.image.synthetic_photos import SIZES, synthetic_photos
from residency.harness import store
from residency.harness.dataset import DEFAULT_SEED

HASHES = {
    1: "94cf7ce8c6586a04d34f931330c24d3de35f63d67638abf7ae0e1051c5992566",
    20: "7945bace752c34a86a63154b1715db56dc1d434dd04a520b517ce5468983ecfc",
}


@pytest.mark.parametrize("rows", HASHES)
def test_the_same_seed_gives_the_same_files(rows: int) -> None:
    data = synthetic_photos.maker(rows, DEFAULT_SEED)
    assert store.hash_data(data) == HASHES[rows]
    assert set(map(tuple, data.sizes.tolist())) <= set(SIZES)


def test_a_file_holds_the_picture_it_says() -> None:
    data = synthetic_photos.maker(3, 1)
    for image in range(3):
        with Image.open(io.BytesIO(data.file(image).tobytes())) as opened:
            assert (opened.height, opened.width) == tuple(data.sizes[image])
            assert opened.format == "JPEG"


def test_the_shipped_photographs_are_eight_crops_of_ten() -> None:
    data = photographs.maker(DEFAULT_SEED)
    assert data.rows == 80
    for image in (0, 9, 79):
        with Image.open(io.BytesIO(data.file(image).tobytes())) as opened:
            assert (opened.height, opened.width) == tuple(data.sizes[image])


@pytest.mark.parametrize("source", [1, 2, 100, SIDE, 225, 260, 480, 1_411])
def test_blur_and_resize_are_scipys(source: int) -> None:
    import scipy.ndimage

    line = np.random.default_rng(source).random(source)
    soft = (
        scipy.ndimage.gaussian_filter1d(line, max(0.0, (source / SIDE - 1) / 2), mode="nearest")
        if source > SIDE
        else line
    )
    expected = scipy.ndimage.zoom(soft, SIDE / source, order=1, mode="nearest", grid_mode=True)
    assert weights(source) @ line == pytest.approx(expected, abs=1e-12)
    assert taps(source).sum() == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        ((255, 255, 255), (1.0, 0.5, 0.5)),
        ((0, 0, 0), (0.0, 0.5, 0.5)),
        ((0, 0, 255), (0.114, 1.0, 0.5 - 0.114 / 1.402)),
        ((255, 0, 0), (0.299, 0.5 - 0.299 / 1.772, 1.0)),
    ],
)
def test_colours_are_those_of_bt_601(colour: tuple[int, ...], expected: tuple[float, ...]) -> None:
    file = io.BytesIO()
    Image.fromarray(np.full((3, 5, 3), colour, np.uint8)).save(file, "PNG")
    ready = prepared(packed([file.getvalue()], [(3, 5)]), 0)
    assert ready.shape == (3, SIDE, SIDE)
    assert (ready * DEVIATION[:, None, None] + MEAN[:, None, None]).mean(axis=(1, 2)) == pytest.approx(expected)


def test_jpeg_keeps_what_is_smooth() -> None:
    ramp = np.repeat(np.arange(64, dtype=np.uint8)[None, :, None], 48, axis=0).repeat(3, axis=2)
    decoded = np.asarray(Image.open(io.BytesIO(jpeg(ramp))))
    assert abs(decoded.astype(int) - ramp).max() <= 3


def test_large_photographs_come_a_few_at_a_time() -> None:
    data = packed([b""] * 7, [(10, 10), (10, 10), (10, 10), (50, 10), (10, 10), (1, 1), (10, 10)])
    assert [*data.chunks(images=3, pixels=10_000)] == [range(3), range(3, 6), range(6, 7)]
    assert [*data.chunks(images=64, pixels=201)] == [range(2), range(2, 3), range(3, 4), range(4, 7)]
    assert [*packed([], []).chunks(images=3, pixels=10)] == []
