"""Milliseconds until the --help of each command is there, against importing click alone, in turn.

The first run of each is not counted: it compiles the modules, as an installation does.

python benchmarks/startup.py [--runs 20]
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

PLAIN = "import click"
COMMANDS = ("featex", "classify", "pipelines")
COMPILED = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def milliseconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=COMPILED)
    return 1000 * (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    options = parser.parse_args()
    beside = Path(sys.executable).parent
    ways = {PLAIN: [sys.executable, "-c", PLAIN]} | {name: [str(beside / name), "--help"] for name in COMMANDS}
    for command in ways.values():
        milliseconds(command)
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(options.runs):
        for name, command in ways.items():
            taken[name].append(milliseconds(command))
    for name, values in taken.items():
        ratio = statistics.median(taking / plain for taking, plain in zip(values, taken[PLAIN], strict=True))
        spread = f"({min(values):.0f} to {max(values):.0f}, n = {len(values)})"
        print(f"{name:<14}{statistics.median(values):6.0f} ms {spread}, {ratio:.2f} times {PLAIN}")


if __name__ == "__main__":
    main()
