import pandas as pd
import pytest

from pipelines.auditing.findings import Finding
from pipelines.demo.outcome import Outcome

MODELS = {"svm": (0.9, 0.85, 0.95, 0.6), "lenet5": (0.55, 0.4, 0.7, 0.5), "cnn": (0.5, 0.4, 0.6, 0.5)}
MODELS |= {"metadata": (0.5, 0.4, 0.6, 0.5), "vote": (0.99, 0.9, 1.0, 0.9)}


@pytest.fixture
def result():
    scores = [
        {"model": model, "set": name, "accuracy": value, "accuracy_low": low, "accuracy_high": high}
        for model, (value, low, high, external) in MODELS.items()
        for name, value in (("test", value), ("custom", external))
    ]
    folds = [{"model": model, "scoring": "accuracy", "mean": values[0]} for model, values in MODELS.items()]
    before = Finding("FX101", "critical", "", 1.0, 0.9, 1.0)
    return Outcome(before, Finding("FX101", "ok", "", 0.5, 0.4, 0.6), pd.DataFrame(scores), pd.DataFrame(folds))
