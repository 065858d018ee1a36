import numpy as np
import pandas as pd
import pytest

from pipelines.auditing.properties import differing, in_words, shown

N = 200
LABELS = np.repeat(["ai", "real"], N)


@pytest.fixture
def table():
    """Properties that no class has more often than the other."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "format": rng.choice(["JPEG", "PNG"], 2 * N),
            "metadata": rng.choice(["", "jfif", "dpi,jfif"], 2 * N),
            "width": rng.normal(500, 50, 2 * N),
            "jpeg_quality": np.where(rng.random(2 * N) < 0.5, np.nan, 90.0),
        }
    )


def found(table, labels=LABELS, units=None):
    rows = differing(table, labels, units)
    return [f"{name} {value}".strip() for name, value in zip(rows["property"], rows["value"], strict=True)]


def test_nothing_is_found_where_nothing_differs(table):
    assert found(table) == []
    rng = np.random.default_rng(1)
    assert sum(len(differing(table, rng.permutation(LABELS))) for _ in range(10)) <= 1  # of chance, 1 in 20 tables


def test_a_format_of_one_class_is_named_with_its_shares(table):
    table["format"] = np.where(LABELS == "ai", "PNG", "JPEG")
    rows = differing(table, LABELS)
    assert set(rows["value"]) == {"PNG", "JPEG"}
    row = rows[rows["value"] == "PNG"].iloc[0]
    assert (row["ai"], row["real"], row["balanced accuracy"]) == (1, 0, 1)
    assert row["p (adjusted)"] <= 0.001
    assert in_words(row, ["ai", "real"]) == "format “PNG” in 100.0 % of ai, 0.0 % of real"


def test_a_rare_name_among_others_is_found_by_itself(table):
    rare = (LABELS == "real") & (np.arange(2 * N) % 16 == 0)
    table.loc[rare, "metadata"] = "comment," + table.loc[rare, "metadata"]
    rows = differing(table, LABELS)
    assert found(table) == ["metadata comment"]
    assert rows["balanced accuracy"].iloc[0] == pytest.approx(0.5 + rare.sum() / N / 2)


def test_a_number_is_told_by_its_best_cut_and_shown_by_medians(table):
    table.loc[LABELS == "ai", "width"] = 384.0
    row = differing(table, LABELS).iloc[0]
    assert (row["property"], row["value"], row["ai"]) == ("width", "", 384)
    assert row["balanced accuracy"] > 0.98
    assert in_words(row, ["ai", "real"]).startswith("median width 384 in ai, ")


def test_a_spread_that_differs_is_found_where_the_median_does_not(table):
    table.loc[LABELS == "ai", "width"] = 500.0
    assert found(table) == ["width"]


def test_files_without_a_number_are_left_out_of_its_test(table):
    table["jpeg_quality"] = np.where(LABELS == "ai", np.nan, 90.0)
    assert "jpeg_quality" not in found(table)
    table["jpeg_quality"] = np.where(LABELS == "ai", 80.0, 90.0)
    table.loc[::2, "jpeg_quality"] = np.nan
    assert "jpeg_quality" in found(table)


def test_of_three_classes_each_stands_against_the_rest(table):
    labels = np.resize(["a", "b", "c"], 2 * N)
    table["format"] = np.where(labels == "b", "PNG", "JPEG")
    row = differing(table, labels).query("value == 'PNG'").iloc[0]
    assert (row["a"], row["b"], row["c"], row["balanced accuracy"]) == (0, 1, 0, 1)


def test_the_most_telling_comes_first_and_is_shown_for_people(table):
    table["format"] = np.where(LABELS == "ai", "PNG", "JPEG")
    table.loc[LABELS == "ai", "width"] += 20
    rows = differing(table, LABELS)
    assert rows["balanced accuracy"].is_monotonic_decreasing
    read = shown(rows, ["ai", "real"])
    assert read.loc[0, "ai"] in ("100.0 %", "0.0 %")
    assert read[read["property"] == "width"]["ai"].iloc[0].startswith("5")


def test_labels_of_whole_scenes_at_random_name_nothing(table):
    scenes = np.repeat(np.arange(40), 10)
    table = table.iloc[scenes * 10].reset_index(drop=True)  # images of a scene are alike
    rng = np.random.default_rng(3)
    named = fooled = 0
    for seed in range(10):
        labels = rng.permutation(np.resize(["ai", "real"], 40))[scenes]
        named += len(differing(table, labels, scenes, seed=seed)) > 0
        fooled += len(differing(table, labels, seed=seed)) > 0
    assert named <= 2
    assert fooled >= 5  # as if each image were a scene


def test_a_format_of_one_class_is_named_by_its_scenes(table):
    scenes = np.repeat(np.arange(40), 10)
    table["format"] = np.where(LABELS == "ai", "PNG", "JPEG")
    assert "format PNG" in [row.strip() for row in found(table, units=scenes)]


def test_scenes_that_hold_both_classes_are_compared_within(table):
    scenes = np.tile(np.arange(N // 10), 20)  # 20 scenes, each of 10 images of either class
    table["width"] = 500.0 + scenes
    table.loc[LABELS == "ai", "width"] += 15
    assert "width" in found(table, units=scenes)
    few = np.tile(np.arange(2), N)
    table["width"] = 500.0 + (LABELS == "ai")
    assert found(table, units=few) == []  # two scenes prove nothing


@pytest.mark.parametrize("k", [2, 8])
def test_no_number_of_classes_makes_chance_a_finding(k):
    rng = np.random.default_rng(k)
    named = 0
    for seed in range(8):
        table = pd.DataFrame({"format": rng.choice(["JPEG", "PNG"], 160), "width": rng.choice([512.0, 640, 768], 160)})
        named += len(differing(table, np.resize([f"c{i}" for i in range(k)], 160), seed=seed)) > 0
    assert named <= 2
