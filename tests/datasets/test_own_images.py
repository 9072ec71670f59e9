"""Your own pictures: what becomes of every kind of file, and which folders cannot be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from residency.datasets.own_images import own_labelled, own_photos
from residency.datasets.photos import decode_all
from residency.harness.dataset import Dataset, Request
from residency.harness.errors import UsageError

PIXELS = np.random.default_rng(3).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def make(dataset: Dataset, path: Path, target: str | None = None) -> Any:
    return dataset.make(Request(dataset.name, path=path, target=target), path)


def photos(path: Path) -> tuple[Any, list[Any]]:
    """The data, and what every implementation's decoder makes of it."""
    data = make(own_photos, path)
    everything = range(data.rows)
    return data, data.views(decode_all(data, everything, 1), everything)


def test_what_needs_nothing_is_kept_byte_for_byte(tmp_path: Path) -> None:
    (tmp_path / "deep" / "deeper").mkdir(parents=True)
    (tmp_path / ".thumbnails").mkdir()
    Image.fromarray(PIXELS).save(tmp_path / "b.jpg")
    Image.fromarray(PIXELS).save(tmp_path / "deep" / "deeper" / "a.png")
    Image.fromarray(PIXELS).save(tmp_path / ".thumbnails" / "b.jpg")
    data, decoded = photos(tmp_path)
    assert data.remarks == ()
    assert data.file(0).tobytes() == (tmp_path / "b.jpg").read_bytes()
    assert data.sizes.tolist() == [[40, 60], [40, 60]]
    assert np.array_equal(decoded[1], PIXELS)


def test_a_single_file_will_do(tmp_path: Path) -> None:
    Image.fromarray(PIXELS[:1, :1]).save(tmp_path / "dot.png")
    data, decoded = photos(tmp_path / "dot.png")
    assert data.rows == 1
    assert np.array_equal(decoded[0], PIXELS[:1, :1])


def test_grey_becomes_three_equal_channels(tmp_path: Path) -> None:
    Image.fromarray(PIXELS[:, :, 0]).save(tmp_path / "grey.png")
    data, decoded = photos(tmp_path)
    assert np.array_equal(decoded[0], np.repeat(PIXELS[:, :, :1], 3, axis=2))
    assert data.remarks == ("`grey.png`: grey, made RGB",)


def test_transparency_is_laid_on_white(tmp_path: Path) -> None:
    clear = np.zeros((40, 60, 4), np.uint8)
    Image.fromarray(clear).save(tmp_path / "clear.png")
    data, decoded = photos(tmp_path)
    assert decoded[0].min() == 255
    assert data.remarks == (
        "`clear.png`: transparent, laid on white",
        "`clear.png`: written anew as JPEG at quality 90",
    )


def test_the_upper_bits_of_sixteen_are_kept(tmp_path: Path) -> None:
    Image.fromarray(np.full((40, 60), 0xC0FF, np.uint16)).save(tmp_path / "deep.png")
    data, decoded = photos(tmp_path)
    assert set(decoded[0].flat) == {0xC0}
    assert data.remarks[0] == "`deep.png`: 16 bits, the upper 8 kept"


def test_a_turned_picture_is_set_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(PIXELS).save(tmp_path / "turned.jpg", exif=exif)
    data, decoded = photos(tmp_path)
    assert data.sizes.tolist() == [[60, 40]]
    assert decoded[0].shape == (60, 40, 3)
    assert data.remarks[0] == "`turned.jpg`: turned upright, as their EXIF mark says"


@pytest.mark.parametrize("mode", ["P", "CMYK", "1", "LA"])
def test_other_colours_become_rgb(tmp_path: Path, mode: str) -> None:
    Image.fromarray(PIXELS).convert(mode).save(tmp_path / "odd.tif")
    data, decoded = photos(tmp_path)
    assert decoded[0].shape == (40, 60, 3)
    assert data.remarks[-1] == "`odd.tif`: written anew as JPEG at quality 90"


def test_what_cannot_be_used_is_left_out_by_name(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "good.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "good.jpg").read_bytes()[:-400])
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "notes.txt").write_text("not a picture")
    Image.fromarray(np.ones((4, 4), np.float32)).save(tmp_path / "float.tif")
    data = make(own_photos, tmp_path)
    assert data.rows == 1
    left = "\n".join(data.remarks)
    assert "`cut.jpg`: left out, damaged: image file is truncated" in left
    assert "`empty.jpg`, `notes.txt`: left out, no picture that Pillow knows" in left
    assert "`float.tif`: left out, mode F" in left


def test_a_picture_too_large_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "large.png")
    Image.fromarray(PIXELS[:20]).save(tmp_path / "small.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_500)
    assert make(own_photos, tmp_path).remarks == ("`large.png`: left out, over 89 million pixels",)


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no picture; name a folder of image files with --data"):
        make(own_photos, tmp_path)
    (tmp_path / "notes.txt").write_text("not a picture")
    with pytest.raises(UsageError, match=r"holds no picture \(`notes.txt`: left out, no picture that Pillow knows\)"):
        make(own_photos, tmp_path)


@pytest.mark.parametrize("dataset", [own_photos, own_labelled], ids=lambda one: one.name)
def test_pictures_have_no_columns(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="pictures have no columns"):
        make(dataset, tmp_path, "price")


def folder_of_classes(root: Path, **counts: int) -> None:
    for shade, (label, count) in enumerate(counts.items()):
        (root / label).mkdir()
        for number in range(count):
            Image.fromarray(np.full((40, 50 + number), 40 * shade, np.uint8)).save(root / label / f"{number}.png")


def test_folders_are_classes(tmp_path: Path) -> None:
    folder_of_classes(tmp_path, cats=20, dogs=10, fish=2)
    Image.fromarray(PIXELS).save(tmp_path / "stray.png")
    data = make(own_labelled, tmp_path)
    assert data.classes == ("cats", "dogs")
    assert data.x.shape == (24, 32, 32, 3)
    assert np.bincount(data.y_test).tolist() == [4, 2]
    assert set(data.x[data.y == 1].flat) == {40}
    assert "`stray.png`: left out, in no class's folder" in data.remarks
    assert "`fish/`: left out, a class with fewer than 5 pictures" in data.remarks
    assert "`cats/`, `dogs/`: resized to 32 by 32 pixels" in data.remarks
    assert any(remark.endswith("and 29 more: grey, made RGB") for remark in data.remarks)


def test_one_class_is_none(tmp_path: Path) -> None:
    folder_of_classes(tmp_path, cats=6)
    with pytest.raises(UsageError, match=r"holds 1 folder with 5 pictures or more .* name a folder with --data"):
        make(own_labelled, tmp_path)
