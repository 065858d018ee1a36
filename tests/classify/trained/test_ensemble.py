from dataclasses import replace

import numpy as np
import pytest

from classify.errors import DataError, ModelError
from classify.models.combine import METHODS
from classify.predictions import VALIDATION, Predictions
from classify.stats.selection import groups
from classify.stats.tables import fold_scores
from classify.trained.ensemble import combine, plan_ensemble
from classify.trained.passport import DataFacts
from classify.tuning.plan import plan
from classify.tuning.tune import tune
from featex.errors import FeatexError, InputError


@pytest.fixture
def tuned(make_features):
    """Return a function that tunes svm and logreg with one trial each; choices are those of `plan`."""

    def make(features=None, models=("svm", "logreg"), n_folds=3, **choices):
        features = make_features(shift=1.2) if features is None else features
        return [tune(plan(model, features, trials=1, n_folds=n_folds, **choices)) for model in models]

    return make


def combined(method, members, predictions=None, **choices):
    job = plan_ensemble(method, [member.model.passport for member in members], **choices)
    return combine(job, predictions or [member.predictions for member in members])


def test_a_vote_is_the_mean_of_what_members_said_of_every_image_of_every_set(tuned):
    svm, logreg = tuned()
    shuffled = Predictions(logreg.predictions.table.sample(frac=1, random_state=0))
    table = combined("vote", [svm, logreg], [svm.predictions, shuffled]).predictions.table
    rows = ["set", "path"]
    both = table.merge(svm.predictions.table, on=rows, suffixes=("", "_svm"))
    both = both.merge(logreg.predictions.table, on=rows, suffixes=("", "_logreg"))
    assert len(both) == len(table) == len(svm.predictions.table)
    np.testing.assert_allclose(both["prob_ai"], (both["prob_ai_svm"] + both["prob_ai_logreg"]) / 2)
    for fact in ("label", "split", "source", "group", "fold"):
        assert both[fact].equals(both[f"{fact}_svm"]), fact
    thresholds = [member.model.passport.thresholds["ai"] for member in (svm, logreg)]
    assert ((table["prob_ai"] > np.mean(thresholds)) == (table["predicted"] == "ai")).all()


def test_a_stack_judges_each_fold_by_a_regression_that_never_saw_its_labels(tuned):
    members = tuned()
    before = combined("stack", members).predictions.table
    turned = []
    for member in members:
        table = member.predictions.table.copy()
        here = table["fold"] == 1
        table.loc[here, "label"] = table.loc[here, "label"].map({"ai": "real", "real": "ai"})
        turned.append(Predictions(table))
    after = combined("stack", members, turned).predictions.table
    here, validation = before["fold"] == 1, before["set"] == VALIDATION
    assert after.loc[here, "prob_ai"].equals(before.loc[here, "prob_ai"])
    assert not np.isclose(after.loc[~here & validation, "prob_ai"], before.loc[~here & validation, "prob_ai"]).any()
    assert not np.isclose(after.loc[~validation, "prob_ai"], before.loc[~validation, "prob_ai"]).any()


def test_a_stack_judges_unseen_sets_by_a_regression_on_all_folds(tuned):
    members = tuned()
    stack = combined("stack", members)
    said = np.stack([member.predictions.probabilities() for member in members], axis=1)
    table = members[0].predictions.table
    train = (table["set"] == VALIDATION).to_numpy()
    fitted = METHODS["stack"].build().fit(said[train], (table["label"][train] == "real").astype(int))
    real = 1 / (1 + np.exp(-fitted.decision_function(said)))
    np.testing.assert_allclose(stack.predictions.table["prob_real"][~train], real[~train])
    assert not np.isclose(stack.predictions.table["prob_real"][train], real[train]).all()


@pytest.mark.parametrize("method", METHODS)
def test_the_passport_tells_what_that_of_any_model_tells(tuned, method):
    members = tuned(notes=["Beware."], command="classify tune", report="first")
    ensemble = combined(method, members, notes=["Mind."], command="classify ensemble")
    passport, first = ensemble.model.passport, members[0].model.passport
    assert (passport.name, passport.model, passport.report) == (f"{method}-first", method, "first")
    assert passport.notes == ["Beware.", "Mind."]
    assert passport.settings == {"members": "svm-first, logreg-first"}
    for same in ("classes", "positive", "data", "extractor", "seed"):
        assert getattr(passport, same) == getattr(first, same), same
    folds = fold_scores(ensemble.predictions).iloc[0]
    assert passport.cv.scores == [folds[f"fold_{number}"] for number in range(3)]
    assert (passport.cv.mean, passport.cv.std) == pytest.approx((folds["mean"], folds["std"]))
    assert (passport.cv.n_folds, passport.trials) == (3, 0)


def test_an_ensemble_is_scored_as_its_members_were_tuned_or_by_accuracy_where_they_differ(tuned):
    (svm, logreg), (other, _) = tuned(scoring="roc_auc"), tuned(scoring="f1_macro", name="other", models=("svm", "svm"))
    ensemble = combined("stack", [svm, logreg])
    scores = fold_scores(ensemble.predictions, "roc_auc").iloc[0]
    assert ensemble.model.passport.cv.scoring == "roc_auc"
    assert ensemble.model.passport.cv.mean == pytest.approx(scores["mean"])
    assert combined("stack", [logreg, other]).model.passport.cv.scoring == "accuracy"


@pytest.mark.parametrize("method", METHODS)
def test_many_classes_in_whatever_order_a_table_has_them(tuned, make_features, method):
    members = tuned(make_features(classes=("cat", "dog", "newt"), shift=6.0))
    table = members[1].predictions.table
    turned = Predictions(table[[*table.columns[:-3], "prob_newt", "prob_cat", "prob_dog"]])
    ensemble = combined(method, members, [members[0].predictions, turned])
    assert ensemble.predictions.table.equals(combined(method, members).predictions.table)
    assert ensemble.predictions.classes == ("cat", "dog", "newt")
    assert (ensemble.predictions.table["predicted"] == ensemble.predictions.table["label"]).mean() > 0.85


@pytest.mark.parametrize("method", METHODS)
def test_the_passport_holds_the_fold_scores_of_the_page_and_no_parameter_that_is_not_its_own(
    tuned, make_features, method
):
    members = tuned(make_features(classes=("a", "b", "c"), shift=0.5), scoring="roc_auc")
    ensemble = combined(method, members)
    page = fold_scores(ensemble.predictions, "roc_auc").filter(regex="fold_").iloc[0]
    assert ensemble.model.passport.cv.scores == page.tolist()
    assert ensemble.model.passport.params == ({"C": 1.0} if method == "stack" else {})


def test_images_without_a_label_are_predicted(tuned, make_features):
    features = make_features()
    features.rows.loc[features.rows["split"] == "wild", "label"] = ""
    members = tuned(replace(features, rows=features.rows))
    table = combined("stack", members).predictions.table
    assert (table.loc[table["set"] == "wild", "label"] == "").all()
    assert (table["set"] == "wild").sum() == (members[0].predictions.table["set"] == "wild").sum() > 0


def test_members_of_different_folds_may_vote_and_a_note_says_so_but_cannot_be_stacked(tuned):
    (svm, logreg), (five, seeded) = tuned(), (*tuned(n_folds=5, models=("logreg",)), *tuned(seed=1, models=("logreg",)))
    assert combined("vote", [svm, logreg]).model.passport.notes == svm.model.passport.notes
    for other in (five, seeded):
        vote = combined("vote", [svm, other])
        assert vote.model.passport.notes[-1].endswith("its scores are over the folds of svm-toy.")
        assert vote.predictions.table["fold"].equals(svm.predictions.table["fold"])
    with pytest.raises(DataError, match=r"the same folds \(svm-toy has 3 of seed 0 and logreg-toy has 5 of seed 0\)"):
        combined("stack", [svm, five])
    with pytest.raises(DataError, match=r"has 3 of seed 1\); .* or take --method vote"):
        combined("stack", [svm, seeded])


def test_an_ensemble_is_ranked_with_its_members_where_these_were_validated_alike_and_else_with_nobody(tuned):
    svm, logreg = tuned()
    five, seeded = tuned(models=["logreg"], n_folds=5, name="five") + tuned(models=["logreg"], seed=1, name="seeded")
    votes = [combined("vote", [svm, other], name=other.model.name + "-vote") for other in (logreg, five, seeded)]
    passports = [one.model.passport for one in (svm, logreg, five, seeded, *votes)]
    known = {passport.name: passport.validation for passport in passports}
    found = groups(known, known)
    assert found[0].models == ("svm-toy", "logreg-toy", "logreg-toy-vote")
    assert sorted(group.models for group in found[1:]) == [("five",), ("five-vote",), ("seeded",), ("seeded-vote",)]


@pytest.mark.parametrize("method", METHODS)
def test_members_that_judged_other_images_are_refused(tuned, method):
    svm, logreg = tuned()
    table = logreg.predictions.table
    for other in (table.iloc[1:], table.replace({"path": {table["path"][3]: "new.jpg"}})):
        with pytest.raises(DataError, match="logreg-toy and svm-toy did not judge the same images"):
            combined(method, [svm, logreg], [svm.predictions, Predictions(other)])
        with pytest.raises(DataError, match="svm-toy and logreg-toy did not judge"):
            combined(method, [logreg, svm], [Predictions(other), svm.predictions])
    relabelled = table.assign(label=table["label"].where(table.index != 5, "real"))
    with pytest.raises(DataError, match=rf"\(1 differ, such as '{table['path'][5]}' of set 'validation'\)"):
        combined(method, [svm, logreg], [svm.predictions, Predictions(relabelled)])


def test_what_cannot_be_combined_is_a_sentence(tuned, make_features):
    svm, logreg = (member.model.passport for member in tuned())
    vote = combined("vote", tuned()).model.passport
    other = replace(logreg, name="other")
    for method, members, choices, sentence in (
        ("vot", [svm, logreg], {}, "unknown method 'vot'; did you mean 'vote'?"),
        ("vote", [svm], {}, "needs two models or more, not 1"),
        ("vote", [], {}, "needs two models or more, not 0"),
        ("vote", [svm, logreg, svm], {}, "'svm-toy' is named twice"),
        ("vote", [svm, logreg, vote], {}, "'vote-toy' is an ensemble itself; name its members instead: svm-toy, log"),
        ("vote", [vote, logreg], {}, "'vote-toy' is an ensemble itself"),
        ("vote", [svm, replace(other, classes=["cat", "dog"])], {}, "the classes of 'other' are ['cat', 'dog'], those"),
        ("vote", [svm, replace(other, data=DataFacts(set="new", digest="0"))], {}, "on other images than 'svm-toy'"),
        ("vote", [svm, logreg], {"name": "logreg-toy"}, "would replace its member"),
        ("vote", [svm, logreg], {"name": "a/b"}, "a model cannot be called 'a/b'"),
        ("vote", [svm, logreg], {"name": ".b"}, "a model cannot be called '.b'"),
        ("vote", [svm, logreg], {"report": "a\\b"}, "a model cannot be called"),
    ):
        with pytest.raises(FeatexError) as refused:
            plan_ensemble(method, members, **choices)
        assert sentence in str(refused.value), sentence
        assert isinstance(refused.value, (InputError, ModelError))


def test_the_digest_knows_the_method_and_what_the_members_came_out_as(tuned):
    svm, logreg = (member.model.passport for member in tuned())
    digest = plan_ensemble("vote", [svm, logreg]).digest
    retold = replace(logreg, created="later", seconds=1.0, notes=["more"], command="another", trials=30)
    assert plan_ensemble("vote", [svm, retold], name="other", report="r", notes=["more"]).digest == digest
    assert plan_ensemble("stack", [svm, logreg]).digest != digest
    for change in (
        {"digest": "0"},
        {"params": {**logreg.params, "C": 0.5}},
        {"cv": replace(logreg.cv, scores=[0.5, 0.5, 0.5])},
        {"name": "other"},
    ):
        assert plan_ensemble("vote", [svm, replace(logreg, **change)]).digest != digest, change


def test_members_of_several_extractors_leave_none_to_name(tuned, make_features):
    features = make_features(shift=1.2)
    other = replace(features, extractor={**features.extractor, "fingerprint": "2", "name": "toy-2"})
    members = [*tuned(features, models=("svm",)), *tuned(other, models=("logreg",))]
    assert combined("vote", members).model.passport.extractor is None
