"""Naive results beside the models' in a report, and the sentence that says where no model beats them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from residency.analysis.findings import findings
from residency.harness import records
from residency.reports import tables

LAST, SEASON = "repeating the last value", "repeating the last season"


@pytest.mark.parametrize(
    ("better", "last", "season", "sentence"),
    [
        ("higher", 0.5, 0.95, f" No model beats {SEASON}: R² 0.95, the best model's is 0.9."),
        ("higher", 0.5, 0.9, f" No model beats {SEASON}: R² 0.9, the best model's is 0.9."),
        ("higher", 0.5, 0.89, ""),
        ("lower", 0.5, 0.95, f" No model beats {LAST}: R² 0.5, the best model's is 0.9."),
        ("lower", 0.91, 0.95, ""),
    ],
)
def test_a_report_says_where_no_model_beats_a_naive_result(written, made, *, better, last, season, sentence) -> None:
    figures = {f"R² of {LAST}": last, f"R² of {SEASON}": season, "sMAPE": 9.0}
    run = records.read(written(*(made("tabular/ridge", f"{name}@cpu", figures=figures) for name in "ab")))
    task = replace(
        run.info.tasks["tabular/ridge"], better=better, naive={name: f"R² of {name}" for name in (LAST, SEASON)}
    )
    (table,) = tables.report(findings(replace(run, info=replace(run.info, tasks={"tabular/ridge": task})))).tables
    assert (table.caption.count("No model"), table.caption.endswith(sentence)) == (bool(sentence), True)
    assert f"without a model: R² {last:.4g} by {LAST}, {season:.4g} by {SEASON}" in table.notes
    assert [note for note in table.notes if "sMAPE" in note] == ["a@cpu: sMAPE 9.00", "b@cpu: sMAPE 9.00"]
