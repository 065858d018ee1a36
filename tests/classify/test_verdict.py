import numpy as np
import pandas as pd

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
    assert "On 200 held-out images: 92.0 % (87.4–95.0) right, better than guessing" in words
    assert "48.0 % (38.5–57.7) right, which cannot be told from guessing the largest class (50.0 %)" in words
    assert "From held-out to “custom” accuracy falls by 44.0 points (33.3–54.0)." in words
    assert "chosen from 3 models by cross-validation, for its mean accuracy over folds: 90.0 ±" in words
    assert "before logreg with 88.0 ±" in words
    assert "That is a selection score, not a result" in words


def test_verdict_says_worse_than_guessing():
    words = verdict(said({"m": {"test": (100, 0.2)}}))[1]
    assert "20.0 % (13.3–28.9) right, worse than guessing" in words


def test_verdict_tells_no_fall_where_there_is_none():
    words = verdict(said({"m": {"test": (100, 0.8), "custom": (50, 0.82)}}))[1]
    assert "no change of accuracy can be told: +2.0 points (-12" in words
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
    assert "files is right on 97.0 % (93.6–98.6) of 200 held-out images. Scores up to that prove nothing" in words
    assert "50.0 % (40.4–59.6) of 100 images of “custom”: no better than guessing." in words
    assert "Without a look" not in verdict(predictions)[1]
    assert verdict(said({"files": sets}), blind={"files"})[0] is None


def test_it_says_what_the_model_cannot_do_and_how_far_it_falls_from_validation():
    _, words = verdict(USUAL)
    assert "What it cannot do: tell the classes apart on images such as those of “custom”" in words
    assert (
        "From validation, where 90.0 % of out-of-fold images are right, to “custom” it falls by 42.0 points (" in words
    )
    _, words = verdict(said({"m": {VALIDATION: (100, 0.9), "test": (200, 0.9), "custom": (100, 0.9)}}))
    assert "cannot do" not in words
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
