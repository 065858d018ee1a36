import numpy as np
import pandas as pd
import pytest

from pipelines.auditing.names import name_pattern, names_and_dates

LABELS = np.resize(["ai", "real"], 120)
UNITS = np.arange(120)
YEAR = 365 * 24 * 3600 * 10**9


def rows(names=lambda i: f"train/x/{i}.jpg", times=lambda i: 10**18):
    return pd.DataFrame({"path": [names(i) for i in range(120)], "mtime_ns": [times(i) for i in range(120)]})


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("train/ai/IMG-0042.jpg", "img-#"),
        ("real 7.png", "<class> #"),
        ("AI_003_2.webp", "<class>_#_#"),
        ("painting.jpg", "painting"),
        ("0f9a3c7e21b4d6aa.png", "<code>"),
        ("a,b.png", "a b"),
    ],
)
def test_a_name_has_a_shape_without_numbers_codes_and_classes(path, pattern):
    assert name_pattern(path, ["ai", "real"]) == pattern


def test_names_that_tell_the_class_are_reported():
    found = names_and_dates(rows(lambda i: f"{'sd' if i % 2 == 0 else 'coco'}_{i}.jpg"), LABELS, UNITS, 0)
    assert (found.level, found.value) == ("warning", 1)
    assert "file name “sd_#” in 100.0 % of ai, 0.0 % of real" in found.sentence or "“coco_#”" in found.sentence


def test_dates_that_tell_the_class_are_reported():
    found = names_and_dates(rows(times=lambda i: 10**18 + i % 2 * YEAR), LABELS, UNITS, 0)
    assert "changed in “20" in found.sentence


def test_names_and_dates_alike_are_no_finding():
    rng = np.random.default_rng(0)
    words = rng.choice(["a", "b", "c"], 120)
    alike = rows(lambda i: f"{words[i]}_{i}.jpg", lambda i: 10**18 + int(rng.integers(3)) * YEAR)
    assert names_and_dates(alike, LABELS, UNITS, 0) is None
    assert names_and_dates(rows(), LABELS, UNITS, 0) is None


def test_one_scene_a_class_proves_nothing():
    named = rows(lambda i: f"{'sd' if i % 2 == 0 else 'coco'}_{i}.jpg")
    assert names_and_dates(named, LABELS, UNITS % 2, 0) is None
