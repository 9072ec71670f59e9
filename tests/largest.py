"""The largest files and functions of the house: a hint for the eye, printed by `make lint`, never a failure.

python tests/largest.py
"""

from __future__ import annotations

import ast
from pathlib import Path

HERE = Path(__file__).parent.parent
ROOMS = ("commands", "labs", "planner", "studies", "reports", "analysis", "suites", "datasets", "runners", "harness")
SHOWN = 5


def main() -> None:
    files = {file: file.read_text(encoding="utf-8") for room in ROOMS for file in (HERE / room).rglob("*.py")}
    lengths = {str(file.relative_to(HERE)): len(text.splitlines()) for file, text in files.items()}
    functions = {
        f"{file.relative_to(HERE)}: {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for file, text in files.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    for what, sizes in (("files", lengths), ("functions", functions)):
        largest = sorted(sizes.items(), key=lambda item: -item[1])[:SHOWN]
        print(f"largest {what}, in lines: {', '.join(f'{name} {size}' for name, size in largest)}")


if __name__ == "__main__":
    main()
