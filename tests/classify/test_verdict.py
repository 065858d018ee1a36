import numpy as np
import pandas as pd
import pytest

from classify.metrics import fold_scores, score_table
from classify.predictions import VALIDATION, Predictions
from classify.verdict import verdict as judged


def said(right, classes=("ai", "real"), only=None):
    """right: {model: {set: (n, share right)}}; `only` names a set whose images are all of the first class."""
    parts = []
    for model, sets in right.items():
        for name, (n, share) in sets.items():
            order = np.random.default_rng(n).permutation(n)
            truth = np.zeros(n, int) if name == only else np.arange(n) % len(classes)
            decided = np.where(order < round(share * n), truth, (truth + 1) % len(classes))
            part = pd.DataFrame({"label": np.array(classes)[truth], "predicted": np.array(classes)[decided]})
            part = part.assign(
                model=model, set=name, path=[f"{i}.jpg" for i in range(n)], split=name, source="", group=""
            )
            part["fold"] = order % 5 if name == VALIDATION else -1
            p = np.full((n, len(classes)), 0.2 / (len(classes) - 1))
            p[np.arange(n), decided] = 0.8
            parts.append(part.assign(**{f"prob_{c}": p[:, i] for i, c in enumerate(classes)}))
    return Predictions(pd.concat(parts, ignore_index=True))


USUAL = said(
    {
        "logreg": {VALIDATION: (100, 0.88), "test": (200, 0.95), "custom": (100, 0.55)},
        "svm": {VALIDATION: (100, 0.9), "test": (200, 0.92), "custom": (100, 0.48)},
        "forest": {VALIDATION: (100, 0.8), "test": (200, 0.9), "custom": (100, 0.3)},
    }
)


def verdict(predictions, scoring="accuracy", blind=()):
    scores = score_table(predictions)
    folds = fold_scores(predictions, scoring)
    found = judged(scores, folds, predictions, scoring, blind)
    found["sentences"] = [*found["sentences"], found["why"]]
    return found["chosen"], " ".join([found["headline"], *found["sentences"]])


def test_verdict_judges_the_model_that_cross_validation_chose():
    chosen, words = verdict(USUAL)
    assert chosen == "svm"  # logreg is better on the held-out set
    assert "svm is right on 92.0 % of 200 held-out images and 48.0 % of 100 images of “custom”." in words
    assert "On 200 held-out images: 92.0 % (87.4–95.0) right; balanced accuracy 92.0 % (" in words
    assert "better than guessing (50.0 %)" in words
    assert "48.0 % (38.5–57.7) right; balanced accuracy 48.0 % (" in words
    assert "not shown to beat guessing (50.0 %)" in words
    assert "From held-out to “custom” balanced accuracy falls by 44.0 points (33." in words
    assert "chosen from 3 models by cross-validation, for its mean accuracy over folds: 90.0 ±" in words
    assert "before logreg with 88.0 ±" in words
    assert "That is a selection score, not a result" in words


@pytest.mark.parametrize("share", [0, 0.2])
def test_verdict_says_that_a_model_is_reversed(share):
    words = verdict(said({"m": {"test": (100, share)}}))[1]
    assert f"ROC AUC {100 * share:.1f} %" in words
    assert "reversed" in words


def _drawn(sets, seed=0):
    """Predictions of one model: {set: (n real, n ai, mean score of real, of ai)}, decided at 0."""
    rng, parts = np.random.default_rng(seed), []
    for name, (n_real, n_ai, real, ai) in sets.items():
        score = np.r_[rng.normal(real, 1, n_real), rng.normal(ai, 1, n_ai)]
        part = pd.DataFrame({"label": ["real"] * n_real + ["ai"] * n_ai, "set": name, "model": "m"})
        part["predicted"] = np.where(score > 0, "ai", "real")
        part["path"] = [f"{name}/{i}.jpg" for i in range(len(part))]
        part["prob_ai"] = 1 / (1 + np.exp(-score))
        part = part.assign(prob_real=1 - part["prob_ai"], split=name, source="", group="", fold=-1)
        parts.append(part)
    return Predictions(pd.concat(parts, ignore_index=True))


def found(predictions):
    return judged(score_table(predictions), fold_scores(predictions), predictions, "accuracy")


def test_a_model_that_finds_every_rare_image_is_better_than_guessing():
    predictions = _drawn({"test": (190, 10, -1.5, 3)})
    scores = score_table(predictions).iloc[0]
    assert scores["recall"] == 1
    assert scores["accuracy_low"] < scores["chance"]  # by accuracy alone it would not be told from always "real"
    verdict = found(predictions)
    assert verdict["abilities"]["test"].kind == "better"
    assert "always guessing real: 95.0 %" in verdict["headline"]


def test_a_model_of_one_answer_changes_nothing_where_the_mix_changes():
    verdict = found(_drawn({"test": (50, 50, -9, -9), "custom": (90, 10, -9, -9)}))
    assert [one.kind for one in verdict["abilities"].values()] == ["one answer", "one answer"]
    assert verdict["changes"]["custom"].kind == "unclear"
    assert "it calls every image real" in " ".join(verdict["sentences"])


def test_a_model_whose_threshold_is_off_still_ranks():
    verdict = found(_drawn({"test": (60, 60, -8, -6)}))
    assert verdict["abilities"]["test"].kind == "ranks"
    assert "another threshold" in " ".join(verdict["sentences"])


def test_three_classes_are_judged_by_balanced_accuracy_against_a_third():
    verdict = found(said({"m": {"test": (90, 0.6)}}, classes=("a", "b", "c")))
    assert (verdict["abilities"]["test"].kind, verdict["abilities"]["test"].guess) == ("better", 1 / 3)


def test_one_image_is_one_image():
    words = verdict(said({"m": {"test": (1, 1)}}))[1]
    assert "1 held-out image" in words
    assert "1 held-out images" not in words


def test_verdict_tells_no_fall_where_there_is_none():
    words = verdict(said({"m": {"test": (100, 0.8), "custom": (50, 0.82)}}))[1]
    assert "no change of balanced accuracy is shown: +2.0 points (-12" in words
    assert "rises by" in verdict(said({"m": {"test": (100, 0.5), "custom": (100, 0.9)}}))[1]


def test_verdict_compares_no_set_of_one_class_with_guessing_or_with_held_out():
    words = verdict(said({"m": {"test": (100, 0.9), "fakes": (50, 0.6)}}, only="fakes"))[1]
    assert "60.0 % (46.2–72.4) right; all of them are ai, and with one class there is no guessing" in words
    assert "From held-out" not in words


def test_verdict_says_that_there_is_no_held_out_set():
    assert "There is no held-out set" in verdict(said({"m": {VALIDATION: (50, 0.9), "custom": (50, 0.6)}}))[1]


def test_verdict_of_validation_alone_is_no_result():
    chosen, words = verdict(said({"m": {VALIDATION: (50, 0.9)}}))
    assert (chosen, words.startswith("No result yet")) == ("m", True)
    assert "selection score, not a result" in words


def test_no_model_is_chosen_by_hindsight():
    chosen, words = verdict(said({"a": {"test": (50, 0.9)}, "b": {"test": (50, 0.6)}}))
    assert chosen is None
    assert "hindsight" in words


def test_many_custom_sets_fit_a_headline():
    sets = {"test": (50, 0.9), **{f"c{i}": (20, 0.4 + i / 10) for i in range(4)}}
    words = verdict(said({"m": sets}))[1]
    assert "50 held-out images and between 40.0 % and 70.0 % of the images of 4 custom sets." in words


def test_a_model_that_sees_no_picture_is_never_chosen_and_says_what_a_score_is_worth():
    sets = {VALIDATION: (100, 0.95), "test": (200, 0.97), "custom": (100, 0.5)}
    predictions = said({"files": sets, "svm": {VALIDATION: (100, 0.9), "test": (200, 0.9), "custom": (100, 0.6)}})
    chosen, words = verdict(predictions, blind={"files"})
    assert chosen == "svm"
    assert "svm has a mean accuracy of" in words  # nothing of a choice between two
    assert "Without a look at any picture" in words
    assert "files is right on 97.0 % (93.6–98.6) of 200 held-out images (balanced accuracy 97.0 % (" in words
    assert "Scores up to that prove nothing" in words
    assert "50.0 % (40.4–59.6) of 100 images of “custom”: balanced accuracy 50.0 % (" in words
    assert "Without a look" not in verdict(predictions)[1]
    assert verdict(said({"files": sets}), blind={"files"})[0] is None


def test_it_says_how_far_the_model_falls_from_validation():
    _, words = verdict(USUAL)
    assert "From validation (out of fold 90.0 %) to “custom” balanced accuracy falls by 42.0 points (" in words
    _, words = verdict(said({"m": {VALIDATION: (100, 0.9), "test": (200, 0.9), "custom": (100, 0.9)}}))
    assert "not shown to" not in words
    assert "From validation" not in words


def test_models_of_held_out_sources_are_chosen_by_the_worst_fold_and_others_are_named_and_not_ranked():
    table = USUAL.table
    kinds = {"svm": "source", "logreg": "source", "forest": "random"}
    passports = [
        {"name": model, "cv": {"folds": folds, "n_folds": 5, "scoring": "accuracy"}} for model, folds in kinds.items()
    ]
    bad = (table["model"] == "svm") & (table["set"] == VALIDATION) & (table["fold"] == 0)
    worse = Predictions(table.assign(predicted=table["predicted"].where(~bad, "ai")))  # svm: good folds, and a bad one
    folds = fold_scores(worse, "accuracy").set_index("model")
    found = judged(score_table(worse), folds.reset_index(), worse, "accuracy", (), passports)
    assert found["chosen"] == "logreg"
    assert "from 2 models" in found["why"]
    for model in ("svm", "logreg"):
        assert f"{100 * folds.loc[model].filter(like='fold_').min():.1f} %" in found["why"]
    assert "forest (5 random folds, tuned for accuracy)" in found["why"]


def test_nothing_is_claimed_of_one_group():
    table = said({"m": {"test": (40, 0.8), "custom": (100, 0.8)}}).table
    verdict = found(Predictions(table.assign(group=np.where(table["set"] == "test", "scene", ""))))
    assert verdict["abilities"]["test"].kind == verdict["changes"]["custom"].kind == "unknown"
    assert "form 1 group" in " ".join(verdict["sentences"])
