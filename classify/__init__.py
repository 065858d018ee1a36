"""Features or pixels in; models, predictions and a report out.

>>> from classify import load_model, predict, tune
>>> tuned = tune("svm")  # on the newest features below artifacts/  # doctest: +SKIP
>>> predict(load_model("svm-photos"), ["photo.jpg"])["predicted"]  # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from classify.predictions import Predictions
    from classify.report.write import write_report
    from classify.stats.evaluation import evaluate
    from classify.trained.model import TrainedModel
    from classify.workspace import load_model, predict, tune

__all__ = ["Predictions", "TrainedModel", "evaluate", "load_model", "predict", "tune", "write_report"]

_HOMES = {
    "Predictions": "classify.predictions",
    "TrainedModel": "classify.trained.model",
    "evaluate": "classify.stats.evaluation",
    "load_model": "classify.workspace",
    "predict": "classify.workspace",
    "tune": "classify.workspace",
    "write_report": "classify.report.write",
}


def __getattr__(name: str):
    """Import on first use, since `--help` needs none of it."""
    if name not in _HOMES:
        raise AttributeError(f"module 'classify' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
