import re

import pandas as pd
import pytest

from classify.pages.sections import read_section
from classify.splits.partition import images_digest
from classify.trained.passport import DataFacts, Passport
from featex.store.cache import FeatureCache
from featex.store.features import StoredSet
from featex.system.disk import write_json
from pipelines.sources.transfer import transfer
from pipelines.sources.transfer_page import headline, transfer_section, transfer_set


@pytest.fixture
def generators(make_sources):
    return make_sources(("ai", "ai/NA", 30, 0), ("ai", "ai/mj", 40, 1), ("real", "real", 60, None))


@pytest.fixture
def stored(generators, tmp_path):
    """The set as featex keeps it."""
    folder = tmp_path / "artifacts/features/toy-1"
    write_json(folder / "extractor.json", generators.extractor)
    cache = FeatureCache(folder / "vectors", 8)
    cache.add(generators.rows["key"].tolist(), generators.X)
    cache.flush()
    StoredSet(folder / "sets/toy.parquet").write(generators.rows, generators.root)
    return generators


def test_a_set_on_disk_becomes_a_page_with_files_beside_it(stored, tmp_path, artifacts):
    done, page = transfer_set("toy", only=("logreg", "svm"), artifacts=artifacts, command="pipelines transfer toy")
    html = page.read_text()
    assert page == tmp_path / "artifacts/transfer/toy/index.html"
    for said in (*done.notes, *done.sentences):
        assert re.sub(r"\W+", " ", said) in re.sub(r"\W+", " ", re.sub(r"<[^>]+>", "", html).replace("&#39;", "'"))
    assert "pipelines transfer toy" in html
    assert "its recipe" in html
    for name in re.findall(r' data-file="([^"]+)"', html):
        assert (page.parent / name).is_file(), name
    assert {path.suffix for path in page.parent.glob("transfer.*")} == {".png", ".svg", ".csv"}
    section = read_section(page.parent, images_digest(stored.rows))
    assert list(section.findings) == done.findings
    _, again = transfer_set("toy", only=("logreg",), artifacts=artifacts)
    assert set(pd.read_csv(again.parent / "transfer.csv")["model"]) == {"logreg"}


def test_a_kept_model_lends_its_parameters(stored, tmp_path, artifacts):
    told = {"data": DataFacts(set="toy"), "extractor": stored.extractor, "params": {"C": 0.125, "class_weight": None}}
    passport = Passport("logreg-toy", model="logreg", created="2026", **told)
    write_json(tmp_path / "artifacts/models/logreg-toy/passport.json", passport.to_json())
    done, page = transfer_set(None, only=("logreg", "svm"), artifacts=artifacts)
    told = "logreg: C=0.125, class_weight=None, as tuned on training images of all these sources; svm: its recipe"
    assert told in page.read_text()
    by_recipe = transfer(stored, ["logreg", "svm"]).table
    here, alone = (table.set_index("model")["roc_auc"] for table in (done.table, by_recipe))
    assert here["svm"].tolist() == alone["svm"].tolist()
    assert here["logreg"].tolist() != alone["logreg"].tolist()


def test_pairs_are_shown_worst_first_without_a_source_and_itself(generators):
    section = transfer_section(transfer(generators, ["logreg", "svm"]))
    means, pairs = section.tables
    assert len(pairs.rows) == 4
    assert (pairs.rows["trained on"] != pairs.rows["tested on"]).all()
    assert pairs.rows["accuracy"].is_monotonic_increasing
    assert "accuracy on own images" in pairs.rows
    assert means.rows["model"].tolist() == ["logreg", "svm"] or means.rows["same source"].is_monotonic_decreasing


def test_own_images_are_no_column_where_nothing_is_held_fixed(make_sources):
    parts = [(label, f"{label}/{source}", 30, place) for label, place in (("ai", 0), ("real", None)) for source in "ab"]
    pairs = transfer_section(transfer(make_sources(*parts), ["logreg"])).tables[1]
    assert "accuracy on own images" not in pairs.rows
    assert pairs.about == ""


def test_the_headline_is_of_the_model_best_on_its_own_source():
    summary = pd.DataFrame({"model": ["svm", "forest"], "same": [0.95, 0.9], "other": [0.6, 0.8], "n_sources": 3})
    assert headline(summary) == (
        "svm is right on 95.0 % of unseen images of the source it was trained on, and on 60.0 % of images of other "
        "sources."
    )
    assert "of the other source." in headline(summary.assign(n_sources=2))
