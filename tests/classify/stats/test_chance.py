import numpy as np
import pandas as pd
import pytest

from classify.stats.chance import ability, change, judged


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
    result = ability(row(n=(0, 20)), ["ai", "real"], ["real"])
    assert (result.kind, result.only) == ("one class", "real")


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [(HIGH, LOW, "falls"), (LOW, HIGH, "rises"), (MIDDLE, MIDDLE, "unclear"), (HIGH, NONE, "unknown")],
)
def test_what_changes_between_sets(before, after, kind):
    result = change(row(before), row(after))
    assert result.kind == kind
    assert result.value == pytest.approx(after[0] - before[0])


LABELS = np.resize(["ai", "real"], 200)
ROWS = np.arange(200)


def answers(share_right, seed=0):
    rng = np.random.default_rng(seed)
    other = np.where(LABELS == "ai", "real", "ai")
    return np.where(rng.random(200) < share_right, LABELS, other)


def test_the_interval_holds_the_value_and_narrows_with_more_rows():
    result = judged(LABELS, answers(0.7), ROWS)
    assert result.low < result.value < result.high
    twice = judged(np.tile(LABELS, 2), np.tile(answers(0.7), 2), np.arange(400))
    assert twice.value == pytest.approx(result.value)
    assert twice.low > result.low


def test_more_families_and_dependent_rows_lower_the_limit():
    alone = judged(LABELS, answers(0.7), ROWS)
    assert judged(LABELS, answers(0.7), ROWS, n_judged=7).low < alone.low
    assert judged(LABELS, answers(0.7), ROWS // 10).low < alone.low


def test_perfect_answers_on_ten_scenes_are_no_proof_and_on_many_images_are():
    assert judged(LABELS, LABELS, ROWS % 10, n_judged=7).low < 0.5
    result = judged(LABELS, LABELS, ROWS, n_judged=7)
    assert (result.value, result.high) == pytest.approx((1, 1))
    assert result.low > 0.9


def test_of_coins_the_limit_passes_chance_more_seldom_than_promised():
    over = sum(judged(LABELS, answers(0.5, seed), ROWS).low > 0.5 for seed in range(400))
    assert over / 400 < 0.025


def test_one_class_that_is_always_said_tells_nothing():
    result = judged(LABELS, np.full(200, "ai"), ROWS)
    assert (result.value, result.low) == pytest.approx((0.5, 0))


def test_three_classes_are_judged_against_a_third():
    labels = np.resize(["a", "b", "c"], 300)
    decided = np.where(np.arange(300) % 2 == 0, labels, "a")
    assert 1 / 3 < judged(labels, decided, np.arange(300)).low < judged(labels, decided, np.arange(300)).value
