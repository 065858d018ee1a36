"""Measure the house: files a folder, lines, imports between rooms, the longest function, the most parameters.

    python -m benchmarks.structure [DIR]

A room is a folder of a package, or a file that stands for itself beside the rooms. Lines count everything; a function's
lines leave its docstring out. Exit code 1 if an import runs against the order of the rooms (a circle).
"""

import argparse
import ast
import sys
from collections import Counter, defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("featex", "classify", "pipelines")


def files(root: Path) -> list[Path]:
    """Return the Python files of the three packages."""
    return sorted(path for package in PACKAGES for path in (root / package).rglob("*.py"))


def module_of(path: Path, root: Path) -> str:
    """Return the dotted name of a file."""
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> set[str]:
    """Return the dotted names, from the three packages, that a file imports anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name for name in names if name.split(".")[0] in PACKAGES}


def room_of(module: str) -> str:
    """Return the room of a dotted name: its package and the folder or file below it."""
    return ".".join(module.split(".")[:2])


def arrows(root: Path) -> dict[str, set[str]]:
    """Return for each room the other rooms that it imports from."""
    modules = {module_of(path, root) for path in files(root)}
    between = defaultdict(set)
    for path in files(root):
        if path.name == "__init__.py":
            continue  # a package's public names are looked up lazily
        room = room_of(module_of(path, root))
        between[room] |= set()
        for name in imports(path):
            target = name if name in modules else name.rpartition(".")[0]
            if target in modules and target not in PACKAGES and room_of(target) != room:
                between[room].add(room_of(target))
    return dict(between)


def circle(between: dict[str, set[str]]) -> list[str]:
    """Return the rooms of a circle of imports, or an empty list."""
    try:
        TopologicalSorter(between).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def functions(root: Path) -> list[tuple[int, int, str]]:
    """Return (lines without the docstring, parameters, place) of each function and method."""
    rows = []
    for path in files(root):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                docstring = len((ast.get_docstring(node, clean=False) or "").splitlines())
                lines = node.end_lineno - node.lineno + 1 - docstring
                names = [argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)]
                place = f"{path.relative_to(root).as_posix()}:{node.lineno} {node.name}"
                rows.append((lines, len([name for name in names if name not in ("self", "cls")]), place))
    return rows


def count_lines(folder: Path) -> int:
    """Return the lines of all Python files below a folder."""
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in folder.rglob("*.py"))


def measured(root: Path) -> dict:
    """Return the figures by name."""
    between = arrows(root)
    in_package = {
        package: sum(
            target.startswith(f"{package}.")
            for room in between
            if room.startswith(f"{package}.")
            for target in between[room]
        )
        for package in PACKAGES
    }
    longest, widest = max(functions(root)), max(functions(root), key=lambda row: row[1])
    return {
        "files in the fullest folders": Counter(
            path.parent.relative_to(root).as_posix() for path in files(root) if path.name != "__init__.py"
        ).most_common(3),
        "rooms": {package: sum(room.startswith(f"{package}.") for room in between) for package in PACKAGES},
        "arrows between rooms": in_package,
        "circle": circle(between),
        "lines": {folder: count_lines(root / folder) for folder in (*PACKAGES, "tests", "benchmarks")},
        "longest function": [longest[0], longest[2]],
        "functions over 60 lines": sum(lines > 60 for lines, _, _ in functions(root)),
        "most parameters": [widest[1], widest[2]],
        "functions over 8 parameters": sum(n > 8 for _, n, _ in functions(root)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", nargs="?", default=ROOT, type=Path, help="Another checkout of this project.")
    figures = measured(parser.parse_args().directory.resolve())
    print(*(f"{name}: {value}" for name, value in figures.items()), sep="\n")
    sys.exit(1 if figures["circle"] else 0)


if __name__ == "__main__":
    main()
