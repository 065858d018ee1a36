import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.metrics import accuracy_score, balanced_accuracy_score, roc_auc_score

from classify.errors import DataError, ModelError
from classify.models.registry import MODELS
from classify.stats.intervals import difference, wilson
from classify.trained.passport import DataFacts, Passport
from featex.errors import InputError
from pipelines.sources import transfer as room
from pipelines.sources.crossing import crossing
from pipelines.sources.transfer import CELLS, kept_params, summarise, transfer


@pytest.fixture
def generators(make_sources):
    """sd and mj look alike, dalle otherwise."""
    return make_sources(
        ("ai", "ai/sd", 60, 0), ("ai", "ai/mj", 70, 0), ("ai", "ai/dalle", 60, 1), ("real", "real", 90, None)
    )


@pytest.fixture
def few_trees(monkeypatch):
    for name in ("forest", "metadata"):
        spec = MODELS[name]

        def build(build=spec.build, **params):
            return build(**params).set_params(n_estimators=10, n_jobs=1)

        monkeypatch.setitem(MODELS, name, room.get_model(name).__class__(**{**vars(spec), "build": build}))


def test_what_is_learnt_holds_for_the_alike_and_not_for_the_other(generators):
    done = transfer(generators, ["logreg"])
    table = done.table.set_index(["train_source", "test_source"])
    assert list(done.table) == list(CELLS)
    assert len(table) == 9
    alike = [(a, b) for a in ("sd", "mj") for b in ("sd", "mj")]
    assert table.loc[alike, "accuracy"].min() > 0.85
    for a in ("sd", "mj"):
        for cell in ((a, "dalle"), ("dalle", a)):
            row = table.loc[cell]
            assert row["accuracy"] < 0.7
            assert row["own"] < 0.4
    assert (table["n_train"] == table["n_train"].iloc[0]).all()
    assert (table["guess"] == 0.5).all()
    summary = done.summary.iloc[0]
    diagonal = done.table["train_source"] == done.table["test_source"]
    assert summary["same"] == pytest.approx(done.table.loc[diagonal, "accuracy"].mean())
    assert summary["other"] == pytest.approx(done.table.loc[~diagonal, "accuracy"].mean())
    assert summary["fall"] == pytest.approx(summary["same"] - summary["other"])
    assert summary["fall_low"] > 0.1
    worst = done.table[~diagonal].nsmallest(1, "accuracy").iloc[0]
    assert (summary["worst_train"], summary["worst_test"]) == (worst["train_source"], worst["test_source"])
    (said,) = done.sentences
    assert said.startswith("Trained on one source of ai against real, logreg has an accuracy of ")
    for words in ("the 2 other sources", "a fall of", f"{worst['train_source']} → {worst['test_source']}: "):
        assert words in said
    assert "no better than guessing" in said


def test_sources_that_are_alike_show_no_fall(make_sources):
    done = transfer(make_sources(("ai", "ai/a", 60, 0), ("ai", "ai/b", 60, 0), ("real", "real", 60, None)), ["svm"])
    assert done.summary["fall_low"].iloc[0] < 0 < done.summary["fall_high"].iloc[0]
    assert "no significant change" in done.sentences[0]


def test_whole_sources_are_judged_with_their_own_images(make_sources):
    parts = [(label, f"{label}/{source}", 60, place) for label, place in (("ai", 0), ("real", None)) for source in "ab"]
    done = transfer(make_sources(*parts), ["logreg"])
    assert (done.table["n_own"] == done.table["n"]).all()
    np.testing.assert_allclose(done.table["own"], done.table["accuracy"])
    assert done.sentences[0].startswith("Trained on one source, logreg has an accuracy of ")
    assert "on the other source:" in done.sentences[0]
    assert "recognises" not in done.sentences[0]


def test_cells_agree_with_a_plain_recomputation(generators):
    """Each fold fitted here once more, by hand, and judged by scikit-learn."""
    done = transfer(generators, ["logreg"], seed=3).table.set_index(["train_source", "test_source"])
    cross, y = crossing(generators.rows, "toy", seed=3), generators.y
    for source in cross.sources:
        p, said = np.zeros(len(y)), np.full(len(y), "", dtype=object)
        for fold in cross.folds:
            train, rest = cross.training(source, fold), cross.fold == fold
            assert not set(train) & set(np.flatnonzero(rest))
            fitted = MODELS["logreg"].build(C=1.0, class_weight=None).fit(generators.X[train], y[train])
            p[rest], said[rest] = -fitted.decision_function(generators.X[rest]), fitted.predict(generators.X[rest])
        for other in cross.sources:
            rows, row = cross.test[other], done.loc[(source, other)]
            assert row["accuracy"] == pytest.approx(accuracy_score(y[rows], said[rows]))
            assert row["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(y[rows], said[rows]))
            assert row["roc_auc"] == pytest.approx(roc_auc_score(y[rows] == "ai", p[rows]))
            assert (row["low"], row["high"]) == pytest.approx(wilson((y[rows] == said[rows]).sum(), len(rows)))
            ai = rows[y[rows] == "ai"]
            assert row["own"] == pytest.approx((said[ai] == "ai").mean())
            assert row["n"] == len(rows) == 2 * row["n_own"]


def test_the_model_that_sees_no_picture_comes_last_and_is_said_to_be_blind(generators, few_trees):
    rows = generators.rows
    rows["width"] = np.where(rows["source"] == "ai/sd", 999, rows["width"])
    done = transfer(generators, ["metadata", "logreg", "metadata"])
    assert done.summary["model"].tolist() == ["logreg", "metadata"]
    assert done.summary["metadata_only"].tolist() == [False, True]
    assert done.sentences[1].startswith("By file metadata only: trained on one source of ai against real, metadata")
    cells = done.table[done.table["model"] == "metadata"].set_index(["train_source", "test_source"])
    assert cells.loc[("sd", "sd"), "accuracy"] == 1
    assert cells.loc[("sd", "mj"), "own"] == 0


def test_kept_parameters_are_used_and_others_are_the_recipe(generators, monkeypatch):
    asked = []
    spec = MODELS["logreg"]

    def build(**params):
        asked.append(params)
        return spec.build(**params)

    monkeypatch.setitem(MODELS, "logreg", spec.__class__(**{**vars(spec), "build": build}))
    transfer(generators, ["logreg"], params={"logreg": {"C": 0.01, "class_weight": "balanced"}})
    assert {params["C"] for params in asked} == {0.01}
    assert len(asked) == 3 * 5
    asked.clear()
    transfer(generators, ["logreg"], params={"svm": {"C": 7}})
    assert asked[0] == spec.first(8)[0]


def test_parameters_are_those_of_the_newest_model_of_these_very_features(generators):
    def passport(model, fingerprint="1", name="toy", C=1):
        extractor = None if fingerprint is None else {"fingerprint": fingerprint}
        return Passport(model, model=model, data=DataFacts(set=name), extractor=extractor, params={"C": C})

    found = kept_params(
        generators,
        [
            passport("svm", C=1),
            passport("svm", C=2),
            passport("svm", "other", C=3),
            passport("svm", name="other", C=4),
            passport("metadata", None, C=5),
            passport("resnet18", None, C=6),
        ],
    )
    assert found == {"svm": {"C": 2}, "metadata": {"C": 5}}


def test_more_images_of_one_answer_make_no_narrower_interval():
    """Ten answers for each of 50 images that always agree are worth 50 images, whose variance is known by 49 degrees
    of freedom; so are groups."""
    cells = [{"model": "svm", "train_source": a, "test_source": b} for a in "ab" for b in "ab"]
    table = pd.DataFrame(cells).assign(n_train=1, n=50, guess=0.5, accuracy=0.6, low=0.4, high=0.7, own=0.6)
    right = np.arange(50) < 30
    said = [pd.DataFrame({"unit": range(50), "right": right, "weight": 1 / 50, "same": same}) for same in (True, False)]
    said = pd.concat(said * 10).assign(model="svm")
    row = summarise(table, said).iloc[0]
    assert (row["same"], row["same_low"], row["same_high"]) == pytest.approx((0.6, *wilson(30, 50)), abs=0.01)
    grouped = summarise(table, said.assign(unit=said["unit"] // 2)).iloc[0]
    assert (grouped["other_low"], grouped["other_high"]) == pytest.approx(wilson(15, 25), abs=0.015)
    few = summarise(table, said.assign(unit=said["unit"] // 13)).iloc[0]
    assert few[["same_low", "other_high", "fall_low"]].isna().all()
    assert "no better" not in few["sentence"].split("The worst")[0]
    assert row["fall_low"] < 0 < row["fall_high"]


def test_the_interval_of_the_fall_knows_that_both_means_are_of_the_same_images():
    """An image is as hard for every model; 100 draws of 2 sources with 60 images, so the standard error is 2 points."""
    cells = [{"model": "svm", "train_source": a, "test_source": b} for a in "ab" for b in "ab"]
    table = pd.DataFrame(cells).assign(n_train=1, n=60, guess=0.5, accuracy=0.6, low=0.4, high=0.7, own=0.6)
    rng, held, widths = np.random.default_rng(0), [], []
    for _ in range(100):
        hard, said = rng.normal(size=120), []
        for same, threshold in ((True, 1.0), (False, 0.4)):
            right = (hard + 0.5 * rng.normal(size=120)) / 1.25**0.5 < threshold
            said.append(pd.DataFrame({"unit": range(120), "right": right, "weight": 1 / 60, "same": same}))
        row = summarise(table, pd.concat(said).assign(model="svm")).iloc[0]
        held.append(row["fall_low"] <= norm.cdf(1) - norm.cdf(0.4) <= row["fall_high"])
        same, other = (tuple(row[[name, f"{name}_low", f"{name}_high"]]) for name in ("same", "other"))
        widths.append((row["fall_high"] - row["fall_low"]) / np.ptp(difference(same, other)[1:]))
    assert np.mean(held) > 0.89
    assert np.mean(widths) < 0.8


def test_a_rise_and_worse_than_guessing_are_said():
    cells = [{"model": "svm", "train_source": a, "test_source": b} for a in "ab" for b in "ab"]
    table = pd.DataFrame(cells).assign(n_train=1, n=400, guess=0.5, accuracy=0.2, low=0.17, high=0.23, own=0.2)
    said = [
        pd.DataFrame({"unit": range(400), "right": np.arange(400) < n, "weight": 1 / 400, "same": same})
        for n, same in ((80, True), (300, False))
    ]
    row = summarise(table, pd.concat(said).assign(model="svm")).iloc[0]
    sentence = row["sentence"]
    assert (row["worst_train"], row["worst_test"]) == ("a", "b")  # a source and itself are no such pair
    assert "a rise of 55.0 points" in sentence
    assert "20.0 % (17.0–23.0), worse than guessing" in sentence


def test_models_that_cannot_be_tried_are_refused_with_those_that_can(generators, make_sources):
    with pytest.raises(ModelError, match=r"lenet5 reads pixels.*take svm, logreg, forest, metadata"):
        transfer(generators, ["lenet5"])
    with pytest.raises(InputError, match="did you mean 'svm'"):
        transfer(generators, ["svn"])
    with pytest.raises(DataError, match="nothing to compare"):
        transfer(make_sources(("ai", "ai", 30, 0), ("real", "real", 30, None)), ["svm"])


def test_equal_seeds_give_equal_tables(generators, few_trees):
    tables = [transfer(generators, ["forest"], seed=seed).table for seed in (0, 0, 1)]
    pd.testing.assert_frame_equal(tables[0], tables[1])
    assert not tables[0].equals(tables[2])
