"""What is written can be read back, fits the published schema, and damage is named by file and line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from residency.harness import records
from residency.harness.discovery import Catalogue
from residency.harness.errors import RecordError, UsageError
from residency.harness.schema import described
from residency.harness.task_info import TaskInfo
from residency.suites import SHIPPED

CELL = records.Cell("tabular/ridge", "linear", "smoke", 100, "normal_equations@cpu", "numpy", "cpu")
MACHINE = {
    "host": "host", "system": "Linux", "cpu": "AMD EPYC", "cores": 2, "cores_in_machine": 4, "memory_bytes": 2**33,
    "gpus": [], "no_gpu_because": "no NVIDIA GPU on this machine", "python": "3.12.3",
}  # fmt: skip
INFO = records.RunInfo(
    id="now", started=records.now(), command=["residency"], settings={}, machine=MACHINE, versions={}, commit=None,
    tasks={"tabular/ridge": TaskInfo("Ridge", "R²", "higher", False, 0.001, {"smoke": 100})}, cells=[CELL],
)  # fmt: skip
SAMPLE = records.Sample(
    cell=CELL, replicate=0, round=0, phase="timed", seconds=0.5, stages={"fit": 0.4, "other": 0.1}, quality=0.9,
    cpu_seconds=0.9, peak_host_bytes=1, peak_device_bytes=None, joules=None, threads=2, data_hash="ab",
    at=records.now(),
)  # fmt: skip
OUTCOME = records.OutcomeRecord(
    cell=CELL, replicate=0, outcome="failed", reason="why", quality=None, reference=None, threads=2, data_hash="ab",
    parameters={}, remarks=[], cores=None, flops=None, bytes=None, at=records.now(),
)  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Path:
    with records.Recorder(tmp_path / "run", INFO) as recorder:
        recorder.add(SAMPLE)
        recorder.add(replace(SAMPLE, round=1))
        recorder.add(OUTCOME)
    return tmp_path / "run"


def test_what_is_written_is_read_back(run: Path) -> None:
    found = records.read(run)
    assert found.info == INFO
    assert found.samples == [SAMPLE, replace(SAMPLE, round=1)]
    assert found.outcomes == [OUTCOME]


def test_both_files_fit_the_published_schema(run: Path) -> None:
    schema = json.loads((Path(records.__file__).parent / "schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(json.loads((run / "run.json").read_text()))
    for line in (run / "records.jsonl").read_text().splitlines():
        validator.validate(json.loads(line))
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**json.loads(line), "reason": ""})


def test_a_run_that_grows_is_read_on_where_it_was_read_to(run: Path) -> None:
    growing = records.Growing(run)
    found = growing.read()
    assert len(found.samples) == 2
    path = run / "records.jsonl"
    known = path.read_bytes()
    path.write_bytes(b"x" * (len(known) - 1) + b"\n")  # what was read is not looked at again
    with records.Recorder(run, None) as recorder:
        recorder.add(replace(SAMPLE, round=2))
    assert growing.read() is found
    assert [sample.round for sample in found.samples] == [0, 1, 2]
    assert growing.read().outcomes == [OUTCOME]
    path.write_bytes(path.read_bytes() + b"{not json\n" + json.dumps(records.to_json(SAMPLE)).encode())
    with pytest.raises(RecordError, match=r"records\.jsonl:5: damaged line"):
        growing.read()


def test_a_cut_off_last_line_counts_for_nothing(run: Path) -> None:
    path = run / "records.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    found = records.read(run)
    assert len(found.samples) == 2
    assert not found.outcomes


GPU = {"index": 0, "peak_bytes": None, "joules": None, "megahertz": 1_000, "slowed_by": []}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{not json", "it is no JSON: Expecting property name enclosed in double quotes at character 2"),
        ("[]", "not a sample or an outcome"),
        ('{"kind": "guess"}', "not a sample or an outcome"),
        (json.dumps({**records.to_json(SAMPLE), "seconds": "fast"}), "field `seconds` is 'fast'"),
        (
            json.dumps({key: value for key, value in records.to_json(SAMPLE).items() if key != "task"}),
            "`task` is missing",
        ),
        (json.dumps({**records.to_json(SAMPLE), "phase": "lukewarm"}), "field `phase`"),
        (json.dumps({**records.to_json(SAMPLE), "stages": {"fit": "1"}}), "field `stages.fit` is '1'"),
        (json.dumps({**records.to_json(SAMPLE), "stages": {"fit": -1.0}}), "field `stages.fit` is -1.0"),
        (json.dumps({**records.to_json(SAMPLE), "stages": {"fit": float("nan")}}), "it holds NaN, which is no number"),
        (json.dumps({**records.to_json(SAMPLE), "quality": float("inf")}), "it holds Infinity, which is no number"),
        (json.dumps({**records.to_json(SAMPLE), "seconds": 0.0}), "`seconds` is 0.0"),
        (json.dumps({**records.to_json(OUTCOME), "bytes": -5.0}), "`bytes` is -5.0"),
        (json.dumps({**records.to_json(OUTCOME), "flops": 1e308}), "`flops` is 1e+308"),
        (json.dumps({**records.to_json(SAMPLE), "seconds": 1e308}), "`seconds` is 1e+308"),
        (json.dumps({**records.to_json(SAMPLE), "gpus": [1]}), "field `gpus[0]` is 1, not object"),
        (
            json.dumps({**records.to_json(SAMPLE), "gpus": [{**GPU, "joules": -1}]}),
            "field `gpus[0].joules` is -1, less than 0",
        ),
        (json.dumps({**records.to_json(SAMPLE), "joules": -1.0}), "field `joules` is -1.0, less than 0"),
        (json.dumps({**records.to_json(SAMPLE), "figures": {"a": 1.7e308}}), "field `figures.a` is 1.7e+308"),
        (json.dumps({**records.to_json(SAMPLE), "implementation": "a@gpu\n"}), "field `implementation` is 'a@gpu\\n'"),
        (json.dumps({**records.to_json(SAMPLE), "task": "ridge"}), "field `task` is 'ridge', not of the form"),
        (
            json.dumps({**records.to_json(OUTCOME), "parameters": {"a": [9.5]}}).replace("9.5", "1e999"),
            "it holds 1e999",
        ),
        (json.dumps({**records.to_json(SAMPLE), "quality": 7}).replace("7", "7" * 5_000), "a number of 5,000 digits"),
        ("\udcff", "damaged line"),
    ],
)
def test_a_damaged_line_is_named(run: Path, line: str, reason: str) -> None:
    path = run / "records.jsonl"
    lines = path.read_bytes().split(b"\n")
    lines[1] = line.encode(errors="surrogateescape")
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(RecordError) as caught:
        records.read(run)
    assert f"{path}:2: damaged line" in str(caught.value)
    assert reason in str(caught.value)


def test_a_repair_keeps_every_good_line_and_every_copy(run: Path) -> None:
    path = run / "records.jsonl"
    first, second, outcome = path.read_bytes().splitlines(keepends=True)
    for number, damaged in enumerate(
        ([first, b"broken\n", b"\n", second], [outcome, b"\xff\n", b"{}\n", first]), start=1
    ):
        path.write_bytes(b"".join(damaged))
        before = path.read_bytes()
        with pytest.raises(RecordError) as caught:
            records.read(run)
        assert f"{path}:2: damaged line" in str(caught.value)
        assert str(caught.value).endswith(f"residency report {run} --repair")
        assert records.repair(run) == records.Repaired(2, number, run / f"records.jsonl.damaged-{number}")
        assert (run / f"records.jsonl.damaged-{number}").read_bytes() == before
        assert path.read_bytes() == damaged[0] + damaged[-1]
    assert records.repair(run) == records.Repaired(2, 0, None)
    with records.Recorder(run, None), pytest.raises(UsageError, match="another process is writing"):
        records.repair(run)


def test_empty_lines_and_a_mark_at_the_start_count_for_nothing(run: Path) -> None:
    path = run / "records.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n\r\n \n"))
    (run / "run.json").write_bytes(b"\xef\xbb\xbf" + (run / "run.json").read_bytes())
    growing = records.Growing(run)
    assert len(growing.read().samples) == 2
    path.write_bytes(path.read_bytes() + b"\xef\xbb\xbf{}\n")
    with pytest.raises(RecordError, match=r"records\.jsonl:10: damaged line"):
        growing.read()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32-be"])
def test_text_that_is_not_in_utf_8_is_damaged(run: Path, encoding: str) -> None:
    path = run / "records.jsonl"
    path.write_bytes(path.read_text().encode(encoding))
    with pytest.raises(RecordError, match=r"records\.jsonl:1: damaged line"):
        records.read(run)


def test_lines_that_are_one_record_only_together_are_damaged(run: Path) -> None:
    path = run / "records.jsonl"
    lines = path.read_bytes().split(b"\n")
    lines[1:2] = lines[1].split(b", ", 1)
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(RecordError, match="jsonl:2: damaged line"):
        records.read(run)


def test_an_unknown_version_is_refused(run: Path) -> None:
    (run / "run.json").write_text(json.dumps({**asdict(INFO), "schema": 99}))
    with pytest.raises(RecordError, match="schema 99 is not one this version reads"):
        records.read(run)


REFERENCE = Path(__file__).parents[2] / "results" / "reference" / "2-cores-intel-xeon-etl-scale"
WRONG = (None, {}, [], [{}], [1], "", "\u202e\x1b\ud800\n", -1, 10**400, 1e308, 1.5, True)


def places(value: Any) -> Iterator[tuple[str | int, ...]]:
    """Where values stand in a JSON value; of a list, and of the versions, only the first."""
    names: list[Any] = list(value) if isinstance(value, dict) else [0] if isinstance(value, list) and value else []
    for name in names[:1] if "numpy" in names else names:
        yield (name,)
        yield from ((name, *inner) for inner in places(value[name]))


def test_whatever_was_edited_in_run_json_is_named_or_taken(run: Path) -> None:
    text = (REFERENCE / "run.json").read_text()
    count = 0
    for path in places(json.loads(text)):
        for wrong in (*WRONG, "missing"):
            raw = json.loads(text)
            inner = raw
            for name in path[:-1]:
                inner = inner[name]
            if wrong == "missing":
                del inner[path[-1]]
            else:
                inner[path[-1]] = wrong
            (run / "run.json").write_text(json.dumps(raw))
            refused = ""
            try:
                records.read_info(run)
            except RecordError as error:
                refused = str(error)
            assert refused.isprintable()
            assert len(refused) < 400
            assert refused.startswith(f"{run / 'run.json'}: ") or not refused
            count += bool(refused)
    assert count > 500


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "damaged: Expecting value"),
        (b"[]", "damaged: it is no object"),
        (b"{}", "field `schema` is missing"),
        (b"\xff\xfe{", "damaged: it is no text in UTF-8: it holds the byte 0xff"),
        (b"[" * 100_000, "damaged: it is nested too deeply"),
        (b'{"schema": 1, "seed": 1e999}', "damaged: it holds 1e999, which is too large"),
        (b'{"schema": 1, "seed": ' + b"9" * 5_000 + b"}", "damaged: it holds a number of 5,000 digits"),
        (b'{"schema": 1, "seed": NaN}', "damaged: it holds NaN, which is no number"),
        (json.dumps({**asdict(INFO), "machine": {}}).encode(), "field `machine.host` is missing"),
        (
            json.dumps({**asdict(INFO), "machine": {**MACHINE, "gpus": [{}]}}).encode(),
            "field `machine.gpus[0].name` is missing",
        ),
        (
            json.dumps({**asdict(INFO), "settings": {"replicates": "five"}}).encode(),
            "field `settings.replicates` is 'five', not integer",
        ),
    ],
)
def test_a_damaged_run_json_is_named(run: Path, text: bytes, reason: str) -> None:
    (run / "run.json").write_bytes(text)
    with pytest.raises(RecordError) as caught:
        records.read(run)
    assert str(caught.value).startswith(f"{run / 'run.json'}: damaged: ")
    assert reason in str(caught.value)
    assert str(caught.value).endswith("restore the file from a copy of the run, or measure again")


def test_a_run_without_records_is_damaged(run: Path) -> None:
    (run / "records.jsonl").unlink()
    with pytest.raises(RecordError, match=r"damaged: it has run\.json but no records\.jsonl"):
        records.read(run)


def test_all_of_the_schema_is_understood() -> None:
    whole = json.loads((Path(records.__file__).parent / "schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(whole)
    for name in whole["$defs"]:
        assert described(name).types  # an unknown keyword is a KeyError


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="no run in"):
        records.read(tmp_path)


def test_nothing_is_overwritten(run: Path) -> None:
    before = (run / "run.json").read_bytes(), (run / "records.jsonl").read_bytes()
    with pytest.raises(UsageError, match="already holds a run"):
        records.Recorder(run, INFO)
    assert ((run / "run.json").read_bytes(), (run / "records.jsonl").read_bytes()) == before


def test_nan_is_never_written(tmp_path: Path) -> None:
    with records.Recorder(tmp_path / "run", INFO) as recorder, pytest.raises(ValueError, match="JSON"):
        recorder.add(replace(SAMPLE, quality=float("nan")))
    assert (tmp_path / "run" / "records.jsonl").read_bytes() == b""


def test_the_other_side_of_a_pair_and_what_is_expected_are_on_record(tmp_path: Path) -> None:
    twins = {"a@cpu": "a@gpu", "a@gpu": "a@cpu", "b@Nxgpu": "b@Nxcpu", "alone@gpu": None}
    shipped = TaskInfo.of(Catalogue([SHIPPED]).task("tabular/ridge"))
    assert shipped.question.startswith("From how many rows on")
    assert shipped.expect.startswith("The product does 2 x rows x columns²")
    task = replace(INFO.tasks["tabular/ridge"], twins=twins, expect=shipped.expect)
    with records.Recorder(tmp_path / "run", replace(INFO, tasks={"tabular/ridge": task})) as recorder:
        recorder.add(SAMPLE)
    schema = json.loads((Path(records.__file__).parent / "schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(json.loads((tmp_path / "run" / "run.json").read_text()))
    info = records.read_info(tmp_path / "run")
    found = [info.twin_of("tabular/ridge", name) for name in ("a@cpu", "a@gpu", "b@4xgpu", "alone@gpu")]
    assert found == ["a@gpu", "a@cpu", "b@4xcpu", None]
    assert info.tasks["tabular/ridge"].expect == shipped.expect
    raw = json.loads((tmp_path / "run" / "run.json").read_text())
    del raw["tasks"]["tabular/ridge"]["expect"]  # as in older runs
    (tmp_path / "run" / "run.json").write_text(json.dumps(raw))
    assert not records.read_info(tmp_path / "run").tasks["tabular/ridge"].expect


def test_a_run_that_does_not_tell_has_twins_by_name() -> None:
    for task in ("tabular/ridge", "tabular/unknown"):
        found = [INFO.twin_of(task, name) for name in ("a@cpu", "a@gpu", "b@4xgpu")]
        assert found == ["a@gpu", "a@cpu", "b@4xcpu"]


def test_a_task_tells_the_twins_of_its_pairs() -> None:
    task = Catalogue([SHIPPED]).task("tabular/clustering")
    twins = TaskInfo.of(task).twins
    assert twins["array_operations@gpu"] == "array_operations@cpu"
    assert twins["partial_sums@Nxcpu"] == "partial_sums@Nxgpu"
    assert twins["onedal@cpu"] is None
    assert set(twins) == {one.id for one in task.implementations}


@pytest.mark.parametrize(
    ("task", "in_files"), [("tabular/etl", True), ("nlp/word_count", True), ("tabular/ridge", False)]
)
def test_a_task_tells_whether_its_data_are_files(task: str, in_files: bool) -> None:
    assert TaskInfo.of(Catalogue([SHIPPED]).task(task)).in_files is in_files
