from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from classify.errors import DataError
from classify.models.file_facts import FAMILIES
from pipelines.auditing import shortcuts as module
from pipelines.auditing.appearance import LOOK
from pipelines.auditing.findings import Subject
from pipelines.auditing.measures import COLUMNS
from pipelines.auditing.measures import FAMILIES as MEASURED
from pipelines.auditing.shortcuts import file_scores, most_certain, shortcuts


@pytest.fixture
def subject(jpeg_facts):
    """60 training, 24 test and 24 wild images, half of each class, stored alike; pictures of noise."""
    n, rng = 108, np.random.default_rng(0)
    split = np.repeat(["train", "test", "wild"], [60, 24, 24])
    rows = pd.DataFrame({"path": [f"{i}.jpg" for i in range(n)], "label": np.resize(["ai", "real"], n)})
    rows = rows.assign(split=split, source="", group="", mtime_ns=1, key=[f"{i:064x}" for i in range(n)], **jpeg_facts)
    rows["size"] = rng.integers(800, 1200, n)
    looks = np.zeros(n, LOOK)
    looks["thumbnail"] = rng.integers(0, 256, (n, 16, 16, 3))
    looks["colours"] = rng.random((n, 64), dtype=np.float32)
    looks["measures"] = rng.normal(size=(n, len(COLUMNS)))
    features = SimpleNamespace(rows=rows, y=rows["label"].to_numpy(dtype=str), X=np.zeros((n, 2)), root="images")
    return Subject(features, looks, pd.DataFrame(columns=["path", "reason"]))


IDS = {"files": "FX101", "pixels": "FX102", "names": "FX103", "set": "FX104"}


def of(subject, name, set=""):
    """Return one finding, of a subject without its wild images where another set is meant: they take a third longer."""
    if set != "wild":
        rows, y, X = subject.rows.iloc[:84], subject.features.y[:84], subject.features.X[:84]
        subject = replace(
            subject, features=SimpleNamespace(rows=rows, y=y, X=X, root=subject.features.root), looks=subject.looks[:84]
        )
    (found,) = [one for one in shortcuts(subject) if (one.id, one.of) == (IDS[name], set)]
    return found


def files(finding):
    return finding.tables[0].rows.set_index("family")["balanced accuracy"]


def test_of_files_stored_alike_nothing_tells(subject):
    found = of(subject, "files")
    assert found.level == "ok"
    assert found.value < 0.65
    told = files(found)
    assert told[["format", "size", "metadata", "profile"]].tolist() == [0.5] * 4
    assert set(told.index) == {*FAMILIES, "all families together"}
    assert of(subject, "set", "wild").level == "ok"
    assert of(subject, "set", "test").level == "ok"


@pytest.mark.parametrize(
    ("family", "column", "value", "named"),
    [
        ("format", "format", "PNG", "format “PNG” in 100.0 % of ai, 0.0 % of real"),
        ("size", "width", 384, "median width 384 in ai, 16 in real"),
        ("compression", "jpeg_quality", 80.0, "median JPEG quality 80 in ai, 95 in real"),
        ("metadata", "metadata", "comment,jfif", "metadata “comment” in 100.0 % of ai, 0.0 % of real"),
        ("profile", "profile", "sRGB", "profile “sRGB” in 100.0 % of ai, 0.0 % of real"),
    ],
)
def test_a_planted_shortcut_is_bad_and_called_by_its_name(subject, family, column, value, named):
    subject.rows.loc[subject.rows["label"] == "ai", column] = value
    found = of(subject, "files")
    assert (found.level, found.value) == ("critical", 1)
    assert named in found.sentence
    told = files(found)
    assert told[family] == told["all families together"] == 1
    assert (told.drop([family, "compression", "all families together"]) == 0.5).all()


def test_a_rare_difference_is_named_though_it_tells_little(subject):
    ai = subject.rows.index[(subject.rows["label"] == "ai") & (subject.rows["split"] == "train")]
    subject.rows.loc[ai[:10], "metadata"] = "comment,jfif"
    found = of(subject, "files")
    assert "metadata “comment” in 33.3 % of ai, 0.0 % of real" in found.sentence
    assert files(found)["metadata"] == pytest.approx(2 / 3, abs=0.02)


def test_images_that_cannot_train_have_no_say(subject):
    subject.rows.loc[(subject.rows["label"] == "ai") & (subject.rows["split"] != "train"), "format"] = "PNG"
    assert of(subject, "files").level == "ok"


def test_a_test_set_that_is_stored_otherwise_is_named_with_the_families(subject):
    wild = subject.rows["split"] == "wild"
    subject.rows.loc[wild, ["width", "format"]] = [640, "WEBP"]
    found = of(subject, "set", "wild")
    assert found.level == "warning"
    assert found.value == 1
    for words in ("in format, size and compression", "format “JPEG” in 100.0 % of train, 0.0 % of wild", "640 in wild"):
        assert words in found.sentence
    assert of(subject, "set", "test").level == "ok"


def test_colours_that_tell_are_put_down_to_the_picture_and_not_to_the_file(subject):
    subject.looks["colours"][subject.features.y == "ai", 5] += 5
    found = of(subject, "pixels")
    assert found.level == "warning"
    assert found.value > 0.75
    assert "from a histogram of 64 colours;" in found.sentence
    assert of(subject, "files").level == "ok"


def test_images_of_a_group_stand_on_one_side_of_a_fold(subject):
    # a size that is a group's own tells the class of images whose group was seen, and of no other
    rows = subject.rows.iloc[:60].copy()
    rows["group"] = (rows["label"] + (np.arange(60) // 12).astype(str)).to_numpy()
    rows["width"] = 100 + 8 * rows["group"].map({name: i for i, name in enumerate(rows["group"].unique())})
    told = file_scores(rows.reset_index(drop=True), rows["label"].to_numpy(dtype=str))
    alone = file_scores(rows.assign(group="").reset_index(drop=True), rows["label"].to_numpy(dtype=str))
    assert alone.set_index("family").loc["size", "balanced accuracy"] > 0.9
    assert told.set_index("family").loc["size", "balanced accuracy"] < 0.7


def test_of_many_images_a_sample_is_looked_at(subject, monkeypatch):
    monkeypatch.setattr(module, "MOST", 40)
    assert "in 40 training images" in of(subject, "files").sentence


@pytest.mark.parametrize(
    ("labels", "split", "said"),
    [
        ("ai", "train", "cannot be tested"),
        ("", "train", "No training image has a label"),
        (None, "wild", "No training image has a label"),
    ],
)
def test_what_cannot_be_looked_for_is_said(subject, labels, split, said):
    if labels is not None:
        subject.features.y[:] = labels
        subject.rows["label"] = labels
    subject.rows["split"] = split
    found = shortcuts(subject)
    assert [one.level for one in found] == ["warning"] * len(found)
    assert said in found[0].sentence


def test_three_classes_are_guessed_at_a_third(subject):
    labels = np.resize(["a", "b", "c"], len(subject.rows))
    rows = subject.rows.assign(label=labels)
    three = replace(subject, features=SimpleNamespace(rows=rows, y=labels, X=subject.features.X, root="images"))
    assert "chance is 33.3 %" in of(three, "files").sentence
    rows.loc[labels == "b", "format"] = "PNG"
    assert of(three, "files").level == "critical"


@pytest.mark.parametrize("names", [("00000", "00001"), ("-1", "1"), ("0", "1"), ("1e5", "inf")])
def test_names_of_classes_that_read_as_numbers_are_names(subject, names):
    rows = subject.rows.iloc[:40].reset_index(drop=True)
    labels = np.resize(np.array(names), len(rows))
    rows["format"] = np.where(labels == names[0], "PNG", "JPEG")
    files = file_scores(rows, labels)
    assert files.set_index("family").loc["format", "balanced accuracy"] == 1


def test_one_image_of_a_class_is_too_few(subject):
    labels = np.array(["ai"] + ["real"] * 19)
    with pytest.raises(DataError, match="at least two independent images"):
        file_scores(subject.rows.iloc[:20].reset_index(drop=True), labels)


@pytest.mark.parametrize("seed", range(2))
def test_the_row_that_is_judged_is_the_row_that_is_printed(subject, seed):
    """With labels at random the best of six families is no finding, and no difference is announced without a name."""
    rng = np.random.default_rng(seed)
    for column, values in {"width": [16, 32, 64], "format": ["JPEG", "PNG"], "exif": ["", "Make"]}.items():
        subject.rows[column] = rng.choice(values, len(subject.rows))
    found = of(subject, "files")
    assert found.level != "critical"
    assert found.low <= 0.5 <= found.high
    row = most_certain(found.tables[0].rows, 2)
    assert f"balanced accuracy {100 * row['balanced accuracy']:.1f} %" in found.sentence
    assert f"from {row['family']}; chance" in found.sentence
    assert (found.value, found.low) == (row["balanced accuracy"], row["balanced accuracy low"])
    assert ": ." not in found.sentence


@pytest.mark.parametrize("family", MEASURED)
def test_a_trace_in_pixels_is_called_by_the_name_of_its_family(subject, family):
    columns = COLUMNS.get_loc(family)
    planted = np.random.default_rng(1).normal(3, 1, (60, len(COLUMNS)))[:, columns]
    rows = np.flatnonzero((subject.features.y == "ai") & (subject.rows["split"] == "train"))
    subject.looks["measures"][np.ix_(rows, np.arange(len(COLUMNS))[columns])] = planted[: len(rows)]
    found = of(subject, "pixels")
    assert found.level == "warning"
    assert f"from {family}; chance" in found.sentence
