import numpy as np
import pandas as pd
import pytest

from classify.figures_reliability import draw
from classify.predictions import VALIDATION
from classify.reliability import AFTER, BEFORE


@pytest.fixture
def points():
    parts = []
    for name in (VALIDATION, "test", "wild"):
        for model in ("svm", "cnn"):
            for calibration in (BEFORE, AFTER) if model == "svm" else (AFTER,):
                part = pd.DataFrame({"confidence": np.linspace(0.6, 0.9, 4), "right": [0.5, 0.6, 0.8, 1.0], "n": 25})
                part["right_low"], part["right_high"] = part["right"] - 0.1, part["right"]
                parts.append(part.assign(set=name, model=model, calibration=calibration, bin=range(4), bins=4))
    return pd.concat(parts, ignore_index=True)


def test_a_set_has_its_panel_with_a_curve_a_model_and_calibration(points):
    figure = draw(points)
    assert [axes.get_title().split(",")[0] for axes in figure.axes] == ["validation", "held-out", "wild"]
    for axes in figure.axes:
        assert len(axes.lines) == 1 + 3  # the diagonal, svm before and after, cnn
        np.testing.assert_allclose(axes.lines[2].get_ydata(), [50, 60, 80, 100])
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("sure of its answer (%)", "right (%)")
    assert "n = 100" in figure.axes[0].get_title()
    assert "its calibration was fitted here" in figure.axes[0].get_title()
    assert "fitted" not in figure.axes[1].get_title()


def test_the_key_tells_models_apart_and_names_what_is_dashed(points):
    (legend,) = draw(points).legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == ["svm", "cnn", "before calibration", "right as often as it says"]
    after = draw(points[points["calibration"] == AFTER]).legends[0]
    assert "before calibration" not in [text.get_text() for text in after.get_texts()]
