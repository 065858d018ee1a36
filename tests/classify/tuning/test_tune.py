from dataclasses import replace

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from classify.errors import DataError, ModelError
from classify.models import registry as models
from classify.predictions import Predictions
from classify.stats.tables import fold_scores
from classify.trained.pair import keep
from classify.trained.persist import load
from classify.tuning import tune as tuning
from classify.tuning.cross_validation import CrossValidation
from classify.tuning.journal import open_journal
from classify.tuning.plan import plan
from classify.tuning.tune import tune
from featex.errors import InputError
from featex.system.progress import Progress


def tuned(features, model="svm", trials=4, storage=None, **choices):
    return tune(plan(model, features, trials=trials, n_folds=3, **choices), storage=storage)


def test_fold_scores_are_those_of_cross_val_score(make_features):
    features = make_features()
    job = plan("svm", features, n_folds=4, seed=3)
    params = {"C": 1.7, "gamma": 0.1, "class_weight": None}
    ours = CrossValidation(job, features.X[job.parts.train]).run(params, Progress()).scores
    theirs = cross_val_score(
        make_pipeline(StandardScaler(), SVC(C=1.7, gamma=0.1)),
        features.X[job.parts.train],
        job.y,
        cv=StratifiedKFold(4, shuffle=True, random_state=3),
    )
    np.testing.assert_allclose(ours, theirs)


@pytest.mark.parametrize("model", ["svm", "logreg", "forest"])
def test_out_of_fold_scores_come_from_models_that_never_saw_the_row(make_features, model):
    features = make_features()
    job = plan(model, features, n_folds=3)
    validation = CrossValidation(job, features.X[job.parts.train])
    params = job.spec.first(8)[0]
    before = validation.run(params, Progress())
    rows = before.fold == 1
    validation.y = np.where(rows, np.where(job.y == "ai", "real", "ai"), job.y)  # the fold's own labels turn round:
    after = validation.run(params, Progress())
    np.testing.assert_array_equal(after.oof[rows], before.oof[rows])  # the model that judges it cannot know,
    assert not np.array_equal(after.oof[~rows], before.oof[~rows])  # the others were fitted on them


def test_labels_that_are_noise_score_as_chance(make_features):
    features = make_features(n=200, shift=0.0)
    result = tuned(features, trials=2)
    assert result.model.passport.cv.mean == pytest.approx(0.5, abs=0.12)


def test_a_shift_that_can_be_seen_is_found_in_every_set(make_features):
    result = tuned(make_features(shift=6.0))
    table = result.predictions.table
    assert ((table["predicted"] == table["label"]).groupby(table["set"]).mean() > 0.95).all()
    assert set(table["set"]) == {"validation", "test", "wild"}
    assert (table["fold"] >= 0).equals(table["set"] == "validation")


@pytest.mark.parametrize("model", ["svm", "logreg", "forest"])
def test_many_classes_by_name(make_features, model):
    result = tuned(make_features(classes=("cat", "dog", "newt"), shift=6.0), model, trials=2)
    assert result.model.classes == ["cat", "dog", "newt"]
    assert result.model.passport.thresholds.keys() == set(result.model.classes)
    table = result.predictions.table
    assert (table["predicted"] == table["label"]).mean() > 0.85
    np.testing.assert_allclose(table[["prob_cat", "prob_dog", "prob_newt"]].sum(axis=1), 1)


NAMES = [("0", "1"), ("00000", "00001"), ("-1", "1"), ("01", "1"), ("1e5", "100000")]
NAMES += [("True", "False"), ("nan", "None"), ('a,"b"', "c;d\n"), ("0.5", "inf", "NA")]


@pytest.mark.parametrize("names", NAMES)
def test_a_class_is_called_what_its_folder_is_called_even_where_that_reads_as_a_number(
    make_features, names, tmp_path, monkeypatch
):
    monkeypatch.setattr(models, "N_TREES", 10)
    features = make_features(classes=names, shift=6.0)
    for model in ("svm", "logreg", "forest", "metadata"):
        job = plan(model, features, trials=0, n_folds=3)
        settings = {"class_weight": "balanced"} if model != "metadata" else {}  # where scikit-learn looks at names
        result = tune(replace(job, spec=replace(job.spec, first=_with(job.spec.first, settings))))
        keep(result, tmp_path / "models", tmp_path / "predictions")
        again = load(tmp_path / "models" / job.name)
        assert again.classes == sorted(names)
        table = Predictions.read(tmp_path / "predictions" / f"{job.name}.csv").table
        assert {*table["label"]} == {*names}
        for name in names:
            assert (table[f"prob_{name}"] == result.predictions.table[f"prob_{name}"]).all()
        if model != "metadata":
            assert (table["predicted"] == table["label"]).mean() > 0.8
            assert (again.predict(features.X)[1] == features.y).mean() > 0.8


def _with(first, changes):
    return lambda n_features: [{**setting, **changes} for setting in first(n_features)]


def test_the_passport_tells_the_decision_and_its_threshold(make_features):
    features = make_features(shift=1.0)
    result = tuned(features)
    passport = result.model.passport
    assert passport.positive == "ai"
    unseen = result.predictions.table.query("set != 'validation'")
    assert ((unseen["prob_ai"] > passport.thresholds["ai"]) == (unseen["predicted"] == "ai")).all()
    assert passport.data.counts["train"] == {"ai": 25, "real": 25}
    assert passport.cv.mean == pytest.approx(np.mean(passport.cv.scores))


def test_probabilities_of_a_rare_class_mean_what_they_say_though_its_decisions_are_balanced(make_features, monkeypatch):
    features = make_features(n=400, shift=1.5)
    kept = np.r_[np.arange(0, 400, 12), np.arange(400, 800)]
    features = replace(features, X=features.X[kept], rows=features.rows.iloc[kept].reset_index(drop=True))
    balanced = _with(models.MODELS["logreg"].first, {"class_weight": "balanced"})
    monkeypatch.setitem(models.MODELS, "logreg", replace(models.MODELS["logreg"], first=balanced))
    result = tuned(features, "logreg", trials=0, scoring="balanced_accuracy")
    table = result.predictions.table
    seen = table[table["set"] == "validation"]
    share = (seen["label"] == "ai").mean()
    assert seen["prob_ai"].mean() == pytest.approx(share, abs=0.005)
    assert result.model.passport.thresholds["ai"] < 0.2
    called = seen["predicted"] == "ai"
    assert called.mean() > 1.5 * share
    assert (called == (seen["prob_ai"] >= result.model.passport.thresholds["ai"])).all()


def test_the_positive_class_is_chosen_by_name_or_by_wish_and_is_another_study(make_features):
    features = make_features(n=30, classes=("fakes", "real"), shift=1.0)
    usual, wished = (plan("svm", features, trials=1, n_folds=3, scoring="recall", positive=p) for p in (None, "real"))
    assert (usual.positive.name, wished.positive.name) == ("fakes", "real")
    assert usual.digest != wished.digest
    for job in (usual, wished):
        result = tune(job)
        passport, table = result.model.passport, result.predictions.table
        assert passport.positive == job.positive.name
        folds = fold_scores(result.predictions, "recall", job.positive.name)
        assert passport.cv.mean == pytest.approx(folds["mean"].iloc[0])
        unseen = table.query("set != 'validation'")
        assert ((unseen[f"prob_{job.positive.name}"] > 0.5) == (unseen["predicted"] == job.positive.name)).all()
    with pytest.raises(InputError, match="unknown class"):
        plan("svm", features, positive="ai")


def test_same_seed_same_numbers_and_another_seed_others(make_features):
    first, again, other = (tuned(make_features(), trials=12, seed=seed) for seed in (1, 1, 2))
    assert first.predictions.table.equals(again.predictions.table)
    assert first.model.passport.params == again.model.passport.params
    assert first.model.passport.cv.scores != other.model.passport.cv.scores


def test_a_study_that_was_stopped_goes_on_as_it_would_have(make_features, tmp_path, monkeypatch):
    features = make_features(shift=0.8)
    whole = tuned(features, trials=14)
    journal = tmp_path / "studies" / "toy.journal"
    tuned(features, trials=11, storage=journal)
    runs = []
    original = CrossValidation.run
    monkeypatch.setattr(CrossValidation, "run", lambda self, *args: runs.append(args) or original(self, *args))
    resumed = tuned(features, trials=14, storage=journal)
    assert len(runs) in (3, 4)  # the missing trials, and the best once more if an earlier session ran it
    assert resumed.model.passport.params == whole.model.passport.params
    assert resumed.predictions.table.equals(whole.predictions.table)
    assert resumed.model.passport.trials == 14


def test_a_kill_in_the_middle_of_a_trial_loses_that_trial_alone(make_features, tmp_path, monkeypatch):
    features = make_features()
    original = CrossValidation.run

    def die(self, params, progress, *rest):
        if len(ran) == 2:
            raise KeyboardInterrupt
        ran.append(params)
        return original(self, params, progress, *rest)

    ran = []
    monkeypatch.setattr(CrossValidation, "run", die)
    with pytest.raises(KeyboardInterrupt):
        tuned(features, trials=4, storage=tmp_path / "j")
    monkeypatch.setattr(CrossValidation, "run", original)
    assert tuned(features, trials=4, storage=tmp_path / "j").model.passport.trials == 4


@pytest.mark.parametrize("failing", [(), (3, 11)])
def test_a_study_that_was_killed_in_a_trial_has_the_same_trials_as_an_unbroken_one(
    make_features, tmp_path, monkeypatch, failing
):
    """Trial 12 is killed as it runs, which leaves it running in the journal; from trial 10 on earlier ones count."""
    features, original = make_features(shift=0.8), CrossValidation.run

    def session(journal, killed=None):
        runs = iter(range(begun[journal.name], 99))

        def run(self, params, progress, *rest):
            number = next(runs)
            if number == killed:
                raise KeyboardInterrupt
            begun[journal.name] += 1
            if number in failing:
                raise ModelError("the loss is no number")
            return original(self, params, progress, *rest)

        monkeypatch.setattr(CrossValidation, "run", run)
        return tuned(features, trials=15, storage=journal)

    begun = {"whole": 0, "killed": 0}
    whole = session(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        session(tmp_path / "killed", killed=12)
    resumed = session(tmp_path / "killed")
    trials = []
    for name in ("whole", "killed"):
        study = optuna.load_study(study_name=None, storage=open_journal(tmp_path / name, Progress()))
        trials.append([(trial.params, trial.value) for trial in study.get_trials(states=[TrialState.COMPLETE])])
    assert trials[0] == trials[1]
    assert resumed.predictions.table.equals(whole.predictions.table)


def test_a_setting_that_fails_is_passed_over_and_all_failing_is_an_error(make_features, monkeypatch):
    original = CrossValidation.run

    def fail(self, params, progress, *rest):
        if len(ran) in failing:
            ran.append(params)
            raise ModelError("the loss is no number")
        ran.append(params)
        return original(self, params, progress, *rest)

    monkeypatch.setattr(CrossValidation, "run", fail)
    ran, failing = [], {0, 2}
    assert tuned(make_features(), trials=4).model.passport.trials == 2
    ran, failing = [], set(range(9))
    with pytest.raises(ModelError, match="no number"):
        tuned(make_features(), trials=3)


def test_known_good_settings_are_tried_first(make_features, monkeypatch):
    ran = []
    original = CrossValidation.run
    monkeypatch.setattr(CrossValidation, "run", lambda self, p, *rest: ran.append(p) or original(self, p, *rest))
    tuned(make_features(), trials=1)
    assert ran[0] == {"C": 1.7, "gamma": 1 / 8, "class_weight": None}


def test_a_timeout_finishes_one_trial(make_features, monkeypatch):
    job = plan("svm", make_features(), trials=50, n_folds=3)
    assert tune(job, timeout=0).model.passport.trials == 1


def test_a_change_of_data_labels_or_choices_makes_another_digest(make_features):
    features = make_features()
    digest = plan("svm", features).digest
    assert plan("svm", make_features()).digest == digest
    assert plan("svm", features, trials=99).digest == digest  # more trials are the same study
    assert plan("svm", features, seed=1).digest != digest
    assert plan("svm", features, scoring="roc_auc").digest != digest
    assert plan("logreg", features).digest != digest
    features.rows.loc[0, "label"] = "real"
    assert plan("svm", features).digest != digest


@pytest.mark.parametrize("scoring", ["accuracy", "balanced_accuracy", "f1_macro", "roc_auc", "average_precision"])
def test_every_score_can_be_maximised(make_features, scoring):
    assert 0.5 < tuned(make_features(shift=3.0), trials=2, scoring=scoring).model.passport.cv.mean <= 1


@pytest.mark.parametrize(
    ("choices", "error", "sentence"),
    [
        ({"model": "smv"}, InputError, "unknown model 'smv'"),
        ({"scoring": "accurcy"}, InputError, "unknown scoring 'accurcy'; did you mean 'accuracy'"),
        ({"n_folds": 1}, ModelError, "two folds or more"),
        ({"image_size": 64}, ModelError, "svm takes no image_size"),
        ({"name": "../evil"}, InputError, "cannot be called"),
    ],
)
def test_choices_that_cannot_be_are_refused_before_work_begins(make_features, choices, error, sentence):
    with pytest.raises(error, match=sentence):
        plan(**{"model": "svm", "features": make_features(), **choices})


def test_fewer_images_than_folds_are_refused(make_features):
    with pytest.raises(DataError, match="fewer than the 9 folds"):
        tune(plan("svm", make_features(n=8), n_folds=9))


def test_a_journal_that_cannot_be_written_is_a_sentence(make_features, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RuntimeError, match="cannot write"):
        tuned(make_features(), storage=tmp_path / "file" / "j")


def test_optuna_is_left_as_talkative_as_it_was(make_features, capfd):
    before = tuning.optuna.logging.get_verbosity()
    tuned(make_features(), trials=1)
    assert tuning.optuna.logging.get_verbosity() == before
    assert "study" not in capfd.readouterr().err
