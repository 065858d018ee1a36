"""How often a page says something untrue of a model whose true quality is known.

Scores of both classes are normal, one apart from the other by what the model knows; it decides at a threshold. So its
true ROC AUC and balanced accuracy are known, and each finding of `classify.stats.chance` is true or false.
"""

import numpy as np
import pandas as pd
from scipy.stats import norm

from benchmarks.simulations.claims import Claim, share
from classify.predictions import HELD_OUT, Predictions
from classify.stats.chance import Ability, Change, change
from classify.stats.evaluation import abilities
from classify.stats.tables import score_table

N_DRAWS = 200
CLASSES = ["ai", "real"]
MIXES = {"held out": (100, 100), "skewed": (10, 190)}  # of ai and real
# By how much ai images score higher than real ones, and the threshold that decides, seen from the real ones' mean.
MODELS = {
    "useless": (0.0, 0.0),
    "useless, nearly always real": (0.0, 1.6),
    "good": (2.5, 1.25),
    "reversed": (-2.5, -1.25),
    "always real": (0.0, np.inf),
    "ranks, threshold far off": (2.0, 5.0),
}


def simulate(scale: float, seed: int) -> list[Claim]:
    """Return for each kind of model the share of pages on which a finding is false, and on which the right one stands.

    A finding is two-sided at 5 %, of balanced accuracy and of ROC AUC, which err together more often than apart: 8 %
    is allowed. No change between sets is ever true here, since a model is the same on both.
    """
    n, rng, claims = max(20, round(scale * N_DRAWS)), np.random.default_rng(seed), []
    for name, (apart, threshold) in MODELS.items():
        pages = [_findings(rng, apart, threshold) for _ in range(n)]
        kinds = [ability.kind for found, _ in pages for ability in found]
        changes = [moved.kind for _, moved in pages]
        wrong = sum(not _true(kind, apart, threshold) for kind in kinds)
        claims.append(share(f"{name}: false findings on a set", wrong, len(kinds), most=0.08))
        moved = sum(kind != "unclear" for kind in changes)
        claims.append(share(f"{name}: changes between sets of unlike mixes", moved, len(changes), most=0.08))
        if name in ("good", "reversed"):
            right = sum(kind == ("better" if name == "good" else "reversed") for kind in kinds)
            claims.append(share(f"{name}: called so", right, len(kinds), least=0.9))
    return claims


def _true(kind: str, apart: float, threshold: float) -> bool:
    """Return whether a finding is true of a model; "not shown" and "one answer" claim nothing that can be false."""
    balanced = (norm.sf(threshold - apart) + norm.cdf(threshold)) / 2
    return {
        "better": balanced > 0.5 + 1e-9,
        "ranks": apart > 0,
        "reversed": apart < 0,
        "worse": balanced < 0.5 - 1e-9,
    }.get(kind, True)


def _findings(rng: np.random.Generator, apart: float, threshold: float) -> tuple[list[Ability], Change]:
    """Return what a page says of the model on each of two sets, and of the change between them."""
    parts = []
    for set_name, mix in zip((HELD_OUT, "custom"), MIXES.values(), strict=True):
        label = np.repeat(CLASSES, mix)
        score = rng.normal(size=len(label)) + apart * (label == "ai")
        p = norm.cdf(score - (threshold if np.isfinite(threshold) else 9))
        table = pd.DataFrame({"label": label, "predicted": np.where(score > threshold, "ai", "real")})
        table = table.assign(
            path=[f"{set_name}/{i}" for i in range(len(label))], set=set_name, prob_ai=p, prob_real=1 - p
        )
        parts.append(table)
    facts = {"model": "m", "split": "", "source": "", "group": "", "fold": -1}
    predictions = Predictions(pd.concat(parts, ignore_index=True).assign(**facts))
    scores = score_table(predictions, "ai", names=["accuracy", "balanced_accuracy", "roc_auc"])
    held_out, custom = (row for _, row in scores.iterrows())
    return list(abilities(predictions, scores).values()), change(held_out, custom)
