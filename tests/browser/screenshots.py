"""The pictures of a page in docs/pictures, made in Chromium from a recorded run, never from made-up numbers.

make screenshots
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from PIL import Image

from tests.browser.pages import Watched, page_of, started

RUN = Path("results", "reference", "2-cores-amd-epyc-tabular-lab")
PICTURES = Path("docs", "pictures")
WIDTH, HEIGHT = 1366, 900
COLOURS = 128  # enough for text and bars; the files stay small


def main() -> None:
    """Take the first screen, and the first chart. The page names the run's folder as it is seen from the checkout."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, started() as browser:
        file = Path(folder) / "page.html"
        file.write_text(page_of(RUN), encoding="utf-8")
        window = Watched(browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}), file)
        window.drawn()
        save(window.page.screenshot(), PICTURES / "page.png")
        save(window.page.locator("figure.chart .drawing").first.screenshot(), PICTURES / "speedups.png")
        if window.problems:
            raise SystemExit("\n".join(window.problems))


def save(picture: bytes, file: Path) -> None:
    """Save a picture with few colours."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(file, optimize=True)
    print(f"{file}: {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
