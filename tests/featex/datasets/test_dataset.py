import os
import subprocess
import sys

import pytest

from featex.datasets.dataset import find_images, image_files, parse_class
from featex.errors import InputError


def plant(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"1234")
    return root


def facts(dataset, *columns):
    return {row[0]: row[1:] for row in dataset.table[["path", *columns]].itertuples(index=False, name=None)}


def write(root, text, name="labels.csv"):
    (root / name).write_text(text, encoding="utf-8")
    return root / name


# Layouts of published sets


def test_ai_artbench_styles_become_two_classes_and_stay_as_sources(tmp_path):
    styles = ("baroque", "AI_LD_baroque", "AI_SD_baroque")
    plant(tmp_path, *(f"Real_AI_SD_LD/{split}/{style}/1.jpg" for split in ("train", "test") for style in styles))
    found = find_images(tmp_path, classes=[("ai", "AI_*"), ("human", "*")])
    assert facts(found, "label", "split", "source")["Real_AI_SD_LD/train/AI_LD_baroque/1.jpg"] == (
        "ai",
        "train",
        "AI_LD_baroque",
    )
    assert facts(found, "label")["Real_AI_SD_LD/test/baroque/1.jpg"] == ("human",)
    assert found.sentence == "6 images; sets train (3), test (3); classes ai (4), human (2)"


def test_kaggle_ai_against_human_pairs(tmp_path):
    plant(tmp_path, *(f"train_data/{name}.jpg" for name in "abcd"), "test_data_v2/x.jpg")
    table = write(
        tmp_path, ",file_name,label\n" + "".join(f"{i},train_data/{n}.jpg,{i % 2}\n" for i, n in enumerate("dcba"))
    )
    found = find_images(tmp_path, labels=table, group_rows=2)
    assert facts(found, "label", "split", "source", "group") == {
        "train_data/a.jpg": ("1", "", "train_data", "1"),
        "train_data/b.jpg": ("0", "", "train_data", "1"),
        "train_data/c.jpg": ("1", "", "train_data", "0"),
        "train_data/d.jpg": ("0", "", "train_data", "0"),
    }
    assert found.sentence == (
        "labels.csv: 4 images; no sets; classes 0 (2), 1 (2); 1 image in no row of labels.csv left out"
    )


# Folders


def test_folders_at_the_top_are_classes_and_all_below_is_source(tmp_path):
    plant(tmp_path, "real/coco/1.jpg", "real/2.png", "ai/3.WEBP")
    assert facts(find_images(tmp_path), "label", "split", "source") == {
        "ai/3.WEBP": ("ai", "", "ai"),
        "real/2.png": ("real", "", "real"),
        "real/coco/1.jpg": ("real", "", "real/coco"),
    }


def test_custom_sets_may_lack_labels_and_are_named_in_the_layout(tmp_path):
    plant(tmp_path, "train/a/1.jpg", "test/a/2.jpg", "wild/b/deep/3.jpg", "inbox/4.jpg", "5.jpg")
    found = find_images(tmp_path)
    assert facts(found, "label", "split", "source") == {
        "5.jpg": ("", "", ""),
        "inbox/4.jpg": ("", "inbox", ""),
        "test/a/2.jpg": ("a", "test", "a"),
        "train/a/1.jpg": ("a", "train", "a"),
        "wild/b/deep/3.jpg": ("b", "wild", "b/deep"),
    }
    assert found.sentence == (
        "5 images; sets train (1), test (1) + external sets inbox (1), wild (1); classes a (2), b (1); "
        "2 without a label; 1 in no set"
    )


def test_lone_folders_around_the_others_are_stepped_into(tmp_path):
    plant(tmp_path, "archive/faces/train/a/1.jpg", "archive/faces/test/b/2.jpg", "archive/readme.txt")
    found = find_images(tmp_path)
    assert found.root == tmp_path.resolve()
    assert facts(found, "label", "split", "source")["archive/faces/test/b/2.jpg"] == ("b", "test", "b")


def test_the_table_of_a_lone_folder_is_found_from_above(tmp_path):
    plant(tmp_path, "sample/train/a/1.jpg", "README.md", ".hidden/x.jpg")
    write(tmp_path / "sample", "file_name,label,split,group\ntrain/a/1.jpg,x,train,g\n", "metadata.csv")
    found = find_images(tmp_path)
    assert facts(found, "label", "split", "group") == {"sample/train/a/1.jpg": ("x", "train", "g")}
    plant(tmp_path, "other/b/1.jpg")
    with pytest.raises(InputError, match=r"sample/metadata.csv.*none for others \(other\)"):
        find_images(tmp_path)


def test_hidden_and_mac_files_are_skipped_and_others_counted(tmp_path):
    plant(tmp_path, "a/1.jpg", "a/.2.jpg", ".cache/3.jpg", "__MACOSX/a/1.jpg", "a/notes.txt", "a/clip.mp4")
    found = find_images(tmp_path)
    assert list(found.table["path"]) == ["a/1.jpg"]
    assert found.sentence == "1 image; no sets; classes a (1); 2 other files (1 .mp4, 1 .txt) ignored"


@pytest.mark.parametrize(
    "junk",
    [
        *("@eaDir", "#recycle", "$RECYCLE.BIN", "lost+found", ".Trash-1000", "__MACOSX", ".ipynb_checkpoints"),
        *("System Volume Information", ".thumbnails", ".@__thumb", "LOST.DIR", ".AppleDouble", "Network Trash Folder"),
        "@Recycle",
    ],
)
def test_thumbnails_and_bins_of_systems_and_network_drives_are_no_images_of_a_class(tmp_path, junk):
    plant(tmp_path, "cats/1.jpg", "dogs/2.jpg", f"{junk}/3.jpg", f"{junk}/deep/4.jpg", f"cats/{junk}/1.jpg/5.jpg")
    plant(tmp_path, "cats/._1.jpg", "dogs/Thumbs.db", "Desktop.ini", ".DS_Store")
    found = find_images(tmp_path)
    assert facts(found, "label") == {"cats/1.jpg": ("cats",), "dogs/2.jpg": ("dogs",)}
    assert "ignored" not in found.sentence


def test_linked_folders_are_followed_without_loops(tmp_path):
    plant(tmp_path, "data/real/1.jpg", "elsewhere/2.jpg")
    (tmp_path / "data/ai").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data/more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data/real/up").symlink_to(tmp_path / "data")
    (tmp_path / "data/real/self").symlink_to("self")
    assert list(find_images(tmp_path / "data").table["path"]) == ["ai/2.jpg", "more/2.jpg", "real/1.jpg"]


def test_a_link_to_nothing_is_kept_as_missing_and_a_pipe_left_out(tmp_path):
    plant(tmp_path, "a/1.jpg")
    (tmp_path / "a/2.jpg").symlink_to("gone.jpg")
    os.mkfifo(tmp_path / "a/3.jpg")
    found = find_images(tmp_path)
    assert facts(found, "size", "mtime_ns")["a/2.jpg"] == (-1, -1)
    assert found.sentence == "2 images; no sets; classes a (2); 1 missing; 1 other file (1 .jpg) ignored"


def test_odd_names_are_kept_and_undecodable_ones_listed_as_such(tmp_path):
    odd = ['a/ü , "q".jpg', "a/new\nline.jpg", "a/日本.png"]
    plant(tmp_path, *odd)
    with open(os.fsencode(tmp_path) + b"/a/caf\xe9.jpg", "wb"):
        pass
    found = find_images(tmp_path)
    assert facts(found, "size") == {**dict.fromkeys(odd, (4,)), "a/caf\\xe9.jpg": (-2,)}
    assert "1 with a name that is not UTF-8" in found.sentence


def test_images_that_cannot_be_read_are_counted_by_suffix_and_class(tmp_path):
    plant(tmp_path, "real/1.jpg", "real/1.NEF", "real/2.nef", "ai/1.png", "ai/2.jxl", "ai/IMG_1", "ai/x.jpg/3.jpg")
    (tmp_path / "ai/IMG_2").write_bytes(b"\xff\xd8\xff\xe0")
    layout = find_images(tmp_path).sentence
    assert "2 .nef of class real (2 of its 3 images)" in layout
    assert "1 .jxl of class ai (1 of its 4 images)" in layout
    assert "1 other file (1 without a suffix) ignored" in layout


def test_rows_are_sorted_and_typed_and_carry_size_and_time(tmp_path):
    plant(tmp_path, "b/1.jpg", "a/2.jpg", "B/3.jpg")
    os.utime(tmp_path / "b/1.jpg", ns=(5, 1_234_567_890_123_456_789))
    table = find_images(tmp_path).table
    assert list(table["path"]) == ["B/3.jpg", "a/2.jpg", "b/1.jpg"]
    assert list(table.index) == [0, 1, 2]
    assert list(table.columns) == ["path", "size", "mtime_ns", "label", "split", "source", "group"]
    assert table["size"].dtype == table["mtime_ns"].dtype == "int64"
    assert table["mtime_ns"].iloc[2] == 1_234_567_890_123_456_789
    assert all(isinstance(value, str) for name in ("path", "label", "split", "group") for value in table[name])


def test_labels_that_differ_in_case_or_in_how_an_accent_is_written_are_one_class(tmp_path):
    plant(tmp_path, "train/Real/1.jpg", "train/fake/2.jpg", "test/real/3.jpg", "test/real/4.jpg", "test/FAKE/5.jpg")
    found = find_images(tmp_path)
    assert sorted(found.table["label"]) == ["FAKE", "FAKE", "real", "real", "real"]
    assert "Real read as class real" in found.sentence
    plant(tmp_path, "two/train/caf\u00e9/1.jpg", "two/test/cafe\u0301/2.jpg", "two/test/caf\u00e9 /3.jpg")
    assert set(find_images(tmp_path / "two").table["label"]) == {"caf\u00e9"}


def test_letters_of_both_cases_in_one_set_are_classes_of_their_own(tmp_path):
    plant(tmp_path, *(f"{split}/{letter}/1.jpg" for split in ("train", "test") for letter in "AaBb"))
    assert set(find_images(tmp_path).table["label"]) == set("AaBb")


def test_a_layout_chooses_between_two_readings(tmp_path):
    plant(tmp_path, *(f"train/{thing}/{kind}/{i}.jpg" for thing in ("cat", "car") for kind in "xy" for i in range(2)))
    with pytest.raises(InputError, match=r"car \(4\), cat \(4\).*x \(4\), y \(4\)"):
        find_images(tmp_path)
    found = find_images(tmp_path, layout="set/source/class")
    assert set(found.table["source"]) == {"cat", "car"}
    assert found.sentence == "8 images; sets train (8); classes x (4), y (4); sources car (4), cat (4)"
    assert len(image_files(tmp_path)) == 8  # whatever they are


def test_sets_that_are_put_together_from_several_folders_are_named(tmp_path):
    plant(tmp_path, *(f"{top}/{c}/1.jpg" for top in ("train", "train_augmented", "test") for c in "ab"))
    assert "train and train_augmented read as train" in find_images(tmp_path).sentence
    plant(tmp_path / "flat", *(f"{top}/1.jpg" for top in ("train_real", "train_fake", "test_real", "test_fake")))
    assert "read as" not in find_images(tmp_path / "flat").sentence


# Tables


def test_table_paths_are_relative_to_the_root_or_to_itself_or_absolute(tmp_path):
    root = plant(tmp_path / "images", "1.jpg", "sub/2.jpg", "meta/3.jpg")
    plant(tmp_path, "outside/4.jpg")
    table = write(root / "meta", f"path,label\n./1.jpg,a\n3.jpg,b\n{root}/sub/2.jpg,a\n{tmp_path}/outside/4.jpg,b\n")
    found = find_images(root, labels=table)
    assert facts(found, "label", "source", "size") == {
        "../outside/4.jpg": ("b", "../outside", 4),
        "1.jpg": ("a", "", 4),
        "meta/3.jpg": ("b", "meta", 4),
        "sub/2.jpg": ("a", "sub", 4),
    }


def test_columns_can_be_named_or_are_found_by_their_usual_names(tmp_path):
    plant(tmp_path, "1.jpg", "2.jpg")
    text = "image,class,split,group,source,kind,who,part\n1.jpg,x,Training,g,flux,k,w,p\n2.jpg,y,wild,h,,k,w,valid\n"
    table = write(tmp_path, text)
    assert facts(find_images(tmp_path, labels=table), "label", "split", "group", "source") == {
        "1.jpg": ("x", "train", "g", "flux"),
        "2.jpg": ("y", "wild", "h", ""),
    }
    named = find_images(tmp_path, labels=table, label_column="kind", set_column="part", group_column="who")
    assert facts(named, "label", "split", "group")["2.jpg"] == ("k", "val", "w")


@pytest.mark.parametrize("labels", [["0", "1", "007"], ["1.0", "2"], ["NA", "", "null"]])
def test_labels_stay_as_they_are_written(tmp_path, labels):
    plant(tmp_path, *(f"{n}.jpg" for n in range(len(labels))))
    table = write(tmp_path, "id,label\n" + "".join(f"{n}.jpg,{label}\n" for n, label in enumerate(labels)))
    assert list(find_images(tmp_path, labels=table).table["label"]) == labels


def test_metadata_csv_is_found_by_itself_only_if_it_has_labels(tmp_path):
    plant(tmp_path, "a/1.jpg", "b/2.jpg")
    write(tmp_path, "file_name,text\na/1.jpg,a caption\n", "metadata.csv")
    assert facts(find_images(tmp_path), "label") == {"a/1.jpg": ("a",), "b/2.jpg": ("b",)}
    write(tmp_path, "\ufefffile_name,label\na/1.jpg,cat\n", "metadata.csv")
    found = find_images(tmp_path)
    assert facts(found, "label") == {"a/1.jpg": ("cat",)}
    assert found.sentence.startswith("metadata.csv: ")
    write(tmp_path, "file_name,text\na/1.jpg,a caption\n", "metadata.csv")
    assert facts(find_images(tmp_path, label_column="text"), "label") == {"a/1.jpg": ("a caption",)}


def test_listed_file_that_is_not_there_keeps_its_row(tmp_path):
    plant(tmp_path, "1.jpg")
    table = write(tmp_path, "path,label\n1.jpg,a\ngone.jpg,b\nnul\0.jpg,b\n")
    found = find_images(tmp_path, labels=table)
    assert facts(found, "label", "size", "mtime_ns")["gone.jpg"] == ("b", -1, -1)
    assert found.sentence.endswith("b (2); 2 missing")


def test_rows_of_one_file_count_once_unless_they_disagree(tmp_path):
    plant(tmp_path, "1.jpg", "2.jpg")
    table = write(tmp_path, "path,label,split\n1.jpg,a,train\n./1.jpg,a,train\n2.jpg,b,test\n")
    assert facts(find_images(tmp_path, labels=table), "label") == {"1.jpg": ("a",), "2.jpg": ("b",)}
    table = write(tmp_path, "path,label\n1.jpg,a\n1.jpg,b\n")
    with pytest.raises(InputError, match=r"'1.jpg' is listed as 'a' and as 'b'; keep one"):
        find_images(tmp_path, labels=table)
    assert len(find_images(tmp_path, labels=table, classes=[("any", "*")]).table) == 1
    table = write(tmp_path, "path,label,split\n1.jpg,a,train\n1.jpg,a,test\n")
    with pytest.raises(InputError, match=r"listed as 'a train' and as 'a test'"):
        find_images(tmp_path, labels=table)


# What cannot be used


def test_folders_that_cannot_be_used_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"/none' does not exist$"):
        find_images(tmp_path / "none")
    with pytest.raises(InputError, match=r"1.jpg' is a file; name the folder"):
        find_images(plant(tmp_path, "1.jpg") / "1.jpg")
    plant(tmp_path, "texts/notes.txt")
    with pytest.raises(InputError, match=r"texts' holds no images .*1 .txt"):
        find_images(tmp_path / "texts")


def test_unreadable_folder_is_refused_not_skipped(tmp_path, monkeypatch):
    plant(tmp_path, "a/1.jpg", "b/2.jpg")
    scan = os.scandir

    def refusing(folder):
        if str(folder).endswith("b"):
            raise PermissionError(13, "Permission denied")
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(InputError, match=r"cannot read the folder .*/b': Permission denied"):
        find_images(tmp_path)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (
            "path,label\n1.jpg,a\n",
            {"label_column": "kind"},
            "has no column 'kind'; name one of its columns: path, label$",
        ),
        (
            "path,label\nx.jpg,a\ny.jpg,a\n",
            {},
            "lists 2 images in column .*none of them exists; the first would be .*x.jpg",
        ),
        ("path,label\n", {}, "lists no images$"),
        ("path,who\n1.jpg,a\n", {"group_rows": 2, "group_column": "who"}, "without a group column"),
        ("path\n1.jpg\n", {"group_rows": 0}, "group_rows must be 1 or more"),
    ],
)
def test_table_that_cannot_be_used_is_refused(tmp_path, text, options, message):
    plant(tmp_path, "1.jpg")
    with pytest.raises(InputError, match=message):
        find_images(tmp_path, labels=write(tmp_path, text), **options)


def test_absent_table_and_options_without_one_are_refused(tmp_path):
    plant(tmp_path, "1.jpg")
    with pytest.raises(InputError, match=r"there is no table of labels 'none.csv'"):
        find_images(tmp_path, labels="none.csv")
    for options in ({"group_rows": 2}, {"label_column": "label"}):
        with pytest.raises(InputError, match=r"has none; name it as labels"):
            find_images(tmp_path, **options)


def test_first_class_pattern_wins_and_an_unmatched_label_is_refused(tmp_path):
    plant(tmp_path, "AI_x/1.jpg", "cubism/2.jpg", "3.jpg")
    first = find_images(tmp_path, classes=[("ai", "AI_*"), ("human", "*")])
    assert facts(first, "label") == {"3.jpg": ("",), "AI_x/1.jpg": ("ai",), "cubism/2.jpg": ("human",)}
    with pytest.raises(InputError, match=r"no class pattern matches 'cubism'; .*--class other='\*'"):
        find_images(tmp_path, classes=[("ai", "AI_*")])


def test_class_option_is_a_name_and_a_pattern():
    assert parse_class("ai=AI_*=x") == ("ai", "AI_*=x")
    for text in ("ai", "=x", "ai="):
        with pytest.raises(InputError, match=r"write NAME=PATTERN"):
            parse_class(text)


def test_finding_images_needs_no_torch():
    script = "import sys, featex.datasets.dataset; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


PARTS = {
    "parts": (["real_1", "real_2", "fake_1", "fake_2"], ["fake", "real"]),
    "named parts": (["real", "ai_part1", "ai_part2"], ["ai", "real"]),
    "a copy by Windows": (["cats", "cats - Copy", "dogs"], ["cats", "dogs"]),
    "a second download": (["cats", "cats (1)", "dogs"], ["cats", "dogs"]),
    "numbers of other classes": (["class_1", "class_2"], ["class_1", "class_2"]),
    "numbers of one side alone": (["human1", "human2"], ["human1", "human2"]),
    "numbers in front": (["0_real", "1_fake"], ["0_real", "1_fake"]),
    "numbers": (["-1", "1", "0"], ["-1", "0", "1"]),
    "generators": (["real", "sd", "sd_xl"], ["real", "sd", "sd_xl"]),
}


@pytest.mark.parametrize(("folders", "labels"), PARTS.values(), ids=PARTS)
def test_parts_and_copies_of_a_class_are_that_class(tmp_path, folders, labels):
    plant(tmp_path, *(f"{folder}/{n}.jpg" for n, folder in enumerate(folders)))
    found = find_images(tmp_path)
    assert sorted(set(found.table["label"])) == labels
    assert ("read as class" in found.sentence) == (len(labels) < len(folders))
    kept = find_images(tmp_path, layout="class")
    assert sorted(set(kept.table["label"])) == sorted(folders)


def test_several_kinds_of_real_images_are_no_classes_unless_the_user_says_so(tmp_path):
    plant(tmp_path, *(f"{name}/1.jpg" for name in ("Celeb-real", "YouTube-real", "Celeb-synthesis")))
    with pytest.raises(InputError, match=r"--class real='YouTube-real'.*--layout class"):
        find_images(tmp_path)
    classes = [("real", "Celeb-real"), ("real", "YouTube-real"), ("ai", "Celeb-synthesis")]
    assert set(find_images(tmp_path, classes=classes).table["label"]) == {"real", "ai"}
    assert find_images(tmp_path, layout="class").table["label"].nunique() == 3


def test_empty_folders_are_named(tmp_path):
    plant(tmp_path, "a/1.jpg", "b/2.jpg")
    (tmp_path / "unknown").mkdir()
    assert "1 empty folder (unknown)" in find_images(tmp_path).sentence


SPELLED = {
    "blanks": "real  face",
    "a blank that does not break": "real\u00a0face",
    "an invisible character": "real\u200b face",
    "full width": "\uff52\uff45\uff41\uff4c face",
    "underscores": "real_face",
    "hyphens": "Real-Face",
}


@pytest.mark.parametrize("name", SPELLED.values(), ids=SPELLED)
def test_labels_that_are_spelled_in_two_ways_are_one_class(tmp_path, name):
    plant(tmp_path, f"train/{name}/1.jpg", "train/fake/2.jpg", "test/real face/3.jpg", "test/fake/4.jpg")
    found = find_images(tmp_path)
    assert found.table["label"].nunique() == 2
    assert "read as class" in found.sentence
    assert all(label.isprintable() for label in found.table["label"])


def test_leading_zeros_are_spelling_between_sets_and_not_inside_one(tmp_path):
    plant(tmp_path, "train/0/1.jpg", "train/1/2.jpg", "test/00/3.jpg", "test/01/4.jpg")
    assert set(find_images(tmp_path).table["label"]) == {"0", "1"}
    plant(tmp_path, "train/00/5.jpg")
    assert set(find_images(tmp_path).table["label"]) == {"0", "1", "00"}


@pytest.mark.parametrize(
    ("name", "words"), [("a.zip", "unpack .zip files"), ("a.mp4", "frames of the .mp4"), ("a.npy", "1 .npy")]
)
def test_a_folder_of_archives_or_videos_says_what_to_do(tmp_path, name, words):
    (tmp_path / name).write_bytes(b"1")
    with pytest.raises(InputError, match=words):
        find_images(tmp_path)
