"""Your own pictures: what becomes of every kind of file, and which folders cannot be used."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from residency.datasets.image.own_images import own_labelled, own_photos
from residency.datasets.image.photos import decode_all
from residency.harness.dataset import Dataset, Request
from residency.harness.errors import UsageError
from residency.harness.store import hash_path

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
        "`clear.png`: saved again as JPEG at quality 90",
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
    assert data.remarks[-1] == "`odd.tif`: saved again as JPEG at quality 90"


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
    (tmp_path / ".hidden").mkdir()
    Image.fromarray(PIXELS).save(tmp_path / ".hidden" / "1.png")
    with pytest.raises(UsageError, match=r"holds no picture \(1 hidden file skipped\);"):
        make(own_photos, tmp_path)
    (tmp_path / ".hidden" / "1.png").unlink()
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


def pictures(*folders: Path, count: int = 6) -> None:
    for shade, folder in enumerate(folders):
        folder.mkdir(parents=True)
        for number in range(count):
            Image.fromarray(np.full((8, 9, 3), 20 * shade + number, np.uint8)).save(folder / f"{number}.PNG", "PNG")


def learned_and_judged(data: Any) -> tuple[list[int], list[int]]:
    classes = len(data.classes)
    return np.bincount(data.y, minlength=classes).tolist(), np.bincount(data.y_test, minlength=classes).tolist()


@pytest.mark.parametrize(
    ("learn", "judge"),
    [
        ("train/{}", "test/{}"),
        ("Training/{}", "TESTING/{}"),
        ("train/{}", "val/{}"),
        ("train/{}", "validation/{}"),
        ("training_set/training_set/{}", "test_set/test_set/{}"),
        ("archive/seg_train/images/{}", "archive/seg_test/images/{}"),
        ("{}/train", "{}/test"),
    ],
)
def test_a_given_split_is_kept(tmp_path: Path, learn: str, judge: str) -> None:
    pictures(*(tmp_path / learn.format(label) for label in ("cats", "dogs")))
    pictures(*(tmp_path / judge.format(label) for label in ("cats", "dogs")), count=3)
    (tmp_path / "README.md").write_text("about")
    data = make(own_labelled, tmp_path)
    assert data.classes == ("cats", "dogs")
    assert learned_and_judged(data) == ([6, 6], [3, 3])
    assert set(data.x_test[data.y_test == 1].flat) == {20, 21, 22}
    remarks = " / ".join(data.remarks)
    assert "/`: the split is given: 12 pictures to learn from" in remarks
    assert "/`: 6 pictures to be judged" in remarks
    assert ("`archive/`: the only folder with pictures, so the folders in it are read" in remarks) == (
        "archive" in learn
    )


def test_what_a_split_does_not_need_is_left_out_and_said(tmp_path: Path) -> None:
    pictures(*(tmp_path / "train" / label for label in ("cats", "caf\u00e9", "few")))
    for number in range(2):
        (tmp_path / "train" / "few" / f"{number}.PNG").unlink()
    pictures(*(tmp_path / "test" / label for label in ("Cats", "cafe\u0301", "fish")), count=2)
    pictures(tmp_path / "val" / "cats", tmp_path / "more")
    (tmp_path / "test" / "empty").mkdir()
    data = make(own_labelled, tmp_path)
    assert data.classes == ("café", "cats")
    assert learned_and_judged(data) == ([6, 6], [2, 2])
    assert set(data.remarks) == {
        "`test/empty/`: left out, a folder without a picture",
        "`more/`: left out, neither to learn from nor to be judged",
        "`few/`: left out, a class with fewer than 5 pictures to learn from",
        "`train/`: the split is given: 12 pictures to learn from",
        "`test/`: 4 pictures to be judged",
        "`fish/`: left out, a class that is not learned",
        "`val/`: left out: meant for choosing a model, and nothing is chosen here",
        "`café/`, `cats/`: resized to 32 by 32 pixels",
    }


def test_where_nothing_can_be_judged_by_a_fifth_is_held_out(tmp_path: Path) -> None:
    pictures(*(tmp_path / "train" / label for label in ("cats", "dogs")))
    pictures(tmp_path / "test")
    data = make(own_labelled, tmp_path)
    assert learned_and_judged(data) == ([5, 5], [1, 1])
    assert "`test/`: left out, no folder of a class in it" in data.remarks
    assert "`train/`: a fifth of each class is judged, and not learned from" in data.remarks


@pytest.mark.parametrize(
    ("folders", "said"),
    [
        (["train/cats", "train/dogs", "more"], r"beside `more/`.* name (\S+)/train with --data"),
        (["test/cats", "test/dogs", "val/cats"], r"beside `val/`.* name (\S+)/test with --data"),
        (["cats", "dogs", "test"], r"beside `cats/`, `dogs/`.*: move (\S+)/test away"),
        (["train", "test"], r"holds 0 folders .* in train/ .* as train/cats/1\.png"),
        (["train/cats", "test/cats"], r"holds 1 folder with 5 pictures or more in train/ \(`cats/`\)"),
        (
            ["."],
            r"`0\.PNG`, `1\.PNG`, `2\.PNG` and 3 more: left out, in no class's folder\); to classify, name a folder",
        ),
    ],
)
def test_half_a_split_is_refused_with_the_folder_to_name(tmp_path: Path, folders: list[str], said: str) -> None:
    folder = tmp_path / "animals"
    pictures(*(folder / name for name in folders))
    with pytest.raises(UsageError, match=said):
        make(own_labelled, folder)


def test_a_class_may_be_called_as_a_part_of_a_split(tmp_path: Path) -> None:
    pictures(*(tmp_path / label for label in ("bus", "train", "valid", "invalid")))
    assert make(own_labelled, tmp_path).classes == ("bus", "invalid", "train", "valid")


def test_the_same_folders_in_all_classes_are_perhaps_the_classes(tmp_path: Path) -> None:
    root = tmp_path / "pets"
    pictures(*(root / fold / kind for fold in ("fold1", "fold2") for kind in ("cats", "dogs")))
    said = "\n".join(make(own_labelled, root).remarks)
    assert "`fold1/`, `fold2/`: read as classes, though each holds the same folders (`cats/`, `dogs/`)" in said
    assert "if those are the classes, name pets/fold1 with --data" in said
    pictures(root / "fold2" / "birds")
    assert "the same folders" not in "\n".join(make(own_labelled, root).remarks)


def test_linked_folders_count_and_systems_files_do_not(tmp_path: Path) -> None:
    pictures(tmp_path / "elsewhere" / "one", tmp_path / "elsewhere" / "two")
    folder = tmp_path / "linked"
    folder.mkdir()
    for label in ("one", "two"):
        (folder / label).symlink_to(tmp_path / "elsewhere" / label)
    (folder / "two" / "again").symlink_to(folder)
    (folder / "gone.jpg").symlink_to("nowhere")
    (folder / "__MACOSX" / "one").mkdir(parents=True)
    (folder / "__MACOSX" / "one" / "._0.PNG").write_bytes(b"Mac")
    for name in (".DS_Store", "Thumbs.db", "desktop.ini"):
        (folder / "one" / name).write_bytes(b"a system's")
    (folder / "three").mkdir()
    data = make(own_labelled, folder)
    assert data.classes == ("one", "two")
    assert data.rows == 12
    left = [remark for remark in data.remarks if "left out" in remark]
    assert left == [
        "`gone.jpg`: left out, a link that leads nowhere",
        "`two/again`: left out, a link to a folder that it lies in",
        "`three/`: left out, a folder without a picture",
    ]


def test_names_need_not_be_utf8(tmp_path: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    pictures(odd, tmp_path / "a b", tmp_path / "日本")
    data = make(own_labelled, tmp_path)
    assert data.classes == ("a b", "caf�", "日本")
    assert data.rows == 18


def test_an_animation_is_its_first_picture(tmp_path: Path) -> None:
    first, second = Image.new("RGB", (60, 40), (90, 90, 90)), Image.new("RGB", (60, 40), "white")
    first.save(tmp_path / "moving.gif", save_all=True, append_images=[second])
    first.save(tmp_path / "moving.png", save_all=True, append_images=[second])
    data, decoded = photos(tmp_path)
    assert [abs(picture.astype(int) - 90).max() <= 1 for picture in decoded] == [True, True]
    assert "`moving.gif`, `moving.png`: several pictures in the file, the first used" in data.remarks


def test_a_file_that_may_not_be_read_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures(tmp_path / "one")
    whole, shut = hash_path(tmp_path), tmp_path / "one" / "3.PNG"
    monkeypatch.setattr(Path, "open", refusing(shut, Path.open))
    monkeypatch.setattr(Image, "open", refusing(shut, Image.open))
    assert hash_path(tmp_path) != whole
    data = make(own_photos, tmp_path)
    assert (data.rows, data.remarks) == (5, ("`one/3.PNG`: left out, you may not read it",))


def refusing(shut: Path, real: Any) -> Any:
    """A function that opens files, but for one that belongs to somebody else: root may read all."""

    def opened(path: Path, *arguments: Any, **options: Any) -> Any:
        if path == shut:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *arguments, **options)

    return opened


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("pets.zip", ": unpack it;"),
        ("scan.pdf", ": save its pages as pictures"),
        ("pets.parquet", ": write its pictures"),
    ],
)
def test_a_file_of_another_kind_is_refused_with_the_remedy(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / name).write_bytes(b"PK\x03\x04")
    for dataset in (own_photos, own_labelled):
        with pytest.raises(UsageError, match=rf"^{name}.*{said}.* with --data"):
            make(dataset, tmp_path / name)
