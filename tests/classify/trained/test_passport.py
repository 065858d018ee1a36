import json
from dataclasses import replace

import pytest

from classify.stats.abstention import Rule
from classify.stats.selection import Validation
from classify.trained.passport import (
    DataFacts,
    FoldFacts,
    Member,
    Passport,
    environment,
    made_here,
    positive_of_report,
    sha256_of_code,
)

WHOLE = Passport(
    "vote",
    classes=["ai", "real"],
    positive="ai",
    thresholds={"real": 0.9375, "ai": 0.0625},
    slope=2.5,
    members=[Member("svm", "1")],
    extractor={"fingerprint": "1"},
    data=DataFacts(set="photos", counts={"train": {"ai": 1}}),
    cv=FoldFacts(scoring="accuracy", scores=[0.5, 1.0], held_out=[{"ai": ["x"]}]),
    unsure=Rule(0.05, 0.95, 0.6, "image", 10, 10, 10, 10, 0),
    novelty={"test": {"n": 3}},
    **made_here(),
)


@pytest.mark.parametrize("passport", [WHOLE, Passport("svm")])
def test_a_passport_comes_back_from_json_as_it_was(passport):
    assert Passport.from_json(json.loads(json.dumps(passport.to_json()))) == passport


def test_a_calibration_has_its_thresholds_in_the_order_of_the_classes():
    assert WHOLE.calibration.slope == 2.5
    assert WHOLE.calibration.thresholds == (0.0625, 0.9375)
    assert Passport("bought").calibration is None


def test_a_fingerprint_changes_with_what_a_model_came_out_as_alone():
    assert replace(WHOLE, created="later", trials=7).fingerprint == WHOLE.fingerprint
    for change in ({"params": {"C": 1}}, {"digest": "2"}, {"cv": FoldFacts(scores=[0.5])}):
        assert replace(WHOLE, **change).fingerprint != WHOLE.fingerprint


def test_the_threshold_that_decides_is_named():
    assert "vote calls an image ai" in WHOLE.threshold_sentence()
    assert "0.0625" in WHOLE.threshold_sentence()
    three = Passport("svm", thresholds={"a": 0.2, "b": 0.3, "c": 0.5})
    assert "a 0.2, b 0.3, c 0.5" in three.threshold_sentence("It")
    assert Passport("bought").threshold_sentence() == ""


def test_code_is_known_by_the_bytes_of_its_files_however_deep(tmp_path):
    path = tmp_path / "featex/images/decode.py"
    path.parent.mkdir(parents=True)
    path.write_text("a = 1\n")
    before = sha256_of_code(tmp_path / "featex")
    path.write_text("a = 2\n")
    assert len(before) == 64
    assert sha256_of_code(tmp_path / "featex") != before


def test_the_machine_is_named():
    assert set(environment()) == {"python", "system", "cores"}
    assert all(environment().values())


def test_a_report_goes_by_its_newest_model_that_was_made_here_unless_told_otherwise():
    tuned = Passport("svm", positive="real", cv=FoldFacts(mean=0.9), created="2026-01-01")
    imported = Passport("theirs", positive="ai", created="2026-02-01")
    assert positive_of_report(["ai", "real"], [tuned, imported]).name == "real"
    assert positive_of_report(["ai", "real"], [imported]).name == "ai"
    assert positive_of_report(["ai", "real"], [Passport("old")]).name == "ai"
    assert positive_of_report(["ai", "real"], [tuned, imported], "ai").name == "ai"
    assert positive_of_report(["a", "b", "c"], [Passport("old")]) is None


def test_a_passport_holds_what_its_validation_is_read_from():
    validation = Validation("source", 2, 3, "accuracy")
    cv = FoldFacts.of([0.5, 1.0], validation, [{"ai": ["x"]}, {"ai": ["y"]}])
    assert Passport("x", cv=cv, seed=3).validation == validation
    assert (cv.mean, cv.selection, cv.held_out[1]) == (0.75, 0.5, {"ai": ["y"]})
    assert "0.500 in the worst fold" in str(cv)
    assert Passport("x").validation == Validation()
