"""Repeats: pairs of places in the code that share six or more lines.

    python -m benchmarks.repeats [--checkout DIR] [--list]

Lines are compared without their white space. Docstrings, imports, comments, empty lines and lines of punctuation alone
are left out.
"""

import argparse
import ast
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
MIN_LINES = 6
FOLDERS = ("coalserver", "tests", "benchmarks")


class Line(NamedTuple):
    """A line that counts."""

    file: str
    number: int
    text: str


class Pair(NamedTuple):
    """Two places that share lines."""

    first: Line
    second: Line
    length: int


def lines_of(path: Path, root: Path) -> list[Line]:
    """Return the lines of a file that count."""
    source = path.read_text("utf-8")
    left_out: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            left_out.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if ast.get_docstring(node, clean=False) is not None:
                text = node.body[0]
                left_out.update(range(text.lineno, (text.end_lineno or text.lineno) + 1))
    found = []
    for number, line in enumerate(source.splitlines(), 1):
        text = re.sub(r"\s+", "", line)
        if number not in left_out and re.search(r"\w", text) and not text.startswith("#"):
            found.append(Line(path.relative_to(root).as_posix(), number, text))
    return found


def pairs_in(root: Path) -> list[Pair]:
    """Return every pair of places, each with the longest run of lines that they share."""
    files = [
        lines_of(path, root)
        for folder in FOLDERS
        for path in sorted((root / folder).rglob("*.py"))
        if "node_modules" not in path.parts
    ]
    places: dict[tuple[str, ...], list[tuple[int, int]]] = defaultdict(list)
    for file, lines in enumerate(files):
        for start in range(len(lines) - MIN_LINES + 1):
            run = tuple(line.text for line in lines[start : start + MIN_LINES])
            places[run].append((file, start))
    seeds = {
        (one, other)
        for found in places.values()
        for place, one in enumerate(found)
        for other in found[place + 1 :]
        if one[0] != other[0] or other[1] - one[1] >= MIN_LINES
    }
    pairs = []
    for one, other in sorted(seeds):
        if ((one[0], one[1] - 1), (other[0], other[1] - 1)) in seeds:
            continue
        length = MIN_LINES
        while (
            (one[0], one[1] + length - MIN_LINES + 1),
            (other[0], other[1] + length - MIN_LINES + 1),
        ) in seeds:
            length += 1
        pairs.append(Pair(files[one[0]][one[1]], files[other[0]][other[1]], length))
    return sorted(pairs, key=lambda pair: -pair.length)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.repeats", description=__doc__)
    parser.add_argument("--checkout", type=Path, default=ROOT, help="folder of the code to read")
    parser.add_argument("--list", action="store_true", help="show every pair")
    options = parser.parse_args()
    pairs = pairs_in(options.checkout.resolve())
    if options.list:
        for first, second, length in pairs:
            print(f"{length:3} {first.file}:{first.number} {second.file}:{second.number}")
    print(f"{len(pairs)} pairs of places share {MIN_LINES} or more lines")
    return 0


if __name__ == "__main__":
    sys.exit(main())
