import numpy as np
import pytest
import torch

from classify import distances
from classify.distances import on_device, squared_distances


@pytest.fixture
def rows():
    return np.random.default_rng(0).normal(3, 2, size=(60, 40))


def test_they_are_sums_of_squared_differences(rows):
    expected = ((rows[:, None] - rows[None, :20]) ** 2).sum(-1)
    np.testing.assert_allclose(squared_distances(rows, rows[:20]), expected, atol=1e-9)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_device_gives_those_of_the_cpu(rows, device):
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("this machine has no CUDA device")
    np.testing.assert_allclose(on_device(rows, rows[:20], device), squared_distances(rows, rows[:20]), atol=1e-9)
    own = on_device(rows, rows, device)
    assert (np.diag(own) == 0).all()
    assert own.min() >= 0


def test_a_gpu_is_asked_where_there_is_one_and_enough_to_do(rows, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(distances, "on_device", lambda a, b, device: asked.append((len(a), len(b), device)))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(distances, "DRIVER", tmp_path)
    squared_distances(rows, rows)
    assert not asked
    monkeypatch.setattr(distances, "LEAST_PAIRS", 3600)
    squared_distances(rows, rows)
    squared_distances(rows, rows[:59])
    assert asked == [(60, 60, "cuda")]
    monkeypatch.setattr(distances, "DRIVER", tmp_path / "none")
    squared_distances(rows, rows)
    assert len(asked) == 1
