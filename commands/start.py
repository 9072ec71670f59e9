"""Where the command line begins. Its imports take half a second, in which Ctrl-C must end it as it does later."""

from __future__ import annotations

import sys


def main() -> None:
    """Import the commands and run the one that was typed."""
    try:
        from residency.commands.main import main as begin
    except KeyboardInterrupt:
        print("residency: interrupted", file=sys.stderr)
        sys.exit(130)
    begin()
