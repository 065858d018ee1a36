import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipelines.sources.transfer_figures import MOST_WITH_INTERVALS, draw_matrices, matrix_picture


def table(n_sources: int = 3, models=("svm", "forest")) -> pd.DataFrame:
    names = [f"s{i}" for i in range(n_sources)]
    rows = [(model, a, b) for model in models for a in names for b in names]
    frame = pd.DataFrame(rows, columns=["model", "train_source", "test_source"])
    values = np.where(frame["train_source"] == frame["test_source"], 0.9, 0.2)
    return frame.assign(n=100, guess=0.5, accuracy=values, low=values - 0.1, high=values + 0.05)


def test_a_panel_a_model_holds_a_number_with_its_interval_for_each_pair():
    figure = draw_matrices(table())
    assert [axes.get_title() for axes in figure.axes] == ["svm", "forest"]
    for axes in figure.axes:
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("tested on", "trained on")
        at = {text.get_position(): text.get_text() for text in axes.texts}
        assert len(at) == 9
        assert at[(0, 0)] == "90\n80–95"
        assert at[(1, 0)] == "20\n10–25"
        assert [label.get_text() for label in axes.get_xticklabels()] == ["s0\nn = 100", "s1\nn = 100", "s2\nn = 100"]
        assert len(axes.patches) == 3  # frames on the diagonal
        assert {(round(p.get_x() + 0.47), round(p.get_y() + 0.47)) for p in axes.patches} == {(0, 0), (1, 1), (2, 2)}


def test_rows_are_trained_on_and_columns_tested_on():
    cells = table(2, ["svm"])
    cells.loc[(cells["train_source"] == "s0") & (cells["test_source"] == "s1"), "accuracy"] = 0.33
    (axes,) = draw_matrices(cells).axes
    at = {text.get_position(): text.get_text() for text in axes.texts}
    assert at[(1, 0)].startswith("33")  # x is the column
    assert at[(0, 1)].startswith("20")
    assert axes.images[0].get_array()[0, 1] == pytest.approx((0.33 - 0.5) / 0.5)


def test_what_cannot_be_told_from_guessing_ends_in_a_question_mark():
    cells = table(2, ["svm"]).assign(accuracy=0.55, low=0.45, high=0.65)
    assert {text.get_text() for text in draw_matrices(cells).axes[0].texts} == {"55?\n45–65"}


def test_many_sources_have_numbers_alone():
    (axes,) = draw_matrices(table(MOST_WITH_INTERVALS + 1, ["svm"])).axes
    assert {text.get_text() for text in axes.texts} == {"90", "20"}


def test_the_picture_is_a_png_with_svg_and_numbers_beside_it():
    cells = table()
    picture = matrix_picture(cells)
    assert Image.open(io.BytesIO(picture.data)).format == "PNG"
    assert picture.beside["transfer.svg"].startswith(b"<?xml")
    again = pd.read_csv(io.BytesIO(picture.beside["transfer.csv"]))
    pd.testing.assert_frame_equal(again, cells)
    assert picture.beside == matrix_picture(cells).beside
