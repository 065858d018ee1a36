import pandas as pd
import pytest

from classify.errors import DataError
from classify.pages.sections import read_section
from classify.splits.partition import images_digest
from featex.store.features import load_features
from pipelines.sources import travel_page as module


@pytest.mark.long  # 12 s; test_travel.py holds the study, test_result_page.py the page
def test_a_folder_of_images_becomes_a_page_that_reports_on_them_show_too(
    data, tmp_path, weights_file, artifacts, monkeypatch, write_images
):
    chosen = {"quick": True, "weights": weights_file, "device": "cpu", "n_folds": 2, "artifacts": artifacts}
    with pytest.raises(DataError, match=f"24 training images .* {module.LEAST}"):
        module.travel_set(data, **chosen)
    for tint, label in ((0, "ai"), (120, "real")):
        write_images(data / "train" / label, 24, tint=tint, seed=9)
    monkeypatch.setattr(module, "LEAST", 48)
    done, path = module.travel_set(data, **chosen)
    assert path == tmp_path / "artifacts/travel" / "images/index.html"
    page = path.read_text()
    for words in (done.sentences[0].split(",")[0], "What it costs", "All choices, the best first", "held-out"):
        assert words in page
    costs = pd.read_csv(path.with_name("costs.csv"))
    assert costs["bytes a vector"].iloc[0] == 2048
    assert (costs["ms an image"] > 0).all()
    rows = load_features(tmp_path / "artifacts/features").rows
    section = read_section(path.parent, images_digest(rows))
    assert list(section.findings) == done.findings
    assert read_section(path.parent, "other images") is None
