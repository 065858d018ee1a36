import pandas as pd
import pytest

from classify.errors import DataError
from classify.pages.sections import read_section
from classify.splits.partition import images_digest
from featex.store.features import load_features
from pipelines.sources.travel_page import travel_set


@pytest.fixture
def images(data, write_images):
    for tint, label in ((0, "ai"), (120, "real")):
        write_images(data / "train" / label, 32, tint=tint, seed=9)
    return data


def test_a_folder_of_images_becomes_a_page_that_reports_on_them_show_too(images, tmp_path, weights_file, artifacts):
    done, path = travel_set(images, quick=True, weights=weights_file, device="cpu", n_folds=2, artifacts=artifacts)
    assert path == tmp_path / "artifacts/travel" / "images/index.html"
    page = path.read_text()
    for words in (done.sentences[0].split(",")[0], "What it costs", "All choices, the best first", "held-out"):
        assert words in page
    costs = pd.read_csv(path.with_name("costs.csv"))
    assert costs["bytes a vector"].iloc[0] == 2048
    assert (costs["ms an image"] > 0).all()
    rows = load_features(tmp_path / "artifacts/features").rows
    section = read_section(path.parent, images_digest(rows))
    assert section.sentences == done.sentences
    assert read_section(path.parent, "other images") is None


def test_few_images_are_refused(data, artifacts, weights_file):
    with pytest.raises(DataError, match="too few to study"):
        travel_set(data, quick=True, weights=weights_file, device="cpu", artifacts=artifacts)
