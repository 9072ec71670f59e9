"""`residency scale` and `residency crossover` on work whose truth is known, through the real commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

FIXTURES = Path(__file__).parent.parent / "fixtures" / "suites"
FEW = ("--replicates", "2", "--rounds", "2", "--budget", "300")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scale")


@pytest.fixture(scope="module")
def scaled(residency_in, folder: Path) -> Any:
    pytest.importorskip("distributed")
    return residency_in(
        folder, "scale", "known/scaled", "--workers", "1,2", "--size", "smoke", "--json",
        "--page", "page.html", *FEW, RESIDENCY_SUITES=str(FIXTURES),  # for two processes: one tells no factor of two
    )  # fmt: skip


@pytest.mark.slow
def test_a_known_contention_is_found(scaled) -> None:
    assert scaled.status == 0, scaled.err
    (found,) = (one for one in scaled.json["scaling"] if one["implementation"] == "shared_out")
    two = found["strong"][1]
    assert two["workers"] == 2
    assert two["over_one"]["value"] == pytest.approx(0.9 / 0.5, rel=0.08)
    assert two["efficiency"] == pytest.approx(0.9, rel=0.08)
    law = found["law"]["contention"]
    assert law["low"] <= 1 / 9 <= law["high"]
    assert found["law"]["coherence"] is None  # two counts of workers tell one parameter
    assert found["law"]["predicted"] == {}  # and nothing of more workers can be said without the other


@pytest.mark.slow
def test_the_page_says_the_same_first(scaled, folder: Path) -> None:
    page = (folder / "page.html").read_text()
    places = [page.index(one["headline"]) for one in scaled.json["scaling"]]
    assert places[0] < places[1] < page.index('id="scaling"') < page.index('id="speedups"')


@pytest.mark.slow
def test_both_baselines_and_both_scalings_are_told(scaled) -> None:
    (found,) = (one for one in scaled.json["scaling"] if one["implementation"] == "shared_out")
    assert found["single_process"] == "growing@cpu"
    assert all(one["over_single_process"]["value"] < 1 for one in found["strong"])
    assert [(one["workers"], one["rows"]) for one in found["weak"]] == [(1, 1_000), (2, 2_000)]


@pytest.mark.slow
def test_slower_with_more_workers_is_said_first(scaled) -> None:
    (found,) = (one for one in scaled.json["scaling"] if one["implementation"] == "queued")
    assert found["strong"][1]["over_one"]["value"] == pytest.approx(0.5, rel=0.1)
    assert "2 workers are SLOWER than one" in found["headline"]


@pytest.mark.slow
def test_a_known_crossover_is_found(residency) -> None:
    """A fixed 60 ms is overtaken by 2 µs a row at 30,000 rows."""
    done = residency(
        "crossover", "known/scaled", "--of", "fixed", "--over", "growing", "--from", "5000", "--up-to", "200000",
        "--json", *FEW, RESIDENCY_SUITES=str(FIXTURES),
    )  # fmt: skip
    assert done.status == 0, done.err
    found = done.json["crossover"]
    assert found["answer"] == "crosses"
    assert found["rows"] == pytest.approx(30_000, rel=0.1)
    assert found["low"] < 30_000 < found["high"]
    assert 3 <= len(found["points"]) <= 10


@pytest.mark.parametrize(
    ("sides", "answer", "said"),
    [
        (("fixed", "growing"), "never", "never overtakes growing@cpu, up to 10,000 rows"),
        pytest.param(
            *(("growing", "fixed"), "always", "faster than fixed@cpu from the smallest size measured on, 5,000"),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_never_and_always_are_answers(residency, tmp_path: Path, sides, answer, said) -> None:
    of, over = sides
    done = residency(
        "crossover", "known/scaled", "--of", of, "--over", over, "--from", "5000", "--up-to", "10000", "--json", *FEW,
        "--page", tmp_path / "page.html", RESIDENCY_SUITES=str(FIXTURES),
    )  # fmt: skip
    assert done.status == 0, done.err
    assert done.json["crossover"]["answer"] == answer
    assert said in done.json["crossover"]["said"]
    assert said in (tmp_path / "page.html").read_text()
    assert done.json["crossovers"][0]["sides"] == {"challenger": [f"{of}@cpu"], "champion": [f"{over}@cpu"]}


@pytest.mark.slow
def test_a_page_that_cannot_be_written_loses_nothing(residency) -> None:
    done = residency(
        "crossover", "known/scaled", "--of", "fixed", "--over", "growing", "--from", "5000", "--up-to", "10000", *FEW,
        "--page", "/dev/full", RESIDENCY_SUITES=str(FIXTURES),
    )  # fmt: skip
    assert done.status == 2
    assert "never overtakes" in done.out
    last = done.err.splitlines()[-1]
    assert "cannot write /dev/full: No space left on device. What was measured is saved." in last
    assert residency(*last.partition("Write its page with: residency ")[2].split()).status == 0


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("scale", "tabular/etl", "--workers", "0"), "--workers 0: expected numbers of workers"),
        (("scale", "tabular"), "tabular: name one task, for example tabular/etl"),
        (("scale", "tabular/anomaly"), "tabular/anomaly has no implementation for a cluster"),
        (("scale", "tabular/etl", "--size", "huge"), "invalid size `huge`: use smoke, lab, lecture, production or"),
        (("crossover", "tabular/etl", "--of", "gpu", "--over", "cpu"), "gpu cannot run here: no NVIDIA GPU"),
        (("crossover", "tabular/etl", "--of", "polar", "--over", "cpu"), "no side `polar` in tabular/etl"),
        (("crossover", "tabular/etl", "--of", "lazy_frame", "--over", "cpu"), "share lazy_frame@cpu"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(refused, command, said) -> None:
    assert said in refused(*command)
