import re
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from classify.errors import DataError
from classify.pages.drawing import BLUE, GREY, SHARES, pictured, styled
from classify.pages.vector import PALETTE, css, drawing


def svg(name: str = "curve") -> bytes:
    with styled():
        figure = Figure(figsize=(4, 2), layout="constrained")
        axes, other = figure.subplots(1, 2)
        axes.plot([0, 1], [0, 1], color=BLUE, marker="o", markerfacecolor="white")
        axes.plot([0, 2], [0, 1], color=GREY)
        axes.set_xlabel("<b>&")
        other.imshow(np.eye(2), cmap=SHARES)
        other.text(0, 0, "100", color="white")
        return pictured(name, "", figure, pd.DataFrame()).beside[f"{name}.svg"]


@pytest.fixture(scope="module")
def page_part():
    return drawing(svg(), "curve.png", 'What "to" see')


def test_colours_of_figures_follow_the_page(page_part):
    for name in ("blue", "grey", "white"):
        assert f"var(--figure-{name})" in page_part
    shapes = re.sub(r"<text.*?</text>", "", page_part)
    assert not re.findall("#[0-9a-f]{6}", shapes)
    assert "fill: #ffffff" in page_part  # of text on a colour


def test_text_stays_text_and_hostile_text_stays_text(page_part):
    root = ET.fromstring(page_part)
    assert "<b>&" in ["".join(node.itertext()) for node in root.iter("text")]
    assert root.get("aria-label") == 'What "to" see'
    assert "font-family" not in page_part


def test_ids_are_unique_on_a_page_and_links_lead_to_them(page_part):
    parts = page_part, drawing(svg("other"), "other.png", ""), drawing(svg(), "curve-2.png", "")
    ids = [found for part in parts for found in re.findall(r'\bid="([^"]+)"', part)]
    assert len(set(ids)) == len(ids) > 5
    for part in parts:
        links = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', part))
        assert {one or other for one, other in links} == set(re.findall(r'\bid="([^"]+)"', part))


def test_nothing_that_runs_or_fetches_passes():
    hostile = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 36" onload="x()"><script>x()</script>
    <style>* { color: red }</style><a href="https://x.org"><text>away</text></a>
    <image href="https://x.org/y.png"/><g onclick="x()"><text>kept</text></g></svg>"""
    part = drawing(hostile, "x.png", "")
    assert "kept" in part
    assert not re.search(r"x\(\)|x\.org|script|<style|away", part)
    assert 'width="96" height="48"' in part


@pytest.mark.parametrize("data", [b"", b"<svg", b'<svg viewBox="0"/>'])
def test_what_is_no_svg_is_named(data):
    with pytest.raises(DataError, match=r"curve\.png"):
        drawing(data, "curve.png", "")


def _luminance(colour: str) -> float:
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


def test_colours_can_be_told_from_a_dark_page():
    page = _luminance(PALETTE["white"][1])
    for name in set(PALETTE) - {"white", "grid"}:
        assert (_luminance(PALETTE[name][1]) + 0.05) / (page + 0.05) > 4.5, name
    assert len({dark for _, dark in PALETTE.values()}) == len(PALETTE)
    assert all(f"--figure-{name}: {dark}" in css() for name, (_, dark) in PALETTE.items())
