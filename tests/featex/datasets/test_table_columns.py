import pandas as pd
import pytest

from featex.datasets.dataset import find_images
from featex.datasets.table_columns import first_of
from featex.errors import InputError

KINDS = ["real"] * 6 + ["fake"] * 6
IMAGES = [f"img/{kind}_{i}.jpg" for i, kind in enumerate(KINDS)]


@pytest.fixture
def listed(tmp_path):
    """Return a function that reads a table of a path and one more column a name, and returns labels, sets and words."""
    for path in IMAGES:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(b"1")

    def read(path="path", **columns):
        table = pd.DataFrame({path: IMAGES} | {name.replace("__", " "): cells for name, cells in columns.items()})
        table.to_csv(tmp_path / "labels.csv", index=False)
        found = find_images(tmp_path, labels=tmp_path / "labels.csv")
        rows = found.table.set_index("path").loc[IMAGES]
        return rows["label"].tolist(), rows["split"].tolist(), found.sentence

    return read


@pytest.mark.parametrize("column", ["file_name", "filepaths", "fileName", "File Path", "images", "anything"])
def test_a_column_of_paths_is_known_by_its_name_in_any_spelling_or_by_its_cells(listed, column):
    assert listed(column, label=KINDS)[0] == KINDS


@pytest.mark.parametrize(
    "column", ["isFake", "Is Fake", "label_str", "fake_or_real", "Real/Fake", "class id", "answer"]
)
def test_a_column_of_labels_is_known_by_its_name_in_any_spelling_or_by_its_cells(listed, column):
    labels, _, sentence = listed(**{column: KINDS})
    assert labels == KINDS
    assert ("by its cells" in sentence) == (column == "answer")


def test_paths_are_not_guessed_from_numbers_where_a_column_of_files_is_there(listed):
    assert listed(id=range(11, -1, -1), label=KINDS)[0] == KINDS


def test_of_several_columns_of_files_that_of_most_files_is_taken(listed):
    assert listed(path="name", original=[IMAGES[0]] * 12, label=KINDS)[0] == KINDS


@pytest.mark.parametrize("column", ["class", "category", "label"])
@pytest.mark.parametrize("truth", [{"is_fake": [0] * 6 + [1] * 6}, {"kind": KINDS}], ids=["flags", "names"])
def test_what_images_show_goes_behind_whether_they_are_real(listed, column, truth):
    labels, _, sentence = listed(**{column: ["dog", "horse"] * 6}, **truth)
    assert labels == [str(value) for value in next(iter(truth.values()))]
    assert f"--label-column takes {column} instead" in sentence


@pytest.mark.parametrize("label", [[0] * 6 + [1] * 6, ["real"] * 6 + ["sd", "mj"] * 3])
def test_labels_that_say_real_or_are_numbers_go_before_flags(listed, label):
    assert listed(label=label, is_fake=[0] * 6 + [1] * 6)[0] == list(map(str, label))


def test_labels_that_name_a_set_and_a_class_are_both(listed):
    labels, splits, sentence = listed(label=[f"{('train', 'test')[i % 2]}_{kind}" for i, kind in enumerate(KINDS)])
    assert labels == KINDS
    assert splits == ["train", "test"] * 6
    assert "read as a set and a class" in sentence


HOT = {
    "two": {"real": [1] * 6 + [0] * 6, "fake": [0] * 6 + [1] * 6},
    "with is": {"is_real": [1] * 6 + [0] * 6, "is_fake": [0] * 6 + [1] * 6},
    "booleans": {"real": [True] * 6 + [False] * 6, "fake": [False] * 6 + [True] * 6},
    "and a column of another kind": {"real": [1.0] * 6 + [0.0] * 6, "fake": [0.0] * 6 + [1.0] * 6, "width": range(12)},
    "and a class without images": {"real": [1] * 6 + [0] * 6, "fake": [0] * 6 + [1] * 6, "edited": [0] * 12},
}


@pytest.mark.parametrize("columns", HOT.values(), ids=HOT)
def test_one_column_a_class_is_read_as_classes(listed, columns):
    labels, _, sentence = listed(**columns)
    assert labels == KINDS
    assert "one of which is 1 in each row" in sentence


def test_a_third_class_in_columns_of_ones_is_not_taken_for_one_of_the_first_two(listed):
    real, fake = [1] * 4 + [0] * 8, [0] * 8 + [1] * 4
    assert set(listed(real=real, fake=fake, edited=[0] * 4 + [1] * 4 + [0] * 4)[0]) == {"real", "fake", "edited"}
    with pytest.raises(InputError, match=r"real, fake .* all 0 in 4 of its rows"):
        listed(real=real, fake=fake)


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([i / 12 + 0.01 for i in range(12)], "scores"),
        ([f"a photo of {i}" for i in range(12)], "different value for each of 12 images"),
    ],
)
def test_scores_and_captions_are_no_classes(listed, cells, words):
    with pytest.raises(InputError, match=f"label.*{words}.*--label-column"):
        listed(label=cells)


def test_what_pandas_writes_of_a_missing_cell_is_no_class_and_versions_are_classes(listed):
    assert listed(label=["a"] * 6 + ["NaN", "<NA>"] + ["b"] * 4)[0] == ["a"] * 6 + ["", ""] + ["b"] * 4
    assert set(listed(label=["1.5"] * 6 + ["2.1"] * 6)[0]) == {"1.5", "2.1"}  # versions


FLAGS = {
    "is_train": ("train", "test"),
    "train": ("train", "test"),
    "is_valid": ("val", "train"),
    "IsTest": ("test", "train"),
    "is_training_image": ("train", "test"),
}


@pytest.mark.parametrize(("column", "sets"), FLAGS.items(), ids=FLAGS)
@pytest.mark.parametrize(("yes", "no"), [(1, 0), (True, False)])
def test_a_column_of_flags_says_the_sets(listed, column, sets, yes, no):
    _, splits, sentence = listed(label=KINDS, **{column: [yes, no] * 6})
    assert splits == list(sets) * 6
    assert f"sets from column {column}" in sentence


@pytest.mark.parametrize("column", ["data_type", "purpose", "train/test", "mode", "split_name"])
def test_a_column_of_any_name_whose_cells_name_sets_says_them(listed, column):
    _, splits, sentence = listed(label=KINDS, **{column: ["Train", "VALID"] * 6})
    assert splits == ["train", "val"] * 6
    assert f"sets from column {column}" in sentence


def test_labels_called_train_are_no_sets(listed):
    labels, splits, _ = listed(label=["train"] * 6 + ["bus"] * 6, place=["train", "station"] * 6)
    assert (set(labels), set(splits)) == ({"train", "bus"}, {""})


@pytest.mark.parametrize("cells", [[0, 1], [True, False], [0, 2]])
def test_numbers_that_name_no_set_are_refused(listed, cells):
    with pytest.raises(InputError, match=r"column split .* none is the name of a set; .* --set-column"):
        listed(label=KINDS, split=cells * 6)


def test_numbered_folds_are_no_sets(listed):
    _, splits, sentence = listed(label=KINDS, split=["fold1", "fold2"] * 6)
    assert set(splits) == {""}
    assert "column split numbers folds" in sentence


def test_a_table_without_labels_says_so(listed):
    assert "labels.csv has no column of labels (--label-column takes one of generator)" in listed(generator=KINDS)[2]


def test_images_that_a_table_does_not_list_and_rows_that_it_lists_twice_are_counted(tmp_path, listed):
    listed(label=KINDS)
    lines = (tmp_path / "labels.csv").read_text().splitlines()
    (tmp_path / "labels.csv").write_text("\n".join([*lines[:-2], lines[1]]))
    sentence = find_images(tmp_path, labels=tmp_path / "labels.csv").sentence
    assert "2 images in no row of labels.csv left out" in sentence
    assert "1 row listed twice" in sentence


def test_the_first_usual_name_goes_before_the_others():
    assert first_of(["Category", "Class-Name"], ["class_name", "category"]) == "Class-Name"
    assert first_of(["x"], ["y"]) is None
