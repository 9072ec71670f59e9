"""A deck in a browser: keys, the answer, notes, the address, sizes, and one page a slide on paper."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.class_run import write

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Show = Callable[..., "Page"]
QUESTION = "tabular-ridge-made-lab"
# `toggle`, which comes a moment after an answer is shown, has been handled.
AT_REST = "new Promise((done) => setTimeout(() => requestAnimationFrame(() => setTimeout(done))))"
# No chart of the slide waits for its turn.
DRAWN = """() => [...document.querySelectorAll(".slide.now figure.chart")]
    .every((figure) => !figure.checkVisibility() || figure.querySelector("svg"))"""
# What does not fit: beyond the window, beside its slide, or a chart that is shown but not drawn.
MISFITS = """() => {
    const stage = document.querySelector(".slide.now .stage");
    const charts = [...stage.querySelectorAll("figure.chart")].filter((figure) => figure.checkVisibility());
    const wide = [...stage.querySelectorAll("p, li, h1, h2, svg")].filter(
        (part) => part.getBoundingClientRect().right > window.innerWidth + 1);
    const frame = document.getElementById("bar").getBoundingClientRect();
    return [
        document.documentElement.scrollWidth > window.innerWidth ? "page too wide" : "",
        stage.scrollWidth > stage.clientWidth ? "slide too wide" : "",
        frame.bottom > window.innerHeight + 1 ? "buttons outside" : "",
        stage.getBoundingClientRect().bottom > frame.top + 1 ? "slide below the buttons" : "",
        ...charts.filter((figure) => !figure.querySelector("svg")).map((figure) => `${figure.id} not drawn`),
        ...wide.map((part) => `too wide: ${part.textContent}`),
    ].filter(Boolean);
}"""


# The text of a slide and its charts that is smaller than 18 px. The buttons are for the speaker.
SMALL = """() => {
    const isText = (node) => node.nodeType === 3 && node.data.trim();
    const isClosed = (part) => part.closest("details:not([open]) > :not(summary)");
    return [...document.querySelectorAll(".slide.now :is(.stage *, .foot)")]
        .filter((part) => part.checkVisibility() && !isClosed(part) && [...part.childNodes].some(isText))
        .filter((part) => parseFloat(getComputedStyle(part).fontSize) < 18)
        .map((part) => `too small: ${part.textContent}`);
}"""
# What is drawn, shown, and cut off at the end of its page when the browser prints.
ON_PAPER = """() => {
    const shown = (name) => [...document.querySelectorAll(name)].every((part) => part.checkVisibility());
    const isCut = (slide) => {
        const [page, sheet] = [slide, slide.firstElementChild].map((part) => part.getBoundingClientRect());
        return sheet.bottom > page.bottom + 1 || sheet.right > page.right + 1;
    };
    window.printed = {
        charts: document.querySelectorAll("figure.chart").length,
        drawn: document.querySelectorAll("figure.chart[data-drawn] svg").length,
        shown: [".big", ".notes", ".choices", "figure.chart"].every(shown),
        cut: [...document.querySelectorAll(".slide")].filter(isCut).map((slide) => slide.id),
    };
}"""


@pytest.fixture(scope="module")
def deck(residency_in: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The deck of a made-up run with a GPU and hostile names."""
    folder: Path = tmp_path_factory.mktemp("deck")
    write(folder / "run", tasks=2, rounds=3)
    done = residency_in(folder, "report", "run", "--slides", "-o", "deck.html")
    assert done.status == 0, done.err
    return folder / "deck.html"


@pytest.fixture
def show(browser: Browser, deck: Path) -> Iterator[Show]:
    """Open the deck in a window. Nothing may be logged, requested or asked."""
    problems: list[str] = []
    windows = []

    def open_deck(name: str = "", width: int = 1024, height: int = 768, **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        windows.append(context)
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("dialog", lambda dialog: (problems.append(dialog.message), dialog.dismiss()))
        page.on(
            "request", lambda asked: problems.append(asked.url) if not asked.url.startswith(deck.as_uri()) else None
        )
        page.goto(f"{deck.as_uri()}{name and '#' + name}")
        return page

    yield open_deck
    for window in windows:
        window.close()
    assert not problems


def status(page: Page) -> str:
    return page.locator("#status").inner_text()


def press(page: Page, *keys: str) -> None:
    """Press one key after the other, each when the page has done what the last one asked for."""
    for key in keys:
        page.keyboard.press(key)
        page.evaluate(AT_REST)
        page.wait_for_function(DRAWN)


def test_keys_reveal_and_move_and_the_address_keeps_the_slide(show: Show) -> None:
    page = show()
    count = page.locator(".slide").count()
    assert status(page) == f"Slide 1 of {count}, opening"
    press(page, "ArrowRight")
    assert status(page) == f"Slide 2 of {count}, overview"
    page.locator(".slide.now a", has_text="3 ridge").click()
    assert status(page) == f"Slide 3 of {count}, question"
    assert not page.locator(".slide.now .big").first.is_visible()
    press(page, " ")
    assert status(page) == f"Slide 3 of {count}, answer revealed"
    assert page.locator(".slide.now .big").first.is_visible()
    assert page.locator(".slide.now .foot").inner_text() == "Made-up numbers: nothing was measured."
    press(page, "PageDown", "PageUp")
    assert status(page) == f"Slide 3 of {count}, answer revealed"  # an answer that was given stays
    press(page, "End")
    assert page.locator("#next").is_disabled()
    press(page, "PageDown")
    assert status(page).startswith(f"Slide {count} of {count}")
    page.reload()
    assert status(page).startswith(f"Slide {count} of {count}")
    press(page, "1", "2", "Enter")
    assert status(page).startswith(f"Slide 12 of {count}")
    press(page, "3", "x", "Enter", "9", "9", "9", "Enter")
    assert status(page).startswith(f"Slide {count} of {count}")
    press(page, "Home", "ArrowLeft")
    assert status(page) == f"Slide 1 of {count}, opening"
    page.evaluate("location.hash = '%'")
    page.goto(f"{page.url.partition('#')[0]}#{QUESTION}")
    assert page.locator(f"#{QUESTION}").is_visible()
    press(page, "ArrowRight")
    page.reload()
    assert not page.locator(".slide.now .big").first.is_visible()  # predict again


def test_notes_the_list_of_slides_help_and_full_screen(show: Show) -> None:
    page = show(QUESTION)
    notes = page.locator(".slide.now .notes")
    assert not notes.is_visible()
    press(page, "n")
    assert "residency run tabular/ridge --dataset made --size lab" in notes.inner_text()
    assert page.locator("#speaker").get_attribute("aria-pressed") == "true"
    page.locator("#speaker").click()
    assert not notes.is_visible()
    press(page, "o")
    assert page.evaluate("document.activeElement.hash") == f"#{QUESTION}"
    press(page, "ArrowRight", "Home")
    assert page.locator(f"#{QUESTION}").is_visible()  # the list took these keys
    page.locator("#overview a").first.click()
    assert not page.locator("#overview").is_visible()
    assert page.locator("#opening").is_visible()
    press(page, "?")
    assert page.locator("#help").is_visible()
    press(page, "Escape")
    assert not page.locator("#help").is_visible()
    page.evaluate("document.documentElement.requestFullscreen = undefined")
    press(page, "f")
    assert status(page) == "This browser does not allow full screen here."
    page.evaluate("() => { document.documentElement.requestFullscreen = () => Promise.reject(new TypeError('no')); }")
    page.locator("#full").click()


def test_a_control_with_the_focus_keeps_its_keys(show: Show) -> None:
    page = show(QUESTION)
    page.locator("#next").focus()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    press(page, " ")  # once: as a button, not as a key of the deck too
    assert status(page).endswith("answer revealed")
    page.evaluate("document.querySelector('.slide.now .above').append(document.createElement('input'))")
    page.locator("input").focus()
    page.keyboard.type("no f?")
    press(page, "Home", "ArrowRight", " ")
    assert page.locator("input").input_value() == "n o f?"
    assert page.locator(f"#{QUESTION}").is_visible()
    press(page, "Control+ArrowRight", "Tab", "Shift+Tab", "Alt+n")
    assert page.locator(f"#{QUESTION}").is_visible()


@pytest.mark.parametrize(
    ("width", "height"), [(390, 844), pytest.param(1024, 768, marks=pytest.mark.slow), (1920, 1080)]
)
def test_every_slide_fits_and_can_be_read_from_the_back_row(show: Show, width: int, height: int) -> None:
    page = show(width=width, height=height, color_scheme="dark" if width == 1920 else "light")
    font = page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)")
    misfits = []
    for _ in range(2 * page.locator(".slide").count()):
        font = min(font, page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)"))
        misfits += page.evaluate(MISFITS)
        if height == 768:  # of a projector
            misfits += page.evaluate(SMALL)
            misfits += ["needs scrolling"] if page.locator("#more").is_visible() else []
        press(page, "ArrowRight")
    assert page.locator("#next").is_disabled()
    assert not misfits
    assert font >= (16 if width == 390 else 0.02 * height)


def test_paper_has_one_page_a_slide_with_every_answer_chart_and_note(show: Show) -> None:
    page = show(QUESTION)
    page.evaluate(f"() => window.addEventListener('beforeprint', {ON_PAPER})")
    paper = page.pdf()
    pages = len(re.findall(rb"/Type /Page\b", paper))
    assert pages == page.locator(".slide").count()
    printed = page.evaluate("window.printed")
    assert printed["charts"] == printed["drawn"] > 5
    assert printed["shown"]
    assert not printed["cut"]
    page.locator(f"#{QUESTION}.now").wait_for()  # afterwards all is as it was
    assert not page.locator(".slide.now .big").first.is_visible()
    assert page.locator(".slide:visible").count() == 1


def test_without_javascript_all_slides_are_there_and_answers_open(show: Show) -> None:
    page = show(java_script_enabled=False)
    assert page.locator(".slide:visible").count() == page.locator(".slide").count()
    assert not page.locator("#bar").is_visible()
    slide = page.locator(f"#{QUESTION}")
    assert not slide.locator(".big").is_visible()
    slide.locator(".reveal > summary").click()
    assert slide.locator(".big").is_visible()
    slide.locator(".reveal .numbers > summary").click()
    assert slide.locator("table").is_visible()
