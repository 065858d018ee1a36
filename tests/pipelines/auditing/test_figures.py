import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipelines.auditing import figures as room
from pipelines.auditing.appearance import FREQUENCIES
from pipelines.auditing.figures import (
    REST,
    draw_map,
    draw_sizes,
    draw_spectrum,
    drawn,
    format_rows,
    in_order,
    map_rows,
    principal,
    shown_classes,
    size_rows,
    spectrum_rows,
)

LABELS = np.array(["ai", "real"] * 20)
SETS = np.array(["wild"] * 8 + ["train"] * 24 + ["test"] * 8)
SPECTRA = np.random.default_rng(0).normal(size=(40, 64)).astype(np.float32)
FACTS = pd.DataFrame(
    {"width": [512, 640] * 20, "height": [512, 480] * 20, "format": ["JPEG"] * 30 + ["PNG", "JPEG"] * 5}
)


def opened(draw) -> Image.Image:
    image = Image.open(io.BytesIO(drawn(draw)))
    image.load()
    return image


def test_spectra_are_means_of_a_class_and_set_with_their_interval():
    rows = spectrum_rows(SPECTRA, LABELS, SETS)
    assert len(rows) == 3 * 2 * 64
    curve = rows[(rows["set"] == "train") & (rows["label"] == "real")]
    own = SPECTRA[(SETS == "train") & (LABELS == "real")]
    assert (curve["n"] == 12).all()
    np.testing.assert_allclose(curve["frequency"], FREQUENCIES)
    np.testing.assert_allclose(curve["mean"], own.mean(axis=0), atol=1e-6)
    half = 1.96 * own.std(axis=0, ddof=1) / np.sqrt(12)
    np.testing.assert_allclose(curve["high"] - curve["mean"], half, atol=1e-6)
    np.testing.assert_allclose(curve["mean"] - curve["low"], half, atol=1e-6)


def test_one_image_has_no_interval():
    rows = spectrum_rows(SPECTRA[:1], LABELS[:1], SETS[:1])
    assert rows["low"].isna().all()
    assert opened(lambda: draw_spectrum(rows)).format == "JPEG"


def test_sets_come_as_they_are_used():
    assert in_order(np.array(["b", "test", "a", "train", "val"])) == ["train", "val", "test", "a", "b"]
    assert list(spectrum_rows(SPECTRA, LABELS, SETS)["set"].unique()) == ["train", "test", "wild"]


def test_a_spectrum_has_a_panel_a_set_and_a_line_a_class():
    figure = draw_spectrum(spectrum_rows(SPECTRA, LABELS, SETS))
    assert [axes.get_title() for axes in figure.axes] == ["train", "test", "wild"]
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert texts == ["ai, n = 12", "real, n = 12"]
    lines = figure.axes[0].get_lines()
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 2
    assert figure.axes[0].get_xlabel() == "cycles per pixel"


def test_sizes_and_formats_are_counted_by_class_and_set():
    sizes = size_rows(FACTS, LABELS, SETS).set_index(["set", "label", "width", "height"])["n"]
    assert sizes.to_dict() == {
        ("train", "ai", 512, 512): 12,
        ("train", "real", 640, 480): 12,
        ("test", "ai", 512, 512): 4,
        ("test", "real", 640, 480): 4,
        ("wild", "ai", 512, 512): 4,
        ("wild", "real", 640, 480): 4,
    }
    formats = format_rows(FACTS, LABELS, SETS).set_index(["set", "label", "format"])
    assert formats["n"].sum() == 40
    assert formats.loc[("test", "ai", "PNG"), "share"] == 1
    assert formats.loc[("train", "ai", "PNG"), "share"] == pytest.approx(1 / 12)


def test_formats_are_shown_as_shares_of_a_class():
    figure = draw_sizes(size_rows(FACTS, LABELS, SETS), format_rows(FACTS, LABELS, SETS))
    table = figure.axes[-1]
    assert [text.get_text() for text in table.get_yticklabels()][:2] == ["train · ai", "train · real"]
    assert [text.get_text() for text in table.get_xticklabels()] == ["JPEG", "PNG"]
    assert [text.get_text() for text in table.texts][:3] == ["91.7 %", "8.3 %", "100.0 %"]


@pytest.mark.parametrize(("width", "height"), [(1, 1), (512, 512), (20000, 3)])
def test_sizes_of_any_range_are_drawn(width, height):
    facts = FACTS.assign(width=width, height=height)
    sizes, formats = size_rows(facts, LABELS, SETS), format_rows(facts, LABELS, SETS)
    assert opened(lambda: draw_sizes(sizes, formats)).format == "JPEG"


def test_like_images_lie_together_on_the_map():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 10)).astype(np.float32)
    X[60:] += 8
    rows = map_rows(X, np.repeat(["ai", "real"], 60))
    assert list(rows["row"]) == list(range(120))
    places = rows[["x", "y"]].to_numpy()
    assert places.min() == 0
    assert places.max() == pytest.approx(1)
    distances = np.linalg.norm(places[:, None] - places[None], axis=-1)
    distances[np.arange(120), np.arange(120)] = np.inf
    assert ((distances.argmin(axis=1) < 60) == (np.arange(120) < 60)).mean() > 0.98


def test_the_same_seed_draws_the_same_map():
    X = np.random.default_rng(0).normal(size=(30, 6))
    labels = np.repeat(["ai", "real"], 15)
    pd.testing.assert_frame_equal(map_rows(X, labels, 3), map_rows(X, labels, 3))


def test_of_many_images_a_random_part_is_mapped(monkeypatch):
    monkeypatch.setattr(room, "MOST_MAPPED", 20)
    labels = np.array([f"{i:03}" for i in range(100)])
    monkeypatch.setattr(room, "MOST_CLASSES", 1000)
    rows = map_rows(np.random.default_rng(0).normal(size=(100, 4)), labels)
    assert rows["row"].is_unique
    assert len(rows) == 20
    assert rows["row"].max() > 50
    assert list(rows["label"]) == [f"{i:03}" for i in rows["row"]]


def test_thumbnails_stand_where_the_map_puts_them_in_the_colour_of_their_class():
    tiles = np.zeros((9, 64, 64, 3), dtype=np.uint8)
    tiles[4], tiles[5], tiles[8] = 10, 100, 200
    rows = pd.DataFrame({"row": [4, 5, 8], "label": ["ai", "real", "ai"], "x": [0, 1, 0], "y": [0, 1, 0]})
    figure = draw_map(rows, tiles)
    canvas = np.asarray(figure.axes[0].get_images()[0].get_array())
    assert (canvas[-20, 20] == 10).all()  # x and y of nought are the lower left
    assert (canvas[20, -20] == 100).all()
    assert not (canvas == 200).all(axis=-1).any()  # the third falls on the first
    assert canvas[-1, 0].tolist() == [0, 114, 178]
    assert canvas[0, -1].tolist() == [230, 159, 0]
    assert "2 of 9 images" in figure.get_suptitle()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["ai", "real"]


@pytest.mark.parametrize("n", [10, 11, 40])
def test_a_map_is_a_jpeg(n):
    X = np.random.default_rng(0).normal(size=(n, 8)).astype(np.float32)
    rows = map_rows(X, np.array(["ai", "real"] * n)[:n])
    image = opened(lambda: draw_map(rows, np.zeros((n, 64, 64, 3), dtype=np.uint8)))
    assert image.format == "JPEG"
    assert image.info["dpi"] == (room.DPI, room.DPI)


def test_equal_images_make_a_map():
    assert np.isfinite(map_rows(np.ones((30, 4)), np.array(["ai"] * 30))[["x", "y"]]).all(axis=None)


def test_features_of_any_scale_weigh_alike():
    X = np.random.default_rng(0).normal(size=(200, 3)) * [1, 1000, 0]
    assert principal(X, 0).std(axis=0)[:2] == pytest.approx([1, 1], abs=0.2)


def test_many_classes_are_shown_as_the_largest_and_the_rest():
    labels = np.array([f"c{i}" for i in range(12) for _ in range(20 - i)])
    shown = shown_classes(labels)
    assert sorted(set(shown)) == [*(f"c{i}" for i in range(6)), REST]
    assert (shown == REST).sum() == sum(20 - i for i in range(6, 12))
    figure = draw_spectrum(spectrum_rows(np.zeros((len(labels), 64)), labels, np.full(len(labels), "train")))
    assert [text.get_text().split(",")[0] for text in figure.axes[0].get_legend().get_texts()][-1] == REST


def test_images_without_a_label_are_shown_as_such():
    assert list(shown_classes(np.array(["", "ai"]))) == ["no label", "ai"]


def test_names_in_any_script_and_sign_are_drawn(recwarn):
    labels = np.where(LABELS == "ai", "$x_1$", "本物")
    assert opened(lambda: draw_spectrum(spectrum_rows(SPECTRA, labels, SETS))).format == "JPEG"
    sizes, formats = size_rows(FACTS, labels, SETS), format_rows(FACTS, labels, SETS)
    assert opened(lambda: draw_sizes(sizes, formats)).format == "JPEG"
