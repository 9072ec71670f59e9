"""The one line that installs a checkout on a machine without a network fetches nothing, and what it installs runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

HERE = Path(__file__).parent.parent
LINE = re.compile(r"^python3 (-m pip install .*--editable \.)$", re.MULTILINE)


@pytest.mark.slow
def test_the_documented_line_installs_a_checkout_without_a_network(tmp_path: Path) -> None:
    """The environment is a new one that sees this one's libraries, pip and setuptools among them."""
    (line,) = LINE.findall((HERE / "docs" / "prove.md").read_text())
    checkout, environment = tmp_path / "checkout", tmp_path / "environment"
    left_out = shutil.ignore_patterns(".*", "*.egg-info", "build", "runs", "__pycache__")
    shutil.copytree(HERE, checkout, ignore=left_out, symlinks=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    (own,) = environment.glob("lib/python*/site-packages")
    (own / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/", "HTTPS_PROXY": "http://127.0.0.1:9/", "PIP_RETRIES": "0"}
    seeing = {**os.environ, **nowhere, "PYTHONSAFEPATH": "1"}
    python = environment / "bin" / "python"
    done = subprocess.run(
        [python, *line.split()], cwd=checkout, env=seeing, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    where = "import residency.commands.main as main; print(main.__file__)"
    found = subprocess.run([python, "-c", where], cwd=tmp_path, env=seeing, capture_output=True, text=True, check=True)
    assert Path(found.stdout.strip()) == checkout / "commands" / "main.py"
    ran = subprocess.run(
        [environment / "bin" / "residency", "prove"],
        cwd=tmp_path,
        env={**seeing, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 5, ran.stderr
    assert "nothing can be proved here" in ran.stderr
