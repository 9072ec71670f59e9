"""Options that exclude each other are refused in one line: nothing that was typed is ignored."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("tabular/ridge", "--target", "y"),
            "--target names a column of your own table: name the table too",
        ),
        (("tabular/ridge", "--data", "t.csv", "--target", "y", "--size", "lab"), "whole file: leave out --size"),
        (("tabular/ridge", "--data", "t.csv", "--target", "y", "--dataset", "diabetes"), "leave out --dataset"),
        (("tabular/ridge", "--implementations", ""), "--implementations is empty"),
        (("tabular/etl", "--workers", "2"), "--workers: only for a cluster; add --runner cluster"),
        (("tabular/etl", "--dashboard", "127.0.0.1:8787"), "--dashboard: only for a cluster"),
        (("tabular/etl", "--resume", "there", "--size", "lab", "--seed", "3"), "leave out --seed, --size, the tasks"),
    ],
)
def test_what_would_be_ignored_is_refused(refused, arguments: tuple[str, ...], said: str) -> None:
    assert said in refused("run", *arguments)


def test_where_nothing_could_run_the_status_says_so(residency) -> None:
    done = residency("run", "tabular/ridge", "--devices", "gpu", "--size", "2000", CUDA_VISIBLE_DEVICES="")
    assert done.status == 1
    assert "Nothing was measured" in done.out
    assert "compares CPU libraries" not in done.out


@pytest.mark.parametrize("command", ["scale", "crossover"])
def test_help_names_no_option_that_is_not_there(residency, command: str) -> None:
    assert "--gate" not in residency(command, "--help").out


def test_ctrl_c_while_the_command_is_imported(residency, tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt\n")
    done = residency("list", PYTHONPATH=str(tmp_path))
    assert (done.status, done.out, done.err) == (130, "", "residency: interrupted\n")
