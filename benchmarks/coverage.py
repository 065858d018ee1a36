"""How often 95 % intervals of scores hold the true value, and how far the expected calibration error is from it.

    python benchmarks/coverage.py [--runs 1000] [--rows 30 60 100 300] [--share 0.5] [--hindsight]

Images of two classes get normal scores whose means lie `strength` apart, and the probability that Bayes' rule gives
them. The sizes of both classes are fixed. True values are those of two million such images; what is found at 1 or 5 %
false alarms is judged at the threshold of each run, whose true value is known in closed form. With --hindsight it is
the balanced accuracy of the best threshold alone, whose true value is known in closed form too.
"""

import argparse

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import norm

from classify.intervals import intervals
from classify.metrics import hindsight
from classify.predictions import Predictions
from classify.scores import SCORES, Sample

STRENGTHS = {0.5: 0.60, 1.5: 0.77, 2.2: 0.86, 3.0: 0.93}  # distance of means: accuracy where classes are equally many
RATES = {"found_at_1": 0.01, "found_at_5": 0.05}


def draw(rng: np.random.Generator, n_positive: int, n_rest: int, strength: float) -> Sample:
    truth = np.repeat([1, 0], [n_positive, n_rest])
    x = rng.normal(size=len(truth)) + strength * (truth - 0.5)
    p = expit(strength * x + np.log(n_positive / n_rest))
    return Sample(truth, np.column_stack([1 - p, p]), (p > 0.5).astype(int), 1)


def truth_of(name: str, true: dict[str, float], sample: Sample, strength: float) -> float:
    if name not in RATES:
        return true[name]
    odds = np.log((sample.truth == 1).sum() / (sample.truth == 0).sum())
    p = np.sort(sample.scores[sample.truth == 0, 1])[::-1]
    bar = (np.log(p / (1 - p)) - odds)[int(RATES[name] * len(p) + 1e-9)] / strength
    return norm.sf(bar - strength / 2)


def hindsight_line(n_positive: int, n: int, strength: float, runs: int) -> str:
    rng, held, over, told = np.random.default_rng(0), [], [], []
    true = norm.cdf(strength / 2)
    for run in range(runs):
        sample = draw(rng, n_positive, n - n_positive, strength)
        names = np.array(["real", "ai"])
        table = pd.DataFrame({"label": names[sample.truth], "predicted": names[sample.predicted]})
        table["path"] = [str(row) for row in range(n)]
        table = table.assign(model="m", set="test", split="", source="", group="", fold=-1)
        table = table.assign(prob_real=sample.scores[:, 0], prob_ai=sample.scores[:, 1])
        row = hindsight(Predictions(table), "ai", seed=run).iloc[0]
        held.append(row["balanced_accuracy_low"] <= true <= row["balanced_accuracy_high"])
        over.append(row["balanced_accuracy"] - true)
        told.append(row["balanced_accuracy_optimism"])
    return f"{np.mean(held):.1%}; too high by {np.mean(over):.3f}, optimism told {np.mean(told):.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--rows", type=int, nargs="+", default=[30, 60, 100, 300])
    parser.add_argument("--share", type=float, default=0.5, help="of the positive class")
    parser.add_argument("--scores", nargs="+", choices=SCORES, default=list(SCORES))
    parser.add_argument("--hindsight", action="store_true")
    options = parser.parse_args()
    print(f"{options.runs} runs a line; Monte Carlo standard error {np.sqrt(0.95 * 0.05 / options.runs):.2%} at 95 %")
    for n in options.rows:
        n_positive = round(n * options.share)
        for strength in STRENGTHS:
            if options.hindsight:
                told = hindsight_line(n_positive, n, strength, options.runs)
                print(f"n = {n}, strength {strength}, best threshold in hindsight: {told}", flush=True)
                continue
            rng = np.random.default_rng(0)
            large = draw(rng, n_positive * (2_000_000 // n), (n - n_positive) * (2_000_000 // n), strength)
            true = {name: SCORES[name].of(large) for name in options.scores}
            held = {name: [] for name in options.scores}
            values = []
            for run in range(options.runs):
                sample = draw(rng, n_positive, n - n_positive, strength)
                for name, (low, high) in intervals(options.scores, sample, seed=run).items():
                    held[name].append(low <= truth_of(name, true, sample, strength) <= high)
                    if np.isnan(low):
                        held[name][-1] = np.nan
                if "calibration_error" in options.scores:
                    values.append(SCORES["calibration_error"].of(sample))
            for name, inside in held.items():
                lacking = np.isnan(inside).mean()
                line = f"n = {n}, strength {strength}, {name}: "
                if lacking == 1:
                    print(f"{line}no interval; true {true[name]:.3f}, mean {np.mean(values):.3f}", flush=True)
                    continue
                rest = f" ({lacking:.1%} without an interval)" if lacking else ""
                print(f"{line}{np.nanmean(inside):.1%}{rest}", flush=True)


if __name__ == "__main__":
    main()
