"""Rules look in order, each at what is left; only what is sure is acted on."""

import numpy as np
import pytest

from pipelines.cleaning.judgement import Judgement
from pipelines.cleaning.rules import RULES, Rule, Verdict, judge

IMAGE = np.arange(40 * 60 * 3, dtype=np.uint32).reshape(40, 60, 3).astype(np.uint8)


def says(action, confidence=1.0, *boxes):
    """A rule that says one thing of every image, and what it was shown."""
    shown = []

    def find(image):
        shown.append(image)
        return Judgement(action, "so", confidence, boxes) if action else None

    return Rule("a rule", find), shown


def test_nothing_found_leaves_the_whole():
    rule, shown = says(None)
    assert judge(IMAGE, {"a": rule}) == Verdict((), (), ((0, 0, 60, 40),))
    assert judge(IMAGE, {}).parts == ((0, 0, 60, 40),)
    np.testing.assert_array_equal(shown[0], IMAGE)


def test_of_what_is_dropped_no_other_rule_sees_a_thing():
    drop, _ = says("drop")
    after, shown = says("crop", 1.0, (0, 0, 1, 1))
    verdict = judge(IMAGE, {"a": drop, "b": after})
    assert verdict.parts == ()
    assert [name for name, _ in verdict.acted] == ["a"]
    assert shown == []


def test_what_comes_after_a_cut_sees_the_parts_and_counts_from_their_corner():
    split, _ = says("split", 1.0, (0, 0, 30, 20), (30, 20, 60, 40))
    crop, shown = says("crop", 0.9, (np.int64(0), np.int64(2), np.int64(30), np.int64(18)))
    verdict = judge(IMAGE, {"a": split, "b": crop})
    assert verdict.parts == ((0, 2, 30, 18), (30, 22, 60, 38))
    assert all(type(side) is int for box in verdict.parts for side in box)
    np.testing.assert_array_equal(shown[1], IMAGE[20:, 30:])
    assert shown[1].flags.c_contiguous


@pytest.mark.parametrize("action", ["drop", "crop", "split"])
def test_what_is_unsure_is_left_as_it_is(action):
    rule, _ = says(action, 0.89, (0, 0, 1, 1))
    verdict = judge(IMAGE, {"a": rule})
    assert (verdict.acted, verdict.parts) == ((), ((0, 0, 60, 40),))
    assert [name for name, _ in verdict.unsure] == ["a"]


def test_what_is_reported_is_left_as_it_is_however_sure():
    verdict = judge(IMAGE, {"a": says("report", 1.0)[0]})
    assert (verdict.acted, verdict.parts) == ((), ((0, 0, 60, 40),))
    assert [name for name, _ in verdict.unsure] == ["a"]


def test_every_rule_has_nothing_to_say_of_noise_and_takes_any_size():
    rng = np.random.default_rng(0)
    for height, width in ((1, 1), (2, 3), (1, 400), (64, 64), (300, 257)):
        image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        before = image.copy()
        for name, rule in RULES.items():
            judgement = rule.find(image) if rule.find else None
            if min(height, width) >= 64:
                assert judgement is None, name
        np.testing.assert_array_equal(image, before)
