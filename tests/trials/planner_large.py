"""How long `residency plan` takes for thousands of residents at three sites in three time zones, by processor time.

    python tests/trials/planner_large.py [RESIDENTS] [FILE]        (default: 10,000)

The cohort is the example with more people and more cards. It is written to FILE, if one is given.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from residency.planner.reading import example

SITES = """
[[sites]]
name = "Berlin"
residents = {}
[[sites]]
name = "Bogota"
residents = {}
time_zone = "America/Bogota"
[[sites]]
name = "Bangkok"
residents = {}
time_zone = "Asia/Bangkok"

[[classes]]"""


def cohort(residents: int) -> str:
    """The example with so many residents: two fifths at the first site, the others at two more."""
    third = 3 * residents // 10
    cards = [max(2, residents * most // 10_000) for most in (4000, 1000, 2000)]
    sites = SITES.format(residents - 2 * third, third, third)
    text = example().replace("\nresidents = 20 ", "\n# residents = 20 ").replace("\n[[classes]]", sites, 1)
    for before, most in zip(("to = 16 }", "to = 8 }", "to = 8 }"), cards, strict=True):
        text = text.replace(before, f"to = {most} }}", 1)
    return text


def main(residents: int, file: Path) -> None:
    """Plan it, and print what the command says and what it took."""
    file.write_text(cohort(residents))
    done = subprocess.run([Path(sys.executable).with_name("residency"), "plan", file], check=False)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"\nexit {done.returncode}; {used.ru_utime + used.ru_stime:,.0f} s of processor time")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(
            int(sys.argv[1]) if len(sys.argv) > 1 else 10_000,
            Path(sys.argv[2]) if len(sys.argv) > 2 else Path(folder) / "cohort.toml",
        )
