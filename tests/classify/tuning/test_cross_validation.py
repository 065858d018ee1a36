from dataclasses import replace

import numpy as np
import pytest
from sklearn import ensemble
from sklearn.ensemble import RandomForestClassifier

from classify.errors import DataError
from classify.splits.scheme import Scheme
from classify.tuning import cross_validation as validation
from classify.tuning import race
from classify.tuning.cross_validation import CrossValidation
from classify.tuning.plan import plan
from classify.tuning.tune import tune
from featex.system.progress import Progress


def cross_validation(features, model="svm", part=None, **choices) -> CrossValidation:
    job = plan(model, features, n_folds=5, **choices)
    return CrossValidation(job, features.X[job.parts.train], part=part)


GOOD = {"C": 1.7, "gamma": 0.05, "class_weight": None}
BAD = {"C": 1.7, "gamma": 500.0, "class_weight": None}


@pytest.fixture
def features(make_features):
    return make_features(n=120, shift=1.5)


@pytest.mark.parametrize("cores", [1, 2, 16])
def test_a_hopeless_setting_stops_at_the_same_fold_on_any_machine(features, monkeypatch, cores):
    monkeypatch.setattr(validation, "n_cores", lambda: cores)
    ours = cross_validation(features)
    good = ours.run(GOOD, Progress())
    bad = ours.run(BAD, Progress(), good.scores)
    assert len(good.scores) == 5
    assert len(bad.scores) == 2
    assert bad.scores == ours.run(BAD, Progress()).scores[:2]
    assert set(np.unique(bad.fold)) == {-1, 0, 1}
    assert np.isnan(bad.oof[bad.fold == -1]).all()
    assert np.isfinite(bad.oof[bad.fold >= 0]).all()


def test_a_race_gives_the_best_of_its_settings_on_all_folds(features):
    ours = cross_validation(features)
    won = ours.race([BAD, GOOD, {**GOOD, "gamma": 50.0}], Progress())
    alone = ours.run(GOOD, Progress())
    assert won.params == GOOD
    assert won.scores == alone.scores
    np.testing.assert_array_equal(won.oof, alone.oof)
    np.testing.assert_array_equal(won.fold, alone.fold)


def test_a_race_leaves_losers_behind_and_prepares_a_fold_once(features):
    ours = cross_validation(features)
    spec, gammas, prepared = ours.job.spec, [], []

    def build(**params):
        gammas.append(params["gamma"])
        return spec.build(**params)

    counting = replace(spec, build=build, prepare=lambda *sides: prepared.append(sides) or spec.prepare(*sides))
    object.__setattr__(ours.job, "spec", counting)
    ours.race([BAD, GOOD], Progress())
    assert len(prepared) == 5
    assert sorted(gammas) == [GOOD["gamma"]] * 5 + [BAD["gamma"]] * 2


def test_where_sources_are_held_out_the_worst_fold_decides_and_no_race_is_cut_short(features):
    ours = cross_validation(features)
    object.__setattr__(ours.job, "scheme", Scheme("source"))
    good, bad = (ours.run(params, Progress()) for params in (GOOD, BAD))
    assert ours.value(good) == min(good.scores)
    won = ours.race([BAD, GOOD], Progress())
    assert won.params == max((good, bad), key=ours.value).params
    assert len(won.scores) == 5


def test_a_part_is_fitted_on_and_all_rows_are_judged(features):
    job = plan("svm", features, n_folds=5)
    part = np.arange(len(job.parts.train)) % 3 == 0
    ours, whole = cross_validation(features, part=part), cross_validation(features)
    for (fitted, judged), (_, judged_by_all) in zip(ours.pairs, whole.pairs, strict=True):
        assert part[fitted].all()
        np.testing.assert_array_equal(judged, judged_by_all)
    assert np.isfinite(ours.run(GOOD, Progress()).oof).all()


def test_a_race_against_the_best_gives_the_best_where_nobody_beats_it(features):
    ours = cross_validation(features)
    best = ours.run(GOOD, Progress())
    assert ours.race([BAD, {**GOOD, "gamma": 50.0}], Progress(), best) is best
    assert ours.race([], Progress(), best) is best
    bad = ours.run(BAD, Progress())
    assert ours.race([GOOD], Progress(), bad).scores == best.scores


class Heard(Progress):
    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)


@pytest.mark.parametrize("model", ["svm", "logreg", "forest"])
def test_a_search_begins_with_a_part_of_many_rows_and_ends_with_all_of_them(features, monkeypatch, model):
    def few_trees(n_estimators, **choices):
        return RandomForestClassifier(20, **choices)

    monkeypatch.setattr(ensemble, "RandomForestClassifier", few_trees)
    monkeypatch.setattr(race, "PART_FROM", 40)
    monkeypatch.setattr(race, "LEAST_PART", 30)
    fitted = []
    fit = CrossValidation._fit
    monkeypatch.setattr(
        CrossValidation,
        "_fit",
        lambda self, X, rows, *a, **after: fitted.append(len(rows)) or fit(self, X, rows, *a, **after),
    )
    job, heard = plan(model, features, trials=7, n_folds=3), Heard()
    tuned = tune(job, progress=heard)
    n = len(job.y)
    assert f"7 trials were fitted on a part of the {n} training images; the best 3, and settings" in heard.lines[-1]
    assert fitted[-1] == n  # the last fit is on all
    assert max(fitted[:14]) < n / 2  # the search is not
    assert sorted(set(fitted))[-2] > n / 2  # the race is, but for the fold
    assert len(tuned.model.passport.cv.scores) == 3
    assert (tuned.predictions.table.query("set == 'validation'")["fold"] >= 0).all()


def test_a_study_on_a_part_that_was_stopped_goes_on_as_it_would_have(features, monkeypatch, tmp_path):
    monkeypatch.setattr(race, "PART_FROM", 40)
    monkeypatch.setattr(race, "LEAST_PART", 30)
    whole = tune(plan("svm", features, trials=9, n_folds=3))
    tune(plan("svm", features, trials=5, n_folds=3), storage=tmp_path / "journal")
    resumed = tune(plan("svm", features, trials=9, n_folds=3), storage=tmp_path / "journal")
    assert resumed.model.passport.params == whole.model.passport.params
    assert resumed.predictions.table.equals(whole.predictions.table)


def test_a_rate_that_a_fold_is_too_small_for_is_refused_with_what_it_takes(features):
    ours = cross_validation(features, scoring="tpr_at_fpr_1")
    with pytest.raises(DataError, match="fewer than 100 images of the other class"):
        ours.run(GOOD, Progress())
