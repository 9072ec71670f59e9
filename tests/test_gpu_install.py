"""A machine with a GPU installs all that the GPU sides import, in one command: found out without a GPU.

The `gpu` extra is resolved for such a machine. Metadata and the wheels' lists of files are fetched, no wheel is.
"""

from __future__ import annotations

import http.server
import importlib.util
import io
import os
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from residency.harness.discovery import Catalogue
from residency.suites import SHIPPED
from tests.wheels import NoRanges, Remote, Wheel, clashes, complaints, opened, resolved, same

HERE = Path(__file__).parent.parent
BY_HARNESS = ("distributed_ucxx", "rmm")  # that runners use on a GPU if they are installed
NO_NETWORK = re.compile(
    r"error sending request|failed to fetch|dns error|timed out|network was disabled", re.IGNORECASE
)


def uv() -> str:
    """The program uv, from its package or from PATH."""
    if importlib.util.find_spec("uv") is not None:
        from uv import find_uv_bin

        return str(find_uv_bin())
    if (found := shutil.which("uv")) is None:
        pytest.skip("needs uv, which the extra `dev` brings: pip install uv")
    return found


def index() -> dict[str, str]:
    """The environment in which uv asks the index that pip is told to ask; uv does not read pip's configuration."""
    ask = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    told = os.environ.get("PIP_INDEX_URL") or subprocess.run(ask, capture_output=True, text=True, check=False).stdout
    own = {name for name in os.environ if name.startswith("UV_") and "INDEX" in name}
    return {**os.environ, **({"UV_DEFAULT_INDEX": told.strip()} if told.strip() and not own else {})}


def resolve(python: str, *extras: str) -> subprocess.CompletedProcess[str]:
    """The lock of these extras as `make setup` asks for them, for Linux on x86-64 and a version of Python."""
    command = [uv(), "pip", "compile", "--quiet", "--format", "pylock.toml", "--only-binary", ":all:"]
    command += ["--python", sys.executable, "--python-version", python, "--python-platform", "x86_64-manylinux_2_28"]
    command += ["--constraint", "constraints.txt", *(word for extra in extras for word in ("--extra", extra))]
    command.append("pyproject.toml")
    done = subprocess.run(command, cwd=HERE, env=index(), capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0 and (why := NO_NETWORK.search(done.stderr)) is not None:
        pytest.skip(f"needs the package index: uv says `{why[0]}`")
    return done


def read(lock: str, python: str) -> list[Wheel]:
    """The wheels of a lock, with their files."""
    try:
        return resolved(lock, python)
    except (NoRanges, OSError) as error:
        pytest.skip(f"needs a package index that sends parts of files: {error}")


def modules() -> set[str]:
    """Every module that a GPU side imports."""
    catalogue = Catalogue([SHIPPED])
    named = set(BY_HARNESS)
    for task in map(catalogue.task, catalogue.files):
        for implementation in task.implementations:
            if implementation.device == "gpu":
                named |= {implementation.library, *implementation.needs}
                named |= {"distributed", "dask_cuda"} if implementation.runner == "cluster" else set()
    return named


@pytest.mark.slow
@pytest.mark.parametrize("python", ["3.12", "3.13", "3.14"])
def test_all_that_gpu_sides_import_is_installed_and_nothing_twice(python: str) -> None:
    done = resolve(python, "gpu", "dev")
    assert done.returncode == 0, done.stderr
    wheels = read(done.stdout, python)
    for path, owners in same(wheels).items():
        sys.stdout.write(f"the same in {', '.join(owners)}: {path}\n")
    assert len(wheels) > 100
    assert not complaints(wheels, modules())
    (version,) = [wheel.version for wheel in wheels if wheel.name == "torch"]
    assert f"torch=={version}\n" in (HERE / "constraints.txt").read_text()


@pytest.mark.slow
def test_python_3_11_is_refused_because_it_would_have_two_nccl() -> None:
    refused = resolve("3.11", "gpu")
    assert refused.returncode != 0
    assert "xgboost>=3.4" in refused.stderr
    assert ">=3.12" in refused.stderr
    rehearsed = resolve("3.11", "rehearsal")
    assert rehearsed.returncode == 0, rehearsed.stderr
    head, *packages = rehearsed.stdout.split("[[packages]]")
    names = {re.search(r'name = "(.*)"', package)[1] for package in packages}
    assert not [name for name in names if name.startswith("jax-cuda")]
    of_nccl = [package for package in packages if 'name = "nvidia-nccl-' in package]
    found = complaints(read("[[packages]]".join([head, *of_nccl]), "3.11"), [])
    assert "NCCL: nvidia-nccl-cu12, nvidia-nccl-cu13, where nvidia-nccl-cu13 is wanted" in found
    assert any("nvidia-nccl-cu13" in said and said.endswith("/libnccl.so.2") for said in found)


def made(name: str, files: dict[str, str]) -> Wheel:
    """A made-up wheel of these files."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.mkdir("folder")
        for path, text in files.items():
            archive.writestr(path, text)
    return opened(file, name, "1.0")


def torch(cuda: str) -> Wheel:
    """A made-up Torch that was built for a version of CUDA."""
    return made("torch", {"torch/version.py": f"cuda: Optional[str] = {cuda}"})


SOUND = [
    made("nvidia-nccl-cu13", {"nvidia/nccl/lib/libnccl.so.2": "for 13", "nvidia/__init__.py": ""}),
    torch("'13.0'"),
    made("cupy-cuda13x", {"cupy-1.0.data/purelib/cupy/fft.cpython-312.so": "", "nvidia/__init__.py": ""}),
]


def test_a_sound_resolution_has_no_complaint() -> None:
    assert complaints(SOUND, ["cupy", "cupy.fft", "torch", "json"]) == []


@pytest.mark.parametrize(
    ("planted", "said"),
    [
        (
            made("nvidia-nccl-cu12", {"nvidia/nccl/lib/libnccl.so.2": "for 12"}),
            [
                "nvidia-nccl-cu13 1.0 and nvidia-nccl-cu12 1.0 bring different nvidia/nccl/lib/libnccl.so.2",
                "NCCL: nvidia-nccl-cu13, nvidia-nccl-cu12, where nvidia-nccl-cu13 is wanted",
                "nvidia-nccl-cu12 is for CUDA 12",
            ],
        ),
        (
            made("other", {"cupy/fft.cpython-312.so": "another"}),
            ["cupy-cuda13x 1.0 and other 1.0 bring different cupy/fft.cpython-312.so"],
        ),
        (torch("None"), ["torch 1.0 is built for the CPU, where CUDA 13 is wanted"]),
        (torch("'12.8'"), ["torch 1.0 is built for CUDA 12, where CUDA 13 is wanted"]),
    ],
)
def test_a_planted_wheel_is_caught(planted: Wheel, said: list[str]) -> None:
    wheels = [*(wheel for wheel in SOUND if wheel.name != planted.name), planted]
    assert complaints(wheels, ["cupy"]) == said


def test_a_missing_module_and_a_missing_nccl_are_caught() -> None:
    assert complaints(SOUND, ["cupy.fft", "cupy.linalg", "rmm"]) == [
        "no wheel brings cupy.linalg",
        "no wheel brings rmm",
    ]
    assert complaints(SOUND[1:], []) == ["NCCL: none, where nvidia-nccl-cu13 is wanted"]
    assert not clashes(SOUND)
    assert list(same(SOUND)) == ["nvidia/__init__.py"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A server of one file that knows nothing of ranges."""
    (tmp_path / "whole.whl").write_bytes(b"whole")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *given) -> None:
            super().__init__(*given, directory=str(tmp_path))

        def log_message(self, *_) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Quiet) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{serving.server_port}/whole.whl"
        serving.shutdown()
        thread.join()


def test_a_server_without_ranges_is_no_reason_to_download_wheels(server: str) -> None:
    with pytest.raises(NoRanges, match="answers 200"):
        Remote(server)


PYTHON = """#!/bin/sh
# As Python {version}: tells its version, makes an environment of itself, and notes what pip is asked for.
case "$1 $2" in
--version*) echo Python {version}.0 ;;
"-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
"-m pip") echo "{version} $*" > asked ;;
-c*) exec {real} -c "import sys; sys.version_info = ({version}, 0); $2" ;;
esac
"""


@pytest.fixture
def make(tmp_path: Path):
    """Run the Makefile's `setup` in a folder of its own, with these Pythons and no other, with or without a GPU."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("mkdir", "cp", "touch"):
        (programs / name).symlink_to(shutil.which(name))
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(HERE / name, tmp_path)

    def program(name: str, text: str) -> None:
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)

    def run(pythons: dict[str, str], *arguments: str, gpu: bool = True) -> tuple[str, str]:
        for name, version in pythons.items():
            text = PYTHON.replace("({version}, 0)", f"({version.replace('.', ', ')}, 0)")
            program(name, text.format(version=version, real=sys.executable) if version else "#!/bin/sh\nexit 127\n")
        if gpu:
            program("nvidia-smi", "#!/bin/sh\n")
        kept = {name: value for name, value in os.environ.items() if name not in {"PYTHON", "MAKEFLAGS", "MAKELEVEL"}}
        command = [shutil.which("make"), "setup", *arguments]
        environment = {**kept, "PATH": str(programs)}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        asked = tmp_path / "asked"
        assert (done.returncode == 0) == asked.exists(), done.stderr
        return (asked.read_text() if asked.exists() else ""), done.stderr

    return run


@pytest.mark.parametrize(
    ("pythons", "arguments", "chosen"),
    [
        ({"python3": "3.11", "python3.12": "3.12", "python3.13": "3.13"}, [], "3.13"),
        ({"python3": "3.12", "python3.13": ""}, [], "3.12"),  # as pyenv's, which ends with 127 for what is not chosen
        ({"python3": "3.11", "python3.12": "3.12", "python3.13": "3.13"}, ["PYTHON=python3.12"], "3.12"),
    ],
)
def test_with_a_gpu_setup_takes_the_newest_python_that_suits(make, pythons, arguments, chosen: str) -> None:
    asked, _ = make(pythons, *arguments)
    assert asked.startswith(f"{chosen} -m pip install ")
    assert "--constraint constraints.txt" in asked
    assert asked.endswith("--editable .[gpu,dev]\n")


@pytest.mark.parametrize(
    ("pythons", "arguments", "said"),
    [
        ({"python3": "3.11"}, [], "python3 is Python 3.11"),
        ({"python3": "3.15"}, [], "python3 is Python 3.15"),
        ({"python3": "3.11", "python3.13": "3.13"}, ["PYTHON=python3"], "python3 is Python 3.11"),
    ],
)
def test_with_a_gpu_setup_refuses_another_python_and_says_what_helps(make, pythons, arguments, said: str) -> None:
    _, error = make(pythons, *arguments)
    assert said in error
    assert "need Python 3.12, 3.13 or 3.14" in error
    assert '.venv-uv/bin/uv python install 3.13 && make PYTHON="$(.venv-uv/bin/uv python find 3.13)" setup' in error


def test_an_environment_made_without_a_gpu_is_refused_with_one(make, tmp_path: Path) -> None:
    asked, _ = make({"python3": "3.11"}, gpu=False)
    assert asked.startswith("3.11 -m pip install ")
    assert asked.endswith("--editable .[cpu,dev]\n")
    (tmp_path / "asked").unlink()
    _, error = make({"python3.13": "3.13"})
    assert "rm -rf .venv && make setup" in error
    shutil.rmtree(tmp_path / ".venv")
    asked, _ = make({"python3.13": "3.13"})
    assert asked.endswith("--editable .[gpu,dev]\n")
