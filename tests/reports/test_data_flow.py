"""The picture of the way from data to result can stand inside a page with a strict policy, and anybody can read it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

SVG = "{http://www.w3.org/2000/svg}"
PICTURE = Path(__file__).parents[2] / "docs" / "pictures" / "data-flow.svg"


def test_the_picture_has_words_for_who_cannot_see_it_and_nothing_that_a_page_forbids() -> None:
    root = ElementTree.parse(PICTURE).getroot()
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    for word in ("hashed", "fresh worker process", "load, put, compute and get", "float64", "records.jsonl", "cluster"):
        assert word in description.text
    for element in root.iter():
        assert element.tag not in {f"{SVG}script", f"{SVG}style", f"{SVG}foreignObject", f"{SVG}image", f"{SVG}a"}
        assert not [name for name in element.attrib if name == "style" or name.startswith("on") or "href" in name]
        for name in ("fill", "stroke", "color"):  # follow the page, and have a colour of their own without one
            colour = element.get(name, "none")
            assert colour in {"none", "currentColor"} or colour.startswith("var(--"), colour
            assert not colour.startswith("var(--") or ", #" in colour
