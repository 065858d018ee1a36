import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from classify.errors import DataError
from classify.explain.explain import NEAR, Explained, Explanation
from classify.explain.page import in_words, line, summary, write_explanation
from classify.trained.passport import Passport


@pytest.fixture
def explanation(write_images, tmp_path) -> Explanation:
    """Two images, one of them an error with a neighbour that is there and one that has gone."""
    rng = np.random.default_rng(0)
    path = write_images(tmp_path / "seen", 1)[0]
    near = pd.DataFrame([(str(path), "real", 0.25), ("/gone/x.jpg", "ai", 0.5)], columns=list(NEAR))

    def one(path, label, values):
        return Explained(
            path=path,
            predicted="real",
            probability=0.9,
            label=label,
            set="test",
            towards="ai",
            against="real",
            image=rng.integers(0, 256, (3, 64, 64), dtype=np.uint8),
            score=-1.0,
            start=0.5,
            values=values,
            drops=values[::-1].copy(),
            agreement=0.42,
            near=near,
        )

    images = one("a/one<b>.jpg", "ai", rng.normal(size=(7, 7))), one("b/one<b>.jpg", "real", rng.normal(size=(7, 7)))
    failed = pd.DataFrame([("bad & worse.jpg", "empty file")], columns=["path", "reason"])
    return Explanation(Passport("svm-toy"), images, failed, "Maps add up.", "decision value", ("A note.",))


def test_the_folder_holds_the_page_a_picture_an_image_and_what_was_said(explanation, tmp_path):
    page = write_explanation(explanation, tmp_path / "out", command="classify explain svm-toy")
    table = pd.read_csv(page.with_name("explained.csv"))
    assert {path.name for path in page.parent.iterdir()} == {
        "index.html",
        "explained.csv",
        "failed.csv",
        *table["picture"],
    }
    assert table["picture"].nunique() == 2
    assert table["predicted"].tolist() == ["real", "real"]
    assert table["probability"].tolist() == [0.9, 0.9]
    assert table["agreement"].tolist() == [0.42, 0.42]
    assert all(page.with_name(name).read_bytes().startswith(b"\x89PNG") for name in table["picture"])


def test_the_page_tells_of_each_image_needs_nothing_else_and_quotes_names(explanation, tmp_path):
    text = write_explanation(explanation, tmp_path / "out", command="classify explain svm-toy").read_text()
    assert "one<b>" not in text
    for words in (
        "a/one&lt;b&gt;.jpg",
        "so the prediction is wrong",
        "agree in part",
        "bad &amp; worse.jpg: empty file",
        "A note.",
    ):
        assert words in text
    assert text.count("so the prediction is wrong") == 1
    assert "/gone/x.jpg is missing" in text
    assert "decision value from 0.50 (the mean training image) to -1.00" in text
    assert not re.findall(r'(?:src|href)="(?!data:)[^"]*[/:]', text)
    assert "classify explain svm-toy" in text


def test_an_older_explanation_is_replaced_and_anything_else_is_left_alone(explanation, tmp_path):
    out = tmp_path / "out"
    write_explanation(explanation, out)
    fewer = replace(explanation, images=explanation.images[:1], failed=explanation.failed[:0])
    write_explanation(fewer, out)
    assert len(list(out.glob("*.png"))) == 1
    assert not (out / "failed.csv").exists()
    (out / "mine.txt").write_text("keep")
    with pytest.raises(DataError, match=r"mine.txt"):
        write_explanation(explanation, out)
    assert (out / "mine.txt").read_text() == "keep"


def test_of_many_images_the_page_shows_some_and_names_the_files_of_the_rest(explanation, tmp_path, monkeypatch):
    monkeypatch.setattr("classify.explain.page.MOST_SHOWN", 2)
    many = replace(explanation, images=explanation.images[:1] * 4)
    page = write_explanation(many, tmp_path / "out")
    text = page.read_text()
    assert text.count('id="image-') == 2
    names = pd.read_csv(page.with_name("explained.csv"))["picture"].tolist()
    assert all(f'data-file="{name}"' in text for name in names)
    write_explanation(many, tmp_path / "out")  # knows all of its own files again


def test_occlusion_alone_makes_a_page_without_a_word_on_maps(explanation, tmp_path):
    images = tuple(replace(one, values=None, start=np.nan, agreement=np.nan) for one in explanation.images)
    text = write_explanation(replace(explanation, images=images), tmp_path / "out").read_text()
    assert "Maps add up." not in text
    assert "Agreement" not in text
    assert "Occlusion:" in text


def test_the_summary_sets_agreement_beside_that_of_unrelated_images(explanation):
    assert re.search(r" 0\.42 \(2 images\); .* -?\d\.\d\d ± \d\.\d\d\.", summary(explanation))
    single = replace(explanation, images=explanation.images[:1])
    assert summary(single).endswith(" 0.42 (1 image).")
    unchecked = replace(single, images=(replace(single.images[0], agreement=np.nan),))
    assert summary(unchecked) == ""


@pytest.mark.parametrize(
    ("agreement", "words"),
    [
        (0.6, "agree$"),
        (0.599, "agree$"),
        (0.59, "in part"),
        (0.3, "in part"),
        (0.29, "do not trust"),
        (np.nan, "unknown"),
    ],
)
def test_an_agreement_is_put_in_words_as_it_is_shown(explanation, agreement, words):
    assert re.search(words, in_words(agreement))
    sentence = line(replace(explanation.images[0], agreement=agreement))
    assert sentence.startswith("a/one<b>.jpg: real 90.0 %")
    assert ("agreement" in sentence) == (not np.isnan(agreement))
