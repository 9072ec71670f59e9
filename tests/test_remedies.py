"""A hint to install works from where the project was installed: a checkout, a file, a repository, an index."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from residency.harness import libraries


@pytest.fixture
def came_from(monkeypatch: pytest.MonkeyPatch):
    """The project as installed from a place, and a user in a folder."""

    def set_up(told: dict[str, Any] | None, here: Path) -> None:
        text = None if told is None else json.dumps(told)
        monkeypatch.setattr(libraries.metadata, "distribution", lambda _: SimpleNamespace(read_text=lambda _: text))
        monkeypatch.setattr(sys, "prefix", str(here / ".venv"))
        monkeypatch.chdir(here)
        libraries.source.cache_clear()

    yield set_up
    libraries.source.cache_clear()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "a checkout"
    folder.mkdir()
    (folder / "pyproject.toml").touch()
    (folder / "constraints.txt").touch()
    return folder


def test_from_a_checkout(came_from, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    came_from({"url": checkout.as_uri(), "dir_info": {"editable": True}}, checkout)
    assert libraries.remedy("cupy") == ".venv/bin/python -m pip install -c constraints.txt -e '.[gpu]'"
    elsewhere = checkout.parent / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    python = shlex.quote(f"{checkout}/.venv/bin/python")
    pins = shlex.quote(f"{checkout}/constraints.txt")
    assert libraries.remedy("cupy") == f"{python} -m pip install -c {pins} -e '{checkout}[gpu]'"


@pytest.mark.parametrize(
    ("told", "hint"),
    [
        (None, "pip install 'residency-bench[gpu]'"),
        (
            {"url": "https://example.org/r.git", "vcs_info": {"vcs": "git"}},
            ".venv/bin/python -m pip install 'residency-bench[gpu] @ git+https://example.org/r.git'",
        ),
        (
            {"url": "file:///tmp/r.whl", "archive_info": {}},
            ".venv/bin/python -m pip install 'residency-bench[gpu] @ file:///tmp/r.whl'",
        ),
    ],
)
def test_from_elsewhere(came_from, tmp_path: Path, told: dict[str, Any] | None, hint: str) -> None:
    came_from(told, tmp_path)
    assert libraries.remedy("cupy") == hint


@pytest.mark.parametrize(
    ("modules", "device", "extra"),
    [
        (["jax"], "cpu", "image"),
        (["opacus"], "cpu", "private"),
        (["jax"], "gpu", "gpu"),  # with its plugin for CUDA
        (["xgboost", "torch"], "gpu", "gpu"),
        (["flax"], "gpu", "image"),
        (["cupy", "jax"], "rehearsal", "rehearsal"),
        (["cupy", "pyspark"], "rehearsal", "rehearsal,spark"),
    ],
)
def test_the_extra_is_the_devices(came_from, tmp_path: Path, modules: list[str], device: str, extra: str) -> None:
    came_from(None, tmp_path)
    assert libraries.remedy(*modules, device=device) == f"pip install 'residency-bench[{extra}]'"


def test_a_name_that_no_extra_brings_is_not_promised_by_a_command() -> None:
    told = libraries.not_installed(["sklean.svm", "cupy", "num py"], "gpu")
    ours, others = told.split("; ")
    assert ours.startswith("cupy is not installed: ")
    assert others == "sklean, num py are not installed, and no extra of this project brings them"
