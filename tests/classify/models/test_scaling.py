import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from classify.models.scaling import BlockScaler


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(3, [1, 2, 3, 4, 5, 6], size=(50, 6))


@pytest.mark.parametrize("blocks", [None, [6]])
def test_one_block_is_standardised(X, blocks):
    np.testing.assert_allclose(BlockScaler(blocks).fit_transform(X), StandardScaler().fit_transform(X))


def test_every_block_has_the_same_share_of_a_variance_that_stays(X):
    variances = BlockScaler([1, 5]).fit_transform(X).var(axis=0)
    assert variances[0] == pytest.approx(3)
    assert variances[1:].sum() == pytest.approx(3)


def test_scaling_is_learnt_from_what_it_is_fitted_on(X):
    scaler = BlockScaler([2, 4]).fit(X)
    np.testing.assert_allclose(scaler.transform(X[:3]), scaler.transform(X)[:3])
    assert np.abs(scaler.transform(X + 100)).min() > 5
