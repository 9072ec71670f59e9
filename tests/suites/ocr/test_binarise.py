"""Cleaning pages: the data, the definition, its implementations, the measure, and pages of the user's own."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from residency.datasets.ocr.ink import f_measure
from residency.datasets.ocr.own_pages import own_pages
from residency.datasets.ocr.pages import (
    ANGLES,
    WINDOW,
    Pages,
    cleaned,
    collected,
    pages,
    profile_squares,
    turned,
    window_sums,
)
from residency.datasets.ocr.shaded_text import shaded_text
from residency.harness import Run, store
from residency.harness.dataset import Request
from residency.harness.errors import UsageError
from residency.harness.execute import Execution, execute
from residency.suites.ocr.binarise import batches, task

BY_JAX = {"compiled@cpu", "overlapped@cpu"}  # one function, compiled in seconds for each shape: a test of their own
ON_CPU = [
    one.id for one in task.implementations if one.device == "cpu" and one.runner == "local" and one.id not in BY_JAX
]
STEPS = {"denoise", "threshold", "despeckle", "skew", "rotate"}
TWINS = {"opencv_shared_out": "opencv", "ndimage_shared_out": "ndimage"}  # on a cluster, and alone
SEED = 20_260


@pytest.fixture(scope="module")
def scans() -> Pages:
    return pages.make(Request("pages", rows=2, seed=SEED), Path())


def run(implementation: str, data: Pages, dataset: str = "pages") -> Execution:
    return execute(task, task.implementation(implementation), data, dataset=dataset, threads=2)


def ink_of(implementation: str, data: Pages) -> list[Any]:
    """The pages' ink, as the implementation itself returns it."""
    one = task.implementation(implementation)
    return data.split(one.function(data, Run("cpu", threads=2), importlib.import_module(one.library)))


def own(folder: Path) -> Pages:
    return own_pages.make(Request("own_pages", path=folder), folder)


@pytest.mark.parametrize(
    ("rows", "hashed"),
    [
        (1, "c2bf4ee5f5c85a85a860d381e39fd68f231cfda5d636d686bd772c0216784b9f"),
        (2, "0840b426b529b4f916fadf97967f876b79820ab17c4ab93a76b18967b83df638"),
    ],
)
def test_the_same_seed_gives_the_same_bytes(rows: int, hashed: str) -> None:
    assert store.hash_data(pages.make(Request("pages", rows=rows, seed=SEED), Path())) == hashed


@pytest.mark.parametrize("implementation", ON_CPU)
def test_every_implementation_follows_the_definition(implementation: str, scans: Pages) -> None:
    for ink, grey in zip(ink_of(implementation, scans), scans.split(scans.grey), strict=True):
        assert np.mean(ink != cleaned(grey)) < 2e-4  # of the pixels: those on the edge of a decision


def test_a_compiled_function_follows_the_definition() -> None:
    generator = np.random.default_rng(SEED)
    drawn = [with_margin(value, 0)[60:150, 200:330] for value in (0, 1, 255)]
    for page in drawn:
        page[generator.random(page.shape) < 0.05] = 20  # specks of all sizes up to some 20 pixels
    grey = [*drawn, np.full((1, 1), 200, np.uint8)]
    data = collected(grey, [cleaned(page) for page in grey])
    assert data.truth.any()
    for ink, page in zip(ink_of("overlapped@cpu", data), grey, strict=True):
        assert np.mean(ink != cleaned(page)) < 5e-4


@pytest.mark.parametrize("alike", [True, False])
def test_batches_hold_every_page_whole(alike: bool) -> None:
    blank = [np.ones(shape, np.uint8) for shape in [(3, 4)] * 5 + [(4, 3)] * 2 + [(3, 4)]]
    data = collected(blank, blank)
    found = batches(data, most=24, alike=alike)
    assert [batch.shape for _, batch in found][:3] == [(2, 3, 4), (2, 3, 4), (2 if alike else 1, 3, 4)]
    held = np.zeros(data.grey.size, int)
    for begin, batch in found:
        held[begin : begin + batch.size] += batch.reshape(-1)
    assert set(held[12:]) == {1, 2} if alike else set(held) == {1}


@pytest.mark.parametrize("implementation", ON_CPU)
def test_pages_come_out_clean_and_upright(implementation: str, scans: Pages) -> None:
    done = run(implementation, scans)
    assert done.ending.outcome == "ok"
    assert done.quality is not None
    assert done.quality > 0.99
    assert set(done.stages) >= STEPS or "pipeline" in done.stages


@pytest.mark.parametrize("implementation", ON_CPU)
def test_shipped_photographs_are_cleaned_by_the_definition(implementation: str) -> None:
    assert run(implementation, shaded_text.make(Request("shaded_text"), Path()), "shaded_text").ending.outcome == "ok"


def test_what_skips_the_work_stays_below_the_floor(scans: Pages) -> None:
    upright = [cleaned(grey) for grey in scans.split(scans.grey)]
    poor = {
        "nothing": [np.zeros_like(page) for page in upright],
        "everything": [np.ones_like(page) for page in upright],
        "the other page": upright[::-1],
        "one threshold, askew": [grey < 90 for grey in scans.split(scans.grey)],
    }
    floor = task.floor_for("pages")
    for what, answer in poor.items():
        quality = f_measure(scans, np.concatenate([page.reshape(-1) for page in answer]))
        assert not task.quality.beyond(quality, floor), what


def test_the_measure_forgives_one_pixel_and_no_more() -> None:
    truth = np.zeros((9, 9), bool)
    truth[4, 2:7] = True
    data = collected([np.zeros((9, 9), np.uint8)], [truth])
    assert f_measure(data, truth.reshape(-1)) == 1.0
    assert f_measure(data, np.roll(truth, 1, axis=0).reshape(-1)) == 1.0
    assert f_measure(data, np.roll(truth, 2, axis=0).reshape(-1)) == 0.0
    half = truth.copy()
    half[0] = truth[4]  # as much again where nothing should be: precision 1/2, recall 1
    assert f_measure(data, half.reshape(-1)) == pytest.approx(2 / 3)


@pytest.mark.parametrize("degrees", [-2.5, -0.3, 0.0, 1.2])
def test_a_page_turned_by_an_angle_is_turned_back_by_it(degrees: float, scans: Pages) -> None:
    clean = np.where(scans.split(scans.truth)[0], 0, 255).astype(np.uint8)
    ink = turned(clean, degrees) < 128
    assert abs(ANGLES[int(profile_squares(ink).argmax())] + degrees) < 0.15


@pytest.mark.parametrize("implementation", ON_CPU)
@pytest.mark.parametrize("value", [0, 200, 255])
def test_a_blank_page_is_left_white(implementation: str, value: int) -> None:
    shapes = [(60, 90), (1, 1), (3, 400), (400, 3)]
    blank = [np.full(shape, value, np.uint8) for shape in shapes]
    data = collected(blank, [cleaned(page) for page in blank])
    assert not data.truth.any()
    done = run(implementation, data)
    assert (done.ending.outcome, done.quality) == ("ok", 1.0)
    assert not np.concatenate([page.reshape(-1) for page in ink_of(implementation, data)]).any()


def with_margin(margin: Any, side: int) -> Any:
    """A page of dark strokes on grainy paper, beside 150 columns or rows of a scanner's lid."""
    generator = np.random.default_rng(SEED)
    page = generator.integers(225, 246, (300, 300), dtype=np.uint8)
    for top in range(20, 280, 20):
        for left in range(20, 280, 18):
            page[top : top + 4, left : left + int(generator.integers(4, 14))] = 20
    return np.concatenate([page, np.broadcast_to(np.uint8(margin), (300, 150))], axis=1).swapaxes(0, side)


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("value", [0, 1, 2, 254, 255])
def test_a_margin_of_one_value_is_no_ink_but_at_its_edge(value: int, side: int) -> None:
    ink = cleaned(with_margin(value, side)).swapaxes(0, side)
    reach = 300 + WINDOW // 2
    assert ink[:, 300:reach].any() == (value < 235)
    assert not ink[:, reach:].any()


@pytest.mark.parametrize("implementation", ON_CPU)
def test_scanned_margins_are_judged_alike(implementation: str, tmp_path: Path) -> None:
    for value in (0, 1, 255):
        Image.fromarray(with_margin(value, 0)).save(tmp_path / f"{value}.png")
    Image.fromarray(with_margin(0, 1).astype(np.uint16) * 257).save(tmp_path / "deep.png")
    dirty = np.zeros((300, 150), np.uint8)
    dirty[100:110, 70:80] = 1
    Image.fromarray(with_margin(dirty, 0)).save(tmp_path / "dirty.png")
    assert run(implementation, own(tmp_path), "own_pages").quality == 1.0


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (7, 3), (31, 16), (50, 70)])
def test_sums_over_windows_are_exact(shape: tuple[int, int]) -> None:
    value = np.random.default_rng(SEED).integers(0, 256, shape).astype(np.int64)
    squares = value * value
    padded = squares
    for axis, length in enumerate(shape):
        bounce = [*range(length), *range(length - 2, 0, -1)]  # there and back; the outermost stand once
        padded = padded.take([bounce[place % len(bounce)] for place in range(-15, length + 15)], axis=axis)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (WINDOW, WINDOW))
    assert np.array_equal(window_sums(squares), windows.sum(axis=(2, 3)))


@pytest.mark.slow
def test_a_folder_of_all_sorts_of_pictures(scans: Pages, tmp_path: Path, residency) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    first, second = scans.split(scans.grey)
    small = first[:500, :400]
    Image.fromarray(small).save(folder / "grey.png")
    Image.fromarray(np.stack([small, small // 2, small], axis=2)).save(folder / "colour.png")
    Image.fromarray(small.astype(np.uint16) * 200).save(folder / "deep.png")
    Image.fromarray(first[:300]).save(folder / "two.tif", save_all=True, append_images=[Image.fromarray(second[:200])])
    Image.new("RGBA", (40, 30), (0, 0, 0, 0)).save(folder / "transparent.png")
    Image.new("L", (1, 1), 255).save(folder / "dot.png")
    (folder / "cut.png").write_bytes((folder / "grey.png").read_bytes()[:3000])
    (folder / "notes.txt").write_text("not a picture")
    done = residency("run", "ocr/binarise", "--data", folder, "--replicates", "1", "--rounds", "1", "--json")
    assert done.status == 0, done.err
    rows = [row for row in done.json["rows"] if row["device"] == "cpu"]
    assert {row["outcome"] for row in rows} == {"ok"}
    assert {row["rows"] for row in rows} == {7}
    remarks = " / ".join(rows[0]["remarks"])
    assert "in colour, now grey: colour.png" in remarks
    assert "left out, because they cannot be read: cut.png" in remarks
    assert "no ink on 2 of 7 pages: dot.png, transparent.png" in remarks
    data = own(folder)
    colour, deep, _, grey = data.split(data.grey)[:4]
    assert colour.shape == deep.shape == grey.shape == small.shape
    assert np.array_equal(grey, small)
    assert abs(deep.astype(int) - small * (255 / small.max())).max() <= 1


def test_folders_without_a_picture_are_refused(tmp_path: Path, residency) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UsageError, match=r"empty holds no picture; these kinds are read: \.png"):
        own(empty)
    (empty / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    done = residency("run", "ocr/binarise", "--data", empty)
    assert done.status == 2
    assert len(done.err.strip().splitlines()) == 1
    assert "empty: no picture in it can be read: cut.png" in done.err


def test_what_lies_in_a_folder_of_scans_is_read_or_named(tmp_path: Path) -> None:
    page = Image.fromarray(with_margin(0, 0))
    folder = tmp_path / "scans"
    (folder / "b").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    page.save(tmp_path / "elsewhere" / "linked.TIF", "TIFF")
    (folder / "a").symlink_to(tmp_path / "elsewhere")
    (folder / "a" / "loop").symlink_to(folder)
    page.save(folder / "b" / "no suffix", "PNG")
    page.save(folder / "moving.gif", save_all=True, append_images=[Image.new("L", page.size, 255)])
    small = page.resize((45, 30))
    small.encoderinfo = {"tiffinfo": {254: 1}}  # a thumbnail
    page.save(folder / "pages.tif", save_all=True, append_images=[page.crop((0, 0, 100, 90)), small])
    Image.fromarray(np.array([[np.nan, np.inf, -np.inf], [0, 5, 10]], np.float32)).save(folder / "float.tif")
    for name in (".DS_Store", "._a.png", "Thumbs.db"):
        (folder / name).write_bytes(b"a system's")
    for name in ("scan.pdf", "IMG_1.HEIC", "labels.csv", "b/._x.png"):
        (folder / name).write_bytes(b"no picture")
    data = own(folder)
    assert data.shape.tolist() == [[300, 450], [300, 450], [2, 3], [300, 450], [300, 450], [90, 100]]
    assert data.split(data.grey)[2].tolist() == [[255, 255, 0], [0, 127, 255]]
    assert data.remarks == (
        "several pictures in one file, the first used: moving.gif",
        "`a/loop`: left out, a link to a folder that it lies in",
        "`IMG_1.HEIC`: left out, no picture that Pillow knows: save it as JPEG",
        "`labels.csv`: left out, no picture that Pillow knows",
        "`scan.pdf`: left out, no picture that Pillow knows: save its pages as pictures, with `pdftoppm -r 200 -png` "
        "for example",
        "no ink on 1 of 6 pages: float.tif",
    )


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("count", [1, 2, 6])
def test_a_cluster_finds_what_one_process_finds(name: str, count: int, scans: Pages, cluster: Any, mapped: Any) -> None:
    first, second = scans.split(scans.grey)
    grey = [first[:400], second[100:350, :301], first[:1, :1], second[:3], first[:, :2], second[200:700]][:count]
    data = collected(grey, [np.zeros(page.shape, bool) for page in grey])
    one, other = task.implementation(f"{TWINS[name]}@cpu"), task.implementation(f"{name}@2xcpu")
    alone, together = Run("cpu"), Run("cpu", workers=2, client=cluster.client)
    expected = one.function(data, alone, importlib.import_module(one.library))
    found = other.function(mapped(data), together, importlib.import_module(other.library))
    assert expected.any()
    assert np.array_equal(found, expected)
    assert together.parameters == alone.parameters
    assert together.figures == pytest.approx(alone.figures)
    assert list(together.stages) == ["load", "clean", "get"]


@pytest.mark.parametrize("name", TWINS)
def test_pages_come_out_clean_and_upright_of_a_cluster(name: str, scans: Pages, cluster: Any, mapped: Any) -> None:
    done = execute(task, task.implementation(f"{name}@2xcpu"), mapped(scans), dataset="pages", cluster=cluster)
    assert done.ending.outcome == "ok", done.ending.reason
    assert done.quality > 0.99
