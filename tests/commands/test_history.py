"""`residency history` over runs written by hand: what changed and since when, and what never shares a line."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from tests.page_numbers import assert_says_the_same

HOSTILE = "<script>alert(1)</script>"
NOISE = 0.01  # standard deviation of the log time from run to run; that of processes is a tenth of it
RUNS = 12


def moment(number: int) -> dict[str, str]:
    return {
        "id": f"run-{number:02}",
        "started": f"2027-01-{number:02}T00:00:00.000Z",
        "commit": f"{number:02}ffffffffff",
    }


@pytest.fixture
def runs(made_run, made) -> Callable[..., None]:
    """Write twelve runs of four tasks with noise, one of them 20 % slower from the eighth run on."""

    def write(*more, machine: dict | None = None, folder: str = "runs", slow: float = 1.2) -> None:
        chance = random.Random(3)
        for number in range(1, RUNS + 1):
            several = []
            for place, task in enumerate(("tabular/ridge", "tabular/etl", "image/classify", f"{HOSTILE}/{HOSTILE}")):
                for name in ("estimator@cpu", f"array{HOSTILE}@cpu"):
                    slower = slow if number >= 8 and (task, name) == ("tabular/etl", "estimator@cpu") else 1.0
                    several.append(made(name, (place + 1) * slower * chance.lognormvariate(0, NOISE), task=task))
            several = [new for one in several for new in [next((f(number, one) for f in more if f(number, one)), one)]]
            made_run(f"{folder}/{number:02}", *several, machine=machine, **moment(number))

    return write


def marks(found: dict) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """The marks of each changed series, by the run's id."""
    return {
        (series["task"], series["implementation"]): [
            (found["runs"][point["run"]]["id"], point["step"]["mark"])
            for point in series["points"]
            if point["step"] and point["step"]["mark"]
        ]
        for series in found["series"]
        if series["changed"]
    }


def test_a_slow_down_is_found_where_it_began_and_nothing_else(here, runs, tmp_path: Path) -> None:
    runs()
    done = here("history", "runs", "--json", "--page", "a.html")
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert marks(found) == {("tabular/etl", "estimator@cpu"): [("run-08", "slower")]}
    (step,) = [p["step"] for s in found["series"] for p in s["points"] if p["step"] and p["step"]["mark"]]
    assert step["low"] < 1.2 < step["high"]
    assert (found["comparisons"], found["error"]) == (8 * (RUNS - 1), 0.05)
    assert found["answer"] == ("1 of 8 series changed. Last run (2027-01-12, commit 12fffff): nothing became slower.")
    shown = here("history", "runs").out
    assert shown.startswith(found["answer"])
    assert "slower, 1.2" in shown
    assert "2027-01-08 08fffff" in shown
    assert "88 comparisons share it" in " ".join(shown.split())

    page = (tmp_path / "a.html").read_text()
    assert_says_the_same(page, found)
    assert f'<th scope="row">{HOSTILE}' not in page
    assert "<script>alert" not in page
    here("history", "runs", "--json", "--page", "b.html")
    assert (tmp_path / "b.html").read_bytes() == (tmp_path / "a.html").read_bytes()


def test_noise_alone_marks_nothing(here, runs) -> None:
    runs(slow=1.0)
    assert "None of 8 series changed." in here("history", "runs").out


def test_unlike_machines_are_separate_series(here, made_run, made, h100) -> None:
    """The machine with a GPU is twice as fast, which is no change of anything."""
    for number in range(1, 5):
        made_run(f"runs/{number:02}", made("estimator@cpu"), **moment(number))
        gpu = [made("estimator@cpu", 0.5), made("estimator@gpu", 0.1)]
        made_run(f"runs/gpu-{number:02}", *gpu, machine=h100(), **moment(number + 10))
        made_run(f"runs/gate-{number:02}", made("estimator@cpu", 0.8), settings={"gate": True}, **moment(number + 20))
    for number, kernel in ((1, "Prescott"), (2, "Prescott"), (3, "Haswell")):
        variables = {"variables": {"OPENBLAS_CORETYPE": kernel}}
        made_run(f"blas/{number}", made("estimator@cpu", number), environment=variables, **moment(number))
    found = json.loads(here("history", "runs", "--json").out)
    assert marks(found) == {}
    assert len(found["machines"]) == 3
    assert "no GPU" in found["machines"][0]["name"]
    assert "H100" in found["machines"][1]["name"]
    assert "--gate" in found["machines"][2]["name"]
    assert [(s["implementation"], s["machine"], len(s["points"])) for s in found["series"]] == [
        ("estimator@cpu", 0, 4), ("estimator@cpu", 1, 4), ("estimator@gpu", 1, 4), ("estimator@cpu", 2, 4),
    ]  # fmt: skip
    found = json.loads(here("history", "blas", "--json").out)
    assert [len(series["points"]) for series in found["series"]] == [2, 1]
    assert "OPENBLAS_CORETYPE Haswell (not Prescott)" in found["machines"][1]["name"]


def test_wrong_results_and_other_data_are_said(here, runs, tmp_path: Path) -> None:
    def wrong(number: int, one):
        if number == RUNS and one.task == "image/classify" and one.implementation == "estimator@cpu":
            return replace(one, outcome="wrong", reason=f"quality 0.6 {HOSTILE}")
        return None

    def other_data(number: int, one):
        if number >= 5 and one.task == "tabular/ridge":
            return replace(one, data_hash="f" * 16, seconds=3 * one.seconds)
        return None

    runs(wrong, other_data)
    found = json.loads(here("history", "runs", "--task", "image", "--task", "tabular/ridge", "--json").out)
    assert "Last run (2027-01-12, commit 12fffff): nothing became slower, 1 wrong." in found["answer"]
    assert {series["task"] for series in found["series"]} == {"image/classify", "tabular/ridge"}
    assert marks(found) == {}  # three times as long, on other data
    ridge = next(series for series in found["series"] if series["task"] == "tabular/ridge")
    assert [point["run"] for point in ridge["points"] if point["data_changed"]] == [4]
    assert ridge["points"][4]["step"] is None
    assert 0.9 < ridge["last_over_first"]["ratio"] < 1.1
    classify = next(series for series in found["series"] if series["task"] == "image/classify")
    assert classify["points"][-1]["outcome"] == "wrong"
    assert classify["points"][-1]["seconds"] is None
    here("history", "runs", "--page", "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "data changed" in page
    assert "quality 0.6 &lt;script&gt;" in page


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal_and_nothing_is_cut(here, runs, monkeypatch, width: int) -> None:
    runs()
    monkeypatch.setattr("residency.reports.screen.output", lambda: Console(width=width))
    shown = here("history", "runs").out
    assert max(map(len, shown.splitlines())) <= width
    said = "".join(shown.split())
    for text in ("slower,1.2", "2027-01-0808fffff", "88comparisonsshareit", f"array{HOSTILE}@cpu"):
        assert text in said
    assert "…" not in said


def test_what_cannot_be_read_is_left_out_and_what_is_no_folder_of_runs_refused(here, made_run, made, tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    done = here("history", "empty", "--page", "empty.html")
    assert (done.status, done.out) == (0, "no run in empty; measure one with `residency run`\n")
    assert "no run in empty" in (tmp_path / "empty.html").read_text()
    assert here("history", "empty", "--json").status == 0

    for number in (1, 2):
        made_run(f"runs/{number}", made("estimator@cpu"), **moment(number))
    (tmp_path / "runs" / "2" / "records.jsonl").write_text("{}\n")
    (tmp_path / "runs" / "3").mkdir()
    (tmp_path / "runs" / "3" / "run.json").write_text("{")
    done = here("history", "runs", "runs", "--json")  # twice the same folder is the same runs once
    assert len(json.loads(done.out)["runs"]) == 1
    assert done.err.count("left out: ") >= 2
    for arguments, why in (
        (["runs/1"], "runs/1 is one run; name a folder of runs, for example runs"),
        (["nowhere"], "no run in nowhere: there is no such folder"),
        (["runs", "--task", "tabular/rigde"], "did you mean `tabular/ridge`?"),
        (["runs", "--page", "."], "cannot write .: it is a folder"),
        (["runs", "--page", "no/where.html"], "cannot write no/where.html: there is no folder no"),
    ):
        done = here("history", *arguments)
        assert done.status == 2
        assert why in done.err


def test_runs_are_ordered_by_their_start_and_those_without_a_place_are_left_out(here, made_run, made) -> None:
    first = {"id": "a", "started": "2026-01-02T01:00:00+05:00", "commit": None}  # the evening of the first, in UTC
    made_run("runs/b", made("estimator@cpu"), **first)
    made_run("runs/c", made("estimator@cpu"), **first)
    made_run("runs/a", made("estimator@cpu"), **{**first, "id": "other"})  # at the same time, by its folder's name
    made_run("runs/d", made("estimator@cpu", 2.0), **{**first, "id": "d", "started": "2026-01-01T22:00:00"})
    made_run("runs/e", made("estimator@cpu", 2.0), **{**first, "id": "e", "started": "9000-01-01T00:00:00Z"})
    made_run("runs/f", made("estimator@cpu", 9.0), **{**first, "id": "f", "started": "yesterday\n"})
    done = here("history", "runs", "--json")
    found = json.loads(done.out)
    assert [run["id"] for run in found["runs"]] == ["other", "a", "d", "e"]
    assert "left out: runs/c: it is a copy of runs/b" in done.err
    assert "left out: runs/f: it says 'yesterday\\n' where its start should be" in done.err
    assert "1 run starts in the future, for example runs/e (9000-01-01T00:00:00Z)" in done.err
    assert len(done.err.splitlines()) == 3
    assert found["left_out"][1] == "runs/c: it is a copy of runs/b (the same id and start)"
    assert found["warnings"][0].startswith("1 run starts in the future")
    here("history", "runs", "--page", "page.html")
    page = (made_run("other", made("a@cpu")).parent / "page.html").read_text()
    assert "Left out of this history (2)" in page
    assert "runs/c: it is a copy of runs/b" in page
    assert "1 run starts in the future" in page
    assert "Last run (9000-01-01)" in found["answer"]


def test_all_tasks_together_are_said_to_be_the_machine(here, made_run, made) -> None:
    for number in (1, 2, 3):
        slow = 1.5 if number == 3 else 1.0
        tasks = [f"tabular/task_{place}" for place in range(7)]
        made_run(f"runs/{number}", *(made("a@cpu", slow, task=task) for task in tasks), **moment(number))
    shown = here("history", "runs").out
    assert "7 of 7 series changed. Last run (2027-01-03, commit 03fffff): 7 became slower." in shown
    assert "All 7 tasks together took 1.50 [1.50, 1.50] times as long as in the run before." in shown


def test_how_many_series_could_be_judged_is_said_first(here, made_run, made, tmp_path: Path) -> None:
    made_run("runs/1", made("a@cpu"), made("b@cpu"), **moment(1))
    assert here("history", "runs").out.startswith("No series was measured twice on the same data, so no change can be")
    here("history", "runs", "--page", "page.html")
    assert "1 run: 2027-01-01, commit 01fffff." in (tmp_path / "page.html").read_text()
    made_run("runs/2", made("a@cpu", 2.0), made("c@cpu"), **moment(2))
    found = json.loads(here("history", "runs", "--json").out)
    assert found["answer"] == (
        "1 of 3 series was measured often enough to judge; it changed. "
        "Last run (2027-01-02, commit 02fffff): 1 became slower, 1 series has no earlier time to compare with."
    )
    assert (found["series_judged"], found["series_changed"]) == (1, 1)


def test_what_could_not_show_a_large_change_is_not_called_unchanged(here, made_run, made) -> None:
    for number in (1, 2):
        slow = [made(name, spread=(0.5, 1.0, 2.0)) for name in ("a@cpu", "b@cpu")]
        made_run(f"runs/{number}", *slow, made("a@cpu", task="tabular/etl"), **moment(number))
    found = json.loads(here("history", "runs", "--json").out)
    assert found["answer"] == (
        "1 of 3 series can be judged; it did not change. Cannot tell for 2 more: too few processes or a busy machine, "
        "so even a change of 50\N{NO-BREAK SPACE}% can go unseen. Last run (2027-01-02, commit 02fffff): "
        "in 1 of 3 series nothing became slower, cannot tell for 2 series."
    )
    assert (found["series_judged"], found["series_cannot_tell"], found["series_compared"]) == (1, 2, 3)
    assert here("history", "runs").out.count("cannot tell\n") == 2


def test_one_odd_run_is_noise_and_a_lasting_change_is_none(here, runs) -> None:
    def odd(number: int, one):
        return replace(one, seconds=1.3 * one.seconds) if number == 4 and one.task == "image/classify" else None

    runs(odd)
    assert list(marks(json.loads(here("history", "runs", "--json").out))) == [("tabular/etl", "estimator@cpu")]


def test_only_transitions_of_an_outcome_are_changes(here, made_run, made, tmp_path: Path) -> None:
    """What never changed is none; nor is a run that did not reach it."""
    late = "not measured: the run ended before its turn"
    ends = [
        ("ok", ""),
        ("unavailable", late),
        ("ok", ""),
        ("wrong", "quality 0.1"),
        ("wrong", "quality 0.1"),
        ("ok", ""),
    ]
    for number, (outcome, why) in enumerate(ends, start=1):
        made_run(
            f"runs/{number}",
            made("a@cpu", outcome=outcome, reason=why),
            made("never@cpu", outcome="failed", reason="no kernel"),
            **(moment(1) | {"id": f"{number}", "started": f"2027-01-01T0{number}:00:00Z"}),
        )
    found = json.loads(here("history", "runs", "--json", "--page", "page.html").out)
    changed = [(s["implementation"], p["run"], p["outcome"]) for s in found["series"] for p in s["points"]
               if p["outcome_changed"]]  # fmt: skip
    assert changed == [("a@cpu", 3, "wrong"), ("a@cpu", 5, "ok")]
    page = (tmp_path / "page.html").read_text()
    changes = page.partition("the newest first")[2].partition("</table>")[0]
    assert re.findall(r"<td>(ok again|wrong|failed)</td>", changes) == ["ok again", "wrong"]
    assert "2027-01-01 04:00, commit 01fffff" in changes
    assert "Never right (1)" in page
    assert "Never right: tabular/ridge, linear at lab, never@cpu: failed in all 6 runs." in " ".join(
        here("history", "runs").out.split()
    )
