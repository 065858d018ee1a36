import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from classify.pages.sections import Picture
from pipelines.auditing import coverage as room
from pipelines.auditing.coverage import accuracy_of_clusters, appearance, balance, cluster_rows, coverage
from pipelines.auditing.findings import LEVELS, Finding

CHECKS = {"coverage": coverage, "balance": balance, "appearance": appearance}


def contents(n: int, which, seed: int = 0) -> np.ndarray:
    """Features of n images, each of one of 8 contents that lie far apart; `which` may be drawn."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 8)).astype(np.float32)
    X[np.arange(n), rng.choice(which, n)] += 12
    return X


def of_classes(**contents_of) -> tuple[list[str], np.ndarray]:
    labels = [label for label in contents_of for _ in range(160)]
    return labels, np.concatenate([contents(160, which, seed) for seed, which in enumerate(contents_of.values())])


def trained(labels) -> dict:
    """Sets with a test set, so that all of train trains."""
    return {"split": ["test" if i % 12 == 0 else "train" for i in range(len(labels))]}


def test_content_that_only_one_class_has_is_found(make_subject):
    labels, X = of_classes(ai=range(8), real=range(6))
    subject = make_subject(labels, X=X, **trained(labels))
    (finding,) = coverage(subject)
    kind = X[subject.train].argmax(axis=1)
    gap = finding.tables[0].rows.query("`one class`")
    assert (finding.level, set(gap["class"])) == ("warning", {"ai"})
    assert gap["images"].sum() == (kind >= 6).sum()
    assert finding.value == pytest.approx((kind >= 6).mean())
    assert finding.low < finding.value < finding.high
    assert [picture.name for picture in finding.pictures] == [f"cluster-{c}.jpg" for c in gap["cluster"][:3]]
    assert all("ai" in picture.caption for picture in finding.pictures)


def test_classes_of_the_same_content_have_no_gap(make_subject):
    labels, X = of_classes(ai=range(8), real=range(8))
    (finding,) = coverage(make_subject(labels, X=X, **trained(labels)))
    assert (finding.level, finding.value, finding.pictures) == ("ok", 0, ())
    assert finding.high < 0.05
    assert not finding.tables[0].rows["one class"].any()


def test_the_sheet_of_a_cluster_shows_its_own_images(make_subject, monkeypatch):
    labels, X = of_classes(ai=[*range(6), 6, 6, 6], real=range(6))
    subject = make_subject(labels, X=X, **trained(labels))
    shown = []
    monkeypatch.setattr(room, "contact_sheet", lambda images, captions: shown.append((images, captions)) or b"")
    coverage(subject)
    ((images, captions),) = shown
    at = [list(subject.rows["path"]).index(caption) for caption in captions]
    assert set(X[at].argmax(axis=1)) == {6}
    assert set(at) <= set(subject.train)
    members = subject.train[X[subject.train].argmax(axis=1) == 6]
    rest = sorted(set(members) - set(at))
    middle = X[members].mean(axis=0)
    near, far = (np.linalg.norm(X[rows] - middle, axis=1) for rows in (at, rest))
    assert near[:5].mean() < near[-5:].mean() < far.mean()
    np.testing.assert_array_equal(images, subject.looks["tile"][at])


def test_a_third_class_may_lack_content_too(make_subject):
    labels, X = of_classes(ai=range(4), real=range(4), drawn=[5])
    subject = make_subject(labels, X=X, **trained(labels))
    (finding,) = coverage(subject)
    assert set(finding.tables[0].rows.query("`one class`")["class"]) == {"drawn"}
    assert finding.value == pytest.approx((subject.features.y[subject.train] == "drawn").mean())


def clusters_of(*counts) -> tuple[np.ndarray, np.ndarray]:
    """Clusters and labels; each count is (a, b) of one cluster."""
    cluster = np.concatenate([np.full(a + b, number) for number, (a, b) in enumerate(counts)])
    return cluster, np.concatenate([["a"] * a + ["b"] * b for a, b in counts])


def test_a_cluster_counts_from_its_purity_on():
    cluster, labels = clusters_of((19, 1), (94, 6), (0, 60), (87, 133))
    rows = cluster_rows(cluster, labels, np.arange(len(labels)))
    assert list(rows["cluster"]) == [2, 0, 3, 1]
    assert list(rows["one class"]) == [True, True, False, False]
    assert list(rows["share"]) == [1, 0.95, 133 / 220, 0.94]
    assert list(rows["images"]) == [60, 20, 220, 100]


def test_what_chance_makes_pure_does_not_count():
    cluster, labels = clusters_of((4, 0), (58, 2), (138, 4))
    assert not cluster_rows(cluster, labels, np.arange(len(labels)))["one class"].any()


def test_images_of_one_group_count_once():
    cluster, labels = clusters_of((30, 0), (20, 50))
    assert cluster_rows(cluster, labels, np.arange(100)).set_index("cluster")["one class"][0]
    one_film = np.where(cluster == 0, 0, np.arange(100))
    rows = cluster_rows(cluster, labels, one_film).set_index("cluster")
    assert not rows["one class"][0]
    assert rows["share"][0] == 1
    assert rows["p"][0] > 0.2


def test_p_is_that_of_the_binomial():
    cluster, labels = clusters_of((9, 1), (11, 19))
    rows = cluster_rows(cluster, labels, np.arange(40)).set_index("cluster")
    assert rows["p"][0] == pytest.approx(4 * (10 * 0.5**10 + 0.5**10))


def test_no_image_vouches_for_itself():
    assert accuracy_of_clusters(np.array([0, 0, 0, 1, 1, 1]), np.array(list("aaabbb"))) == 1
    assert accuracy_of_clusters(np.array([0, 0, 1, 1]), np.array(list("abab"))) == 0
    assert accuracy_of_clusters(np.array([0, 0, 0, 0]), np.array(list("aaab"))) == 0.75


def test_an_uneven_set_is_to_be_minded(make_subject):
    even, uneven = (make_subject(["ai"] * n + ["real"] * 60, split=["train"] * (n + 60)) for n in (80, 100))
    assert (balance(even)[0].level, balance(uneven)[0].level) == ("ok", "warning")
    labels = uneven.rows["label"].to_numpy()[uneven.train]
    assert balance(uneven)[0].value == pytest.approx((labels == "ai").sum() / (labels == "real").sum())


def test_images_are_counted_by_set_class_and_source(make_subject):
    labels = ["ai", "ai", "real", "real", "ai", ""]
    split = ["train", "train", "train", "test", "wild", "wild"]
    subject = make_subject(labels, split=split, source=["x", "y", "z", "z", "x", ""], group=["", "", "", "", "", ""])
    table = balance(subject)[0].tables[0].rows
    assert [tuple(row) for row in table[["set", "label", "source", "images"]].to_numpy()] == [
        ("train", "ai", "x", 1),
        ("train", "ai", "y", 1),
        ("train", "real", "z", 1),
        ("test", "real", "z", 1),
        ("wild", "ai", "x", 1),
        ("wild", "no label", "", 1),
    ]


def test_images_of_one_group_are_counted_as_one_that_is_independent(make_subject):
    subject = make_subject(["ai"] * 4 + ["real"] * 4, split=["train", "test"] * 4, group=["g", "", "g", ""] * 2)
    table = balance(subject)[0].tables[0].rows.set_index(["set", "label"])
    assert table.loc[("train", "ai"), "independent"] == 1
    assert table.loc[("test", "ai"), "independent"] == 2


def test_small_and_one_sided_test_sets_are_to_be_minded(make_subject):
    labels = ["ai", "real"] * 100 + ["ai"] * 120
    split = ["train"] * 20 + ["test"] * 120 + ["wild"] * 60 + ["one"] * 120
    findings = {one.of: one for one in balance(make_subject(labels, split=split)) if one.id == "FX302"}
    assert {name: one.level for name, one in findings.items()} == {"test": "ok", "wild": "warning", "one": "warning"}
    assert "±9 points" in findings["test"].sentence
    assert "only one class" in findings["one"].sentence


@pytest.mark.parametrize(("n", "level"), [(0, "ok"), (2, "warning"), (3, "critical")])
def test_broken_files_are_counted_and_listed(make_subject, n, level):
    failed = [(f"train/ai/{i}.jpg", "empty file") for i in range(n)]
    found = balance(make_subject(["ai", "real"] * 24, failed=failed))[-1]
    assert (found.level, found.value) == (level, n / (48 + n))
    if n:
        assert list(found.tables[0].rows["reason"]) == ["empty file"] * n
        assert found.low < found.value < found.high


def _draw_nothing(monkeypatch):
    monkeypatch.setattr(room, "drawn", lambda draw: b"")
    monkeypatch.setattr(room, "pictured", lambda name, caption, figure, rows: Picture(f"{name}.png", caption, b""))


def test_each_class_and_each_other_set_gets_a_sheet(make_subject, monkeypatch):
    shown = []
    monkeypatch.setattr(room, "contact_sheet", lambda images, captions: shown.append((images, captions)) or b"")
    _draw_nothing(monkeypatch)
    labels, split = ["ai", "real"] * 60, ["train"] * 80 + ["test"] * 20 + ["wild"] * 20
    subject = make_subject(labels, split=split)
    (finding,) = appearance(subject)
    starts = [{caption.rsplit("/", 1)[0] for caption in captions} for _, captions in shown]
    assert starts == [{"train/ai"}, {"train/real"}, {"test/ai", "test/real"}, {"wild/ai", "wild/real"}]
    assert [len(set(captions)) for _, captions in shown] == [24, 24, 20, 20]
    for images, captions in shown:
        at = [list(subject.rows["path"]).index(caption) for caption in captions]
        np.testing.assert_array_equal(images, subject.looks["tile"][at])
    names = [picture.name for picture in finding.pictures]
    assert names == [f"sheet-{i}.jpg" for i in range(1, 5)] + ["spectrum.png", "sizes.png", "map.jpg"]


def test_the_same_seed_shows_the_same_images(make_subject, monkeypatch):
    _draw_nothing(monkeypatch)
    labels = ["ai", "real"] * 60
    one, same = (appearance(make_subject(labels))[0].pictures[0].data for _ in range(2))
    assert one == same
    assert one != appearance(make_subject(labels, seed=1))[0].pictures[0].data


AWKWARD = {
    "one class": (["ai"] * 30, "train"),
    "no labels": ([""] * 30, ""),
    "three classes": (["a", "b", "c"] * 40, ["train"] * 90 + ["test"] * 30),
    "ten images": (["ai", "real"] * 5, ""),
    "two images": (["ai", "real"], ""),
    "no train rows": (["ai", "real"] * 15, "test"),
    "a class that train lacks": (["ai", "real"] * 15 + ["odd"], ["train"] * 30 + ["wild"]),
    "many classes": ([f"class {i % 20:02}" for i in range(200)], ["train"] * 160 + ["test"] * 40),
}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("case", AWKWARD)
def test_checks_say_something_of_any_set(make_subject, check, case):
    labels, split = AWKWARD[case]
    findings = CHECKS[check](make_subject(labels, split=split, failed=[("broken.jpg", "empty file")]))
    assert findings
    for finding in findings:
        assert isinstance(finding, Finding)
        assert (finding.check, finding.level in LEVELS) == (check, True)
        assert finding.sentence.endswith(".")
        assert all(Image.open(io.BytesIO(picture.data)).format in ("PNG", "JPEG") for picture in finding.pictures)


@pytest.mark.parametrize("case", ["one class", "no labels", "no train rows", "two images", "a class that train lacks"])
def test_content_that_cannot_be_compared_is_said_to_be_so(make_subject, case):
    labels, split = AWKWARD[case]
    (finding,) = coverage(make_subject(labels, split=split))
    assert finding.level == "warning"
    assert "compare" in finding.sentence
    assert np.isnan(finding.value)


def test_names_of_pictures_and_tables_are_unique(make_subject):
    labels, X = of_classes(ai=range(8), real=range(4))
    subject = make_subject(labels, X=X, failed=[("a.jpg", "empty file")], **trained(labels))
    findings = [finding for check in CHECKS.values() for finding in check(subject)]
    names = pd.Series([part.name for finding in findings for part in (*finding.tables, *finding.pictures)])
    assert names.is_unique
