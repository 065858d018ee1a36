import json

import numpy as np
import pytest

from classify.report.browser.curves import MOST_POINTS, counts, curves, deciding
from classify.stats.tables import confusion_table


def called(curve: dict, threshold: float) -> list[int]:
    """What the page's script counts: images of the positive and of the other class that are called positive."""
    at = int(np.searchsorted(-np.array(curve["p"]), -threshold, side="right"))
    return [curve["tp"][at - 1], curve["fp"][at - 1]] if at else [0, 0]


def test_counts_at_a_models_own_threshold_are_those_of_the_confusion_matrix(three_models):
    data = json.loads(json.dumps(curves(three_models, "ai", "svm", {"svm": 0.3})))
    confusion = confusion_table(three_models).set_index(["model", "set", "truth", "predicted"])["count"].sort_index()
    assert (data["positive"], data["other"], data["models"][data["chosen"]]) == ("ai", "real", "svm")
    assert len(data["curves"]) == 6
    for curve in data["curves"]:
        key = data["models"][curve["model"]], ["test", "custom"][curve["set"]]
        decided = [confusion[(*key, truth, "ai")] for truth in ("ai", "real")]
        assert curve["decided"] == called(curve, curve["own"]) == decided
        assert curve["n"] == [confusion[(*key, truth)].sum() for truth in ("ai", "real")]
    assert {curve["own"] for curve in data["curves"] if curve["model"] == data["models"].index("svm")} == {0.3}


@pytest.mark.parametrize("n", [1, 30, 5 * MOST_POINTS])
def test_counts_are_exact_at_each_threshold_that_is_kept(n):
    rng = np.random.default_rng(n)
    p, truth = rng.beta(0.3, 0.3, n).round(4), rng.random(n) < 0.4
    curve = counts(p, truth, own=0.37)
    for threshold in [0.37, *curve["p"]]:
        assert called(curve, threshold) == [
            int((truth & (p >= threshold)).sum()),
            int((~truth & (p >= threshold)).sum()),
        ]
    assert called(curve, 0) == curve["n"] == [int(truth.sum()), int((~truth).sum())]
    assert len(curve["p"]) <= MOST_POINTS + 4
    if n <= 30:
        assert set(curve["p"]) == set(p)


@pytest.mark.parametrize(
    ("decided", "known", "own"),
    [
        ([0, 0, 1, 1], 0.5, 0.5),
        ([0, 0, 1, 1], None, 0.6),
        ([0, 0, 1, 1], 0.7, 0.6),  # rounding put the third image below the known threshold
        ([0, 0, 1, 1], 0.4, np.nextafter(0.4, 2)),  # and the second one onto it
        ([1, 1, 1, 1], None, 0.2),
        ([0, 0, 0, 0], None, 1.0),
        ([0, 1, 0, 1], 0.5, None),  # no threshold decides so
    ],
)
def test_the_own_threshold_gives_the_models_answers_or_is_not_known(decided, known, own):
    p, decided = np.array([0.2, 0.4, 0.6, 0.8]), np.array(decided, bool)
    assert deciding(p, decided, known) == own
    if own is not None:
        np.testing.assert_array_equal(p >= own, decided)


def test_more_than_two_classes_have_no_threshold(three_models):
    assert curves(three_models, None, "svm", {}) == {}
