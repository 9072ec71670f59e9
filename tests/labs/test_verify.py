"""Every lab is proved as a teacher proves it: the solution, the bare starter, and every planted wrong answer.

The planted wrong answers of a lab that takes long are not tried again until the lab changes, or what judges it.
`proved.json` beside this file says with which code they were proved last; commit it with your change.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from residency.labs import catalogue, sandbox, verify
from residency.labs.lab import Lab
from tests import passed

PROVED = Path(__file__).with_name("proved.json")
JUDGES = [catalogue.HERE / name for name in ("judge.py", "lab.py", "verify.py")]
LONG = {  # half a minute or more each
    "challenge-scanned-archive", "challenge-tabular-pipeline", "foundations-scale-out", "image-at-rate",
    "image-kernel-of-your-own", "nlp-search-budget", "ocr-ctc-decoding", "tabular-boosted-trees",
    "tabular-first-gpu-table",
}  # fmt: skip
LEAST_WRONG = 4  # planted answers, at least

pytestmark = pytest.mark.skipif(sandbox.means().kind != "bubblewrap", reason="needs bubblewrap and namespaces")


def code_of(lab: Lab) -> str:
    return passed.code_of([*catalogue.below(lab.folder), *JUDGES])


@pytest.mark.slow
@pytest.mark.parametrize("name", catalogue.names())
def test_a_lab_is_proved(name: str, thorough: bool) -> None:
    lab = catalogue.lab(name)
    proofs = verify.verify(lab)
    if not thorough and name in LONG and passed.is_unchanged(name, code_of(lab), PROVED):
        first = list(islice(proofs, 2))
        assert [proved.what for proved in first if proved.holds] == ["the solution", "the bare starter"], first
        return
    found = list(proofs)
    assert not [proved for proved in found if not proved.holds]
    assert len(found) >= 2 + LEAST_WRONG  # the solution and the starter come first
    passed.note(name, code_of(lab), PROVED)


def test_labs_are_taught_in_one_order() -> None:
    found = list(catalogue.labs().values())
    alone, teams = ([lab for lab in found if (lab.team > 1) == several] for several in (False, True))
    for some in (alone, teams):
        assert [lab.order for lab in some] == list(range(1, len(some) + 1))
    assert [*alone, *teams] == found
    assert {lab.topic for lab in alone} == {"foundations", "tabular", "timeseries", "image", "ocr", "nlp"}
