import json
from functools import partial

import pytest

from featex import cli


@pytest.fixture
def featex(run_command, monkeypatch, weights_file):
    """Run `featex ...` in an empty folder; return exit code, standard output and standard error."""
    monkeypatch.setenv("FEATEX_WEIGHTS", weights_file)
    return partial(run_command, cli)


def test_extract_says_the_layout_before_and_the_counts_after(featex, data):
    (data / "wild/ai/000.jpg").write_bytes(b"no image")
    code, out, err = featex("extract", data, "--device", "cpu")
    assert code == 0
    assert "38 images; sets train (24), test (8) + external set wild (6); classes ai (19), real (19)" in err
    assert "38 images: 0 cached, 37 computed" in out
    assert "1 failed" in out
    assert "images.failed.csv" in out
    code, out, _ = featex("extract", data, "--device", "cpu")
    assert "38 images: 37 cached, 0 computed, 1 failed" in out


def test_extract_reads_classes_by_pattern(featex, data):
    featex("extract", data, "--device", "cpu", "--class", "fake=a*", "--class", "photo=*")
    _, out, _ = featex("show")
    assert out.splitlines()[1].split()[:2] == ["images", "38"]
    code, _, err = featex("extract", data, "--class", "fake")
    assert (code, "'fake' is not a class; write NAME=PATTERN" in err) == (2, True)


def test_show_verify_and_export_speak_of_what_is_there(featex, data, tmp_path):
    code, out, _ = featex("show")
    assert (code, out) == (0, "No features in artifacts/features yet.\nNext: featex extract DIR\n")
    featex("extract", data, "--device", "cpu")
    _, out, _ = featex("show")
    assert "test 8, train 24, wild 6" in out
    (shown,) = json.loads(featex("show", "--json")[1])["extractors"]
    assert (shown["vectors"], shown["n_features"], shown["backbone"]) == (38, 512, "resnet18")
    assert featex("verify")[1] == "No problems: 1 set in artifacts/features\n"
    code, out, _ = featex("export", "--out", "all.csv")
    assert (code, out) == (0, "38 rows of 512 features of images\nFile: all.csv\n")
    assert featex("export", "imags")[0] == 2
    part = next(tmp_path.glob("artifacts/features/*/vectors/*"))
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1  # amid the vectors
    part.write_bytes(content)
    code, out, err = featex("verify")
    assert code == 3
    assert str(part.name) in out
    assert err.startswith("Error: 1 problem in artifacts/features")


def test_backbones_lists_every_line_of_the_table(featex):
    from featex.network.backbones import BACKBONES

    _, out, _ = featex("backbones")
    assert all(name in out for name in BACKBONES)


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["extract", "nowhere"], 2, "Error: 'nowhere' does not exist"),
        (["extract", "."], 1, "Error: '.' holds no images"),
        (["extract"], 1, "Error: there is no folder data here"),
        (["extract", ".", "--labels", "none.csv"], 2, "Error: there is no table of labels 'none.csv'"),
        (["extract", "--device", "gpu"], 2, "is not one of"),
        (["extract", "--batch-size", "0"], 2, "--batch-size"),
        (["export"], 1, "Error: there is no set of features in artifacts/features yet; make one: featex extract DIR"),
    ],
)
def test_bad_input_is_one_sentence(featex, tmp_path, arguments, code, sentence):
    found, out, err = featex(*arguments)
    assert found == code
    assert out == ""
    assert sentence in err
    assert list(tmp_path.iterdir()) == []
    if "Usage" not in err:
        assert err.count("\n") == 1


def test_what_is_wrong_with_options_is_said_before_work(featex, data, tmp_path, weights_file):
    for arguments, expected, sentence in (
        (["--backbone", "resnet19"], 2, "unknown backbone 'resnet19'; did you mean 'resnet18'?"),
        (["--weights", "nowhere.pth"], 1, "no weights file 'nowhere.pth'"),
        (["--weights", data / "test/ai/000.jpg"], 1, "000.jpg is an image (JPEG), not weights"),
        (["--backbone", "resnet34", "--weights", weights_file], 1, "does not hold resnet34 weights"),
        (["--name", "../up"], 2, "a set cannot be called '../up'"),
        (["--name", "x" * 251], 2, "251 bytes"),
    ):
        code, out, err = featex("extract", data, *arguments)
        assert (code, out) == (expected, "")
        assert sentence in err
        assert not (tmp_path / "artifacts").exists(), arguments


def test_extract_takes_views_and_recipes_and_says_what_it_takes(featex, data):
    code, out, _ = featex(
        "extract", data, "--device", "cpu", "--view", "tiles", "--tiles", 2, "--input", "spectrum, rgb"
    )
    assert code == 0
    assert "2 squares at full resolution, averaged: penultimate of rgb, spectrum (801 columns)" in out
    code, out, _ = featex("extract", data, "--device", "cpu", "--recipe", "robust", "--name", "robust")
    assert code == 0
    assert "(567 columns)" in out
    assert "Varied copies of training images: 1 each; 24 computed now" in out
    code, _, err = featex("extract", data, "--recipe", "robust", "--view", "crop")
    assert (code, "joins several views" in err) == (2, True)
    code, _, err = featex("extract", data, "--layers", "layer9")
    assert (code, "layer" in err) == (2, True)
