import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipelines.robustness.figures import (
    UNTREATED,
    accuracy_rows,
    bias_rows,
    draw_accuracy,
    draw_bias,
    one_class_rows,
    pictures,
)
from pipelines.robustness.tables import bias_table, stress_table

LABELS = "a" * 20 + "r" * 20
UNDER = {("jpeg", 95): LABELS, ("jpeg", 20): "a" * 20 + "r" * 8 + "a" * 12, ("blur", 2): "a" * 40}


@pytest.fixture
def found(make_predictions):
    """Tables of two models on two sets."""
    parts = [
        make_predictions(LABELS, LABELS[:-miss] + "a" * miss, UNDER, model=model, set=name)
        for model, miss in (("svm", 4), ("cnn", 1))
        for name in ("test", "wild")
    ]
    predictions = pd.concat(parts)
    return stress_table(predictions, "a"), bias_table(predictions, "a")


def test_lines_begin_at_images_as_they_are_and_go_from_mild_to_harsh(found):
    rows = accuracy_rows(found[0])
    line = rows[(rows["set"] == "test") & (rows["transform"] == "jpeg") & (rows["line"] == "cnn")]
    assert line["place"].tolist() == [0, 1, 2]
    assert line["grade"].tolist() == [UNTREATED, "95", "20"]
    assert line["value"].tolist() == pytest.approx([39 / 40, 1, 28 / 40])
    assert (line["low"] < line["value"]).all()
    assert set(rows["transform"]) == {"jpeg", "blur"}
    assert len(rows) == 2 * 2 * (3 + 2)


def test_one_class_alone_has_a_line_beside_both(found):
    rows = one_class_rows(found[0], "svm")
    here = rows[(rows["set"] == "wild") & (rows["transform"] == "blur")].set_index(["line", "place"])["value"]
    assert here.to_dict() == pytest.approx(
        {
            ("all images", 0): 0.9,
            ("only a images", 0): 0.9,
            ("only r images", 0): 0.9,
            ("all images", 1): 0.5,
            ("only a images", 1): 0.9,
            ("only r images", 1): 0.5,
        }
    )


def test_bias_begins_at_none(found):
    rows = bias_rows(found[1])
    line = rows[(rows["set"] == "test") & (rows["transform"] == "jpeg") & (rows["line"] == "cnn")]
    assert line["value"].tolist() == pytest.approx([0, -0.025, (12 - 1) / 40])
    assert line.loc[line["place"] == 0, ["low", "high"]].to_numpy().tolist() == [[0, 0]]


def test_a_panel_a_transform_has_axes_with_units_and_a_line_a_model_with_its_band(found):
    rows = accuracy_rows(found[0])
    figure = draw_accuracy(rows[rows["set"] == "wild"])
    assert [axes.get_title() for axes in figure.axes] == ["JPEG", "Gaussian blur"]
    assert [axes.get_xlabel() for axes in figure.axes] == ["quality (4:2:0)", "standard deviation (px of the file)"]
    assert figure.axes[0].get_ylabel() == "accuracy (%)"
    assert "40 images of external set “wild”" in figure.get_suptitle()
    jpeg = figure.axes[0]
    assert [tick.get_text() for tick in jpeg.get_xticklabels()] == [UNTREATED, "95", "20"]
    assert [tick.get_text() for tick in figure.axes[1].get_xticklabels()] == [UNTREATED, "2"]  # the unit is on the axis
    lines = {line.get_label(): line for line in jpeg.lines if not line.get_label().startswith("_")}
    assert set(lines) == {"svm", "cnn"}
    assert lines["cnn"].get_ydata() == pytest.approx([97.5, 100, 70])
    assert len({(line.get_color(), line.get_linestyle(), line.get_marker()) for line in lines.values()}) == 2
    assert len(jpeg.collections) == 2
    band = jpeg.collections[1].get_paths()[0].vertices[:, 1]
    cnn = rows[(rows["set"] == "wild") & (rows["transform"] == "jpeg") & (rows["line"] == "cnn")]
    assert (band.min(), band.max()) == pytest.approx((100 * cnn["low"].min(), 100 * cnn["high"].max()))


def test_no_value_is_cut_off(found):
    rows = accuracy_rows(found[0])
    low = rows.assign(value=0.1, low=0.03, high=0.2)
    assert all(axes.get_ylim()[0] <= 3 for axes in draw_accuracy(low[low["set"] == "test"]).axes)
    lean = bias_rows(found[1]).assign(low=-0.7)
    for axes in draw_bias(lean[lean["set"] == "test"], "a", "r").axes:
        assert axes.get_ylim()[0] < -70
        assert axes.get_ylim()[1] == -axes.get_ylim()[0]


def test_pictures_are_three_a_set_with_svg_and_numbers_beside(found):
    made = pictures(*found)
    names = [f"{kind}-{name}.png" for name in ("test", "wild") for kind in ("stress", "one-class", "bias")]
    assert [picture.name for picture in made] == names
    for picture in made:
        assert Image.open(io.BytesIO(picture.data)).format == "PNG"
        svg, numbers = (next(d for f, d in picture.beside.items() if f.endswith(end)) for end in (".svg", ".csv"))
        assert svg.startswith(b"<?xml")
        assert set(pd.read_csv(io.BytesIO(numbers))["set"]) == {picture.name.split("-")[-1].removesuffix(".png")}
    assert "cnn" in made[1].caption  # the best as they are
    assert [picture.beside for picture in made] == [picture.beside for picture in pictures(*found)]


def test_a_set_of_one_class_has_accuracy_alone(make_predictions):
    predictions = make_predictions("a" * 20, "a" * 20, {("jpeg", 50): "a" * 10 + "r" * 10})
    assert [one.name for one in pictures(stress_table(predictions), bias_table(predictions))] == ["stress-test.png"]
    assert np.isfinite(accuracy_rows(stress_table(predictions))[["value", "low", "high"]].astype(float)).all(axis=None)
