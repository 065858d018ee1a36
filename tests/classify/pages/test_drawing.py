from io import BytesIO

import matplotlib
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from classify.pages.drawing import COLOURS, DPI, pictured, styled


def drawn():
    with styled():
        figure = Figure(figsize=(4, 2))
        figure.subplots().plot([0, 1], [0, 1])
        return figure


def test_a_figure_becomes_two_pictures_and_its_numbers():
    rows = pd.DataFrame({"x": [0, 1]})
    picture = pictured("curve", "What to see.", drawn(), rows)
    assert (picture.name, picture.caption, list(picture.beside)) == (
        "curve.png", "What to see.", ["curve.svg", "curve.csv"],
    )  # fmt: skip
    with Image.open(BytesIO(picture.data)) as image:
        assert image.info["dpi"][0] == pytest.approx(DPI, abs=0.1)
    assert picture.beside["curve.svg"].startswith(b"<?xml")
    pd.testing.assert_frame_equal(pd.read_csv(BytesIO(picture.beside["curve.csv"])), rows)


def test_equal_figures_are_equal_files():
    one, other = (pictured("curve", "", drawn(), pd.DataFrame()) for _ in range(2))
    assert one == other


def test_the_style_of_the_page_is_left_behind():
    before = matplotlib.rcParams["axes.spines.top"]
    with styled():
        assert not matplotlib.rcParams["axes.spines.top"]
        assert not matplotlib.rcParams["text.parse_math"]
    assert matplotlib.rcParams["axes.spines.top"] == before
    assert len(set(COLOURS)) == len(COLOURS)
