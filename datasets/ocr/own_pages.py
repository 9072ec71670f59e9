"""Your own scanned pages, a folder of pictures, to be cleaned up."""

from __future__ import annotations

from pathlib import Path

from residency.datasets.ocr.pages import Pages, cleaned, collected
from residency.datasets.ocr.pictures import read_pictures
from residency.datasets.picture_files import listed
from residency.harness.dataset import own, printable


@own("PIL", "scipy")
def own_pages(path: Path | None, target: str | None) -> Pages:
    """Your scans: a folder of pictures (or one), each a page, of any sizes.

    Nobody knows how your pages look when they are clean, so the truth is what the definition gives in float64. The
    F-measure says how well an implementation follows the definition, not how readable the result is. `pictures.py` says
    how pictures are read. Letters should be 20 to 60 pixels high, because the threshold's window has 31 pixels a side.
    """
    pictures, remarks = read_pictures(path)
    if target is not None:
        remarks.append(f"--target {printable(target)}: not used, pages have no columns")
    pages = [picture.grey for picture in pictures]
    truth = [cleaned(grey) for grey in pages]
    if blank := [picture.name for picture, ink in zip(pictures, truth, strict=True) if not ink.any()]:
        remarks.append(f"no ink on {len(blank)} of {len(pages)} pages: {listed(blank)}")
    return collected(pages, truth, remarks)
