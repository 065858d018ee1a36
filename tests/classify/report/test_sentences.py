import numpy as np
import pandas as pd
import pytest

from classify.predictions import VALIDATION, Predictions
from classify.report.sentences import drift_sentences, not_ranked, novelty_sentences, rule_sentences, too_few
from classify.stats.drift import drift_table
from classify.stats.effective import LEAST, enough, kish
from classify.stats.selection import Validation, groups

SHARES = {"answered": 0.75, "answered_low": 0.7, "answered_high": 0.79, "error_low": 0.007, "error_high": 0.038}
RULE = {"model": "svm", "set": "test", "target": 0.05, "n": 400, "judged": 300, "error": 0.017, **SHARES}


def test_a_rule_is_told_by_what_became_of_its_promise_on_each_unseen_set():
    changes = [
        {"promise": "kept"},
        {"promise": "unclear"},
        {"promise": "unclear", "error": 0.08},
        {"promise": "broken"},
        {"promise": "broken", "set": "far"},
        {"promise": "", "judged": 0},
        {"promise": "no answers", "answered": 0.0},
    ]
    sentences = rule_sentences(pd.DataFrame([{**RULE, "promise": "", "set": VALIDATION}, *(RULE | c for c in changes)]))
    assert len(set(sentences)) == len(changes)  # and none of the set that the rule was fitted on
    for sentence in sentences[:-1]:
        assert "75.0 % (70.0–79.0)" in sentence
        assert "400" in sentence
    assert all("1.7 % (0.7–3.8)" in sentences[i] for i in (0, 1, 3, 4))
    assert all("300 answers" in sentences[i] for i in (1, 2))
    assert "“far”" in sentences[4]


def sure(sets):
    """Drift of predictions with these probabilities of the decided class, by set."""
    parts = []
    for name, top in sets.items():
        rows = pd.DataFrame({"path": [f"{i}.jpg" for i in range(len(top))], "prob_ai": top, "prob_real": 1 - top})
        rows = rows.assign(model="svm", set=name, label="", predicted="ai", split="", source="", group="")
        parts.append(rows.assign(fold=0 if name == VALIDATION else -1))
    return drift_sentences(drift_table(Predictions(pd.concat(parts, ignore_index=True))))


def test_a_set_that_is_unlike_is_warned_of_and_silence_is_called_no_proof():
    usual, other = (np.random.default_rng(seed).uniform(0.5, 1, n) for seed, n in ((0, 600), (1, 200)))
    warning, silence = sure({VALIDATION: usual, "test": other, "far": (1 + other) / 2})
    assert "more confident on the external set “far”" in warning
    assert "p < 0.0001" in warning
    assert "1 of 2" in silence
    (less,) = sure({VALIDATION: usual, "test": 0.4 + other / 10})
    assert "less confident on the test set" in less
    assert "differently" in sure({VALIDATION: usual, "far": np.full(200, usual.mean())})[0]
    assert sure({"test": other}) == []


def test_unlike_images_are_told_where_they_are_more_than_chance_makes():
    counts = {"n": 100, "unlike": 12, "wrong unlike": 6, "wrong others": 44}
    (sentence,) = novelty_sentences("svm", {"wild": {**counts, "p": 1e-6}, "test": {**counts, "p": 0.02}})
    for fact in ("wild", "12.0 %", "6 of these 12", "44 of the other 88"):
        assert fact in sentence


@pytest.mark.parametrize(
    "unit", [np.arange(3), np.zeros(9, int), np.arange(10) // 2, np.arange(8) // 2, np.r_[np.zeros(40, int), 1:9]]
)
def test_why_there_is_no_interval_is_told_exactly_where_there_is_none(unit):
    reason = too_few(len(unit), unit.max() + 1, kish(np.bincount(unit)))
    assert bool(reason) != enough(unit)
    assert not reason or (f"{LEAST:.0f}" in reason and str(len(unit)) in reason)


def test_models_of_another_validation_are_named_with_it():
    known = {"a": Validation("random", 5), "b": Validation("random", 5), "c": Validation("source", 3)}
    assert "c (3 folds by source)" in not_ranked(groups("abc", known))
    assert not_ranked(groups("ab", known)) == not_ranked(groups("abc", known), "c") == ""
