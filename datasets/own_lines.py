"""Your own lines of text, a folder of pictures with what they say, to be read."""

from __future__ import annotations

from pathlib import Path

from residency.datasets.lettering import NEEDS
from residency.datasets.lines import ALPHABET, Lines, to_read
from residency.datasets.pictures import listed, read_pictures
from residency.harness.dataset import own, printable
from residency.harness.errors import UsageError


@own(*NEEDS)
def own_lines(path: Path | None, target: str | None, seed: int) -> Lines:
    """Your lines: a folder of pictures of one line each, `name.png`, and beside each its text in UTF-8, `name.txt`.

    All are read; what is learned from is 10,000 rendered lines, as of `lines`, so this asks how a network trained on
    clean print reads yours. A picture without its text, or with an empty one, is left out. White space within a text
    counts as one space. Characters outside the alphabet (letters without accents, digits, full stop, comma, space)
    stay in the truth and are errors in every reading. How pictures are read is told in `pictures.py`.
    """
    pictures, remarks = read_pictures(path)
    if target is not None:
        remarks.append(f"--target {printable(target)}: not used, the truth is in the text files")
    kept, texts, silent = [], [], []
    for file, grey in pictures:
        beside = file.with_suffix(".txt")
        try:
            text = " ".join(beside.read_text(encoding="utf-8-sig").replace("\0", "").split())
        except FileNotFoundError:
            text = ""
        except UnicodeDecodeError as error:
            raise UsageError(f"{printable(beside.name)} is not UTF-8: save it as UTF-8") from error
        if text:
            kept.append(grey)
            texts.append(text)
        else:
            silent.append(file.name)
    if not kept:
        raise UsageError(
            f"no picture has its text beside it: {printable(silent[0])} needs {printable(Path(silent[0]).stem)}.txt"
        )
    if silent:
        remarks.append(f"left out, for there is no text beside them: {listed(silent)}")
    foreign = sorted(set("".join(texts)) - set(ALPHABET))
    if foreign:
        count = sum(text.count(character) for text in texts for character in foreign)
        remarks.append(f"{count} characters cannot be read, for the alphabet lacks them: {' '.join(foreign[:20])}")
    return to_read(kept, texts, seed, remarks)
