import json

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from classify.errors import ModelError
from classify.models.combine import METHODS, Stack, Vote, get_method
from classify.stats.calibration import class_scores
from featex.errors import InputError


def members(n_classes=2, n_members=3, n=120, skill=1.5, seed=0):
    """Return what members of equal skill say, (n, n_members, n_classes), and the true columns."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    scores = rng.normal(size=(n, n_members, n_classes)) + skill * np.eye(n_classes)[y][:, None]
    return softmax(scores, axis=2), y


def tempered(P, member, slope):
    """Return what members say once one of them is calibrated otherwise."""
    P = P.copy()
    P[:, member] = softmax(slope * np.log(P[:, member]), axis=1)
    return P


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", METHODS)
def test_a_method_made_of_what_it_learnt_says_the_same(name, n_classes):
    P, y = members(n_classes)
    fitted = METHODS[name].build().fit(P, y)
    again = METHODS[name].build.from_learnt(json.loads(json.dumps(fitted.learnt())), 3, n_classes)
    np.testing.assert_array_equal(class_scores(again, P), class_scores(fitted, P))
    assert again.get_params() == fitted.get_params()


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", METHODS)
def test_members_that_know_something_know_more_together(name, n_classes):
    P, y = members(n_classes, n=600)
    fitted = METHODS[name].build().fit(P[:300], y[:300])
    right = (class_scores(fitted, P[300:]).argmax(axis=1) == y[300:]).mean()
    assert right > max((P[300:, member].argmax(axis=1) == y[300:]).mean() for member in range(3))


@pytest.mark.parametrize("name", METHODS)
def test_only_what_learns_says_so(name):
    P, y = members()
    one, other = (class_scores(METHODS[name].build().fit(P, labels), P) for labels in (y, 1 - y))
    assert np.array_equal(one, other) != METHODS[name].learns


@pytest.mark.parametrize("name", METHODS)
def test_members_that_are_all_sure_leave_finite_numbers(name):
    P, y = members()
    P = np.where(P > 0.5, 1.0, 0.0)
    assert np.isfinite(class_scores(METHODS[name].build().fit(P, y), P)).all()


def test_a_vote_is_the_mean_of_its_members():
    P = np.array([[[0.9, 0.1], [0.4, 0.6]]])
    np.testing.assert_allclose(Vote().fit(P, [0]).predict_proba(P), [[0.65, 0.35]])


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_stack_is_logistic_regression_on_standardised_log_odds(n_classes):
    P, y = members(n_classes)
    logs = np.log(P)
    columns = logs[:, :, 1] - logs[:, :, 0]
    if n_classes > 2:
        columns = (logs - logs.mean(axis=2, keepdims=True)).reshape(len(P), -1)
    theirs = make_pipeline(StandardScaler(), LogisticRegression()).fit(columns, y)
    np.testing.assert_allclose(Stack().fit(P, y).decision_function(P), theirs.decision_function(columns), atol=1e-9)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_how_a_member_was_calibrated_is_nothing_to_a_stack(n_classes):
    P, y = members(n_classes)
    P[:, 0] = tempered(P, 0, 0.2)[:, 0]
    sharp = tempered(P, 0, 25)
    ours, theirs = (Stack().fit(probabilities, y).decision_function(probabilities) for probabilities in (P, sharp))
    np.testing.assert_allclose(ours, theirs, atol=1e-3)  # as near as the solver's tolerance lets them come
    assert not np.allclose(Vote().predict_proba(P), Vote().predict_proba(sharp), atol=1e-2)


def test_a_member_that_knows_nothing_weighs_little():
    P, y = members(n=2000)
    P[:, 1] = members(n=2000, skill=0, seed=1)[0][:, 1]
    knows, guesses, knows_too = np.abs(Stack().fit(P, y).coef_[0])
    assert guesses < 0.2 * min(knows, knows_too)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ({"coef": [[1.0, 2.0]]}, "not those of 3 members"),
        ({"coef": [[1.0], [2.0, 3.0]]}, "not those of 3 members"),
        ({"coef": [["a", "b", "c"]]}, "not those of 3 members"),
        ({"intercept": [0.0, 1.0]}, "not those of 3 members"),
        ({"coef": [[1.0, float("nan"), 3.0]]}, "not finite"),
        ({"intercept": [float("inf")]}, "not finite"),
    ],
)
def test_numbers_that_no_such_stack_learnt_are_refused(damage, sentence):
    P, y = members()
    with pytest.raises(ModelError, match=sentence):
        Stack.from_learnt({**Stack().fit(P, y).learnt(), **damage}, 3, 2)


def test_an_unknown_method_is_named_with_the_nearest():
    with pytest.raises(InputError, match=r"unknown method 'stak'; did you mean 'stack'\? available: vote, stack"):
        get_method("stak")
