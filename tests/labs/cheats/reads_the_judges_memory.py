"""Reads the memory of every other process that it finds.

Fails: failed: PermissionError in line HERE, during a call
"""

import os
from pathlib import Path


def fares(kilometres, minutes, night):
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            (process / "mem").open("rb")  # here
    raise LookupError
