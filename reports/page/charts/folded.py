"""A chart of many rows, divided by topic and folded, so that a reader meets the titles first. Print shows all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from residency.reports.page.parts import Block, Chart, Details, Section, tags_of
from residency.reports.page.topics import ordered

Item = TypeVar("Item")
MANY = 20  # results; a chart of more is divided, and folded if a topic alone has more


def by_topic(
    items: Sequence[Item],
    draw: Callable[[Sequence[Item], str], Chart],
    *,
    name: str,
    task: Callable[[Item], str],
    results: Callable[[Item], int] = lambda _: 1,
) -> list[Block]:
    """One chart of all items, or a section for each topic. `draw` gets the items, and `: topic` for the title."""
    if sum(map(results, items)) <= MANY:
        return [draw(items, "")]
    topics: dict[str, list[Item]] = {}
    for item in items:
        topics.setdefault(task(item).partition("/")[0], []).append(item)
    made: list[Block] = []
    for topic in ordered(topics):
        chart, count = draw(topics[topic], f": {topic}"), sum(map(results, topics[topic]))
        shown: Block = Details(f"{count} results", [chart]) if count > MANY else chart
        made.append(Section(f"{name}-{topic}", topic, [shown], tags_of(f"{topic}/")))
    return made
