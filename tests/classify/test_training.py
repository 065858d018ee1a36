from dataclasses import replace

import numpy as np
import pytest
import torch

from classify.errors import ModelError
from classify.nets import NETS
from classify.training import inner_split, train

CPU = torch.device("cpu")


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _train(module, X, codes, recipe, *, split=None, weight=(1, 1), augmented=False, progress=None):
    return train(
        module,
        X,
        codes,
        recipe=recipe,
        split=split,
        class_weight=np.array(weight),
        weight_decay=0,
        augmented=augmented,
        device=CPU,
        progress=progress,
    )


def _images(n, size=16):
    """Return images of noise whose red is brighter in class 1, and their classes."""
    rng = np.random.default_rng(0)
    codes = np.arange(n) % 2
    X = rng.integers(0, 128, (n, 3, size, size), dtype=np.uint8)
    X[codes == 1, 0] += 100
    return X, codes


@pytest.mark.parametrize("name", NETS)
def test_every_net_learns_32_images_by_heart(name):
    torch.manual_seed(0)
    X, codes = _images(32)
    module = NETS[name].build(2, 16)
    history, _ = _train(module, X, codes, replace(NETS[name], max_epochs=12, batch_size=8))
    assert history[-1]["train_loss"] < 0.2
    with torch.inference_mode():
        predicted = module.eval()(torch.tensor(X) / 255).argmax(dim=1).numpy()
    assert (predicted == codes).all()


class _Scripted(torch.nn.Module):
    """A net of one parameter, the logit of class 1, that only training moves."""

    def __init__(self):
        super().__init__()
        self.logit = torch.nn.Parameter(torch.zeros(1))

    def forward(self, images):
        return torch.stack([torch.zeros(len(images)), self.logit.expand(len(images))], dim=1)


def _opposed():
    """Return training rows of class 1 and validation rows of class 0: each epoch makes validation worse."""
    X = np.full((8, 3, 16, 16), 255, np.uint8)
    return X, np.array([1] * 6 + [0] * 2), (np.arange(6), np.arange(6, 8))


RECIPE = replace(NETS["lenet5"], lr=0.1, batch_size=6)


def test_training_stops_after_patience_epochs_and_goes_back_to_the_best():
    X, codes, split = _opposed()
    module = _Scripted()
    history, best = _train(module, X, codes, replace(RECIPE, max_epochs=20, patience=3), split=split)
    assert len(history) == 4
    assert best == 1
    # One step of Adam is lr long; three more were taken and undone.
    assert module.logit.item() == pytest.approx(0.1, abs=1e-3)


def test_without_patience_all_epochs_are_trained_and_the_best_is_kept():
    X, codes, split = _opposed()
    module = _Scripted()
    history, best = _train(module, X, codes, replace(RECIPE, max_epochs=6, patience=None), split=split)
    assert (len(history), best) == (6, 1)
    assert module.logit.item() == pytest.approx(0.1, abs=1e-3)


def test_without_a_validation_part_the_last_epoch_is_kept():
    X, codes, _ = _opposed()
    module = _Scripted()
    history, best = _train(module, X, codes, replace(RECIPE, max_epochs=5, patience=1))
    assert (len(history), best) == (5, 5)
    assert history[0]["valid_loss"] is None
    assert module.logit.item() > 0.3


def test_class_weight_moves_the_net_towards_the_heavier_class():
    X, codes, _ = _opposed()  # three of class 1 to one of class 0
    logits = []
    for weight in ((1, 1), (9, 1)):
        module = _Scripted()
        _train(module, X, codes, replace(RECIPE, max_epochs=20, batch_size=8), weight=weight)
        logits.append(module.logit.item())
    assert logits[0] > 0 > logits[1]


def test_only_training_images_are_augmented():
    seen = {True: [], False: []}

    class Watcher(_Scripted):
        def forward(self, images):
            seen[self.training].append(images.unique())
            return super().forward(images)

    X, codes, split = _opposed()
    _train(Watcher(), X, codes, replace(RECIPE, max_epochs=1), split=split, augmented=True)
    assert all(len(values) > 1 for values in seen[True])  # the noise
    assert all(values.tolist() == [1] for values in seen[False])


def test_an_interruption_is_not_taken_for_the_end_of_training():
    X, codes, split = _opposed()

    def interrupt(row):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _train(_Scripted(), X, codes, replace(RECIPE, max_epochs=5), split=split, progress=interrupt)


def test_a_loss_that_is_no_number_is_an_error_that_says_what_to_lower():
    X, codes, split = _opposed()
    module = _Scripted()
    torch.nn.init.constant_(module.logit, torch.nan)
    with pytest.raises(ModelError, match=r"no number after epoch 1; lower lr, which is 0\.1"):
        _train(module, X, codes, RECIPE, split=split)


def test_inner_split_is_stratified_and_holds_each_row_once():
    codes = np.array([0] * 140 + [1] * 70)
    fit, valid = inner_split(codes, None, 0.15, 0)
    assert sorted([*fit, *valid]) == list(range(210))
    assert np.bincount(codes[valid]).tolist() == [20, 10]


def test_inner_split_never_parts_a_group():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 30, 300)
    fit, valid = inner_split(groups % 2, groups, 0.15, 0)
    assert not set(groups[fit]) & set(groups[valid])
    assert 0.1 < len(valid) / 300 < 0.2


def test_inner_split_leaves_a_giant_group_to_training():
    groups = np.array([0] * 200 + list(range(1, 101)))
    codes = np.arange(300) % 2
    _, valid = inner_split(codes, groups, 0.15, 0)
    assert len(valid) < 60


def test_inner_split_keeps_the_only_image_of_a_class_for_training(recwarn):
    codes = np.array([0] * 30 + [1] * 30 + [2])
    for seed in range(10):
        fit, _ = inner_split(codes, None, 0.15, seed)
        assert 60 in fit
    assert not recwarn.list


def test_few_large_groups_give_one_of_them_to_validation():
    groups = np.arange(80) // 20
    fit, valid = inner_split(np.arange(80) % 2, groups, 0.15, 0)
    assert len(set(groups[valid])) == 1
    assert not set(groups[fit]) & set(groups[valid])


@pytest.mark.parametrize(
    ("codes", "groups"),
    [
        (np.array([0, 1, 0, 1]), None),
        (np.arange(40) % 2, np.arange(40) % 2),  # one group a class
        (np.arange(40) % 2, np.arange(40) // 20),  # two groups
    ],
)
def test_inner_split_is_none_where_there_is_too_little(codes, groups):
    assert inner_split(codes, groups, 0.15, 0) is None
