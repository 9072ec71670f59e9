"""Reading lines: the data, the measure, the readers, and lines of the user's own."""

from __future__ import annotations

import itertools
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from residency.datasets.ocr.lettering import drawn
from residency.datasets.ocr.lines import ALPHABET, HEIGHT, Lines, cropped, lines, rendered, strips
from residency.datasets.ocr.own_lines import own_lines
from residency.datasets.ocr.phototest import TEXT, cut
from residency.datasets.ocr.transcripts import character_error_rate, collapsed, distances
from residency.harness import store
from residency.harness.dataset import Request
from residency.harness.errors import UsageError, WrongResult
from residency.harness.execute import Execution, execute
from residency.suites.ocr.lines import compiled, task, texts_of

SEED = 20_260
MIRROR = os.environ.get("RESIDENCY_MIRROR")
CEILING = task.floor_for("lines")
installed = pytest.mark.skipif(shutil.which("tesseract") is None, reason="the program tesseract is not installed")


def made(rows: int) -> Lines:
    return lines.make(Request("lines", rows=rows, seed=SEED), Path())


def run(implementation: str, data: Lines) -> Execution:
    return execute(task, task.implementation(implementation), data, dataset="lines", threads=2, seed=SEED)


def own(folder: Path) -> Lines:
    return own_lines.make(Request("own_lines", path=folder), folder)


@pytest.mark.parametrize(
    ("rows", "hashed"),
    [
        (64, "6410b70fb4f09aa3a9af2ce2cea8dc2f0ca0c235b7733079b959effd38bf2148"),
        (640, "f03884efa27112666d6f5dba6bf55e7f3f8aed8fc8d1db0b3d7d35545b899755"),
    ],
)
def test_the_same_seed_gives_the_same_bytes(rows: int, hashed: str) -> None:
    assert store.hash_data(made(rows)) == hashed


def test_the_same_seed_gives_the_same_words_and_pixels() -> None:
    pictures, texts = rendered(100, np.random.default_rng(SEED))
    data = Lines(
        strips(pictures, "rendered"), np.zeros((0, 1), np.uint8), np.zeros((0, 24, 16), np.uint8), np.array(texts)
    )
    assert store.hash_data(data) == "fd429cca0838166ed056a23c3227a05c60ef6eb2221ee11aa11e75fc3e9a522e"
    assert set("".join(texts)) <= set(ALPHABET)


def test_pictures_of_any_size_become_strips_of_one() -> None:
    sizes = [cropped(drawn("quick", "DejaVuSans", pixels)) for pixels in (12, 40, 200)]
    blank, dot = cropped(np.full((50, 300), 255, np.uint8)), cropped(np.zeros((1, 1), np.uint8))
    made_strips = strips([*sizes, blank, dot, cropped(drawn("quick " * 60, "DejaVuSans", 40))], "scanned")
    assert made_strips.shape == (6, HEIGHT, 1024)
    ink = (made_strips < 128).any(axis=1).sum(axis=1)
    assert ink[0] == pytest.approx(ink[1], abs=6) == pytest.approx(ink[2], abs=6)
    assert ink[3] == 0


def test_frames_spell_texts() -> None:
    best = np.array([[0, 5, 5, 0, 5, 4, 4], [0, 0, 0, 0, 0, 0, 0], [1, 1, 2, 2, 0, 0, 2]])
    assert collapsed(best, "abcde").tolist() == ["eed", "", "abb"]


def test_distances_are_levenshteins() -> None:
    def plain(one: str, other: str) -> int:
        if not one or not other:
            return len(one) + len(other)
        change = plain(one[1:], other[1:]) + (one[0] != other[0])
        return min(change, plain(one[1:], other) + 1, plain(one, other[1:]) + 1)

    words = ["", "a", "ab", "ba", "abc", "cab", "aabb", "hase"]
    pairs = list(itertools.product(words, words))
    found = distances(np.array([one for one, _ in pairs]), np.array([other for _, other in pairs]))
    assert found.tolist() == [plain(one, other) for one, other in pairs]


def test_the_error_rate_counts_characters() -> None:
    data = replace(made(64), text_test=np.array(["four", "five, six"]))
    assert character_error_rate(data, np.array(["four", "five, six"])) == 0.0
    assert character_error_rate(data, np.array([" for ", "five six"])) == pytest.approx(2 / 13)
    assert character_error_rate(data, np.array(["", ""])) == 1.0
    with pytest.raises(WrongResult, match="expected 2 texts"):
        character_error_rate(data, np.array(["four"]))


@pytest.mark.slow
def test_a_network_that_could_not_learn_is_wrong() -> None:
    data = made(1_000)
    blind = replace(data, y=np.random.default_rng(0).permutation(data.y))
    done = run("torch_crnn@cpu", blind)
    assert done.ending.outcome == "wrong"
    assert "above the ceiling" in done.ending.reason
    assert done.quality is not None
    assert done.quality > 0.5


@pytest.mark.slow
@pytest.mark.parametrize(("name", "together"), [("jax_crnn", False), ("both_directions", True)])
def test_both_frameworks_hold_the_same_network_and_jax_compiles_its_step_once(name: str, together: bool) -> None:
    import jax as library
    import optax

    compiled.cache_clear()
    few = made(160)
    data = replace(few, x=few.x[:48], y=few.y[:48])  # three steps of 16
    torch, jax = run("torch_crnn@cpu", data).figures, run(f"{name}@cpu", data).figures
    assert torch["first_loss"] == pytest.approx(jax["first_loss"], rel=1e-4)  # weights, batch, layers, loss
    assert torch["last_loss"] == pytest.approx(jax["last_loss"], rel=1e-4)  # and two steps of the optimiser
    assert compiled(library, optax, together=together)[1]._cache_size() == 1


@pytest.mark.slow
@installed
def test_tesseract_reads_numbers_and_words() -> None:
    numbers = made(640)
    assert run("tesseract@cpu", numbers).ending.outcome == "ok"
    pictures, texts = rendered(20, np.random.default_rng(1))
    words = replace(numbers, x_test=strips(pictures, "rendered"), text_test=np.array(texts))
    assert run("tesseract@cpu", words).ending.outcome == "ok"


@installed
def test_tesseract_keeps_pages_apart_where_one_is_blank() -> None:
    pictures = [cropped(drawn("one word", "DejaVuSans", 30)), cropped(np.full((9, 9), 255, np.uint8))] * 2
    data = replace(made(64), x_test=strips(pictures, "rendered"), text_test=np.array(["one word", "x"] * 2))
    done = run("tesseract@cpu", data)
    assert done.quality is not None
    assert done.quality < 0.5  # whatever it sees on the blank ones, the words are right


def test_without_tesseract_the_remedy_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done = run("tesseract@cpu", made(64))
    assert done.ending.outcome == "unavailable"
    assert done.ending.reason == "the program tesseract is not installed: apt-get install tesseract-ocr"


def test_tesseracts_table_is_read_page_by_page() -> None:
    head = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext"
    words = [(1, "two"), (1, "words"), (3, " "), (3, "last")]
    table = "\n".join([head, *(f"5\t{page}\t1\t1\t1\t1\t0\t0\t9\t9\t90\t{word}" for page, word in words)])
    assert texts_of(table, 3) == ["two words", "", "last"]


@pytest.fixture
def folder(tmp_path: Path) -> Any:
    """Write lines of text as pictures with their texts beside them."""

    def write(*texts: str) -> Path:
        for number, text in enumerate(texts):
            Image.fromarray(drawn(text, "DejaVuSans", 30)).save(tmp_path / f"{number}.png")
            (tmp_path / f"{number}.txt").write_text(text + "\n", encoding="utf-8")
        return tmp_path

    return write


@pytest.mark.slow
def test_lines_of_ones_own(folder: Any) -> None:
    path = folder("The quick dog", "Grüße aus Köln", "white   space")
    (path / "3.png").write_bytes((path / "0.png").read_bytes())  # no text beside it
    (path / "4.png").write_bytes((path / "0.png").read_bytes()[:100])
    (path / "4.txt").write_text("cut off")
    data = own(path)
    assert data.text_test.tolist() == ["The quick dog", "Grüße aus Köln", "white space"]
    assert data.x_test.shape[:2] == (3, HEIGHT)
    assert len(data.x) == 10_000
    assert len(data.remarks) == 3
    assert data.remarks[0].startswith("left out, because they cannot be read: 4.png")
    assert data.remarks[1] == "left out, because there is no text beside them: 3.png"
    assert data.remarks[2] == "3 characters cannot be read, because they are not in the alphabet: ß ö ü"
    assert task.floor_for("own_lines") is None


@pytest.mark.slow
def test_the_text_of_a_line_is_found(folder: Any) -> None:
    path = folder("what a reader made of it", "upper case", "two pages")
    (path / "0.gt.txt").write_text("the truth", encoding="utf-8")
    (path / "1.txt").rename(path / "1.TXT")
    (path / "1.png").rename(path / "1.PNG")
    line = Image.open(path / "2.png")
    line.save(path / "2.tif", save_all=True, append_images=[line])
    (path / "2.png").unlink()
    data = own(path)
    assert data.text_test.tolist() == ["the truth", "upper case"]
    assert data.remarks == ("left out, because they have several pages but one text: 2.tif",)


def test_folders_that_do_not_suit(folder: Any, residency) -> None:
    path = folder("one")
    (path / "0.txt").write_bytes("Köln".encode("latin-1"))
    with pytest.raises(UsageError, match=r"^0\.txt is not UTF-8: save it as UTF-8$"):
        own(path)
    (path / "0.txt").unlink()
    with pytest.raises(UsageError, match=r"no picture has its text beside it: 0\.png needs 0\.txt"):
        own(path)
    (path / "0.png").unlink()
    done = residency("run", "ocr/lines", "--data", path)
    assert done.status == 2
    assert len(done.err.strip().splitlines()) == 1
    assert "holds no picture; these kinds are read: .png" in done.err


@pytest.mark.skipif(
    not MIRROR or not (Path(MIRROR) / "phototest.tif").exists(),
    reason="RESIDENCY_MIRROR names no folder that holds phototest.tif",
)
def test_the_real_page_is_cut_into_its_lines() -> None:
    page = np.asarray(Image.open(Path(str(MIRROR)) / "phototest.tif").convert("L"))
    found = cut(page)
    assert len(found) == len(TEXT)
    widths = [cropped(line).shape[1] / len(text) for line, text in zip(found, TEXT, strict=True)]
    assert max(widths) / min(widths) < 1.5  # of a character: no line was cut short, none taken for another
