"""Calibration: do probabilities mean what they say where classes are rare, weighed, or tuned for another score?"""

from functools import partial

import numpy as np
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from benchmarks.simulations.claims import Claim
from classify.models.combine import Stack, Vote
from classify.models.registry import MODELS
from classify.stats.calibration import Calibration, class_scores

N_TRAIN, N_TEST, N_DRAWS = 600, 3000, 40
N_FEATURES, STRENGTH = 10, 2.4
MODELS_OF = {
    "logistic regression": partial(MODELS["logreg"].build, C=1.0),
    "SVM": partial(MODELS["svm"].build, C=1.7, gamma=0.1),
}
DEARER = {"vote": 0.05, "stack": 0.02}  # a mean of probabilities is less sure than each of them
SHARES = {"5 % of two classes": (0.05, 0.95), "half of two classes": (0.5, 0.5), "three classes": (0.05, 0.25, 0.7)}


def simulate(scale: float, seed: int) -> list[Claim]:
    """Return claims on the mean probability and the log loss of models with and without class weights."""
    n_draws = max(4, round(N_DRAWS * scale))
    claims = []
    for title, shares in SHARES.items():
        for name, build in MODELS_OF.items():
            for weights in ("balanced", None):
                rng = np.random.default_rng(seed)
                rows = [_of_one(_draw(rng, shares), partial(build, class_weight=weights)) for _ in range(n_draws)]
                claims += _claims(f"{name}, class weights {weights}, {title}", np.array(rows))
        rng = np.random.default_rng(seed)
        rows = np.array([_of_ensembles(_draw(rng, shares)) for _ in range(n_draws)])
        for i, method in enumerate(("vote", "stack")):
            claims += _claims(f"{method} of two, {title}", rows[:, i], dearer=DEARER[method])
    return claims


def _draw(rng, shares):
    """Return training and test images: one direction a class tells it, the others nothing; and the true shares."""

    def side(n):
        y = rng.permutation(np.repeat(np.arange(len(shares)), np.round(n * np.array(shares)).astype(int)))
        X = rng.normal(size=(len(y), N_FEATURES))
        X[np.arange(len(y)), y] += STRENGTH
        return X, y

    return side(N_TRAIN), side(N_TEST)


def _scores(build, train, test):
    """Return out-of-fold scores of the training images, and scores of the test images by a model of all."""
    X, y = train
    scores = np.empty((len(y), y.max() + 1))
    for fit, judged in StratifiedKFold(5, shuffle=True, random_state=0).split(X, y):
        scores[judged] = class_scores(build().fit(X[fit], y[fit]), X[judged])
    return scores, class_scores(build().fit(X, y), test[0])


def _of_one(sides, build):
    train, test = sides
    scores, unseen = _scores(build, train, test)
    return _judged(Calibration.fit(scores, train[1])(unseen), train, test, unseen)


def _of_ensembles(sides):
    """Return what `_judged` gives of a vote and of a stack of two weighed models."""
    train, test = sides
    pairs = [
        _scores(partial(MODELS_OF[name], class_weight="balanced"), *sides) for name in ("logistic regression", "SVM")
    ]
    fitted = [Calibration.fit(scores, train[1]) for scores, _ in pairs]
    P, unseen = (
        np.stack([calibration(pair[i]) for calibration, pair in zip(fitted, pairs, strict=True)], axis=1)
        for i in (0, 1)
    )
    thresholds = np.mean([calibration.thresholds for calibration in fitted], axis=0)
    rows = []
    for method in (Vote, Stack):
        estimator = method(thresholds=thresholds).fit(P, train[1])
        p = softmax(class_scores(estimator, unseen) + np.log(thresholds), axis=1)
        rows.append(_judged(p, train, test, pairs[0][1]))
    return rows


def _judged(p, train, test, unseen):
    """Return how far the mean probability of class 0 is from its share, and how far the log loss is above others."""
    truth = test[1]
    oracle = LogisticRegression(C=1e6, max_iter=2000).fit(unseen, truth).predict_proba(unseen)
    shares = np.bincount(train[1]) / len(train[1])
    loss, of_oracle = (-np.log(q[np.arange(len(truth)), truth]).mean() for q in (p, oracle))
    return p[:, 0].mean() - (truth == 0).mean(), loss + np.log(shares[truth]).mean(), loss - of_oracle


def _claims(what: str, rows: np.ndarray, dearer: float = 0.02) -> list[Claim]:
    mean, error = rows.mean(axis=0), rows.std(axis=0, ddof=1) / len(rows) ** 0.5
    n = f"(n = {len(rows)})"
    return [
        Claim(f"{what}: mean probability less share {n}", mean[0], error[0], -0.01, 0.01),
        Claim(f"{what}: log loss above that of always saying the share {n}", mean[1], error[1], most=0.0),
        Claim(f"{what}: log loss above the best calibration of the test scores {n}", mean[2], error[2], most=dearer),
    ]
