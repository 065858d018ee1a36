import pytest
from matplotlib.figure import Figure

from classify.errors import DataError
from classify.predictions import VALIDATION, Predictions
from classify.report.figures import FIGURES
from classify.stats.evaluation import ModelFacts, evaluate
from classify.stats.intervals import wilson

USUAL = {key: {VALIDATION: (40, 0.75), "test": (24, 0.75), "custom": (16, 0.75)} for key in ("svm", "logreg")}
MANY = {f"m{i}": {"test": (24, 0.6), **{f"set {i}": (8, 0.5) for i in range(6)}} for i in range(9)}
CASES = {
    "usual": (USUAL,),
    "no custom set": ({"svm": {VALIDATION: (40, 0.75), "test": (24, 0.75)}},),
    "custom of one class": ({"svm": {"test": (24, 0.75), "fakes": (16, 0.5)}}, ("ai", "real"), "fakes"),
    "four classes": ({"svm": {"test": (24, 0.75)}}, ("a", "b", "c", "d")),
    "many sets and models": (MANY,),
    "hostile names": ({key: {"$x_{$": (16, 0.75)} for key in ("_m^$", "100%\n<b>")}, ("$a_{$", "b" * 60, "日")),
}


@pytest.fixture(scope="module")
def evaluations(predicted):
    return {name: evaluate(predicted(*case)) for name, case in CASES.items()}


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_drawn_or_says_why_not(name, case, evaluations, tmp_path):
    drawing, evaluation = FIGURES[name], evaluations[case]
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


def test_training_shows_loss_and_accuracy_of_every_epoch_of_the_models_compared(predicted, tmp_path):
    fits = ({"fit": "fold 1", "epochs": epochs(3)}, {"fit": "all", "epochs": epochs(2, False)})
    facts = {"logreg": ModelFacts(training=fits), "elsewhere": ModelFacts(training=fits)}
    evaluation = evaluate(predicted(USUAL), facts)
    rows = FIGURES["training"].rows(evaluation)
    assert set(rows["model"]) == {"logreg"}
    assert len(rows) == 3 * 4 + 2 * 2  # without a validation part half of it
    loss = rows.query("fit == 'fold 1' and measure == 'loss' and side == 'training'")
    assert loss["value"].tolist() == [1, 1 / 2, 1 / 3]
    figure = FIGURES["training"](evaluation)
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "accuracy (%)"]
    assert [len(axes.lines) for axes in figure.axes] == [3, 3]
    figure.savefig(tmp_path / "drawn.png", dpi=30)


def test_nothing_labelled_draws_nothing(predicted):
    evaluation = evaluate(Predictions(predicted(USUAL).table.assign(label="")))
    assert all(drawing.rows(evaluation).empty for drawing in FIGURES.values())


def test_accuracy_shows_intervals_on_unseen_sets_and_spread_on_validation(evaluations):
    rows = FIGURES["accuracy"].rows(evaluations["usual"]).set_index(["model", "set"])
    assert rows.index.tolist() == [(m, s) for m in ("svm", "logreg") for s in (VALIDATION, "test", "custom")]
    test, validation = rows.loc[("svm", "test")], rows.loc[("svm", VALIDATION)]
    assert (test["n"], test["value"], test["chance"], test["low"], test["high"]) == (24, 0.75, 0.5, *wilson(18, 24))
    folds = evaluations["usual"].folds.query("model == 'svm' and scoring == 'accuracy'").iloc[0]
    assert (validation["value"], validation["high"]) == (folds["mean"], folds["mean"] + folds["std"])
