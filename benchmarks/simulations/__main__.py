"""Run the simulations and print each claim beside what was measured.

python -m benchmarks.simulations [--only NAME ...] [--scale 0.1] [--seed 0]

The exit code is 1 if a claim fails. At scale 1 a subject takes about two minutes on two cores.
"""

import argparse
import importlib
import pkgutil
import sys
import time

import benchmarks.simulations as package


def subjects() -> list[str]:
    """Return the names of the files that hold a simulation."""
    others = ("claims", "__main__")
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__) if module.name not in others)


def run(name: str, scale: float, seed: int) -> list:
    """Return the claims of one subject."""
    return importlib.import_module(f"{package.__name__}.{name}").simulate(scale, seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=subjects(), default=subjects(), metavar="NAME")
    parser.add_argument("--scale", type=float, default=1.0, help="1 for all draws, 0.1 for a tenth of them")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    failed = 0
    for name in options.only:
        start = time.perf_counter()
        claims = run(name, options.scale, options.seed)
        failed += sum(not claim.holds for claim in claims)
        print(f"{name}, {time.perf_counter() - start:.0f} s", *claims, sep="\n  ", flush=True)
    sys.exit(f"{failed} claims fail" if failed else 0)


if __name__ == "__main__":
    main()
