"""Writes into its own folder and the grader's.

Fails: failed: PermissionError in line HERE, during a call
"""

from pathlib import Path


def fares(kilometres, minutes, night):
    for place in ("/submission/result.json", "/submission/work.py", "/grader/runner.py", "/grader/result.json"):
        try:
            Path(place).write_text("x")
        except OSError:
            continue
        return kilometres
    raise PermissionError  # here
