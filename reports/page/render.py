"""A page as one HTML file that requests nothing: its Content-Security-Policy allows only what is in it, by hash.

Text is escaped by Jinja, so a task named `<script>` stays text. Charts are data in JSON, drawn by Vega without `eval`.
The same page is the same bytes.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from residency.reports import words
from residency.reports.page.parts import Chart, Code, Link, Number, Page, Part, Strong, Text, charts_in

ASSETS = files(__package__) / "assets"
VEGA = ("vendor/vega-6.4.0.min.js", "vendor/vega-interpreter-2.3.2.js")
IMPORT = "import { ascending, isString, DisallowedObjectProperties } from 'vega-util';"
EXPORT = "export { expression as expressionInterpreter };\n//# sourceMappingURL=vega-interpreter.js.map"


def page(shown: Page) -> str:
    """The HTML of a page."""
    return html(
        "page.html", styles=("page.css",), scripts=("charts.js", "page.js"), charts=charts_of(shown), page=shown
    )


def charts_of(shown: Page) -> list[Chart]:
    """All charts of a page, in the order in which they appear."""
    return charts_in([*shown.lead, *shown.sections])


def html(
    template: str, *, styles: Sequence[str], scripts: Sequence[str], charts: Sequence[Chart], **values: Any
) -> str:
    """A file made of a template, with these style sheets and scripts of ours, and with Vega if there are charts."""
    style = "\n".join(asset(name) for name in styles)
    code = [*([vega(), interpreter()] if charts else []), "\n".join(asset(name) for name in scripts)]
    return (
        _environment()
        .get_template(template)
        .render(
            policy=_policy([style], code),
            style=_inside(style, "style"),
            scripts=[_inside(text, "script") for text in code],
            data=Markup(_json(_data(charts))),
            places={id(chart): f"chart-{index}" for index, chart in enumerate(charts)},
            **values,
        )
    )


def asset(name: str) -> str:
    """A file of ours or of others, as text."""
    return (ASSETS / name).read_text(encoding="utf-8")


def vega() -> str:
    """Vega, which defines the global name `vega`."""
    return asset(VEGA[0])


def interpreter() -> str:
    """Vega's interpreter. It is a module; as a script it takes from Vega what it imports and adds itself to it."""
    text = asset(VEGA[1])
    if IMPORT not in text or EXPORT not in text:
        raise ValueError(f"{VEGA[1]} is not the version that this page was made for")
    imports = IMPORT.removeprefix("import ").removesuffix(" from 'vega-util';")
    body = text.replace(IMPORT, f"const {imports} = vega;").replace(EXPORT, "vega.expressionInterpreter = expression;")
    return f"(() => {{\n{body}}})();"


def _policy(styles: Sequence[str], scripts: Sequence[str]) -> str:
    hashed = {
        name: " ".join(f"'sha256-{_sha256(text)}'" for text in texts)
        for name, texts in (("style-src", styles), ("script-src", scripts))
    }
    allowed = "; ".join(f"{name} {hashes}" for name, hashes in hashed.items())
    return f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _inside(text: str, element: str) -> Markup:
    """The text of a style or script element, which is not escaped; so it must not end the element."""
    if f"</{element}" in text.lower():
        raise ValueError(f"a file with </{element} in it cannot be part of a page")
    return Markup(text)


def _data(charts: Sequence[Chart]) -> dict[str, Any]:
    names = sorted({chart.spec for chart in charts})
    return {
        "specs": {name: json.loads(asset(f"specs/{name}.json")) for name in names},
        "charts": {
            f"chart-{index}": {
                "spec": chart.spec,
                "title": chart.title,
                "rows": chart.rows,
                "more": chart.more,
                "settings": chart.settings,
            }
            for index, chart in enumerate(charts)
        },
    }


def _json(value: Any) -> str:
    """JSON in which no text can end the element or begin a comment."""
    text = json.dumps(_finite(value), separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e").replace("\u2028", "\\u2028")


def _finite(value: Any) -> Any:
    """The value with None for numbers that JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return words.visible(value)
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def _visible(value: Any) -> Any:
    """What a template writes, without what cannot be printed; the styles and the code of ours stay as they are."""
    return words.visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def parts(text: Text) -> Sequence[Part]:
    """The parts of a text."""
    return [text] if isinstance(text, str | Number | Code | Link | Strong) else text


def plain(text: Text) -> str:
    """The text alone, for example for a title."""
    return "".join(part if isinstance(part, str) else part.text for part in parts(text))


def kind(block: object) -> str:
    """The name of a block's template."""
    return type(block).__name__


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(asset),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    environment.filters |= {"parts": parts, "plain": plain, "visible": words.visible}
    environment.tests |= {
        "number": lambda part: isinstance(part, Number),
        "code": lambda part: isinstance(part, Code),
        "link": lambda part: isinstance(part, Link),
        "strong": lambda part: isinstance(part, Strong),
    }
    environment.globals |= {"kind": kind, "id_of": id}
    return environment
