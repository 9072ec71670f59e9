"""Your own lines of text, a folder of pictures with what they say, to be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from residency.datasets.ocr.lettering import NEEDS
from residency.datasets.ocr.lines import ALPHABET, Lines, to_read
from residency.datasets.ocr.pictures import Picture, read_pictures
from residency.datasets.picture_files import listed
from residency.harness.dataset import own, printable
from residency.harness.errors import UsageError


@own(*NEEDS)
def own_lines(path: Path | None, target: str | None, seed: int) -> Lines:
    """Your lines: a folder of pictures of one line each, `name.png`, and beside each its text in UTF-8, `name.txt`.

    `name.gt.txt`, as tools around Tesseract write it, goes before `name.txt`. All are read; what is learned from is
    10,000 rendered lines, as of `lines`, so this asks how a network trained on clean print reads yours. A picture
    without its text, or with an empty one, is left out, and so is a file of several pages with one text. White space
    within a text counts as one space. Characters outside the alphabet (letters without accents, digits, full stop,
    comma, space) stay in the truth and are errors in every reading. How pictures are read is told in `pictures.py`.
    """
    pictures, remarks = read_pictures(path)
    if target is not None:
        remarks.append(f"--target {printable(target)}: not used, the truth is in the text files")
    pages = Counter(picture.name for picture in pictures)
    beside = _texts_beside(pictures)
    kept, texts, silent = [], [], []
    for picture in pictures:
        if pages[picture.name] > 1:
            continue
        if text := _read(beside.get((picture.file.parent, picture.file.stem))):
            kept.append(picture.grey)
            texts.append(text)
        else:
            silent.append(picture.name)
    if paged := [name for name, count in pages.items() if count > 1]:
        remarks.append(f"left out, because they are several pages with one text: {listed(paged)}")
    if not kept:
        name = (silent or paged)[0]
        needed = f"{printable(name)} needs {printable(Path(name).with_suffix('.txt'))}"
        raise UsageError(f"no picture has its text beside it: {needed}")
    if silent:
        remarks.append(f"left out, because there is no text beside them: {listed(silent)}")
    foreign = sorted(set("".join(texts)) - set(ALPHABET))
    if foreign:
        count = sum(text.count(character) for text in texts for character in foreign)
        remarks.append(f"{count} characters cannot be read, because the alphabet lacks them: {' '.join(foreign[:20])}")
    return to_read(kept, texts, seed, remarks)


def _texts_beside(pictures: Sequence[Picture]) -> dict[tuple[Path, str], Path]:
    """The files of text in the pictures' folders, by folder and by the name that a picture of theirs has."""
    texts: dict[tuple[Path, str], Path] = {}
    for folder in {picture.file.parent for picture in pictures}:
        files = [file for file in folder.iterdir() if file.suffix.lower() == ".txt"]
        for file in sorted(files, key=lambda file: (file.stem.lower().endswith(".gt"), file)):
            texts[folder, file.stem] = file
            if file.stem.lower().endswith(".gt"):
                texts[folder, file.stem[:-3]] = file  # the truth, where `name.txt` is what a reader made of it
    return texts


def _read(file: Path | None) -> str:
    """What a file of text says; nothing where there is none."""
    if file is None:
        return ""
    try:
        return " ".join(file.read_text(encoding="utf-8-sig").replace("\0", "").split())
    except UnicodeDecodeError as error:
        raise UsageError(f"{printable(file.name)} is not UTF-8: save it as UTF-8") from error
    except OSError as error:
        raise UsageError(f"{printable(file)} cannot be read: {error.strerror}") from error
