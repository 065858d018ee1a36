import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn.metrics import roc_auc_score

from classify.errors import DataError
from classify.figures import FIGURES
from classify.intervals import wilson
from classify.predictions import VALIDATION, Predictions


def said(sets, models=("svm", "logreg"), classes=("ai", "real"), only=None):
    """Three images of four are called right; `only` names a set whose images are all of the first class."""
    parts = []
    for seed, model in enumerate(models):
        for name, n in sets.items():
            p = np.random.default_rng(seed).dirichlet(np.ones(len(classes)), n)
            truth = np.zeros(n, int) if name == only else np.arange(n) % len(classes)
            decided = np.where(np.arange(n) % 4 > 0, truth, (truth + 1) % len(classes))
            part = pd.DataFrame({"label": np.array(classes)[truth], "predicted": np.array(classes)[decided]})
            part = part.assign(
                model=model, set=name, path=[f"{i}.jpg" for i in range(n)], split="", source="", group=""
            )
            part["fold"] = np.arange(n) // 4 % 5 if name == VALIDATION else -1
            parts.append(part.assign(**{f"prob_{c}": p[:, i] for i, c in enumerate(classes)}))
    return Predictions(pd.concat(parts, ignore_index=True))


USUAL = said({VALIDATION: 40, "test": 24, "custom": 16})
CASES = {
    "usual": USUAL,
    "no custom set": said({VALIDATION: 40, "test": 24}),
    "custom of one class": said({VALIDATION: 40, "test": 24, "fakes": 16}, only="fakes"),
    "four classes": said({"test": 24}, classes=("a", "b", "c", "d")),
    "many sets and models": said({"test": 24, **{f"set {i}": 8 for i in range(6)}}, models=[f"m{i}" for i in range(9)]),
    "hostile names": said({"$x_{$": 16}, models=["_m^$", "100%\n<b>"], classes=("$a_{$", "b" * 60, "日")),
}


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_drawn_or_says_why_not(name, case, tmp_path):
    drawing = FIGURES[name]
    if drawing.rows(CASES[case], None).empty:
        with pytest.raises(DataError, match="nothing"):
            drawing(CASES[case])
    else:
        figure = drawing(CASES[case])
        assert isinstance(figure, Figure)
        figure.savefig(tmp_path / "drawn.png", dpi=30)


def epochs(n, validated=True):
    rows = [{"epoch": i + 1, "train_loss": 1 / (i + 1), "train_acc": 0.5 + i / 20} for i in range(n)]
    return [{**row, "valid_loss": 0.9 if validated else None, "valid_acc": 0.5 if validated else None} for row in rows]


TRAINED = [
    {"name": "svm", "training": []},
    {
        "name": "logreg",
        "training": [{"fit": "fold 1", "epochs": epochs(3)}, {"fit": "all", "epochs": epochs(2, False)}],
    },
    {"name": "elsewhere", "training": [{"fit": "all", "epochs": epochs(3)}]},
]


def test_training_shows_loss_and_accuracy_of_every_epoch_of_the_models_compared(tmp_path):
    rows = FIGURES["training"].rows(USUAL, None, TRAINED)
    assert set(rows["model"]) == {"logreg"}
    assert len(rows) == 3 * 4 + 2 * 2  # without a validation part half of it
    loss = rows.query("fit == 'fold 1' and measure == 'loss' and side == 'training'")
    assert loss["value"].tolist() == [1, 1 / 2, 1 / 3]
    figure = FIGURES["training"](USUAL, None, TRAINED)
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "accuracy (%)"]
    assert [len(axes.lines) for axes in figure.axes] == [3, 3]
    figure.savefig(tmp_path / "drawn.png", dpi=30)


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_labelled_draws_nothing(name):
    assert FIGURES[name].rows(Predictions(USUAL.table.assign(label="")), None).empty


def test_accuracy_shows_intervals_on_unseen_sets_and_spread_on_validation():
    rows = FIGURES["accuracy"].rows(USUAL, None).set_index(["model", "set"])
    assert rows.index.tolist() == [(m, s) for m in ("svm", "logreg") for s in (VALIDATION, "test", "custom")]
    test = rows.loc[("svm", "test")]
    assert (test["n"], test["value"], test["chance"]) == (24, 0.75, 0.5)
    assert (test["low"], test["high"]) == wilson(18, 24)
    seen = rows.loc[("svm", VALIDATION)]
    assert (seen["value"], seen["low"], seen["high"]) == (0.75, 0.75, 0.75)  # all folds alike, so no spread


def test_confusion_counts_unseen_images_and_shares_of_the_true_class():
    rows = FIGURES["confusion"].rows(USUAL, None)
    assert set(rows["set"]) == {"test", "custom"}
    assert rows.groupby(["model", "set"])["count"].sum().to_dict() == {
        (model, name): n for model in ("svm", "logreg") for name, n in (("test", 24), ("custom", 16))
    }
    assert rows.groupby(["model", "set", "truth"])["share"].sum().eq(1).all()
    part = rows[(rows["model"] == "svm") & (rows["set"] == "test")].set_index(["truth", "predicted"])["count"]
    assert part[[("ai", "ai"), ("ai", "real"), ("real", "ai"), ("real", "real")]].tolist() == [6, 6, 0, 12]


def test_roc_follows_the_positive_class():
    part = USUAL.table.query("model == 'svm' and set == 'test'")
    for positive in ("ai", "real"):
        rows = FIGURES["roc"].rows(USUAL, positive).query("model == 'svm' and set == 'test'")
        area = np.trapezoid(rows["found"], rows["false_alarms"])
        assert area == pytest.approx(roc_auc_score(part["label"] == positive, part[f"prob_{positive}"]))
        assert rows["auc"].iloc[0] == pytest.approx(area)


def test_roc_leaves_out_sets_of_one_class_and_more_than_two_classes():
    assert set(FIGURES["roc"].rows(CASES["custom of one class"], None)["set"]) == {"test"}
    assert FIGURES["roc"].rows(CASES["four classes"], None).empty
