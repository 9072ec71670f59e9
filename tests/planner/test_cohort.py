from __future__ import annotations

import datetime
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from residency.harness.errors import UsageError
from residency.planner import whatif
from residency.planner.cohort import Cohort, Target
from residency.planner.mig import CARDS, fit_together, most
from residency.planner.reading import CohortError, cohort_of, example, read

SITES = """
[[sites]]
name = "Lisbon"
residents = 12
time_zone = "Europe/Lisbon"
[[sites]]
name = "Lima"
residents = 8
time_zone = "America/Lima"
[[classes]]"""
SEMINAR = """
[[classes]]
name = "seminar"
days = ["fri"]
start = 11:00:00
hours = 2
practice = 1
labs = ["x"]
start_window_minutes = 1
think_minutes = 1
[projects]
"""
THINK = '{ value = 6, low = 3, high = 12, source = "a guess" }'
DATE = "price_date = 2026-11-29\nhours"
SEVEN = '"1g.18gb", "1g.18gb", "1g.18gb"'

# What is changed in the example, into what, and the line that a person reads.
MISTAKES = [
    ("residents = 20", "residents = -20", "people.residents: is -20; it must be at least 1"),
    ("residents = 20", "residents = 1_000_000_000", "people.residents: is 1000000000; it must be at most 100000"),
    ("residents = 20", "residents = nan", "people.residents: is nan; it must be a whole number"),
    ("residents = 20", 'residents = "20"', 'people.residents: is "20"; it must be a whole number'),
    ("residents = 20", "residants = 20", "people.residants: no such field; did you mean `residents`?"),
    ("residents = 20", "", "people.residents: is missing; write residents = 20, or a section [[sites]] for each site"),
    ("[calendar]", "[calender]", "calender: no such field; did you mean `calendar`?"),
    ("[[classes]]", "[classes]", "classes: is one section; write [[classes]] with two brackets, once for each"),
    ("practice = 0.5", "practice = 0", "classes[0].practice: is 0; it must be more than 0"),
    (THINK, "1e300", "classes[0].think_minutes: is 1e+300; it must be at least 0 and at most 1000000"),
    ("practice = 0.5", "practice = inf", "classes[0].practice: is inf; it must be a finite number"),
    ("start = 09:00:00", 'start = "9:00"', None),
    ("start = 09:00:00", "", "classes[0].start: is missing; write start = 09:00:00"),
    (
        "start = 09:00:00",
        'start = "9:00+02:00"',
        "classes[0].start: is 9:00+02:00; it must be a local time of day, without date or offset: 09:00:00",
    ),
    (
        "start = 09:00:00",
        "start = 22:00:00",
        "classes[0].start: 22:00 to 01:00 (Europe/Berlin) is in the night; is calendar.time_zone right? "
        "If so, write at_night = true",
    ),
    ("start = 09:00:00", "start = 22:00:00\nat_night = true", None),
    ('["mon", "wed", "fri"]', '["mon", "wensday"]', 'classes[0].days[1]: is "wensday"; did you mean "wed"?'),
    (
        "start_window_minutes = 1",
        "start_window_minutes = 90",
        "classes[0].start_window_minutes: is 90, but the practice has 90 minutes; write less",
    ),
    (THINK, "-1", "classes[0].think_minutes: is -1; it must be at least 0 and at most 1000000"),
    (
        THINK,
        '"six"',
        'classes[0].think_minutes: is "six"; it must be a number, or an assumption such as '
        '{ value = 10, low = 5, high = 20, source = "a guess" }',
    ),
    (
        "low = 3, high = 12",
        "low = 8, high = 12",
        "classes[0].think_minutes: has low 8, value 6, high 12; they must grow in this order",
    ),
    (
        'low = 3, high = 12, source = "a guess"',
        "low = 3, high = 12",
        'classes[0].think_minutes.source: is missing; write source = "a guess", or where the range comes from',
    ),
    (
        "[projects]",
        SEMINAR,
        'classes[1].start: 11:00-13:00 on fri overlaps with "lecture with practice" (09:00-12:00 on mon, wed, fri) for '
        "the same people; change start or days, or give each class its sites",
    ),
    (
        '"Europe/Berlin"',
        '"Europe/Berln"',
        "calendar.time_zone: no time zone `Europe/Berln`; did you mean `Europe/Berlin`?",
    ),
    (
        '"Europe/Berlin"',
        '"../passwd"',
        'calendar.time_zone: no time zone `../passwd`; write one such as "Europe/Berlin"',
    ),
    ("[[classes]]", SITES, None),
    ("[[classes]]", SITES.replace("12", "13"), "people.residents: is 20, but the sites have 21 together; leave it out"),
    (
        "[[classes]]",
        SITES + '\ntime_zone = "Europe/Berlin"',
        "classes[0].start: 03:00 to 06:00 in Lima (America/Lima) is in the night; is classes[0].time_zone right? "
        "If so, write at_night = true",
    ),
    ("[[classes]]", SITES + '\nsites = ["Lisbom"]', "classes[0].sites: no site `Lisbom`; did you mean `Lisbon`?"),
    ("share = 0.7", "share = 0.9", "projects.jobs: have shares that add up to 1.2; they must add up to 1"),
    (
        "hours_per_week = 21",
        "hours_per_week = 60",
        "projects.hours_per_week: is 60, but days, from and to leave 36 hours outside class; "
        "write less, or a longer day",
    ),
    (
        'currency = "EUR"',
        "",
        'hardware[0].price: has no currency; write currency = "EUR" at the top of the file',
    ),
    (
        'price_per = "hour"',
        'price_per = "hour"\ncurrency = "USD"',
        "hardware[0].currency: no such field here; all prices are in one currency: "
        'write currency = "EUR" once, at the top of the file',
    ),
    (
        DATE,
        "hours",
        "hardware[0].price_date: is missing; write the day on which you read the price, as price_date = 2026-11-29",
    ),
    (
        SEVEN,
        '"1g.18gb", "2g.35gb", "1g.18gb"',
        "hardware[1].slices: do not fit on one h200 together; alone at most 7 of 1g.18gb, 3 of 2g.35gb; write fewer",
    ),
    (SEVEN, '"1g.18gb", "1g.10gb"', "hardware[1].slices: no slice `1g.10gb` of the h200; did you mean `1g.18gb`?"),
    (
        'gpu = "h200"\ncount = { from = 1, to = 8 }',
        'gpu = "l40s"\nmemory_gb = 48\ncount = 8',
        'hardware[1].sharing: is "mig", but no slices of "l40s" are known; known are: '
        "a30, a100-40gb, a100-80gb, h100-80gb, h200, b200",
    ),
    (
        'gpu = "h200"',
        'gpu = "rtx9"',
        'hardware[0].memory_gb: is missing; the planner does not know how much memory "rtx9" has',
    ),
    ('of = "class"', 'of = "classes"', 'targets[0].of: is "classes"; did you mean "class"?'),
]


def said(path: Path, content: str | bytes) -> list[str]:
    """The lines that a person reads, without the file's name; none if the file is right."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    try:
        read(path)
    except UsageError as error:
        return [line.removeprefix(str(path)).lstrip(": ") for line in str(error).splitlines()]
    return []


def changed(before: str, after: str) -> str:
    assert before in example()
    return example().replace(before, after, 1)


def test_each_mistake_is_one_line_with_the_field_and_a_remedy(tmp_path: Path) -> None:
    path = tmp_path / "cohort.toml"
    found = {(before, after): said(path, changed(before, after)) for before, after, _ in MISTAKES}
    assert found == {(before, after): [line] if line else [] for before, after, line in MISTAKES}


def test_a_file_that_is_none_is_said(tmp_path: Path) -> None:
    path = tmp_path / "cohort.toml"
    empty = ["is empty; write an example to begin with: residency plan --example > cohort.toml"]
    assert said(path, "") == said(path, "# nothing\n") == empty
    assert said(path, changed("start = 09:00:00", "start = 09:00")) == [
        "33: is not TOML: Expected newline or end of document after a statement; a time of day has seconds: 09:00:00"
    ]
    assert said(path, example().encode("utf-16")) == ["1: is not UTF-8; save the file as UTF-8"]
    assert said(path, b"\xef\xbb\xbf" + example().encode()) == []
    assert said(path, "a=" + "[" * 20_000) == ["is nested too deeply"]
    many = said(path, "\n".join(f"x{number} = 1" for number in range(40)))
    assert len(many) == 11
    assert many[-1] == "and 34 more mistakes"
    for place, words in (
        (tmp_path, "is a folder"),
        (tmp_path / "none.toml", "no such file"),
        (Path("/dev/null"), "not a"),
    ):
        with pytest.raises(UsageError, match=words):
            read(place)


def leaves(tables: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for key, value in tables.items() if isinstance(tables, dict) else enumerate(tables):
        yield (*place, key)
        if isinstance(value, dict | list):
            yield from leaves(value, (*place, key))


def test_no_value_of_any_field_ends_in_anything_but_lines() -> None:
    tables = tomllib.loads(example())
    for place in list(leaves(tables)):
        section = tables
        for key in place[:-1]:
            section = section[key]
        right = section[place[-1]]
        for odd in (-1, 10**30, float("nan"), "x\n\x1b", {}, datetime.date(9999, 12, 31)):
            section[place[-1]] = odd
            with suppress(CohortError):
                cohort_of(tables)
        section[place[-1]] = right
    cohort_of(tables)


def test_facts_and_assumptions_are_told_apart() -> None:
    cohort = cohort_of(tomllib.loads(example()))
    think, window = cohort.classes[0].think_minutes, cohort.classes[0].start_window_minutes
    assert (think.is_assumed, think.low, think.high, think.source) == (True, 3, 12, "a guess")
    assert (window.is_assumed, window.low, window.value, window.high) == (False, 1, 1, 1)
    sliced = cohort.hardware[1].model_copy(update={"slice_speed": {}}).speed_of("1g.18gb")
    assert sliced.is_assumed
    assert (sliced.value, sliced.high) == (16 / 132, 1)
    assert sliced.low < sliced.value
    assert cohort.hardware[0].count == tuple(range(1, 17))
    assert (cohort.residents, cohort.teams, cohort.hardware[0].memory) == (20, 7, 141 * 10**9)


@pytest.fixture
def cohort() -> Cohort:
    return cohort_of(tomllib.loads(changed("[[classes]]", SITES)))


def test_flags_change_the_cohort(cohort: Cohort) -> None:
    assert [site.residents for site in whatif.with_residents(cohort, 80).sites] == [48, 32]
    assert [site.residents for site in whatif.with_residents(cohort, 3).sites] == [2, 1]
    assert [(option.name, option.count) for option in whatif.with_gpus(cohort, "h200:2").hardware] == [
        ("whole H200", (2,)),
        ("H200 in five slices", (2,)),
    ]
    assert whatif.with_stagger(cohort, "5min").classes[0].start_window_minutes.value == 6
    assert whatif.with_target(cohort, "p99.9 wait <= 30 s of project").targets == (
        Target(percentile=99.9, wait_minutes=0.5, of="project"),
    )


@pytest.mark.parametrize(
    ("flag", "given", "words"),
    [
        ("with_residents", 1, "--residents 1: must be at least 2, one for each site, and at most 100000"),
        ("with_gpus", "h200", "--gpus h200: write a kind and a number of cards, such as h200:2"),
        ("with_gpus", "h20:2", "--gpus h20:2: the cohort has no hardware `h20`; did you mean h200?"),
        ("with_stagger", "5", "--stagger 5: write a time with its unit, such as 5min"),
        (
            "with_stagger",
            "2h",
            "--stagger: classes[0].start_window_minutes: is 121, but the practice has 90 minutes; write less",
        ),
        (
            "with_target",
            "2 min",
            '--target "2 min": write it as "p95 wait <= 2 min" or "p95 wait <= 10 min of project"',
        ),
        (
            "with_target",
            "p95 wait <= 2 min of labs",
            '--target "p95 wait <= 2 min of labs": no activity `labs`; there are: class, project, grading, all',
        ),
    ],
)
def test_flags_say_what_is_wrong(cohort: Cohort, flag: str, given: Any, words: str) -> None:
    with pytest.raises(UsageError) as error:
        getattr(whatif, flag)(cohort, given)
    assert str(error.value) == words


def test_slices_fit_as_nvidias_guide_says() -> None:
    instances = {kind: [most(card, name) for name in card.slices] for kind, card in CARDS.items()}
    seven = [7, 4, 3, 2, 1]
    assert instances == {
        "a30": [4, 2],
        "a100-40gb": seven,
        "a100-80gb": seven,
        "h100-80gb": seven,
        "h200": seven,
        "b200": seven[:3],
    }
    card = CARDS["h200"]
    assert fit_together(card, ["1g.18gb", "3g.71gb", "1g.18gb", "1g.18gb", "1g.18gb"])
    assert fit_together(card, ["3g.71gb", "4g.71gb"])
    assert not fit_together(card, ["3g.71gb", "3g.71gb", "1g.18gb"])
    assert 7 * card.slices["1g.18gb"].multiprocessors == 112
    assert card.slices["1g.18gb"].memory == 16 * 2**30
