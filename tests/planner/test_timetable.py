from __future__ import annotations

import tomllib

import pytest

from residency.planner import timetable
from residency.planner.cohort import Cohort
from residency.planner.reading import cohort_of, example

HOUR, DAY = 60, 24 * 60


def cohort(*changes: tuple[str, str]) -> Cohort:
    text = example()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    return cohort_of(tomllib.loads(text))


def test_a_session_is_in_utc_and_moves_with_the_clocks() -> None:
    winter, summer = (timetable.week(cohort(), number) for number in (1, 20))
    assert (str(winter.monday), str(summer.monday)) == ("2027-01-11", "2027-05-24")
    first = winter.sessions[0]
    assert (first.begin, first.start, first.end) == (8 * HOUR, 9.5 * HOUR, 11 * HOUR)  # 9:00 in Berlin is 8:00 UTC
    assert summer.sessions[0].begin == 7 * HOUR
    assert [session.begin // DAY for session in winter.sessions] == [0, 2, 4]


def test_labs_are_taught_in_turn_over_the_weeks() -> None:
    given = cohort(('["mon", "wed", "fri"]', '["fri", "mon"]'))
    taught = [session.lab for number in (1, 2, 3) for session in timetable.week(given, number).sessions]
    assert taught == ["tabular-first-gpu-table", "image-at-rate", "fine-tuning"] * 2


def test_a_session_stays_whole_over_midnight_and_the_ends_of_the_week() -> None:
    late = cohort(
        ('["mon", "wed", "fri"]', '["sun"]'),
        ("start = 09:00:00", "start = 23:00:00\nat_night = true"),
        ("Europe/Berlin", "UTC"),
    )
    (session,) = timetable.week(late, 1).sessions
    assert (session.begin, session.end) == (timetable.WEEK - HOUR, timetable.WEEK + 2 * HOUR)
    east = timetable.week(cohort(("Europe/Berlin", "Pacific/Auckland")), 1).sessions[0]
    assert (east.begin, east.start, east.end) == (-4 * HOUR, -2.5 * HOUR, -HOUR)  # 13 hours before UTC in January


def test_sites_have_their_own_time_or_one_moment() -> None:
    lima = '[[sites]]\nname = "Lima"\nresidents = 8\ntime_zone = "America/Lima"\n'
    sites = f'{lima}[[sites]]\nname = "Here"\nresidents = 12\n'
    local = cohort(("[[classes]]", sites + "[[classes]]"))
    assert {s.site: (s.begin, s.residents) for s in timetable.week(local, 1).sessions[:2]} == {
        "Here": (8 * HOUR, 12),
        "Lima": (14 * HOUR, 8),
    }
    at_once = cohort(
        ("[[classes]]", sites + '[[classes]]\ntime_zone = "UTC"'), ("start = 09:00:00", "start = 14:00:00")
    )
    assert {session.begin for session in timetable.week(at_once, 1).sessions[:2]} == {14 * HOUR}


def test_hours_of_projects_leave_out_the_classes() -> None:
    week = timetable.week(cohort(), 1)
    (spans,) = week.projects.values()
    assert spans[:2] == ((11 * HOUR, 17 * HOUR), (DAY + 8 * HOUR, DAY + 17 * HOUR))
    assert sum(end - begin for begin, end in spans) == 36 * HOUR
    noon = timetable.week(cohort(("start = 09:00:00", "start = 12:00:00")), 1)
    assert next(iter(noon.projects.values()))[:2] == ((8 * HOUR, 11 * HOUR), (14 * HOUR, 17 * HOUR))


def test_the_sprint_ends_with_the_deadline_of_each_iteration() -> None:
    weeks = [timetable.week(cohort(), number) for number in range(1, 14)]
    assert [week.number for week in weeks if week.is_sprint] == [9, 10, 11, 12]
    assert [(week.iteration, week.week) for week in weeks[10:]] == [(1, 11), (1, 12), (2, 1)]
    assert weeks[10].deadline == 11 * DAY + 16 * HOUR  # Friday of the next week, 18:00 in Berlin's summer
    assert weeks[11].days_to_deadline == pytest.approx(4 + 16 / 24)
    with pytest.raises(ValueError, match="weeks 1 to 48"):
        timetable.week(cohort(), 49)
