"""Two photographs of printed text in uneven light, shipped with scikit-image."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from residency.datasets.ocr.pages import Pages, cleaned, collected
from residency.harness.dataset import shipped


@shipped("skimage", "scipy")
def shaded_text() -> Pages:
    """`page` (384 x 191 pixels) and `text` (448 x 172), photographs that scikit-image uses to show local thresholds.

    No truth comes with them. The truth is what the definition gives in float64, so the F-measure says how well an
    implementation follows the definition. It does not say how well the definition cleans these pages. Sources and
    licences: the README of `skimage.data` (`text` is in the public domain).
    """
    images: Any = import_module("skimage.data")  # its functions have no types
    pages = [images.page(), images.text()]
    return collected(pages, [cleaned(page) for page in pages])
