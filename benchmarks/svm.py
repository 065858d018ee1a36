"""Seconds of one tuning trial of the RBF SVM: ours against scikit-learn's `cross_val_score` over `SVC(rbf)`.

    python benchmarks/svm.py [--rows 1000 5000] [--runs 3]

Both run 5 folds on the same synthetic features (512 columns, two classes), one setting a trial, on one thread each, in
turn. Ours is timed over a study of 10 trials, which share the distances, and divided by 10. Fold scores
must be equal, or it stops.
"""

import argparse
import statistics
import time

import numpy as np
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from classify.svm import RBFSVC, prepare

TRIALS = 10


def features(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.arange(n) % 2
    return np.maximum(rng.normal(size=(n, 512)) + 0.12 * y[:, None], 0).astype(np.float32), y


def plain(X, y, folds, C, gamma):
    model = make_pipeline(StandardScaler(), SVC(C=C, gamma=gamma))
    return cross_val_score(model, X, y, cv=folds)


def ours(X, y, folds, settings):
    prepared = [prepare(X[train], X[test]) for train, test in folds.split(X, y)]
    scores = []
    for C, gamma in settings:
        fits = (
            RBFSVC(C=C, gamma=gamma).fit(a, y[train]).predict(b) == y[test]
            for (a, b), (train, test) in zip(prepared, folds.split(X, y), strict=True)
        )
        scores.append([right.mean() for right in fits])
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 5000])
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    settings = [(1.7, 1 / 512 * 1.3**i) for i in range(TRIALS)]
    for n in options.rows:
        X, y = features(n)
        times: dict[str, list[float]] = {"SVC(rbf)": [], "RBFSVC": []}
        with threadpool_limits(1):
            for _ in range(options.runs):
                started = time.perf_counter()
                theirs = plain(X, y, folds, *settings[0])
                times["SVC(rbf)"].append(time.perf_counter() - started)
                started = time.perf_counter()
                mine = ours(X, y, folds, settings)[0]
                times["RBFSVC"].append((time.perf_counter() - started) / TRIALS)
        assert np.allclose(theirs, mine), (theirs, mine)
        for name, values in times.items():
            print(
                f"n = {n}, {name}: {statistics.median(values):.3f} s a trial (median of {options.runs}; "
                f"{min(values):.3f} to {max(values):.3f})"
            )
        ratios = [a / b for a, b in zip(times["SVC(rbf)"], times["RBFSVC"], strict=True)]
        print(f"n = {n}, ratio: {statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})")


if __name__ == "__main__":
    main()
