"""Tables as people have them: what is read of each."""

import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from featex.datasets.dataset import find_images
from featex.errors import InputError

IMAGES = [f"img/{name}_{i}.jpg" for name in ("real", "fake") for i in range(3)]
LABELS = {f"img/{name}_{i}.jpg": name for name in ("real", "fake") for i in range(3)}


def plant(root, paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"1234")


def table_of(found, *columns):
    return {
        row[0]: row[1] if len(columns) == 1 else row[1:]
        for row in found.table[["path", *columns]].itertuples(index=False)
    }


def lines(header, separator, row=lambda path, label: (path, label)):
    return "\n".join([header, *(separator.join(row(path, label)) for path, label in LABELS.items())])


WRITTEN = {
    "commas": lines("path,label", ","),
    "blanks after commas": lines("path, label", ", "),
    "semicolons": lines("path;label", ";"),
    "tabs": lines("path\tlabel", "\t"),
    "bars": lines("path|label", "|"),
    "capitals": lines("File_Name,LABEL", ","),
    "blanks in names of columns": lines("File Name,Class Name", ","),
    "a byte order mark": "\ufeff" + lines("path,label", ","),
    "Excel's first line": "sep=;\n" + lines("path;label", ";"),
    "Windows' line ends": lines("path,label", ",").replace("\n", "\r\n"),
    "quotes": lines('"path","label"', ",", lambda path, label: (f'"{path}"', f'"{label}"')),
    "quotes after blanks": lines('"path", "label"', ", ", lambda path, label: (f'"{path}"', f'"{label}"')),
    "blanks around cells": lines("path,label", ",", lambda path, label: (f" {path} ", f" {label} ")),
    "backslashes": lines("path,label", ",", lambda path, label: (path.replace("/", "\\"), label)),
    "dots before": lines("path,label", ",", lambda path, label: (f".\\{path}".replace("/", "\\"), label)),
    "names alone": lines("image,label", ",", lambda path, label: (path[4:], label)),
    "names without a suffix": lines("id,label", ",", lambda path, label: (path[4:-4], label)),
    "paths without a suffix": lines("id,label", ",", lambda path, label: (path[:-4], label)),
    "paths of another machine": lines("path,label", ",", lambda path, label: (f"/kaggle/input/set/{path}", label)),
    "paths of Windows": lines(
        "path,label", ",", lambda path, label: (f"C:\\me\\set\\{path}".replace("/", "\\"), label)
    ),
    "an index first": lines(",path,label", ",", lambda path, label: (str(len(path)), path, label)),
    "two columns of paths": lines("id,image_path,label", ",", lambda path, label: (f"x{path[-5]}", path, label)),
    "another name for labels": lines("img_path,category", ","),
}


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
@pytest.mark.parametrize("name", ["labels.csv", "metadata.csv"])
def test_tables_as_people_write_them_are_read(tmp_path, text, name):
    plant(tmp_path, IMAGES)
    (tmp_path / name).write_text(text, encoding="utf-8")
    found = find_images(tmp_path, labels=tmp_path / name if name == "labels.csv" else None)
    assert table_of(found, "label") == LABELS
    assert found.sentence.startswith(f"{name}: 6 images; no sets; classes fake (3), real (3)")


def test_json_lines_json_and_parquet_are_read_with_numbers_as_they_are(tmp_path):
    plant(tmp_path, IMAGES)
    rows = [{"file_name": path, "label": int(label == "fake"), "extra": {"a": [1]}} for path, label in LABELS.items()]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "a.json").write_text(
        json.dumps({path: {"label": number["label"]} for path, number in zip(LABELS, rows, strict=True)})
    )
    (tmp_path / "b.json").write_text(json.dumps(rows))
    pq.write_table(
        pa.Table.from_pylist([{"file_name": row["file_name"], "label": float(row["label"])} for row in rows]),
        tmp_path / "a.parquet",
    )
    for name in ("a.jsonl", "a.json", "b.json", "a.parquet"):
        found = table_of(find_images(tmp_path, labels=tmp_path / name), "label")
        assert found == {path: str(int(label == "fake")) for path, label in LABELS.items()}, name


# Sets


@pytest.mark.parametrize("column", ["split", "Set", "subset", "Usage", "phase", "partition", "dataset"])
@pytest.mark.parametrize(
    "spelled", [("train", "test"), (" Train", "test "), ("Training", "PrivateTest"), ("TRAIN", "Testing")]
)
def test_columns_of_sets_are_known_by_their_names_and_values(tmp_path, column, spelled):
    plant(tmp_path, IMAGES)
    text = lines(f"path,label,{column}", ",", lambda path, label: (path, label, spelled[path[-5] == "2"]))
    (tmp_path / "labels.csv").write_text(text)
    found = table_of(find_images(tmp_path, labels=tmp_path / "labels.csv"), "split")
    assert found == {path: "test" if path[-5] == "2" else "train" for path in LABELS}


def test_a_column_that_is_called_like_sets_and_holds_none_is_not_taken_for_them(tmp_path):
    plant(tmp_path, IMAGES)
    text = lines("path,label,dataset", ",", lambda path, label: (path, label, f"laion{path[-5]}"))
    (tmp_path / "labels.csv").write_text(text)
    assert set(find_images(tmp_path, labels=tmp_path / "labels.csv").table["split"]) == {""}


def test_without_a_column_of_sets_folders_say_them(tmp_path):
    paths = [f"{split}/{name}_{i}.jpg" for split in ("train", "test") for name in ("real", "fake") for i in range(2)]
    plant(tmp_path, paths)
    (tmp_path / "metadata.csv").write_text("file_name,label\n" + "".join(f"{p},{p.split('/')[1][:4]}\n" for p in paths))
    found = find_images(tmp_path)
    assert table_of(found, "split") == {path: path.split("/")[0] for path in paths}
    assert find_images(tmp_path, layout="source").table["split"].eq("").all()


def test_a_column_of_sets_goes_before_folders_even_where_it_is_blank(tmp_path):
    plant(tmp_path, ["train/1.jpg", "test/2.jpg"])
    (tmp_path / "metadata.csv").write_text("file_name,label,split\ntrain/1.jpg,a,\ntest/2.jpg,b,\n")
    assert set(find_images(tmp_path).table["split"]) == {""}


# A table in each set


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("below", ["", "data/", "archive/pictures/"])
def test_a_table_in_each_set_is_read(tmp_path, kind, below):
    expected = {}
    for split in ("train", "validation", "test"):
        rows = [{"file_name": f"{name}_{i}.jpg", "label": name} for name in ("real", "fake") for i in range(2)]
        plant(tmp_path / below / split, [row["file_name"] for row in rows])
        frame, file = pd.DataFrame(rows), tmp_path / below / split / f"metadata.{kind}"
        if kind == "csv":
            frame.to_csv(file, index=False)
        elif kind == "jsonl":
            frame.to_json(file, orient="records", lines=True)
        else:
            frame.to_parquet(file)
        expected |= {
            f"{below}{split}/{row['file_name']}": (row["label"], {"validation": "val"}.get(split, split))
            for row in rows
        }
    found = find_images(tmp_path)
    assert table_of(found, "label", "split") == expected
    assert found.sentence.startswith(f"3 tables metadata.{kind}: 12 images; sets train (4), val (4), test (4)")


def test_a_set_without_a_table_has_no_labels_and_an_unlisted_image_is_left_out_and_counted(tmp_path):
    plant(tmp_path, ["train/1.jpg", "train/2.jpg", "train/3.jpg", "test/4.jpg"])
    (tmp_path / "train/metadata.csv").write_text("file_name,label\n1.jpg,a\n2.jpg,b\n")
    found = find_images(tmp_path)
    assert table_of(found, "label", "split") == {
        "test/4.jpg": ("", "test"),
        "train/1.jpg": ("a", "train"),
        "train/2.jpg": ("b", "train"),
    }
    assert "1 image in no row of a table left out" in found.sentence


def test_a_table_for_some_folders_and_none_for_others_is_refused(tmp_path):
    plant(tmp_path, ["train/1.jpg", "train/2.jpg", "test/a/4.jpg", "test/b/5.jpg"])
    (tmp_path / "train/metadata.csv").write_text("file_name,label\n1.jpg,a\n2.jpg,b\n")
    with pytest.raises(InputError, match=r"train/metadata.csv.*none for others \(test\)"):
        find_images(tmp_path)


def test_equal_names_in_several_folders_are_told_apart_by_the_set_or_stay_missing(tmp_path):
    plant(tmp_path, ["train/1.jpg", "test/1.jpg", "train/2.jpg"])
    (tmp_path / "a.csv").write_text("id,label,split\n1,a,train\n1,b,test\n2,b,train\n")
    assert table_of(find_images(tmp_path, labels=tmp_path / "a.csv"), "label") == {
        "test/1.jpg": "b",
        "train/1.jpg": "a",
        "train/2.jpg": "b",
    }
    (tmp_path / "a.csv").write_text("id,label\n1,a\n2,b\nother/1.jpg,b\n")
    found = find_images(tmp_path, labels=tmp_path / "a.csv")
    assert table_of(found, "size") == {"1": -1, "train/2.jpg": 4, "other/1.jpg": -1}


def test_a_table_called_like_a_set_lists_images_of_that_set(tmp_path):
    plant(tmp_path, ["train_images/1.jpg", "test_images/1.jpg", "train_images/2.jpg"])
    (tmp_path / "train.csv").write_text("id,label\n1,a\n2,b\n")
    found = find_images(tmp_path, labels=tmp_path / "train.csv")
    assert table_of(found, "label") == {"train_images/1.jpg": "a", "train_images/2.jpg": "b"}
    assert "1 image in no row of train.csv left out" in found.sentence


# What cannot be read is refused with the columns and the option


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path,kind\n1.jpg,a\n", ["no column of labels", "--label-column", "path, kind"]),
        ("picture,label\n1,a\n", ["no column of paths", "--path-column", "picture, label"]),
        ("1.jpg,a\n2.jpg,b\n", ["begins with an image", "path,label"]),
        ("path label\n1.jpg a\n", ["no column of paths", "path label"]),
    ],
)
def test_a_table_without_a_usual_column_lists_those_it_has_and_names_the_option(tmp_path, text, words):
    plant(tmp_path, ["1.jpg", "2.jpg"])
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(InputError) as refusal:
        find_images(tmp_path, labels=tmp_path / "labels.csv")
    for word in words:
        assert word in str(refusal.value)


def test_metadata_with_an_unusual_column_is_refused_where_folders_say_no_class(tmp_path):
    plant(tmp_path, ["1.jpg", "2.jpg"])
    (tmp_path / "metadata.csv").write_text("file_name,verdict\n1.jpg,a\n2.jpg,b\n")
    with pytest.raises(InputError, match=r"--label-column: file_name, verdict"):
        find_images(tmp_path)
    assert set(find_images(tmp_path, label_column="Verdict").table["label"]) == {"a", "b"}
    (tmp_path / "metadata.csv").write_text("file_name,text\n1.jpg,a\n2.jpg,b\n")
    assert find_images(tmp_path).sentence.startswith("2 images; no sets; no labels")


def test_a_table_that_is_not_read_is_named_where_there_are_no_labels(tmp_path):
    plant(tmp_path, ["1.jpg", "2.jpg"])
    (tmp_path / "train.csv").write_text("id,label\n1,a\n2,b\n")
    assert "train.csv is not read (--labels takes it; its columns: id, label)" in find_images(tmp_path).sentence


def test_a_second_column_that_may_hold_labels_is_named(tmp_path):
    plant(tmp_path, ["1.jpg", "2.jpg"])
    (tmp_path / "a.csv").write_text("path,label,category\n1.jpg,a,x\n2.jpg,b,y\n")
    assert "--label-column takes category" in find_images(tmp_path, labels=tmp_path / "a.csv").sentence


def test_data_sets_side_by_side_are_not_read_as_one(tmp_path):
    for name in ("one", "other"):
        plant(tmp_path, [f"{name}/train/1.jpg", f"{name}/test/2.jpg"])
        rows = "file_name,label,split\ntrain/1.jpg,a,train\ntest/2.jpg,b,test\n"
        (tmp_path / name / "metadata.csv").write_text(rows)
    with pytest.raises(InputError, match=r"several data sets \(one, other\)"):
        find_images(tmp_path)
    assert len(find_images(tmp_path / "one").table) == 2
