"""What a page must do in a real browser, for a class and for a reader alone."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from tests.browser.conftest import Open
from tests.browser.pages import Watched
from tests.class_run import HOSTILE

# At a zoom of 200 %, the window has half as many CSS pixels, each of them two by two on the screen.
ZOOMED = (1366 // 2, 900 // 2)
WINDOWS = [(1366, 900), (390, 800), (1024, 768), (1920, 1080), ZOOMED]


@pytest.mark.parametrize(
    "name",
    [
        "small_page",
        pytest.param("class_page", marks=pytest.mark.slow),
        pytest.param("comparison_page", marks=pytest.mark.slow),
        pytest.param("history_page", marks=pytest.mark.slow),
        pytest.param("plan_page", marks=pytest.mark.slow),
        pytest.param("largest_page", marks=pytest.mark.slow),
    ],
)
def test_every_chart_is_drawn_and_readable_at_every_width(
    name: str, opened: Open, request: pytest.FixtureRequest
) -> None:
    window = opened(request.getfixturevalue(name))
    window.drawn()
    open_by_keyboard(window, charts=True)
    wrong = {}
    for width, height in WINDOWS:
        window.resized(width, height)
        assert window.ask("count") == window.ask("figures") > 0
        wrong[width] = window.ask("wrong")
    assert not any(wrong.values()), wrong


def open_by_keyboard(window: Watched, *, charts: bool) -> None:
    """Open details by the keyboard; what is in them is drawn then."""
    for _ in range(window.ask("closed", charts)):
        before = window.ask("count")
        window.ask("focusClosed", charts)
        window.page.keyboard.press("Enter")
        window.page.wait_for_timeout(0)
        window.drawn()
        assert window.ask("count") > before or not charts
    assert window.ask("closed", charts) == 0


def test_filters_work_by_keyboard_and_say_what_they_show(class_page: Path, opened: Open) -> None:
    window = opened(class_page)
    keyboard = window.page.keyboard
    window.drawn()
    everything = window.ask("texts")
    tab_to(window, "topic")
    keyboard.type("nlp")
    window.drawn()
    assert window.ask("showing") == "Showing only topic nlp."
    rows = window.ask("rows")
    assert {row["topic"] for row in rows} <= {"nlp", ""}
    assert any("nlp/search" in row["text"] for row in rows)
    assert not any("tabular/" in text or "image/" in text for text in window.ask("texts"))
    assert any("nlp/search" in text for text in window.ask("texts"))

    tab_to(window, "device")
    keyboard.type("gpu")
    window.drawn()
    assert window.ask("showing") == "Showing only topic nlp, device gpu."
    assert {row["device"] for row in window.ask("rows")} <= {"gpu", ""}
    assert not any("@cpu" in text for text in window.ask("texts"))

    tab_to(window, "size")
    keyboard.type("smoke")
    window.drawn()
    assert window.ask("showing") == "Showing only topic nlp, device gpu, size smoke. Nothing fits."
    assert set(window.ask("states")) == {"Nothing in this chart fits the filters."}
    assert len(window.ask("states")) == window.ask("figures")

    tab_to(window, "all")
    keyboard.press("Enter")
    window.until("isReset")
    window.drawn()
    assert window.ask("focused") == "topic"
    assert window.ask("states") == []
    assert window.ask("texts") == everything


def tab_to(window: Watched, name: str) -> None:
    """Press Tab until the field of this name has the focus."""
    for _ in range(40):
        if window.ask("focused") == name:
            return
        window.page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {name}")


@pytest.mark.slow
def test_redrawing_moves_nothing(small_page: Path, opened: Open) -> None:
    window = opened(small_page)
    window.drawn()
    window.page.evaluate("window.scrollTo(0, document.documentElement.scrollHeight)")
    window.ask("frames")  # this scrolling's own event comes a frame later
    before = window.ask("place")
    window.ask("watchScrolling")
    for _ in range(2):
        window.ask("mark")
        window.page.evaluate("charts.redraw()")
        window.until("isNew")
        window.drawn()
    assert window.ask("place") == before
    assert window.ask("scrolled") == 0


@pytest.mark.slow
def test_filtering_keeps_the_place_of_the_reader(class_page: Path, opened: Open) -> None:
    window = opened(class_page)
    window.drawn()
    heading = window.page.locator("#quality h2")
    heading.evaluate("(heading) => heading.scrollIntoView()")
    place = heading.bounding_box()
    height = window.ask("place")[1]
    window.page.select_option("[name=topic]", "nlp")
    window.drawn()
    now = heading.bounding_box()
    assert window.ask("place")[1] < height / 2
    assert place is not None
    assert now is not None
    assert abs(now["y"] - place["y"]) < 2  # pixels


@pytest.mark.slow
def test_the_dark_scheme_needs_no_redrawing(small_page: Path, opened: Open) -> None:
    window = opened(small_page)
    window.drawn()
    light = window.ask("colourOfText")
    window.ask("mark")
    window.page.emulate_media(color_scheme="dark")
    assert window.ask("colourOfText") != light
    assert not window.ask("isNew")


def test_tooltips_are_plain_text_and_can_be_dismissed(small_page: Path, opened: Open) -> None:
    window = opened(small_page, has_touch=True)
    window.drawn()
    assert HOSTILE in "".join(window.ask("texts"))
    for wanted in (HOSTILE, "baseline: "):
        place = window.ask("middleOf", wanted)
        window.page.mouse.move(*place)
        window.until("tipHas", wanted)
        assert window.ask("tipElements") == 0
        window.page.keyboard.press("Escape")
        assert window.ask("tip") == ""
    window.page.mouse.move(0, 0)
    window.page.touchscreen.tap(*window.ask("middleOf", "baseline: "))  # as on a phone, where nothing hovers
    window.until("tipHas", "baseline: ")
    window.page.touchscreen.tap(5, 5)
    window.until("tipHas", "")
    assert window.ask("tip") == ""


def test_names_never_become_elements(small_page: Path, opened: Open) -> None:
    window = opened(small_page)
    window.drawn()
    window.ask("openAll")
    window.drawn()
    elements = window.ask("elements")
    assert elements["script"] == 4  # the data, Vega, its interpreter, and ours
    assert not {"b", "img", "iframe", "object", "link"} & set(elements)
    assert any(HOSTILE in row["text"] for row in window.ask("rows"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["small_page", "comparison_page", "beside_page", "selftest_page", "proof_page", "plan_page"]
)
def test_axe_finds_nothing_serious(name: str, opened: Open, request: pytest.FixtureRequest) -> None:
    axe = pytest.importorskip("axe_playwright_python", reason="axe is not installed: make setup")
    script = (Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    window = opened(request.getfixturevalue(name), bypass_csp=True)
    window.drawn()
    window.ask("openAll")
    window.drawn()
    window.page.evaluate(script)
    assert not serious(window, {})
    window.page.emulate_media(color_scheme="dark")
    assert not serious(window, {"runOnly": ["color-contrast"]})  # all else is the same in both schemes


def serious(window: Watched, options: dict[str, list[str]]) -> list[tuple[str, ...]]:
    found = window.page.evaluate("(options) => axe.run(document, options)", {**options, "resultTypes": ["violations"]})
    return [
        (rule["id"], rule["help"], rule["nodes"][0]["html"][:200])
        for rule in found["violations"]
        if rule["impact"] in {"serious", "critical"}
    ]


@pytest.mark.slow
def test_paper_has_every_chart(class_page: Path, opened: Open) -> None:
    pypdf = pytest.importorskip("pypdf", reason="pypdf is not installed: make setup")
    window = opened(class_page)
    window.drawn()
    count = window.page.evaluate("document.querySelectorAll('figure.chart').length")
    closed = window.ask("closed", True)
    window.page.evaluate("window.scrollTo(0, 700)")
    pages = pypdf.PdfReader(io.BytesIO(window.page.pdf(format="A4"))).pages
    printed = squeezed("".join(page.extract_text() for page in pages))
    window.drawn()
    assert (window.ask("closed", True), window.page.evaluate("window.scrollY")) == (closed, 700)
    open_by_keyboard(window, charts=True)
    missing = [text for text in window.ask("firstTexts") if squeezed(text) not in printed]
    assert window.ask("count") == count
    assert not missing
    assert HOSTILE in printed


def squeezed(text: str) -> str:
    """The text without spaces: on paper they are distances."""
    return re.sub(r"\s", "", text)


def test_without_javascript_all_tables_are_complete(class_page: Path, opened: Open) -> None:
    window = opened(class_page, java_script_enabled=False)
    rows = window.page.locator("main tbody tr")
    text = class_page.read_text(encoding="utf-8")
    assert rows.count() == len(re.findall("<tr[ >]", text)) - text.count("<thead>")
    assert rows.evaluate_all("(all) => all.filter((row) => !row.checkVisibility()).length") == 0
    assert window.page.locator(".drawing svg").count() == 0
    assert not window.page.locator("#filters").is_visible()
    assert window.page.locator("noscript p").is_visible()


def test_a_chart_that_cannot_be_drawn_leaves_its_table(small_page: Path, opened: Open) -> None:
    window = opened(small_page, expected=1)
    window.drawn()
    window.ask("breakFirst")
    window.drawn()
    assert window.ask("states") == ["This chart could not be drawn. Its numbers are in the table below."]
    assert window.page.locator("figure.chart details.numbers").first.locator("table").is_visible()
    (problem,) = window.problems
    title = window.page.locator("figure.chart figcaption").first.text_content()
    assert problem.startswith(f'error: The chart "{title}" (chart-0) could not be drawn.')
