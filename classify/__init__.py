"""Features or pixels in; models, predictions and a report out.

>>> from classify import FIGURES, evaluate, load_model, predict, tune, write_report
>>> tuned = tune("svm")  # on the newest features below artifacts/  # doctest: +SKIP
>>> predict(load_model("svm-photos"), ["photo.jpg"])["predicted"]  # doctest: +SKIP
>>> evaluation = evaluate()  # all numbers of the newest report; its `scores` is a DataFrame  # doctest: +SKIP
>>> FIGURES["roc"](evaluation)  # a matplotlib figure  # doctest: +SKIP
>>> write_report(evaluation, "my-report")  # doctest: +SKIP
"""

from typing import TYPE_CHECKING

from featex.system.public import on_first_use

if TYPE_CHECKING:
    from classify.predictions import Predictions
    from classify.report.figures import FIGURES
    from classify.report.write import write_report
    from classify.trained.model import TrainedModel
    from classify.workspace import evaluate, load_model, predict, tune

__all__ = ["FIGURES", "Predictions", "TrainedModel", "evaluate", "load_model", "predict", "tune", "write_report"]

_HOMES = {
    "FIGURES": "classify.report.figures",
    "Predictions": "classify.predictions",
    "TrainedModel": "classify.trained.model",
    "evaluate": "classify.workspace",
    "load_model": "classify.workspace",
    "predict": "classify.workspace",
    "tune": "classify.workspace",
    "write_report": "classify.report.write",
}

__getattr__ = on_first_use(__name__, _HOMES)
