"""Every lab is proved as a teacher proves it: the solution, the bare starter, and every planted wrong answer."""

from __future__ import annotations

import pytest

from residency.labs import catalogue, sandbox, verify

LEAST_WRONG = 4  # planted answers, at least

pytestmark = pytest.mark.skipif(sandbox.means().kind != "bubblewrap", reason="needs bubblewrap and namespaces")


@pytest.mark.slow
@pytest.mark.parametrize("name", catalogue.names())
def test_a_lab_is_proved(name: str) -> None:
    proofs = list(verify.verify(catalogue.lab(name)))
    assert not [proved for proved in proofs if not proved.holds]
    assert len(proofs) >= 2 + LEAST_WRONG  # the solution and the starter come first


def test_labs_are_taught_in_one_order() -> None:
    found = list(catalogue.labs().values())
    assert [lab.order for lab in found] == list(range(1, len(found) + 1))
    assert {lab.topic for lab in found} == {"foundations", "tabular", "timeseries", "image", "ocr", "nlp"}
