import numpy as np
import pytest

from pipelines.chance import judged

LABELS = np.resize(["ai", "real"], 200)
ROWS = np.arange(200)


def answers(share_right, seed=0):
    rng = np.random.default_rng(seed)
    other = np.where(LABELS == "ai", "real", "ai")
    return np.where(rng.random(200) < share_right, LABELS, other)


def test_the_interval_holds_the_value_and_narrows_with_more_rows():
    found = judged(LABELS, answers(0.7), ROWS)
    assert found.low < found.value < found.high
    twice = judged(np.tile(LABELS, 2), np.tile(answers(0.7), 2), np.arange(400))
    assert twice.value == pytest.approx(found.value)
    assert twice.low > found.low


def test_more_families_and_dependent_rows_lower_the_limit():
    alone = judged(LABELS, answers(0.7), ROWS)
    assert judged(LABELS, answers(0.7), ROWS, n_judged=7).low < alone.low
    assert judged(LABELS, answers(0.7), ROWS // 10).low < alone.low


def test_perfect_answers_on_ten_scenes_are_no_proof_and_on_many_images_are():
    assert judged(LABELS, LABELS, ROWS % 10, n_judged=7).low < 0.5
    found = judged(LABELS, LABELS, ROWS, n_judged=7)
    assert (found.value, found.high) == pytest.approx((1, 1))
    assert found.low > 0.9


def test_of_coins_the_limit_passes_chance_more_seldom_than_promised():
    over = sum(judged(LABELS, answers(0.5, seed), ROWS).low > 0.5 for seed in range(400))
    assert over / 400 < 0.025


def test_one_class_that_is_always_said_tells_nothing():
    found = judged(LABELS, np.full(200, "ai"), ROWS)
    assert (found.value, found.low) == pytest.approx((0.5, 0))


def test_three_classes_are_judged_against_a_third():
    labels = np.resize(["a", "b", "c"], 300)
    said = np.where(np.arange(300) % 2 == 0, labels, "a")
    assert 1 / 3 < judged(labels, said, np.arange(300)).low < judged(labels, said, np.arange(300)).value
