from dataclasses import replace

import numpy as np

from classify.splits.content import content_of
from featex.store.features import Features


class Stored:
    """A stored set that is in memory."""

    def __init__(self, features: Features):
        self.features = features

    def extractor(self):
        return self.features.extractor

    def read(self):
        return self.features.rows, self.features.root

    def load(self):
        return self.features


def seen(features, view, blocks):
    return replace(features, extractor={**features.extractor, "view": view, "blocks": blocks})


def test_the_default_features_tell_content_themselves(make_features):
    features = make_features()
    assert content_of(features) is features.X


def test_the_default_features_of_the_same_images_are_looked_for(make_features):
    features = make_features()
    view = seen(features, {"view": "crop"}, [["spectrum", 8]])
    turned = features.rows.iloc[::-1].reset_index(drop=True)
    stored = replace(features, X=features.X[::-1] + 5, rows=turned)
    others = [Stored(make_features(n=20)), Stored(view), Stored(stored)]
    np.testing.assert_array_equal(content_of(view, others), features.X + 5)


def test_else_the_deepest_block_of_colours_tells_it(make_features):
    features = seen(
        make_features(),
        {"view": "crop"},
        [["rgb layer1", 2], ["rgb layer4", 3], ["residual layer4", 1], ["spectrum", 2]],
    )
    np.testing.assert_array_equal(content_of(features), features.X[:, 2:5])


def test_where_nothing_tells_it_there_is_none(make_features):
    assert content_of(seen(make_features(), {"view": "crop"}, [["spectrum", 8]])) is None
