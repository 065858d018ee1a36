import numpy as np
import pandas as pd
import pytest

from classify.ability import ability, change


def row(balanced=(0.5, 0.4, 0.6), area=(0.5, 0.4, 0.6), n=(50, 50)):
    names = [f"{name}{end}" for name in ("balanced_accuracy", "roc_auc") for end in ("", "_low", "_high")]
    return pd.Series(dict(zip(names, [*balanced, *area], strict=True)) | {"n_ai": n[0], "n_real": n[1]})


HIGH, MIDDLE, LOW, NONE = (0.9, 0.8, 0.95), (0.5, 0.4, 0.6), (0.1, 0.05, 0.2), (0.5, np.nan, np.nan)


@pytest.mark.parametrize(
    ("balanced", "area", "decided", "kind"),
    [
        (HIGH, HIGH, ("ai", "real"), "better"),
        (HIGH, MIDDLE, ("ai", "real"), "better"),
        (HIGH, NONE, ("ai", "real"), "better"),
        (MIDDLE, HIGH, ("ai", "real"), "ranks"),
        (MIDDLE, HIGH, ("real",), "ranks"),
        (MIDDLE, MIDDLE, ("real",), "one answer"),
        (MIDDLE, NONE, ("real",), "one answer"),
        (MIDDLE, MIDDLE, ("ai", "real"), "not shown"),
        (LOW, LOW, ("ai", "real"), "reversed"),
        (MIDDLE, LOW, ("ai", "real"), "reversed"),
        (LOW, MIDDLE, ("ai", "real"), "worse"),
        (HIGH, LOW, ("ai", "real"), "not shown"),  # they contradict each other
        (NONE, NONE, ("ai", "real"), "unknown"),
    ],
)
def test_what_scores_show(balanced, area, decided, kind):
    assert ability(row(balanced, area), ["ai", "real"], decided).kind == kind


def test_one_class_is_not_told_from_another():
    found = ability(row(n=(0, 20)), ["ai", "real"], ["real"])
    assert (found.kind, found.only) == ("one class", "real")


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [(HIGH, LOW, "falls"), (LOW, HIGH, "rises"), (MIDDLE, MIDDLE, "unclear"), (HIGH, NONE, "unknown")],
)
def test_what_changes_between_sets(before, after, kind):
    found = change(row(before), row(after))
    assert found.kind == kind
    assert found.value == pytest.approx(after[0] - before[0])
