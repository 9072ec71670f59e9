"""Text and how it becomes pixels: words, numbers, and the fonts that matplotlib ships.

The same text gives the same pixels on any machine with the same versions of matplotlib and Pillow. Fonts are read by
file name from matplotlib's own folder. Pillow lays out glyphs by its own rules (its `BASIC` engine), not by those of a
library that may be missing.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

NEEDS = ("matplotlib", "PIL")  # every dataset that draws names them
WHITE = 255
INK = 128  # a grey value below is ink
FONTS = ("DejaVuSans", "DejaVuSerif", "DejaVuSansMono", "STIXGeneral")
VOCABULARY = """
a about above across after again air all along also always am an and animal another answer any are around as ask at
away back be because been before began being below between big black blue book both boy bread bring brown but by
call came can car carry change city clear close cold come copy could country cut dark day did do does dog door down
draw each early earth eat end even every example eye face fall family far farm fast father feet few field file find
fire first fish five follow food form found four fox from full game garden gave get girl give glass go gold good
great green ground group grow had half hand hard has have he head hear heard heavy help her here high him his hold
home horse hot hour house how hundred I if in into is it its jump just keep kind king know land large last late
laugh lazy leave left letter life light like line list little live long look made make man many map mark may me mean
measure men might mile milk mind money moon more morning most mother mountain move much music must my name near need
never new next night north not notice now number of off office often old on once one only open or order other our
out over own page paper part pass people picture piece place plain plan plant play point power press public pull
put question quick quiet quite rain ran reach read ready real red rest right river road rock room round rule run
said same saw say school sea second see seem seen sentence set seven several shall she ship short should show side
simple since sing sit six size sleep slow small snow so some song soon sound south space stand star start state stay
step still stop story street strong such summer sun sure table take talk tell ten test text than that the their
them then there these they thing think this those thought three through time to together told too took top toward
town travel tree true try turn two type under until up upon us use usual very voice wait walk wall want war warm was
watch water way we week weight well went were west what wheel when where which while white who whole why wide will
wind winter wish with without woman wonder wood word work world would write year yellow yes yet you young your zero
"""
WORDS = tuple(VOCABULARY.split())
ENDS = ("", "", "", "", "", "", ",", ".")  # what may follow a word, also the last word of a line


def words(generator: np.random.Generator, count: int) -> str:
    """`count` words: one in five capitalised, one in eight a number, some followed by a comma or a full stop."""
    chosen = []
    for _ in range(count):
        kind = int(generator.integers(40))
        word = WORDS[int(generator.integers(len(WORDS)))]
        if kind < 5:
            word = number(generator)
        elif kind < 13:
            word = word.capitalize()
        chosen.append(word + ENDS[int(generator.integers(len(ENDS)))])
    return " ".join(chosen)


def number(generator: np.random.Generator) -> str:
    """One to four digits, the first of which may be 0."""
    return "".join(str(digit) for digit in generator.integers(0, 10, int(generator.integers(1, 5))))


@functools.cache
def font(name: str, pixels: int) -> Any:
    """One of matplotlib's fonts at a size in pixels, for Pillow."""
    import matplotlib
    from PIL import ImageFont

    file = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf"
    return ImageFont.truetype(str(file), pixels, layout_engine=ImageFont.Layout.BASIC)


def drawn(text: str, name: str, pixels: int) -> NDArray[np.uint8]:
    """A line of text, black on white, with a margin of half its size: shape (height, width)."""
    from PIL import Image, ImageDraw

    face = font(name, pixels)
    left, top, right, bottom = (round(edge) for edge in face.getbbox(text))
    margin = pixels // 2
    image = Image.new("L", (right - left + 2 * margin, bottom - top + 2 * margin), WHITE)
    ImageDraw.Draw(image).text((margin - left, margin - top), text, fill=0, font=face)
    return np.asarray(image)
