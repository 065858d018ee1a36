import pandas as pd
import pytest
from matplotlib.colors import to_hex

from classify.predictions import VALIDATION
from classify.report.figures_reliability import draw

BLUE, ORANGE = "#0072B2", "#E69F00"


def points(models=("svm", "cnn"), sets=(VALIDATION, "test"), before=("svm",)):
    rows = []
    for model in models:
        for name in sets:
            for calibration in ("before", "after") if model in before else ("after",):
                for i, confidence in enumerate((0.6, 0.9)):
                    at = {"bin": i, "bins": 2, "n": 25, "confidence": confidence, "right": 0.5 + i / 4}
                    limits = {"right_low": 0.3 + i / 4, "right_high": 0.7 + i / 4}
                    rows.append({"set": name, "model": model, "calibration": calibration, **at, **limits})
    return pd.DataFrame(rows)


def test_a_panel_a_set_a_curve_a_model_and_before_dashed():
    figure = draw(points())
    assert [axes.get_title() for axes in figure.axes] == [
        "cross-validation, n = 50\ncalibration was fitted here",
        "test set, n = 50",
    ]
    for axes in figure.axes:
        diagonal, *curves = axes.lines
        assert diagonal.get_xydata().tolist() == [[0, 0], [100, 100]]
        styles = [(line.get_linestyle(), to_hex(line.get_color()).upper()) for line in curves]
        assert styles == [("--", BLUE), ("-", BLUE), ("-", ORANGE)]
        assert curves[1].get_xydata().tolist() == [[60, 50], [90, 75]]
        assert len(axes.collections) == 2  # intervals of what is said after calibration
        segments = [segment.round(6).tolist() for segment in axes.collections[0].get_segments()]
        assert segments == [[[60, 30], [60, 70]], [[90, 55], [90, 95]]]
        assert axes.get_xlabel() == "confidence (%)"


def test_before_is_in_the_key_only_where_there_is_such_a_curve():
    keys = [text.get_text() for text in draw(points()).legends[0].get_texts()]
    assert keys == ["svm", "cnn", "before calibration", "perfectly calibrated"]
    assert "before calibration" not in [text.get_text() for text in draw(points(before=())).legends[0].get_texts()]


def test_no_two_of_many_models_look_alike():
    axes = draw(points(models=[f"m{i}" for i in range(20)], before=())).axes[0]
    assert len({(line.get_color(), line.get_marker()) for line in axes.lines[1:]}) == 20


@pytest.mark.parametrize("sets", [("a",), tuple("abcd")])
def test_any_number_of_sets_has_its_panels_and_no_empty_one(sets, tmp_path):
    figure = draw(points(sets=sets))
    assert len(figure.axes) == len(sets)
    figure.savefig(tmp_path / "drawn.png", dpi=30)


def test_confidence_below_a_half_is_on_the_page():
    rows = points()
    axes = draw(rows.assign(confidence=rows["confidence"] / 2)).axes[0]
    assert axes.get_xlim()[0] < 30
