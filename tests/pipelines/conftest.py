"""A study file that any test may change, and subjects of audits that need no images."""

import numpy as np
import pandas as pd
import pytest

from featex.images.facts import FACTS
from featex.layout import Artifacts
from featex.store.features import Features
from pipelines.auditing import shortcuts
from pipelines.auditing.appearance import LOOK
from pipelines.auditing.findings import Subject
from pipelines.auditing.measures import COLUMNS

FILE = """
title = "A study"
about = "It says what it is."
source = "a journal"
directory = "images"
folds = 2
notes = ["Mind the gap."]
[data]
name = "Some images"
layout = "train/ai, train/real"
where = "https://example.org"
sets = ["train", "test"]
classes = ["ai", "real"]
[models.svm]
trials = 1
[models.lenet5]
lr = 0.002
max_epochs = 1
[[published]]
model = "svm"
set = "test"
called = "test"
value = 80
n = 60
"""


@pytest.fixture
def artifacts(tmp_path) -> Artifacts:
    """The folder artifacts/ beside the test's images."""
    return Artifacts(tmp_path / "artifacts")


@pytest.fixture
def study_file(tmp_path):
    """Return a function that writes the file of a small study, changed, and returns its path."""

    def write(before: str = "", after: str = "", text: str = FILE) -> str:
        assert before in text
        path = tmp_path / "small.toml"
        path.write_text(text.replace(before, after, 1) if before else text + after)
        return str(path)

    return write


@pytest.fixture
def make_subject(tmp_path):
    """Return a function that makes the subject of an audit without an image: noise, and what a test says of it."""

    def make(labels, split="train", X=None, failed=(), seed: int = 0, **columns) -> Subject:
        n, rng = len(labels), np.random.default_rng(seed)
        rows = pd.DataFrame({"label": np.asarray(labels, dtype=str), "split": split})
        rows["path"] = [f"{row.split}/{row.label}/{i:03}.jpg" for i, row in enumerate(rows.itertuples())]
        rows = rows.assign(source=rows["label"], group="", size=1000, mtime_ns=1, key=[f"{i:064x}" for i in range(n)])
        facts = {"format": "JPEG", "mode": "RGB", "width": 64, "height": 48, "jpeg_quality": 90.0, "trailing": 0}
        rows = rows.assign(**{name: facts.get(name, "") for name in FACTS}).assign(progressive=False).assign(**columns)
        X = rng.normal(size=(n, 8)).astype(np.float32) if X is None else X
        looks = np.zeros(n, LOOK)
        looks["thumbnail"] = rng.integers(0, 256, (n, 16, 16, 3))
        looks["tile"] = rng.integers(0, 256, (n, 64, 64, 3))
        looks["colours"] = rng.dirichlet(np.ones(64), n)
        looks["spectrum"] = rng.normal(size=(n, 64))
        looks["traces"] = rng.random((n, 32))
        looks["measures"] = rng.normal(size=(n, len(COLUMNS)))
        thumbnails = rng.integers(0, 256, (n, 16, 16), dtype=np.uint8)
        features = Features(X, rows, "toy", tmp_path, {"name": "toy-1"}, thumbnails=thumbnails)
        return Subject(features, looks, pd.DataFrame(failed, columns=["path", "reason"]), seed)

    return make


@pytest.fixture(autouse=True)
def _few_trees(monkeypatch):
    monkeypatch.setattr(shortcuts, "N_TREES", 10)


@pytest.fixture
def make_sources(tmp_path, jpeg_facts):
    """Return a function that makes Features of (label, source, n, place): noise, moved by 3 in column `place`."""

    def make(*parts, seed: int = 0) -> Features:
        rng, rows = np.random.default_rng(seed), []
        for label, source, n, place in parts:
            rows += [{"path": f"{source}/{i}.jpg", "label": label, "source": source, "place": place} for i in range(n)]
        rows = pd.DataFrame(rows).assign(split="train", group="", size=1, mtime_ns=1, **jpeg_facts)
        rows["key"] = [f"{i:064x}" for i in range(len(rows))]
        rows = rows.assign(near="", anchor=rows["key"])
        X = rng.normal(size=(len(rows), 8)) + 3 * (rows.pop("place").to_numpy()[:, None] == np.arange(8))
        extractor = {"name": "toy-1", "fingerprint": "1", "n_features": 8, "backbone": "toy", "weights": "none"}
        return Features(X.astype(np.float32), rows, "toy", tmp_path, extractor)

    return make


@pytest.fixture
def make_predictions():
    """Return a function that makes the predictions of a model for images, untreated and under conditions.

    `before` and `under` are strings of one letter an image, the class it is taken for; `labels` its true class.
    """

    def make(labels: str, before: str, under: dict, model="svm", set="test", group=None, classes=("a", "r")):
        parts = []
        for (transform, grade), decided in {("", np.nan): before, **under}.items():
            part = pd.DataFrame({"label": list(labels), "predicted": list(decided)})
            part["path"] = [f"{i:03}.jpg" for i in range(len(part))]
            for name in classes:
                hit = part["predicted"] == name
                part[f"prob_{name}"] = np.where(hit, 0.9, 0.1 / (len(classes) - 1))
            part["group"] = "" if group is None else list(group)
            parts.append(part.assign(model=model, set=set, transform=transform, grade=grade, source=""))
        return pd.concat(parts, ignore_index=True)

    return make
