import numpy as np
import pandas as pd
import pytest

from classify.errors import DataError
from featex.errors import InputError
from pipelines.sources import crossing as sources
from pipelines.sources.crossing import crossing, origins


def table(*parts, **columns) -> pd.DataFrame:
    """Rows of (split, label, source, n)."""
    rows = pd.DataFrame(
        [(split, label, source) for split, label, source, n in parts for _ in range(n)],
        columns=["split", "label", "source"],
    )
    rows = rows.assign(group="", key=[f"{i:064x}" for i in range(len(rows))])
    return rows.assign(**columns)


GENERATORS = (("train", "ai", "ai/sd", 40), ("train", "ai", "ai/mj", 60), ("train", "real", "real", 90))


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (GENERATORS, ["mj", "real", "sd"]),
        (
            (("train", "ai", "train/ai", 1), ("test", "ai", "test/ai", 1), ("custom", "ai", "custom/ai", 1)),
            ["custom", "toy"],
        ),
        ((("train", "ai", "ai", 1), ("train", "real", "real", 1), ("wild", "ai", "ai", 1)), ["toy", "wild"]),
        ((("", "ai", "sd", 1), ("", "ai", "mj", 1), ("", "real", "camera", 1)), ["camera", "mj", "sd"]),
        (
            (("train", "ai", "ai/art", 1), ("train", "real", "real/art", 1), ("train", "ai", "ai/photo", 1)),
            ["art", "photo"],
        ),
        ((("train", "ai", "images", 1), ("train", "real", "images", 1), ("wild", "ai", "images", 1)), ["toy", "wild"]),
        ((("train", "ai", "/d/x/sd", 1), ("valid", "ai", "/d/x/valid/sd", 1)), ["sd"]),
    ],
)
def test_an_origin_is_what_tells_more_than_set_and_class(parts, expected):
    assert sorted(set(origins(table(*parts), "toy").tolist())) == expected


def test_images_without_a_label_come_from_nowhere():
    rows = table(("train", "", "ai/sd", 2))
    assert origins(rows, "toy").tolist() == ["", ""]


def test_generators_are_compared_against_the_same_other_images():
    rows = table(*GENERATORS)
    cross = crossing(rows, "toy")
    assert cross.sources == ("mj", "sd")
    assert cross.varied == "ai"
    assert cross.n_class == 32  # the smaller source but for a fold
    labels, origin = rows["label"].to_numpy(), origins(rows, "toy")
    for fold in cross.folds:
        sd, mj = (cross.training(source, fold) for source in ("sd", "mj"))
        for source, index in (("sd", sd), ("mj", mj)):
            assert len(set(index)) == 64
            assert set(origin[index][labels[index] == "ai"]) == {source}
            assert (labels[index] == "real").sum() == 32
            assert not (cross.fold[index] == fold).any()
        assert set(sd[labels[sd] == "real"]) == set(mj[labels[mj] == "real"])
    for source, n in (("sd", 40), ("mj", 60)):
        judged, own = cross.test[source], cross.from_source[source]
        assert pd.Series(labels[judged]).value_counts().to_dict() == {"ai": n, "real": n}
        assert (own == (labels[judged] == "ai")).all()
        assert (cross.fold[judged] >= 0).all()
    assert "images of real are held fixed" in cross.notes[1]


def test_sources_with_all_classes_bring_their_own():
    rows = table(
        *((("train"), label, f"{label}/{source}", 30) for label in ("ai", "real") for source in ("art", "photo"))
    )
    cross = crossing(rows, "toy")
    assert cross.sources == ("art", "photo")
    assert cross.varied == ""
    origin = origins(rows, "toy")
    for source in cross.sources:
        assert set(origin[cross.training(source, 0)]) == {source}
        assert set(origin[cross.test[source]]) == {source}
        assert cross.from_source[source].all()


def test_a_custom_set_is_a_source_and_says_that_it_trains():
    parts = [("train", c, c, 60) for c in ("ai", "real")] + [("wild", c, c, 30) for c in ("ai", "real")]
    cross = crossing(table(*parts), "toy")
    assert cross.sources == ("toy", "wild")
    assert "test images of wild train too" in cross.notes[-1]


def test_a_source_with_all_classes_among_generators_is_told_apart():
    parts = (*GENERATORS, ("wild", "ai", "ai", 30), ("wild", "real", "real", 30))
    cross = crossing(table(*parts), "toy")
    assert cross.sources == ("mj", "sd", "wild")
    assert "But wild has its own." in cross.notes[1]
    labels = table(*parts)["label"].to_numpy()
    assert set(labels[cross.test["wild"][cross.from_source["wild"]]]) == {"ai"}


def test_test_images_judge_and_training_images_train_where_both_are_enough():
    parts = [(split, "ai", f"ai/{source}", n) for source in ("sd", "mj") for split, n in (("train", 40), ("test", 25))]
    rows = table(*parts, ("train", "real", "real", 80), ("test", "real", "real", 30))
    cross = crossing(rows, "toy")
    for source in cross.sources:
        assert set(rows["split"].iloc[cross.test[source]]) == {"test"}
        assert set(rows["split"].iloc[cross.training(source, 0)]) == {"train"}
        assert len(cross.test[source]) == 50
    assert not any("train too" in note for note in cross.notes)


def test_no_group_and_no_copy_stands_on_both_sides_of_a_fold():
    rows = table(("train", "ai", "ai/sd", 60), ("train", "ai", "ai/mj", 60), ("train", "real", "real", 60))
    rows["group"] = [f"prompt {i % 30}" if i < 120 else "" for i in range(180)]  # generators share prompts
    rows.loc[179, "key"] = rows.loc[120, "key"]
    cross = crossing(rows, "toy")
    fold = pd.Series(cross.fold)
    assert fold.groupby(rows["group"].where(rows["group"] != "", rows["key"])).nunique().max() == 1
    for number in cross.folds:
        index = cross.training("sd", number)
        assert not set(rows["group"].iloc[index]) & set(rows["group"].iloc[np.flatnonzero(fold == number)]) - {""}


def test_a_source_of_too_few_images_is_left_out_and_named():
    rows = table(*GENERATORS, ("train", "ai", "ai/tiny", sources.LEAST - 1))
    cross = crossing(rows, "toy")
    assert "tiny" not in cross.sources
    assert any("tiny is left out: it has 19 images of ai" in note for note in cross.notes)


@pytest.mark.parametrize(
    "parts",
    [
        (("train", "ai", "ai", 50), ("train", "real", "real", 50)),
        (("train", "ai", "ai/sd", 50), ("train", "ai", "ai/mj", 5), ("train", "real", "real", 50)),
        (("train", "ai", "ai/sd", 50), ("train", "ai", "ai/mj", 50), ("train", "real", "real", 5)),
    ],
)
def test_one_source_a_class_leaves_nothing_to_compare_and_says_what_would(parts):
    with pytest.raises(DataError, match=r"nothing to compare.*give each source a folder inside its class"):
        crossing(table(*parts), "toy")


def test_one_class_cannot_be_told_from_anything():
    with pytest.raises(DataError, match="only ai"):
        crossing(table(("train", "ai", "ai/sd", 50)), "toy")
    with pytest.raises(DataError, match="only no class"):
        crossing(table(("train", "", "ai/sd", 50)), "toy")


def test_the_class_that_is_varied_can_be_chosen():
    rows = table(
        *((("train"), label, name, 30) for label, name in (("ai", "sd"), ("ai", "mj"), ("real", "a"), ("real", "b")))
    )
    assert crossing(rows, "toy").sources == ("mj", "sd")
    assert crossing(rows, "toy", vary="real").sources == ("a", "b")
    with pytest.raises(InputError, match="did you mean 'real'"):
        crossing(rows, "toy", vary="rael")
    only = table(("train", "ai", "sd", 30), ("train", "real", "a", 30), ("train", "real", "b", 30))
    assert crossing(only, "toy").varied == "real"
    with pytest.raises(DataError, match="nothing to compare"):
        crossing(only, "toy", vary="ai")


def test_few_large_groups_take_fewer_folds_or_are_refused():
    rows = table(("train", "ai", "ai/sd", 40), ("train", "ai", "ai/mj", 40), ("train", "real", "real", 40))
    rows["group"] = [f"{i // 20}" for i in range(120)]
    assert len(crossing(rows, "toy").folds) == 2
    rows["group"] = [f"{i}" if i < 80 else "one" for i in range(120)]
    with pytest.raises(DataError, match=r"the images of real form too few groups \(1\)"):
        crossing(rows, "toy")


def test_what_is_drawn_is_bounded_and_depends_on_the_seed(monkeypatch):
    monkeypatch.setattr(sources, "MOST", 25)
    rows = table(*GENERATORS)
    one, same, other = (crossing(rows, "toy", seed=seed) for seed in (0, 0, 1))
    assert one.n_class == 25
    assert {len(index) for index in one.test.values()} == {50}
    np.testing.assert_array_equal(one.test["mj"], same.test["mj"])
    np.testing.assert_array_equal(one.fold, same.fold)
    assert set(one.test["mj"]) != set(other.test["mj"])
