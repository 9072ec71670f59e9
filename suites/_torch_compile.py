"""`torch.compile` in a benchmark: a compiler must be there, and what was compiled before must not be found."""

from __future__ import annotations

import importlib
import os
import shutil
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from residency.harness.errors import Unavailable
from residency.harness.scratch import take

PLACE = "TORCHINDUCTOR_CACHE_DIR"  # where Torch keeps what it has compiled, and looks for it
PLACES = (PLACE, "TRITON_CACHE_DIR")  # Torch sets the second one to a folder in the first
MADE = "residency-compiled-"  # how the name of this process's own place for it begins
COMPILER = {"cpu": ("CXX", "g++"), "gpu": ("CC", "gcc")}  # the variable that names it, and its usual name


@contextmanager
def compiling(device: str) -> Iterator[None]:
    """Let what `torch.compile` made compile in here, as on a new machine; raises `Unavailable` without a compiler.

    What is loaded stays when its file has gone. Two things that Torch does once on a machine, not in each process, are
    left out: it would compile a dozen small programs to learn which vector instructions the compiler knows, and it
    would precompile headers.
    """
    require_compiler(device)
    before = {name: os.environ.get(name) for name in PLACES}
    with take(Path(tempfile.gettempdir()), MADE) as held:  # removes what killed processes have left there
        os.environ[PLACE] = str(held.folder)  # its configuration looks there when it is imported
        try:
            config: Any = importlib.import_module("torch._inductor.config")
            config.compile_threads = 1  # in this process
            config.cpp.vec_isa_ok, config.cpp_cache_precompile_headers = True, False
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value


def require_compiler(device: str) -> None:
    """Raise `Unavailable` if the system lacks the compiler or the headers that `torch.compile` needs."""
    variable, usual = COMPILER[device]
    compiler = os.environ.get(variable, usual)
    if shutil.which(compiler) is None:
        raise Unavailable(f"torch.compile needs a compiler, and there is no {compiler}: apt-get install g++")
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        raise Unavailable("torch.compile needs Python's headers, and they are not here: apt-get install python3-dev")
