"""A study file that any test may change."""

import pytest

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
def study_file(tmp_path):
    """Return a function that writes the file of a small study, changed, and returns its path."""

    def write(before: str = "", after: str = "", text: str = FILE) -> str:
        assert before in text
        path = tmp_path / "small.toml"
        path.write_text(text.replace(before, after, 1) if before else text + after)
        return str(path)

    return write
