from dataclasses import replace

import numpy as np
import pytest
import torch

from classify.errors import ModelError
from classify.nets.augment import AUGMENTATIONS
from classify.nets.checkpoint import Checkpoint
from classify.nets.pixels import Pixels
from classify.nets.recipe import NetRecipe
from classify.nets.training import PixelFeed, Training

CPU = torch.device("cpu")
RECIPE = NetRecipe(16, max_epochs=20, batch_size=6, lr=0.1, augment="none")


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _train(module, X, codes, recipe, *, split=None, weight=(1, 1), path=None, progress=None):
    feed = PixelFeed(Pixels(X), module, CPU)
    options = {"recipe": recipe, "split": split, "class_weight": np.array(weight), "seed": 0, "device": CPU}
    course = Training(module, feed, codes, **options).run(Checkpoint(path), progress)
    return course.history, course.best_epoch


def losses(history):
    """Return the history without what no two runs share, the time."""
    return [{name: value for name, value in row.items() if name != "dur"} for row in history]


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


@pytest.mark.parametrize(("patience", "n_epochs"), [(3, 4), (None, 6)])
def test_training_stops_after_patience_epochs_or_at_the_end_and_goes_back_to_the_best(patience, n_epochs):
    X, codes, split = _opposed()
    module = _Scripted()
    history, best = _train(module, X, codes, replace(RECIPE, max_epochs=6, patience=patience), split=split)
    assert (len(history), best) == (n_epochs, 1)
    # One step of Adam is lr long; the later ones were taken and undone.
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


def test_oversampling_shows_classes_alike_often_and_all_images_changed():
    shown = []

    class Watcher(_Scripted):
        def forward(self, images):
            if self.training:
                shown.append(images)
            return super().forward(images)

    X = np.zeros((9, 3, 16, 16), np.uint8)
    X[:6] = 255
    codes, split = np.array([1] * 6 + [0] * 3), (np.array([0, 1, 2, 3, 6]), np.array([4, 5, 7, 8]))
    module = Watcher()
    _train(module, X, codes, replace(RECIPE, max_epochs=1, batch_size=100, balance="oversample"), split=split)
    (images,) = shown
    assert (images.mean((1, 2, 3)) > 0.5).tolist().count(True) == 4
    assert len(images) == 8
    assert all(len(image.unique()) > 1 for image in images)  # the noise
    assert module.logit.item() == 0  # four of each class pull alike


def test_mixup_learns_from_both_labels(monkeypatch):
    # The share is none of the own label's, and the partner of each of two images is the other, of the other class.
    monkeypatch.setattr("classify.nets.training.mixup", lambda images, alpha: (images, torch.tensor([1, 0]), 0.0))
    monkeypatch.setitem(AUGMENTATIONS, "none", replace(AUGMENTATIONS["none"], mixup=0.2))
    X, codes = np.zeros((2, 3, 16, 16), np.uint8), np.array([0, 1])
    X[1] = 255

    class Slope(torch.nn.Module):
        """A net of one parameter, by which the logit of class 1 rises with brightness."""

        def __init__(self):
            super().__init__()
            self.slope = torch.nn.Parameter(torch.zeros(1))

        def forward(self, images):
            return torch.stack([torch.zeros(len(images)), self.slope * (images.mean((1, 2, 3)) - 0.5)], dim=1)

    module = Slope()
    _train(module, X, codes, replace(RECIPE, max_epochs=3))
    assert module.slope.item() < -0.1


def test_gradients_are_clipped():
    X, codes, _ = _opposed()
    norms = []
    original = torch.optim.AdamW.step

    def step(self, *args, **kwargs):
        norms.append(float(self.param_groups[0]["params"][0].grad.norm()))
        return original(self, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", step)
        _train(_Scripted(), X, codes, replace(RECIPE, max_epochs=2, clip_norm=0.01))
    assert max(norms) == pytest.approx(0.01, rel=1e-3)


def test_accuracy_is_the_share_of_right_answers():
    X, codes, split = _opposed()
    history, _ = _train(_Scripted(), X, codes, replace(RECIPE, max_epochs=2), split=split)
    assert history[1]["train_acc"] == 1  # all of class 1, which the net has learnt to say
    assert history[1]["valid_acc"] == 0


class _Killed(BaseException):
    pass


@pytest.mark.parametrize("killed_after", [1, 4])
def test_a_killed_training_goes_on_and_ends_as_an_unbroken_one(tmp_path, killed_after, monkeypatch):
    monkeypatch.setattr("classify.nets.checkpoint.SHARE", 1e9)  # every epoch is written
    rng = np.random.default_rng(0)
    X, codes = rng.integers(0, 255, (40, 3, 16, 16), dtype=np.uint8), np.arange(40) % 2
    split = np.arange(30), np.arange(30, 40)
    # Dropout, batch statistics, momentum, shuffling, augmentation, warm-up and a plateau: all that an epoch hangs on.
    recipe = replace(RECIPE, max_epochs=9, lr=0.01, schedule="plateau", warmup_epochs=2, augment="study", patience=7)

    def net():
        torch.manual_seed(1)
        layers = torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Flatten(), torch.nn.Dropout(0.5)
        return torch.nn.Sequential(*layers, torch.nn.Linear(4 * 14 * 14, 2))

    whole = net()
    expected, best = _train(whole, X, codes, recipe, split=split)

    def kill(row):
        if row["epoch"] == killed_after + 1:
            raise _Killed

    epochs = []
    with pytest.raises(_Killed):
        _train(net(), X, codes, recipe, split=split, path=tmp_path / "a.pt", progress=kill)
    again = net()
    torch.rand(3)  # whatever the global state
    history, best_again = _train(
        again, X, codes, recipe, split=split, path=tmp_path / "a.pt", progress=lambda row: epochs.append(row["epoch"])
    )
    assert epochs[0] == killed_after + 1
    assert losses(history) == losses(expected)
    assert best_again == best
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    assert _train(net(), X, codes, recipe, split=split, path=tmp_path / "a.pt", progress=kill)[0] == history  # done


def test_only_training_images_are_augmented():
    seen = {True: [], False: []}

    class Watcher(_Scripted):
        def forward(self, images):
            seen[self.training].append(images.unique())
            return super().forward(images)

    X, codes, split = _opposed()
    _train(Watcher(), X, codes, replace(RECIPE, max_epochs=1, augment="study"), split=split)
    assert all(len(values) > 1 for values in seen[True])  # the noise
    assert all(values.tolist() == [1] for values in seen[False])


def test_a_loss_that_is_no_number_is_an_error_that_says_what_to_lower():
    X, codes, split = _opposed()
    module = _Scripted()
    torch.nn.init.constant_(module.logit, torch.nan)
    with pytest.raises(ModelError, match=r"after epoch 1; lower lr, which is 0\.1"):
        _train(module, X, codes, RECIPE, split=split)
