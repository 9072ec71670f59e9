"""`residency plan`: the cheapest hardware that meets the target, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from residency.reports import words
from tests import class_run
from tests.conftest import Residency

SMALL = """
name = "a small class"
currency = "EUR"

[calendar]
weeks = 2
start = 2027-01-11
time_zone = "Europe/Berlin"

[people]
residents = 12
attendance = { value = 0.9, low = 0.8, high = 1.0, source = "a guess" }

[[classes]]
name = "practice"
days = ["mon", "thu"]
start = 09:00:00
hours = 2
practice = 0.5
labs = ["exercise"]
start_window_minutes = 1
think_minutes = 5

[[labs]]
name = "exercise"
minutes = { value = 1, low = 0.8, high = 1.2, source = "a guess" }
memory_gb = 10
tries = 4

[[hardware]]
name = "small card"
gpu = "l40s"
memory_gb = 48
count = { from = 1, to = 12 }
price = 1
price_date = 2026-11-29

[[hardware]]
name = "large card"
gpu = "h200"
count = [1, 2, 3, 4, 6, 8, 12]
price = 4
price_date = 2026-11-29

[[targets]]
wait_minutes = 2
"""


@pytest.fixture
def cohort(tmp_path: Path) -> Callable[..., Path]:
    """Write the small cohort, with some texts replaced."""

    def write(**changes: str) -> Path:
        text = SMALL
        for old, new in changes.items():
            assert old in text
            text = text.replace(old, new)
        file = tmp_path / "cohort.toml"
        file.write_text(text)
        return file

    return write


def test_the_fewest_cards_that_meet_the_target_win_by_their_price(cohort, residency: Residency) -> None:
    done = residency("plan", cohort(), "--json")
    assert (done.status, done.err) == (0, "")
    plan = done.json["plan"]
    assert plan["hardware"] == "small card"
    assert plan["targets"][0]["high"] <= 2
    assert plan["price"]["week"] == plan["count"] * 168
    small, large = done.json["options"]
    fewer = small["evaluated"][0]
    assert (fewer["count"], fewer["meets"]) == (plan["count"] - 1, False)
    assert not any(one["meets"] and one["price"]["week"] < plan["price"]["week"] for one in large["evaluated"])
    assert {one["field"] for one in done.json["assumptions"]} == {
        "people.attendance",
        "labs.exercise.minutes",
        "labs.exercise.scv",
    }
    assert done.json["memory"][0]["memory_bytes"] == 10e9

    again = residency("plan", "cohort.toml", "--json")
    assert again.out == done.out  # the same seed gives the same answer, whichever process simulates what


def test_what_if_flags_change_the_question(cohort, residency: Residency) -> None:
    file = cohort()
    few = residency("plan", file, "--gpus", "l40s:3", "--target", "p50 wait <= 30 min", "--json").json["plan"]
    assert (few["count"], few["meets"]) == (3, True)
    more = residency("plan", file, "--gpus", "l40s:3", "--residents", "24", "--json")
    assert more.status == 1
    assert more.json["plan"] is None
    assert more.json["nearest"]["targets"][0]["value"] > few["targets"][0]["value"]
    spread = residency("plan", file, "--gpus", "l40s:3", "--stagger", "20min", "--json").json
    plain = residency("plan", file, "--gpus", "l40s:3", "--json").json
    waits = [(one["plan"] or one["nearest"])["waits"]["class"]["p95"]["value"] for one in (spread, plain)]
    assert waits[0] < waits[1]


def test_the_first_lines_say_the_plan_its_price_and_the_wait(cohort, residency: Residency) -> None:
    done = residency("plan", cohort())
    lines = done.out.splitlines()
    assert lines[0] == "a small class: 12 residents, 2 weeks"
    assert lines[1].startswith("Plan: ")
    assert "x small card" in lines[1]
    assert lines[1].endswith("EUR a week")
    assert lines[2].startswith("95 of 100 tries in class wait at most ")
    assert lines[2].endswith("target 2)")
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    none = residency("plan", "cohort.toml", "--gpus", "h200:1")
    assert none.status == 1
    assert "No option meets the target. The nearest is:" in none.out


def test_a_card_that_is_rented_by_the_hour_is_paid_until_its_jobs_end(cohort, residency: Residency) -> None:
    """One resident, one try of 90 minutes in a practice of 60, twice a week: three hours are paid, and all are used."""
    file = cohort(
        **{
            "residents = 12": "residents = 1",
            'attendance = { value = 0.9, low = 0.8, high = 1.0, source = "a guess" }': "attendance = 1",
            "hours = 2": "hours = 1",
            "practice = 0.5": "practice = 1",
            "start_window_minutes = 1": "start_window_minutes = 0",
            'minutes = { value = 1, low = 0.8, high = 1.2, source = "a guess" }': "minutes = 90\nscv = 0",
            "tries = 4": "tries = 1",
            "price = 1": 'price = 1\nhours = "timetable"',
        }
    )
    plan = residency("plan", file, "--gpus", "l40s:1", "--json").json["plan"]
    price = plan["price"]
    assert (price["paid_hours"], price["overtime_hours"], price["week"]) == (2, 1, 3)
    assert plan["busy"]["value"] == pytest.approx(1)
    assert plan["waits"]["class"]["result_p50"]["value"] == 90


def test_sites_in_other_time_zones_use_the_hardware_at_other_hours(cohort, residency: Residency) -> None:
    sites = '[[sites]]\nname = "Berlin"\nresidents = 12\n[[sites]]\nname = "Bogota"\nresidents = 12\n'
    same = residency("plan", cohort(**{"residents = 12": "", "[[classes]]": f"{sites}[[classes]]"}), "--json")
    apart = f'{sites}time_zone = "America/Bogota"\n[[classes]]'
    other = residency("plan", cohort(**{"residents = 12": "", "[[classes]]": apart}), "--json")
    assert other.json["plan"]["waits"]["class"]["jobs"] > 2 * 2 * 2 * 12
    assert other.json["plan"]["count"] < same.json["plan"]["count"]


def test_hundreds_of_residents_at_two_sites_get_a_plan(cohort, residency: Residency) -> None:
    sites = '[[sites]]\nname = "Berlin"\nresidents = 240\n[[sites]]\nname = "Bogota"\nresidents = 160\n'
    file = cohort(
        **{
            "residents = 12": "",
            "[[classes]]": f'{sites}time_zone = "America/Bogota"\n[[classes]]',
            "to = 12": "to = 1000",
            'minutes = { value = 1, low = 0.8, high = 1.2, source = "a guess" }': "minutes = 1\nscv = 0",
            "tries = 4": "tries = 1",
            "hours = 2": "hours = 0.15",
            'days = ["mon", "thu"]': 'days = ["mon"]',
            "[1, 2, 3, 4, 6, 8, 12]": "1",
        }
    )
    done = residency("plan", file)
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("a small class: 400 residents, 2 weeks\nPlan: ")
    count = int(done.out.split("Plan: ")[1].split(" x small card")[0])
    assert 240 * 0.9 * 1 / 6 < count < 240  # busy without any waiting; a card for each who starts at the same minute
    assert "1 number is an assumption; none is measured. See --details" in done.out


def test_plan_from_a_made_up_run_says_so(cohort, residency: Residency, tmp_path: Path) -> None:
    minutes = 'minutes = { value = 1, low = 0.8, high = 1.2, source = "a guess" }'
    measured = 'gpu = "l40s"\nmeasured_on = "NVIDIA Stand-in 9000"\nspeed = 1'
    file = cohort(**{minutes: 'task = "tabular/ridge"\nrows = 1_000_000', 'gpu = "l40s"': measured})
    done = residency(
        "plan", file, "--gpus", "l40s:12", "--run", class_run.write(tmp_path / "class", tasks=2), "--page", "plan.html"
    )
    assert done.status == 0, done.err
    said = "Times of this plan come from a made-up run: nothing was measured."
    assert done.out.splitlines()[3] == said
    assert said in (tmp_path / "plan.html").read_text()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('labs = ["exercise"]', 'labs = ["exercize"]', "nobody measured `exercize`"),
        ("minutes = { value = 1, low = 0.8, high = 1.2, source = \"a guess\" }", 'task = "tabular/etl"\nrows = 1000',
         "no run measured the task tabular/etl"),
        ("memory_gb = 10", "memory_gb = 200", "it needs 200 GB; the largest unit has"),
    ],
)  # fmt: skip
def test_what_nobody_measured_or_what_fits_nowhere_is_refused(
    cohort, residency: Residency, old: str, new: str, said: str
) -> None:
    done = residency("plan", cohort(**{old: new}))
    assert done.status == 2
    assert said in done.err
    assert len(done.err.splitlines()) == 1


def test_every_mistake_of_a_file_is_a_line(cohort, residency: Residency) -> None:
    done = residency("plan", cohort(**{"residents = 12": "residents = -3", 'currency = "EUR"': ""}))
    assert done.status == 2
    assert [line.split(": ")[2] for line in done.err.splitlines()][:1] == ["people.residents"]


def test_fits_are_checked_by_the_largest_size(residency: Residency) -> None:
    run = Path(__file__).parent / "runs" / "sizes"
    held = residency("plan", "--check-fits", "--run", run, "--json").json
    inside = sum(one["inside"] for one in held)
    assert inside >= 0.85 * len(held) > 50
    said = residency("plan", "--check-fits", "--run", run).out
    assert said.splitlines()[-1] == f"{words.percent(inside / len(held))} of {len(held)} lie inside the 90 % interval."
    assert said.count("outside: ") == len(held) - inside
    assert "--check-fits needs runs" in residency("plan", "--check-fits").err


def test_the_selftest_prints_both_figures(residency: Residency) -> None:
    done = residency("plan", "--selftest")
    assert done.status == 0
    assert " hold." in done.out.splitlines()[-1]
    (burst,) = [
        line for line in done.out.splitlines() if "burst of 30 exponential jobs of 5 min, 8 units: mean" in line
    ]
    assert " 5.271 " in burst
