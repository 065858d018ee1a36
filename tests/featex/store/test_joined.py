from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from featex.errors import InputError
from featex.store.features import Features
from featex.store.joined import join


def features(tmp_path, name, width, *, paths=("a", "b", "c"), copies=0):
    X = np.array([[10 * ord(path) + i for i in range(width)] for path in paths], dtype=np.float32)
    rows = pd.DataFrame({"path": paths, "key": [f"key {path}" for path in paths], "label": "x"})
    extractor = {"name": name, "fingerprint": name, "n_features": width, "backbone": "net", "weights": "w"}
    extractor |= {"trained": True, "blocks": [["all", width]], "decoder": "d"}
    stack = np.repeat(X[:, None], copies, axis=1) if copies else None
    return Features(X, rows, "set", tmp_path, extractor, stack)


def test_columns_stand_side_by_side_row_by_row(tmp_path):
    one = features(tmp_path, "one", 2, copies=2)
    other = features(tmp_path, "other", 3, paths=("c", "a", "b"), copies=2)
    joined = join([one, other])
    np.testing.assert_array_equal(joined.X[:, :2], one.X)
    np.testing.assert_array_equal(joined.X[:, 2:], other.X[[1, 2, 0]])
    np.testing.assert_array_equal(joined.copies[:, 1], joined.X)
    assert joined.blocks == [("one: all", 2), ("other: all", 3)]
    assert joined.extractor["n_features"] == 5
    assert joined.extractor["decoder"] == "d"


def test_one_set_is_itself(tmp_path):
    one = features(tmp_path, "one", 2)
    assert join([one]) is one


def test_copies_are_left_out_where_a_set_has_none(tmp_path):
    assert join([features(tmp_path, "one", 2, copies=1), features(tmp_path, "other", 2)]).copies is None


@pytest.mark.parametrize("paths", [("a", "b"), ("a", "b", "c", "d"), ("a", "b", "d")])
def test_sets_of_other_images_are_refused(tmp_path, paths):
    with pytest.raises(InputError, match="not of the same images"):
        join([features(tmp_path, "one", 2), features(tmp_path, "other", 2, paths=paths)])


def test_a_changed_image_is_another_image(tmp_path):
    other = features(tmp_path, "other", 2)
    other = replace(other, rows=other.rows.assign(key="changed"))
    with pytest.raises(InputError, match="has changed"):
        join([features(tmp_path, "one", 2), other])


def test_the_same_features_twice_are_refused(tmp_path):
    with pytest.raises(InputError, match="named twice"):
        join([features(tmp_path, "one", 2), features(tmp_path, "one", 2)])


def test_fingerprints_tell_what_is_joined_and_in_which_order(tmp_path):
    sets = [features(tmp_path, name, 2) for name in ("one", "other", "third")]
    joined = [join(order).extractor["fingerprint"] for order in (sets[:2], sets[1::-1], sets[1:], sets)]
    assert len(set(joined)) == 4
