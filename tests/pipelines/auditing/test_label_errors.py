import numpy as np
import pandas as pd
import pytest

from classify.errors import DataError
from pipelines.auditing import label_errors as room
from pipelines.auditing.label_errors import confident_classes, error_rows, label_errors, out_of_fold


def blobs(labels, shift: float = 6, seed: int = 0) -> np.ndarray:
    """Features in which each class is `shift` from the others."""
    codes, _ = pd.factorize(np.asarray(labels))
    X = np.random.default_rng(seed).normal(size=(len(labels), 8)).astype(np.float32)
    X[np.arange(len(codes)), codes] += shift
    return X


def test_labels_that_were_swapped_are_those_in_doubt(make_subject):
    truth = np.repeat(["ai", "real", "drawn"], 60)
    labels = truth.copy()
    labels[[5, 70, 130]] = ["real", "drawn", "ai"]
    subject = make_subject(labels, X=blobs(truth), group=[f"g{i}" for i in range(180)])
    (finding,) = label_errors(subject)
    table = finding.tables[0].rows
    swapped = set(subject.rows["path"].iloc[[5, 70, 130]]) & set(subject.rows["path"].iloc[subject.train])
    assert len(swapped) >= 2
    assert set(table["path"]) == swapped
    truths = dict(zip(subject.rows["path"], truth, strict=True))
    assert list(table["seems"]) == [truths[path] for path in table["path"]]
    assert finding.level == "warning"
    assert finding.low < finding.value == len(swapped) / len(subject.train) < finding.high
    assert finding.pictures[0].data[:2] == b"\xff\xd8"


def test_the_sheet_shows_the_images_of_the_table(make_subject, monkeypatch):
    truth = np.repeat(["ai", "real"], 60)
    labels = truth.copy()
    labels[[25, 70, 71, 90]] = ["real", "ai", "ai", "ai"]
    split = ["test" if i % 10 == 0 else "train" for i in range(120)]  # so that rows and training rows differ
    subject = make_subject(labels, X=blobs(truth, 9), split=split)
    shown = []
    monkeypatch.setattr(room, "contact_sheet", lambda images, captions: shown.append((images, captions)) or b"")
    (finding,) = label_errors(subject)
    ((images, captions),) = shown
    paths = list(finding.tables[0].rows["path"])
    assert [caption.split("\n")[0] for caption in captions] == paths
    at = [list(subject.rows["path"]).index(path) for path in paths]
    assert set(at) == {25, 71}
    np.testing.assert_array_equal(images, subject.looks["tile"][at])


def test_folds_are_asked_to_keep_groups_together(make_subject, monkeypatch):
    labels, asked = ["ai", "real"] * 60, []
    monkeypatch.setattr(
        room, "out_of_fold", lambda X, y, units, seed: asked.append(units) or out_of_fold(X, y, units, 0)
    )
    split, group = ["test"] * 10 + ["train"] * 110, [""] * 112 + ["film"] * 8
    label_errors(make_subject(labels, X=blobs(labels, 9), split=split, group=group))
    assert len(set(asked[0][-8:])) == 1
    assert len(set(asked[0])) == 102 + 1


def test_right_labels_are_in_no_doubt(make_subject):
    labels = np.repeat(["ai", "real"], 60)
    (finding,) = label_errors(make_subject(labels, X=blobs(labels, 9)))
    assert (finding.level, finding.value, finding.tables) == ("ok", 0, ())
    assert 0 < finding.high < 0.1


def test_features_that_tell_nothing_put_no_label_in_doubt(make_subject):
    (finding,) = label_errors(make_subject(np.repeat(["ai", "real"], 60)))
    assert (finding.level, finding.tables) == ("warning", ())
    assert finding.sentence.startswith("Labels cannot be checked: ")


def test_a_rare_class_can_be_told_by_guessing(make_subject):
    """Nine of ten right is no more than the largest class has."""
    labels = np.repeat(["ai", "real"], [200, 20])
    (finding,) = label_errors(make_subject(labels, split=["train"] * 220))
    assert finding.tables == ()


def test_images_of_one_group_do_not_vouch_for_each_other():
    """In pairs that share all but noise with nobody else, only the partner knows the label."""
    rng = np.random.default_rng(0)
    y, units = np.repeat(rng.permutation(np.repeat(["ai", "real"], 40)), 2), np.repeat(np.arange(80), 2)
    X = np.repeat(rng.normal(size=(80, 200)), 2, axis=0).astype(np.float32)
    p, classes = out_of_fold(X, y, units, 0)
    alone, _ = out_of_fold(X, y, np.arange(160), 0)
    assert (classes[p.argmax(axis=1)] == y).mean() < 0.7
    assert (classes[alone.argmax(axis=1)] == y).mean() > 0.8


def test_the_strength_is_chosen_on_some_of_many_images(monkeypatch):
    y = np.repeat(["ai", "real"], 100)
    X = blobs(y, 3)
    whole, _ = out_of_fold(X, y, np.arange(200), 0)
    sizes = []

    class Counting(room.LogisticRegression):
        def fit(self, X, y):
            sizes.append(len(X))
            return super().fit(X, y)

    monkeypatch.setattr(room, "LogisticRegression", Counting)
    monkeypatch.setattr(room, "ENOUGH", 50)
    p, _ = out_of_fold(X, y, np.arange(200), 0)
    assert max(sizes[: 5 * len(room.STRENGTHS)]) < 50
    assert sizes[5 * len(room.STRENGTHS) :] == [160] * 5
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    assert (p.argmax(axis=1) == whole.argmax(axis=1)).mean() > 0.95


def test_a_class_with_one_image_cannot_be_predicted():
    with pytest.raises(DataError, match="too few independent images"):
        out_of_fold(np.zeros((9, 2)), np.array(["a"] * 8 + ["b"]), np.arange(9), 0)


def test_two_images_a_class_are_enough_for_two_folds():
    p, _ = out_of_fold(np.array([[0.0], [0.1], [5.0], [5.1]]), np.array(["a", "a", "b", "b"]), np.arange(4), 0)
    assert list(p.argmax(axis=1)) == [0, 0, 1, 1]


def test_an_image_is_of_a_class_from_the_mean_of_its_own_on():
    """The means are 0.5875 (of 0.9, 0.8, 0.4, 0.25) and 0.7 (of 0.9, 0.5)."""
    p = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.1, 0.9], [0.5, 0.5], [0.25, 0.75]])
    given = np.array([0, 0, 0, 1, 1, 0])
    # 0.6 does not reach 0.7, neither 0.5 its mean: both keep their label, though 0.6 is the more probable class
    assert list(confident_classes(p, given)) == [0, 0, 0, 1, 1, 1]


def test_of_two_confident_classes_the_more_probable_counts():
    p = np.array([[0.45, 0.4, 0.15], [0.3, 0.35, 0.35], [0.35, 0.2, 0.45], [0.1, 0.42, 0.48]])
    assert list(confident_classes(p, np.array([0, 1, 2, 1]))) == [0, 1, 2, 2]


def test_label_errors_come_by_their_margin():
    p = np.array([[0.3, 0.7], [0.1, 0.9], [0.8, 0.2], [0.6, 0.4]])
    labels, classes = np.array(["a", "a", "b", "a"]), np.array(["a", "b"])
    table = error_rows(np.array(list("wxyz")), labels, classes, p, np.array([1, 1, 0, 0]))
    assert list(table["path"]) == ["x", "y", "w"]
    assert list(table["row"]) == [1, 2, 0]
    assert list(table["seems"]) == ["b", "a", "b"]
    np.testing.assert_allclose(table["probability"], [0.9, 0.8, 0.7])
    np.testing.assert_allclose(table["of label"], [0.1, 0.2, 0.3])


@pytest.mark.parametrize(
    ("labels", "split"),
    [(["ai"] * 12, "train"), ([""] * 12, "train"), (["ai", "real"] * 5, "test"), (["ai", "real"], "")],
)
def test_labels_that_cannot_be_checked_are_said_to_be_so(make_subject, labels, split):
    (finding,) = label_errors(make_subject(labels, split=split))
    assert finding.level == "warning"
    assert finding.sentence.startswith("Labels cannot be checked: ")


def test_ten_images_are_looked_at(make_subject):
    labels = ["ai", "real"] * 5
    (finding,) = label_errors(make_subject(labels, split=["train"] * 10, X=blobs(labels, 20)))
    assert finding.id == "FX501"
