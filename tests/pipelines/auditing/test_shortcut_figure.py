import numpy as np
import pandas as pd

from pipelines.auditing.shortcut_figure import draw_shortcuts, shortcut_picture


def scores(**accuracies) -> pd.DataFrame:
    value = np.array(list(accuracies.values()))
    rows = pd.DataFrame({"family": list(accuracies), "balanced accuracy": value, "telling": value > 0.8})
    return rows.assign(**{"balanced accuracy low": value - 0.1, "balanced accuracy high": value + 0.05})


PANELS = {"File metadata": scores(format=0.5, size=0.93), "Pixel statistics": scores(border=0.6)}


def test_each_kind_has_a_panel_and_the_most_certain_family_is_at_the_top():
    metadata, pixels = draw_shortcuts(PANELS, 0.5).axes
    assert [label.get_text() for label in metadata.get_yticklabels()] == ["format", "size"]
    assert [label.get_text() for label in pixels.get_yticklabels()] == ["border"]
    assert metadata.get_xlim()[0] < 40  # the lowest end of an interval is in view


def test_its_rows_are_beside_it():
    picture = shortcut_picture(PANELS, 0.5)
    assert set(picture.beside) == {"shortcuts.svg", "shortcuts.csv"}
    assert picture.beside["shortcuts.csv"].count(b"\n") == 4
