"""Seconds of tuning a model: `classify tune` against TPE over scikit-learn's `cross_val_score` of the same.

    python benchmarks/tuning.py [--model svm] [--rows 1000] [--trials 30] [--runs 3] [--folds-of-baseline 5]
    python benchmarks/tuning.py --rows 20000 --runs 1 --folds-of-baseline 1   # the baseline from one fold of one trial
    python benchmarks/tuning.py --rows 100000 --runs 1 --folds-of-baseline 0  # ours alone, and its memory

Both search the same space by 5 folds, cut alike, on the same synthetic features (512 columns, two classes), with all
cores as they take them by default (`cross_val_score` takes one), in turn. Ours is all that the command does but reading
and writing files: the search, out-of-fold scores, the fit on all rows, calibration and the rule for novelty. Where the
baseline runs fewer than 5 folds, it runs one trial of them at the known good setting, and its time is multiplied.
"""

import argparse
import logging
import resource
import statistics
import time
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from classify.tuning.cross_validation import CrossValidation
from classify.tuning.plan import Plan, plan
from classify.tuning.tune import tune
from featex.images.facts import FACTS
from featex.store.features import Features
from featex.system.progress import Progress

WIDTH = 512
N_FOLDS = 5
N_TEST = 40


def features(n: int, shift: float = 0.12) -> Features:
    """Return `n` training rows, and a few to test on."""
    rng = np.random.default_rng(0)
    n_train, n = n, n + N_TEST
    y = np.arange(n) % 2
    X = np.maximum(rng.normal(size=(n, WIDTH)) + shift * y[:, None], 0).astype(np.float32)
    rows = pd.DataFrame({"path": [f"{i}.jpg" for i in range(n)], "label": np.where(y, "real", "ai")})
    rows["split"] = np.where(np.arange(n) < n_train, "train", "test")
    rows["key"] = [f"{i:064x}" for i in range(n)]
    rows = rows.assign(source="", group="", **{name: "" if kind == "str" else 0 for name, kind in FACTS.items()})
    passport = {"name": "synthetic", "fingerprint": "synthetic", "n_features": WIDTH, "trained": True}
    return Features(X, rows, "synthetic", Path(), passport)


class Told(Progress):
    def say(self, line: str) -> None:
        print(f"    {line}", flush=True)


def ours(job: Plan) -> float:
    return tune(job, progress=Told()).model.passport.cv.mean


def baseline(job: Plan, n_folds: int) -> tuple[float, float]:
    """Return the best score, and how many times as long all trials on all folds take."""
    X, y = job.features.X[job.parts.train], job.y
    pairs = CrossValidation(job, X).pairs[:n_folds]
    spec = job.spec

    def score(params: dict) -> float:
        plain = make_pipeline(StandardScaler(), SVC(**params)) if spec.name == "svm" else spec.build(**params)
        return cross_val_score(plain, X, y, cv=pairs).mean()

    if n_folds < N_FOLDS:
        return score(spec.first(WIDTH)[0]), job.trials * N_FOLDS / n_folds
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
    study.enqueue_trial(spec.first(WIDTH)[0])
    study.optimize(lambda trial: score(spec.suggest(trial, WIDTH)), n_trials=job.trials)
    return study.best_value, 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=["svm", "logreg", "forest"], default="svm")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folds-of-baseline", type=int, default=N_FOLDS)
    options = parser.parse_args()
    optuna.logging.set_verbosity(logging.WARNING)
    set_of_rows = features(options.rows)
    job = plan(options.model, set_of_rows, trials=options.trials, n_folds=N_FOLDS)
    tune(plan(options.model, features(100), trials=2, n_folds=N_FOLDS))  # what is imported at the first call
    times: dict[str, list[float]] = {"classify tune": []}
    for _ in range(options.runs):
        started = time.perf_counter()
        best = ours(job)
        times["classify tune"].append(time.perf_counter() - started)
        print(f"    best score {best:.4f}", flush=True)
        if options.folds_of_baseline:
            started = time.perf_counter()
            best, times_as_long = baseline(job, options.folds_of_baseline)
            seconds = (time.perf_counter() - started) * times_as_long
            times.setdefault("cross_val_score", []).append(seconds)
            print(f"    cross_val_score: {'best ' if times_as_long == 1 else ''}score {best:.4f}", flush=True)
            if times_as_long > 1:
                print(f"    of {options.folds_of_baseline} fold(s) of one trial: its time times {times_as_long:.0f}")
    what = f"{options.model}, n = {options.rows:,}, {options.trials} trials"
    for name, values in times.items():
        spread = f"median of {len(values)}; {min(values):.1f} to {max(values):.1f}"
        print(f"{what}, {name}: {statistics.median(values):.1f} s ({spread})")
    if "cross_val_score" in times:
        ratios = [theirs / mine for theirs, mine in zip(times["cross_val_score"], times["classify tune"], strict=True)]
        print(f"{what}, ratio: {statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})")
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GB")


if __name__ == "__main__":
    main()
