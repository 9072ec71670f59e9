"""Approximate search: its data, and that whoever finds less than is stated is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from residency.datasets.nlp.themed_answers import themed_answers
from residency.harness import store
from residency.harness.dataset import Request

CARELESS = '''"""An index that looks at one list, and is fast."""

from residency.suites.nlp.approximate_search import task
from residency.suites.nlp.search import served


@task.on_cpu("faiss")
def careless(data, run, faiss):
    run.effective(stated_recall=0.95)
    with run.stage("build"):
        index = faiss.IndexIVFFlat(faiss.IndexFlatIP(384), 384, 8, faiss.METRIC_INNER_PRODUCT)
        index.train(data.documents)
        index.add(data.documents)
    return served(data, run, lambda asked: index.search(asked, 10)[1])
'''


@pytest.mark.slow
def test_who_finds_less_than_the_stated_recall_is_wrong(residency_in: Callable[..., Any], tmp_path: Path) -> None:
    own = tmp_path / "my" / "nlp"
    own.mkdir(parents=True)
    (own / "approximate_search.py").write_text(CARELESS)
    done = residency_in(
        tmp_path, "run", "nlp/approximate_search", "--implementations", "inverted_lists,careless", "--devices", "cpu",
        "--size", "1000", "--replicates", "1", "--rounds", "1", RESIDENCY_SUITES=str(own.parent),
    )  # fmt: skip
    assert "1,000 documents, recall of at least 0.95" in done.out
    (run,) = (tmp_path / "results" / "runs").iterdir()
    lines = map(json.loads, (run / "records.jsonl").read_text().splitlines())
    ends = {line["implementation"]: line for line in lines if line["kind"] == "outcome"}
    assert ends["inverted_lists@cpu"]["outcome"] == "ok"
    assert ends["inverted_lists@cpu"]["quality"] >= 0.95
    assert ends["inverted_lists@cpu"]["parameters"]["stated_recall"] == 0.95
    assert ends["careless@cpu"]["outcome"] == "wrong"
    assert "misses the exact solution's 1 by" in ends["careless@cpu"]["reason"]
    (line,) = (line for line in done.out.splitlines() if line.startswith("  faiss (careless@cpu)"))
    assert "wrong" in line
    assert " × " not in line  # it is compared with nobody


def test_the_same_vectors_everywhere(tmp_path: Path) -> None:
    digest = "998013aaf1e2836c4cfce5ea3cdc1c2715da02d81319e0a06e7b5d6457ce6ea5"
    assert store.hash_data(themed_answers.make(Request("themed_answers", rows=300), tmp_path)) == digest
