"""Compiling once in a process, with nothing to be found that an earlier one has compiled; or why that cannot be."""

from __future__ import annotations

import importlib
import os
import shutil
import sysconfig
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from residency.harness.errors import Unavailable
from residency.harness.scratch import take

PLACE = "TORCHINDUCTOR_CACHE_DIR"  # where Torch keeps what it has compiled, and looks for it
PLACES = (PLACE, "TRITON_CACHE_DIR")  # Torch sets the second one to a folder in the first
MADE = "residency-compiled-"  # how the name of this process's own place for it begins
COMPILER = {"cpu": ("CXX", "g++"), "gpu": ("CC", "gcc")}  # the variable that names it, and its usual name
_kept: dict[str, Any] = {}


def once(library: str, compiled: Callable[[], Any]) -> Any:
    """What a library has compiled: now, or in an earlier execution of this process."""
    if library not in _kept:
        _kept[library] = compiled()
    return _kept[library]


def by_jax(jax: Any, function: Callable[[Any], Any], x: Any) -> Callable[[Any], Any]:
    """The function through `jax.jit`, translated for arrays like `x`."""
    compiled = jax.jit(function)
    jax.block_until_ready(compiled(x))
    return compiled  # type: ignore[no-any-return]


def by_torch(torch: Any, device: str, function: Callable[[Any], Any], x: Any) -> Callable[[Any], Any]:
    """The function through `torch.compile`, translated for arrays like `x`; raises `Unavailable` without a compiler.

    Two things that Torch does once on a machine, not in each process, are left out: it would try with a dozen small
    programs which of the processor's vector instructions the compiler knows, and keep headers in a place of their own.
    """
    require_compiler(device)
    before = {name: os.environ.get(name) for name in PLACES}
    with take(Path(tempfile.gettempdir()), MADE) as held:  # removes what killed processes have left there
        os.environ[PLACE] = str(held.folder)  # its configuration looks there when it is imported
        try:
            config: Any = importlib.import_module("torch._inductor.config")
            config.compile_threads = 1  # in this process: there is one kernel
            config.cpp.vec_isa_ok, config.cpp_cache_precompile_headers = True, False
            compiled = torch.compile(function, dynamic=False)
            compiled(x)  # compiles; what is loaded stays when its file has gone
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value
    return compiled  # type: ignore[no-any-return]


def require_compiler(device: str) -> None:
    """Raise `Unavailable` where the system lacks what `torch.compile` has its code translated by."""
    variable, usual = COMPILER[device]
    compiler = os.environ.get(variable, usual)
    if shutil.which(compiler) is None:
        raise Unavailable(f"torch.compile needs a compiler, and there is no {compiler}: apt-get install g++")
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        raise Unavailable("torch.compile needs Python's headers, and they are not here: apt-get install python3-dev")
