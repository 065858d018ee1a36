from functools import cache

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from classify.errors import DataError
from classify.predictions import VALIDATION, Predictions
from classify.report.figures import FIGURES
from classify.stats.evaluation import ModelFacts, evaluate
from classify.stats.intervals import wilson


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
evaluated = cache(lambda case: evaluate(CASES[case]))


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_drawn_or_says_why_not(name, case, tmp_path):
    drawing, evaluation = FIGURES[name], evaluated(case)
    if drawing.rows(evaluation).empty:
        with pytest.raises(DataError, match="nothing"):
            drawing(evaluation)
    else:
        figure = drawing(evaluation)
        assert isinstance(figure, Figure)
        figure.savefig(tmp_path / "drawn.png", dpi=30)


def epochs(n, validated=True):
    rows = [{"epoch": i + 1, "train_loss": 1 / (i + 1), "train_acc": 0.5 + i / 20} for i in range(n)]
    return [{**row, "valid_loss": 0.9 if validated else None, "valid_acc": 0.5 if validated else None} for row in rows]


def test_training_shows_loss_and_accuracy_of_every_epoch_of_the_models_compared(tmp_path):
    fits = ({"fit": "fold 1", "epochs": epochs(3)}, {"fit": "all", "epochs": epochs(2, False)})
    evaluation = evaluate(USUAL, {"logreg": ModelFacts(training=fits), "elsewhere": ModelFacts(training=fits)})
    rows = FIGURES["training"].rows(evaluation)
    assert set(rows["model"]) == {"logreg"}
    assert len(rows) == 3 * 4 + 2 * 2  # without a validation part half of it
    loss = rows.query("fit == 'fold 1' and measure == 'loss' and side == 'training'")
    assert loss["value"].tolist() == [1, 1 / 2, 1 / 3]
    figure = FIGURES["training"](evaluation)
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "accuracy (%)"]
    assert [len(axes.lines) for axes in figure.axes] == [3, 3]
    figure.savefig(tmp_path / "drawn.png", dpi=30)


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_labelled_draws_nothing(name):
    assert FIGURES[name].rows(evaluate(Predictions(USUAL.table.assign(label="")))).empty


def test_accuracy_shows_intervals_on_unseen_sets_and_spread_on_validation():
    rows = FIGURES["accuracy"].rows(evaluated("usual")).set_index(["model", "set"])
    assert rows.index.tolist() == [(m, s) for m in ("svm", "logreg") for s in (VALIDATION, "test", "custom")]
    test = rows.loc[("svm", "test")]
    assert (test["n"], test["value"], test["chance"]) == (24, 0.75, 0.5)
    assert (test["low"], test["high"]) == wilson(18, 24)
    seen = rows.loc[("svm", VALIDATION)]
    assert (seen["value"], seen["low"], seen["high"]) == (0.75, 0.75, 0.75)  # all folds alike, so no spread
