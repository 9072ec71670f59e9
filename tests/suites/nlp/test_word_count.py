"""Counting words: the data and its truth, what a word is, every CPU implementation, Spark and a cluster."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pyarrow.parquet as pq
import pytest

from residency.datasets.nlp.invented_prose import ODD, invented_prose
from residency.datasets.nlp.own_prose import own_prose
from residency.datasets.nlp.prose import ROW_GROUP, STOP_WORDS, TOP, WORD, Prose, counted, ranked, right_rows
from residency.harness import records
from residency.harness.errors import UsageError, WrongResult
from residency.harness.execute import Execution, execute, judge
from residency.harness.libraries import remedy
from residency.harness.outcomes import OK, Outcome
from residency.suites._spark import spark_folder
from residency.suites.nlp.word_count import PARTITION, task

CPU = [one for one in task.implementations if one.device == "cpu" and one.runner == "local" and one.name != "spark"]
JAVA = bool(shutil.which("java") or os.environ.get("JAVA_HOME"))
SPARK = JAVA and importlib.util.find_spec("pyspark") is not None
needs_spark = pytest.mark.skipif(not SPARK, reason="needs Java and pip install 'residency-bench[spark]'")
AWKWARD = [
    "",
    " \t\r\n",
    "\N{GRINNING FACE}\N{WOMAN}\N{ZERO WIDTH JOINER}\N{PERSONAL COMPUTER}",
    "cafe\N{COMBINING ACUTE ACCENT}s caf\N{LATIN SMALL LETTER E WITH ACUTE} CAFE",
    "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}zmir 300\N{KELVIN SIGN} \N{KELVIN SIGN}elvin",
    "snake_case e-mail don't 3D 7 a I x\N{SUPERSCRIPT TWO}",
    "\N{ARABIC-INDIC DIGIT THREE}\N{ARABIC-INDIC DIGIT FOUR} \N{FULLWIDTH LATIN SMALL LETTER A}bc",
    "stra\N{LATIN SMALL LETTER SHARP S}e \N{LATIN SMALL LETTER LONG S}un soft\N{SOFT HYPHEN}ware",
    "nul\x00and\x1funit\N{LINE SEPARATOR}line\nnew",
    "the THE The of",
    "tie TIE eit 9tie",
    "y" * 5_000,
    "mega byte " * 110_000,
]


LAST_BLANK = """
import sys
from pathlib import Path
from residency.datasets.nlp.prose import counted
from residency.harness.discovery import Catalogue
from residency.harness.execute import execute
from residency.suites import SHIPPED
prose = counted(Path(sys.argv[1]), ["The last line ends with a full stop: the end."])
task = Catalogue([SHIPPED]).task("nlp/word_count")
for name in sys.argv[2:]:
    print(name, execute(task, task.implementation(name), prose, dataset="invented_prose", threads=1).quality)
"""


def words_of(lines: Iterable[str]) -> Counter[str]:
    """By characters, not by regular expressions."""
    found: Counter[str] = Counter()
    for line in lines:
        spaced = "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in line)
        found.update(word.lower() for word in spaced.split() if len(word) > 1)
    return found


def top(words: Counter[str]) -> dict[str, np.ndarray]:
    """The right answer."""
    kept = sorted((-count, word) for word, count in words.items() if word not in STOP_WORDS)[:TOP]
    return {"word": np.array([word for _, word in kept]), "count": np.array([-count for count, _ in kept])}


def run(implementation: Any, prose: Prose) -> Execution:
    return execute(task, implementation, prose, dataset="invented_prose", threads=2)


def texts_in(prose: Prose) -> list[str]:
    return pq.read_table(prose.lines)["text"].to_pylist()


@pytest.fixture(scope="module")
def prose(tmp_path_factory: pytest.TempPathFactory) -> Prose:
    return invented_prose.maker(5_000, 20_260, tmp_path_factory.mktemp("prose"))


@pytest.mark.parametrize(
    ("rows", "digest"),
    [
        (300, "f07a48f3373b2d644d7dd3d35f7bd1a6a2f7c4f670dfeff00eb8b08252bc571b"),
        (40_000, "a91483b816e97f6f7cb8c0c085e4d0e400301852b63145ce9ec41e942e4977bb"),
    ],
)
def test_the_same_lines_everywhere(rows: int, digest: str, tmp_path: Path) -> None:
    """Of the lines as they are read, for the file's bytes change with the version of Arrow."""
    prose = invented_prose.maker(rows, 20_260, tmp_path)
    lines = texts_in(prose)
    found = hashlib.sha256("\n".join(lines).encode())
    found.update(f"{prose.word.tolist()} {prose.count.tolist()} {prose.occurrences}".encode())
    assert found.hexdigest() == digest
    assert len(lines) == prose.rows == rows
    assert pq.read_metadata(prose.lines).num_row_groups == -(-rows // ROW_GROUP)


def test_the_truth_is_what_the_lines_hold(prose: Prose) -> None:
    words = words_of(texts_in(prose))
    assert right_rows(prose, top(words)) == 1.0
    assert prose.occurrences == sum(count for word, count in words.items() if word not in STOP_WORDS)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda line: re.findall(r"\w\w+", line.lower()),
        lambda line: re.findall(r"\w\w+", line.lower(), re.ASCII),
        lambda line: re.findall(WORD, line.lower()),
        lambda line: [word.lower() for word in re.findall("[0-9A-Za-z]+", line)],
        lambda line: [word.lower() for word in re.findall("[A-Za-z]{2,}", line)],
        lambda line: re.findall(WORD, line),
        lambda line: [word.lower() for word in line.split()],
    ],
    ids=["unicode", "underscore", "lower first", "one letter", "no digits", "case", "blanks"],
)
def test_a_wrong_rule_is_seen(prose: Prose, wrong: Callable[[str], list[str]]) -> None:
    words = Counter(word for line in texts_in(prose) for word in wrong(line))
    assert right_rows(prose, top(words)) < 1.0


def test_every_odd_word_counts_as_its_table_says() -> None:
    for spelling, meaning in ODD.items():
        assert sorted(words_of([spelling]).elements()) == sorted(meaning), spelling


def test_rows_are_right_where_word_and_count_are(prose: Prose) -> None:
    right = {"word": prose.word, "count": prose.count}
    assert right_rows(prose, right) == 1.0
    assert right_rows(prose, {**right, "count": prose.count + (np.arange(TOP) == 3)}) == pytest.approx(0.99)
    assert right_rows(prose, {**right, "word": np.roll(prose.word, 1)}) == 0.0
    none = {"word": prose.word[:0], "count": prose.count[:0]}
    assert right_rows(replace(prose, **none), none) == 1.0


@pytest.mark.parametrize("found", [None, {"word": np.array(["a"])}, {"word": np.array(["a"]), "count": np.array([1])}])
def test_a_result_that_is_no_such_table(prose: Prose, found: Any) -> None:
    with pytest.raises(WrongResult):
        right_rows(prose, found)


@pytest.mark.parametrize("implementation", CPU, ids=lambda one: one.id)
def test_every_implementation_finds_the_top(prose: Prose, implementation: Any) -> None:
    done = run(implementation, prose)
    assert (done.ending.outcome, done.quality) == (Outcome.OK, 1.0)
    assert {"load", "query"} & set(done.stages)
    nothing = run(implementation, replace(prose, count=prose.count + 1))
    assert (nothing.ending.outcome, nothing.quality) == (Outcome.WRONG, 0.0)


@pytest.mark.parametrize("implementation", CPU, ids=lambda one: one.id)
@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(AWKWARD, id="all"),
        pytest.param(AWKWARD[:3], id="no word", marks=pytest.mark.slow),
        pytest.param(["b2 a1"], id="one line", marks=pytest.mark.slow),
    ],
)
def test_awkward_lines(tmp_path: Path, implementation: Any, lines: list[str]) -> None:
    prose = counted(tmp_path / "lines.parquet", lines)
    assert prose.word.tolist() == top(words_of(lines))["word"].tolist()
    done = run(implementation, prose)
    assert (done.ending, done.quality) == (OK, 1.0)


def test_a_full_stop_at_the_very_end(environment: dict[str, str], tmp_path: Path) -> None:
    """What lies behind it in memory, here bytes that the C library sets, is part of no word."""
    names = [one.id for one in CPU]
    done = subprocess.run(
        [sys.executable, "-c", LAST_BLANK, str(tmp_path / "lines.parquet"), *names],
        env={**environment, "ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_PERTURB_": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.stdout.splitlines() == [f"{name} 1.0" for name in names], done.stderr


@pytest.mark.parametrize("implementation", CPU, ids=lambda one: one.id)
def test_equally_frequent_words_stand_in_the_order_of_their_bytes(tmp_path: Path, implementation: Any) -> None:
    lines = [f"W{number} {number}w z{number}" for number in range(99, 9, -1)]
    prose = counted(tmp_path / "lines.parquet", lines)
    assert prose.word[:2].tolist() == ["10w", "11w"]
    assert prose.word[-1] == "w19"
    assert run(implementation, prose).quality == 1.0


def test_ranks_leave_out_what_does_not_occur() -> None:
    prose = ranked(Path(), 1, {"the": 9, "zz": 2, "aa": 2, "none": 0, "mm": 3})
    assert (prose.word.tolist(), prose.count.tolist(), prose.occurrences) == (["mm", "aa", "zz"], [3, 2, 2], 7)


def test_long_lines_make_row_groups_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("residency.datasets.nlp.prose.LARGEST_GROUP", 1_000)
    prose = counted(tmp_path / "lines.parquet", ["word " * 150] * 5)
    assert pq.read_metadata(prose.lines).num_row_groups == 3
    assert (prose.rows, prose.word.tolist(), prose.count.tolist()) == (5, ["word"], [750])


AS_READ = """
import numpy as np
from residency.suites.nlp.word_count import task

@task.on_cpu("numpy")
def as_read(data, run, numpy):
    return {"word": np.array(["two", "red", "blue"]), "count": np.array([2, 1, 1])}
"""


def test_a_wrong_answer_on_own_data_is_wrong_though_nobody_else_answers(
    residency_in: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "my" / "nlp").mkdir(parents=True)
    (tmp_path / "my" / "nlp" / "word_count.py").write_text(AS_READ)
    (tmp_path / "mine.txt").write_text("two red\nblue two\n")
    done = residency_in(
        tmp_path, "run", "nlp/word_count", "--data", "mine.txt", "--implementations", "as_read", "--devices", "cpu",
        "--replicates", "1", "--rounds", "1", "--threads", "1", RESIDENCY_SUITES="my",
    )  # fmt: skip
    assert done.status == 1
    assert "as_read@cpu: right rows 0.333333 misses the exact solution's 1 by 0.667" in " ".join(done.out.split())


@pytest.mark.parametrize(
    ("dataset", "rows"), [("invented_prose", 100_000), ("invented_prose", 200), ("own_prose", None)]
)
def test_a_wrong_answer_is_told_in_the_same_words_on_all_data(dataset: str, rows: int | None) -> None:
    ending = judge(task, 0.99, dataset=dataset, reference=1.0, rows=rows)
    assert ending.reason == "right rows 0.99 misses the exact solution's 1 by 0.01; the tolerance is 0"


@pytest.fixture(scope="module")
def everywhere(residency_in: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Awkward lines, and so many empty ones that a partition holds no word, by every implementation there is here."""
    pytest.importorskip("distributed")
    folder = tmp_path_factory.mktemp("everywhere")
    texts = [*AWKWARD, *[None] * 3, *[""] * (PARTITION["split_row_groups"] * ROW_GROUP)]
    pd.DataFrame({"text": texts, "queue": "one"}).to_parquet(folder / "mine.parquet")
    done = residency_in(
        folder, "run", "nlp/word_count", "--data", folder / "mine.parquet", "--target", "queue",
        "--runner", "local,cluster", "--devices", "cpu", "--workers", "2", "--replicates", "1", "--rounds", "1",
        "--results", folder / "runs", "--json",
    )  # fmt: skip
    assert done.status == 0, done.out + done.err
    return done.json["rows"], records.read(next((folder / "runs").iterdir()))


@pytest.mark.slow
def test_your_own_lines_are_counted_alike_on_a_cluster_and_by_spark(everywhere: Any) -> None:
    rows = {row["implementation"]: row for row in everywhere[0]}
    ran = {one.id for one in CPU} | {"partitions@2xcpu"} | ({"spark@cpu"} if SPARK else set())
    assert {name for name, row in rows.items() if row["outcome"] == "ok"} == ran, rows
    assert {rows[name]["quality"] for name in ran} == {1.0}
    assert {rows[name]["rows"] for name in ran} == {len(AWKWARD) + 3 + PARTITION["split_row_groups"] * ROW_GROUP}
    assert rows["sql@cpu"]["remarks"] == [
        "`text`: the texts, median length 0 characters, the longest column of text",
    ]


@needs_spark
@pytest.mark.slow
def test_spark_starts_once_and_leaves_no_process(everywhere: Any) -> None:
    samples = [one for one in everywhere[1].samples if one.cell.implementation == "spark@cpu"]
    assert [("start" in one.stages) for one in samples] == [one.phase == "cold" for one in samples]
    assert len(samples) > 1
    for process in psutil.process_iter(["cmdline"]):
        if owner := re.search(r"residency-spark-(\d+)", " ".join(process.info["cmdline"] or [])):
            assert psutil.pid_exists(int(owner[1]))


@needs_spark
@pytest.mark.parametrize("java", ["none", "broken"])
def test_without_a_java_that_starts_the_reason_names_it(residency: Any, tmp_path: Path, java: str) -> None:
    home = tmp_path / java
    if java == "broken":
        (home / "bin").mkdir(parents=True)
        (home / "bin" / "java").write_text("#!/bin/sh\nexit 1\n")
        (home / "bin" / "java").chmod(0o755)
    done = residency(
        "run", "nlp/word_count", "--size", "100", "--implementations", "spark", "--devices", "cpu", "--replicates", "1",
        "--json", JAVA_HOME=str(home),
    )  # fmt: skip
    (row,) = done.json["rows"]
    assert row["outcome"] == "unavailable"
    assert "Java 17" in row["reason"]
    assert str(home) in row["reason"]


def test_without_spark_the_remedy_is_its_extra() -> None:
    assert "pip install" in remedy("pyspark.sql")
    assert "[spark]'" in remedy("pyspark.sql")


def test_what_a_killed_virtual_machine_left_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code = "import os\nfrom residency.suites._spark import spark_folder\n"
    code += "(spark_folder() / 'blockmgr').mkdir()\nos._exit(9)"
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(tmp_path)}, check=False)
    assert [one for one in tmp_path.iterdir() if (one / "blockmgr").is_dir()]
    folder = spark_folder()
    assert {one.name for one in tmp_path.iterdir()} == {folder.name, f"{folder.name}.lock"}


@pytest.mark.parametrize(
    ("text", "target", "message"),
    [
        ("text,queue\n" + "\N{GRINNING FACE},mail\n" * 60, "queue", "column `text` holds no word to count"),
        ("text,queue\n" + "the of a,mail\n" * 60, "queue", "column `text` holds no word to count"),
        ("number,queue\n" + "1,mail\n" * 60, "queue", "holds no column of text beside `queue`: add one"),
        ("number,more\n" + "1,2\n" * 60, None, "holds no column of text: add one"),
        ("text,queue\n" + "words here,mail\n" * 60, "queue2", "no column `queue2` in mine.csv; did you mean `queue`?"),
    ],
)
def test_files_that_do_not_suit(tmp_path: Path, text: str, target: str | None, message: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        own_prose.maker(path, target, tmp_path)
    assert message in str(caught.value)


def test_a_target_is_set_aside_and_need_not_be_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("short,long\n" + "ab,many more words\n" * 60)
    assert own_prose.maker(path, None, tmp_path).word.tolist() == ["many", "words"]
    assert own_prose.maker(path, "long", tmp_path).word.tolist() == ["ab"]


def test_a_parquet_dictionary_with_missing_cells_is_text_too(tmp_path: Path) -> None:
    path = tmp_path / "mine.parquet"
    pd.DataFrame({"text": pd.Categorical(["some words", None, "words"] * 20)}).to_parquet(path)
    prose = own_prose.maker(path, None, tmp_path)
    assert (prose.rows, prose.word.tolist(), prose.count.tolist()) == (60, ["words", "some"], [40, 20])
