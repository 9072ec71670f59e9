"""Telling texts apart: the data, the metric, every CPU implementation, and a user's own texts."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from residency.datasets.nlp import docstrings as docstrings_of
from residency.datasets.nlp.ag_news import ADDRESS, ag_news
from residency.datasets.nlp.docstrings import LIBRARIES, NAMES, SHORTEST, read_docstrings
from residency.datasets.nlp.invented_texts import TOPICS, invented_texts
from residency.datasets.nlp.own_texts import own_texts
from residency.datasets.nlp.texts import LONGEST, Texts, macro_f1, prepared
from residency.harness import store
from residency.harness.dataset import Dataset, Request
from residency.harness.errors import UsageError, WrongResult
from residency.harness.execute import execute
from residency.harness.outcomes import Outcome
from residency.suites.nlp.classify import task

MIRROR = os.environ.get("RESIDENCY_MIRROR")
CPU = [one for one in task.implementations if one.device == "cpu"]
TOPIC = {
    "network": "cable router slow drops vpn",
    "printing": "jam toner tray colour",
    "login": "password locked reset",
}


@pytest.fixture(scope="module")
def texts() -> Texts:
    return invented_texts.maker(4_000, 20_260)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESIDENCY_CACHE", str(tmp_path / "cache"))


def made(dataset: Dataset, **request) -> Texts:
    return store.load(Texts, store.make(dataset, Request(dataset.name, **request)).folder)


@pytest.mark.parametrize(
    ("rows", "digest"),
    [
        (500, "13d220d4805fb37606ac68d86f2926308229b4b6c5e0cdf7e2d6f0a99721f3df"),
        (4_000, "880a5dd56e83fa93e30d63b9935086081bea95d41a78aebb32490e0cc324b7bb"),
    ],
)
def test_the_same_texts_everywhere(rows: int, digest: str) -> None:
    stored = store.make(invented_texts, Request("invented_texts", rows=rows))
    assert (stored.hash, stored.rows) == (digest, rows)


def test_the_known_truth_is_the_best_there_is(texts: Texts) -> None:
    assert macro_f1(texts, texts.best_test) == pytest.approx(0.8967, abs=1e-3)
    words = texts.strings()[1][0].split()
    assert 8 <= len(words) <= 40
    assert words[-1].endswith(".")
    assert texts.text_test[-1] == texts.text[-1] == ord(".")


def test_arrow_and_python_hold_the_same_texts(texts: Texts) -> None:
    for strings, arrow in zip(texts.strings(), texts.arrow(), strict=True):
        assert arrow.to_pylist() == strings


@pytest.mark.parametrize("implementation", CPU, ids=lambda one: one.id)
def test_a_model_learns_topics_and_none_from_shuffled_ones(texts: Texts, implementation) -> None:
    done = execute(task, implementation, texts, dataset="invented_texts", threads=2, seed=1)
    assert done.ending.outcome == Outcome.OK
    assert done.quality == pytest.approx(0.72, abs=0.02)
    assert {"put", "vectorise", "fit", "predict"} <= set(done.stages)
    shuffled = replace(texts, y=np.random.default_rng(0).permutation(texts.y))
    nothing = execute(task, implementation, shuffled, dataset="invented_texts", threads=2, seed=1)
    assert nothing.ending.outcome == Outcome.WRONG
    assert nothing.quality == pytest.approx(1 / TOPICS, abs=0.05)


def test_implementations_weigh_words_alike(texts: Texts) -> None:
    """The same TF-IDF and nearly the same loss: they must agree on most single texts, not on the score alone."""
    from importlib import import_module

    from residency.harness.run import Run

    run = Run("cpu", threads=2, seed=1)
    first, *others = (one.function(texts, run, import_module(one.library)) for one in CPU)
    for other in others:
        assert np.mean(first == other) > 0.85


def test_columns_hold_scikit_learns_tf_idf(texts: Texts) -> None:
    import polars as pl
    from sklearn.feature_extraction.text import TfidfVectorizer

    from residency.suites.nlp.classify import LEAST_TEXTS, WEIGHTS, count_words, weigh

    strings = texts.strings()[0]
    expected = TfidfVectorizer(min_df=LEAST_TEXTS, dtype=np.float32, **WEIGHTS).fit(strings)
    words = pl.Series(expected.get_feature_names_out().tolist())
    dictionary = pl.DataFrame({"word": words.hash(), "idf": expected.idf_})
    found = weigh(pl, count_words(pl, pl.Series(strings)), dictionary.with_row_index("column"), len(strings))
    assert abs(found - expected.transform(strings)).max() < 1e-6


@pytest.mark.parametrize(
    ("truth", "predicted"),
    [
        ([0, 0, 1, 1, 2, 2], [0, 1, 1, 1, 2, 0]),
        ([0, 0, 1, 1, 2, 2], [0, 0, 0, 0, 0, 0]),  # two classes never predicted
        ([0, 0, 0, 3], [0, 1, 2, 3]),  # two classes predicted that do not occur
        ([5, 5, 7], [5, 5, 7]),
    ],
)
def test_macro_f1_is_the_textbooks(truth: list[int], predicted: list[int], texts: Texts) -> None:
    from sklearn.metrics import f1_score

    data = replace(texts, y_test=np.array(truth, np.int32))
    expected = f1_score(truth, predicted, average="macro", zero_division=0)
    assert macro_f1(data, np.array(predicted)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("predicted", [np.zeros(3), np.full(6, np.nan)])
def test_a_result_that_is_no_prediction(predicted: np.ndarray, texts: Texts) -> None:
    with pytest.raises(WrongResult):
        macro_f1(replace(texts, y_test=np.zeros(6, np.int32)), predicted)


def test_documentation_is_read_without_importing_the_library() -> None:
    code = (
        "import sys; from residency.datasets.nlp.docstrings import read_docstrings;"
        "print(sum(1 for _ in read_docstrings('networkx')), 'networkx' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    count, imported = done.stdout.split()
    assert int(count) > 500
    assert imported == "False"


def test_documentation_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESIDENCY_CACHE", str(tmp_path))
    found = read_docstrings("networkx")
    assert len(list((tmp_path / "docstrings").iterdir())) == 1
    monkeypatch.setattr(docstrings_of, "_docstrings_of", lambda file: pytest.fail(f"{file} is read again"))
    assert read_docstrings("networkx") == found


def test_documentation_does_not_name_its_library() -> None:
    texts = list(read_docstrings("networkx"))
    assert all(len(text) >= SHORTEST for text in texts)
    assert any("networkx" in text for text in texts)
    removed = [NAMES.sub("", text).lower() for text in texts]
    assert not any(name in text for text in removed for name in ("networkx", "nx.", "numpy", "np."))
    assert NAMES.sub("", "input sparse_np smart TorchScript") == "input sparse_ smart Script"
    assert all(NAMES.fullmatch(name) for name in LIBRARIES)


@pytest.mark.skipif(
    not MIRROR or not (Path(MIRROR) / "ag_news-test.csv").exists(),
    reason="RESIDENCY_MIRROR names no folder that holds ag_news-test.csv",
)
def test_news_of_four_kinds(tmp_path: Path) -> None:
    (tmp_path / "mirror").mkdir()
    shutil.copyfile(Path(str(MIRROR)) / "ag_news-test.csv", tmp_path / "mirror" / ADDRESS.file)
    ADDRESS.fetch(tmp_path / "source", tmp_path / "mirror", lambda _: None)
    news = made(ag_news, source=tmp_path / "source")
    assert news.rows == 7_600
    assert np.bincount(news.y_test).tolist() == [380] * 4
    for implementation in CPU:
        done = execute(task, implementation, news, dataset="ag_news", threads=2, seed=1)
        assert done.ending.outcome == Outcome.OK
        assert 0.86 < done.quality < 0.91


def test_every_class_is_learned_from_and_tested() -> None:
    labels = np.repeat([0, 1, 2], [100, 5, 10])
    split = prepared([f"text {number}" for number in range(115)], labels, ["a", "b", "c"], 0)
    assert np.bincount(split.y).tolist() == [80, 4, 8]
    assert np.bincount(split.y_test).tolist() == [20, 1, 2]
    assert sorted(split.strings()[0] + split.strings()[1]) == sorted(f"text {number}" for number in range(115))


def test_texts_are_cleaned_as_told() -> None:
    odd = ["e\u0301te\u0301", "👩\u200d💻 q\u0323", "a\udc80b", "ä" * LONGEST, "", " \t\n"]
    split = prepared([*odd, *(f"plain {number}" for number in range(20))], np.arange(26) % 2, ["even", "odd"], 0)
    kept = split.strings()[0] + split.strings()[1]
    assert {"été", "👩\u200d💻 q\u0323", "a?b", "ä" * (LONGEST // 2)} <= set(kept)
    assert len(kept) == 24
    assert split.remarks == ("texts cut at 100,000 bytes: 1", "empty texts left out: 2")


def tickets(path: Path, rows: int = 240, encoding: str = "utf-8", **changed: tuple[str, str]) -> Path:
    """A help desk's tickets: a number, a title, a text and the queue; `row_7=(text, queue)` changes one."""
    generator = np.random.default_rng(0)
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.writer(file)
        writer.writerow(["number", "title", "text", "queue"])
        for row in range(rows):
            queue = list(TOPIC)[row % 3]
            words = generator.choice([*TOPIC[queue].split(), "please", "help", "again"], 12)
            text, queue = changed.get(f"row_{row}", (" ".join(words), queue))
            writer.writerow([row, f"ticket {row}", text, queue])
    return path


@pytest.mark.slow
def test_own_texts_by_the_command(residency, tmp_path: Path) -> None:
    path = tickets(
        tmp_path / "tickets.csv",
        row_3=("", "login"), row_4=("NA", "login"), row_5=("👩\u200d💻 e\u0301", "login"),
        row_6=("jam " * 300_000, "printing"), row_7=("alone", "rare"), row_8=("nobody sorted it", ""),
    )  # fmt: skip
    done = residency("run", "nlp", "--data", path, "--target", "queue", "--replicates", "1", "--rounds", "1", "--json")
    rows = [row for row in done.json["rows"] if row["device"] == "cpu" and row["task"] == "nlp/classify"]
    assert {row["outcome"] for row in rows} == {"ok"}, [row["reason"] for row in rows]
    assert {row["rows"] for row in rows} == {236}
    assert min(row["quality"] for row in rows) > 0.9
    assert "nlp/search: takes no own data" in done.err
    assert rows[0]["remarks"] == [
        "`queue`: texts without a class left out: 1",
        "`text`: the texts, median length 70 characters, the longest column of text",
        "left out: `number`, `title`",
        "texts cut at 100,000 bytes: 1",
        "empty texts left out: 2",
        "texts left out because their class has fewer than 5: 1",
    ]


def test_a_file_that_is_not_utf_8(tmp_path: Path) -> None:
    path = tickets(tmp_path / "tickets.csv", encoding="latin-1", row_9=("défaut réseau", "network"))
    texts = made(own_texts, path=path, target="queue")
    assert texts.remarks[0] == "tickets.csv: read as Latin-1, because it is not UTF-8"
    assert "défaut réseau" in texts.strings()[0] + texts.strings()[1]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (lambda row: f"words here {row},mail", "column `queue` is mail in all rows: name a column whose values differ"),
        (lambda row: f"words here {row},{'mail' if row else 'post'}", "1 classes have 5 texts or more; two are needed"),
        (lambda row: f"{row},{'mail' if row % 2 else 'post'}", "holds no column of text beside `queue`"),
        (lambda row: f"w{row},{'mail' if row % 2 else 'post'}", "no two texts of column `text` share a word"),
        (lambda row: f"{'' if row else 'a b'},{'mail' if row % 2 else 'post'}", "0 classes have 5 texts or more"),
        (lambda row: f"words {row},queue {row}", "0 classes have 5 texts or more; two are needed"),
    ],
)
def test_texts_that_do_not_suit(tmp_path: Path, lines, message: str) -> None:
    path = tmp_path / "tickets.csv"
    path.write_text("text,queue\n" + "\n".join(lines(row) for row in range(100)) + "\n")
    with pytest.raises(UsageError) as caught:
        made(own_texts, path=path, target="queue")
    assert message in str(caught.value)
    assert str(caught.value).startswith("tickets.csv")
