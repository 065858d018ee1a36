import json

import numpy as np
import pytest
import safetensors.numpy
import torch
from PIL import Image
from sklearn.base import clone

from classify.errors import DataError, ModelError
from classify.nets.classifier import NetClassifier
from classify.nets.pixels import ImageFiles, Pixels, PixelView
from classify.nets.recipe import NetRecipe
from classify.nets.zoo import NETS
from featex.errors import InputError


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _images(n, size=16, labels=("ai", "real")):
    """Return images of noise with one channel brighter in each class, and their labels."""
    rng = np.random.default_rng(0)
    codes = np.arange(n) % len(labels)
    X = rng.integers(0, 128, (n, 3, size, size), dtype=np.uint8)
    for row, code in enumerate(codes):
        X[row, code] += 100
    return X, np.array(labels)[codes]


def _classifier(net="lenet5", weights=None, device="cpu", **choices):
    recipe = NETS[net].recipe.changed(**{"image_size": 16, "max_epochs": 2, **choices})
    return NetClassifier(net, recipe, weights=weights, device=device)


SIZES = {"lenet5": 16, "cnn": 16, "cnn3": 16, "inception_v3": 75, "xception": 71, "swin_t": 64}
# Known to learn 32 images by heart too, in 4 to 25 epochs, which takes minutes; one is enough for all else. Even so the
# contracts of these nets are long; that each builds, decides and learns at all is in test_nets.py.
LARGE = set(NETS) - {"lenet5", "cnn", "cnn3", "resnet18"}
LR = {"efficientnet_b0": 1e-3, "vgg16": 1e-4}


def _plainly(net, **params):
    """Return a classifier that trains all of a net from scratch with nothing in the way."""
    plain = {"schedule": "constant", "warmup_epochs": 0, "label_smoothing": 0.0, "augment": "none", "head": "linear"}
    lr = LR.get(net, 3e-4 if NETS[net].backbone else 1e-3)
    scratch = {"weights": "random", "train": "all", "body_lr": lr} if NETS[net].backbone else {}
    settings = {
        "image_size": SIZES.get(net, 32),
        "batch_size": 32 if net == "vgg16" else 16,
        "lr": lr,
        **plain,
        **scratch,
        **params,
    }
    return _classifier(net, **settings)


@pytest.fixture(
    scope="module", params=[pytest.param(net, marks=[pytest.mark.long] if net in LARGE else []) for net in NETS]
)
def fitted(request):
    """A net that was shown 32 images, small ones often; a group a class, so that none is set aside."""
    model = _plainly(request.param, max_epochs=1 if request.param in LARGE else 12)
    X, y = _images(32, size=model.recipe.image_size)
    return model.fit(X, y, groups=y), X, y


def test_a_net_learns_32_images_by_heart(fitted):
    model, X, y = fitted
    assert np.isfinite(model.history_[-1]["train_loss"])
    if model.net not in LARGE:
        assert model.history_[-1]["train_acc"] > 0.95
        assert (model.predict(X) == y).mean() > 0.95


def test_probabilities_are_rows_that_sum_to_one(fitted):
    model, X, _ = fitted
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (32, 2)
    assert probabilities.dtype == np.float64
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-12)
    assert (model.predict(X) == model.classes_[probabilities.argmax(axis=1)]).all()


def test_an_image_is_judged_alike_whatever_its_neighbours(fitted):
    model, X, _ = fitted
    alone = np.concatenate([model.predict_proba(X[i : i + 1]) for i in range(5)])
    np.testing.assert_allclose(alone, model.predict_proba(X)[:5], atol=1e-4)


# Of each way to draw: none but the weights, dropout, and layers left out at random.
@pytest.mark.parametrize("net", ["lenet5", "cnn", "cnn3", "resnet18", "efficientnet_b0"])
def test_same_seed_gives_the_same_net(net):
    X, y = _images(8, size=SIZES.get(net, 32))
    first = _plainly(net, max_epochs=1, augment="strong").fit(X, y)
    torch.rand(1)  # whatever the global state
    again = clone(first).fit(X, y)
    assert (again.predict_proba(X) == first.predict_proba(X)).all()
    if not NETS[net].backbone or net == "resnet18":  # once is enough for one loop
        other = clone(first).set_params(random_state=1).fit(X, y)
        assert (other.predict_proba(X) != first.predict_proba(X)).any()


def test_a_net_stored_as_safetensors_predicts_as_before(fitted):
    model, X, _ = fitted
    arrays = safetensors.numpy.load(safetensors.numpy.save(model.to_arrays()))
    params = json.loads(json.dumps(model.params_as_json()))
    again = NetClassifier.from_arrays(params, model.classes_.tolist(), arrays)
    assert again.get_params() == model.get_params()
    assert (again.predict_proba(X) == model.predict_proba(X)).all()
    assert again.predict(X).tolist() == model.predict(X).tolist()


def test_clone_is_exact_and_forgets_what_was_learned(fitted):
    model = fitted[0]
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert not hasattr(copy, "module_")


def test_history_has_a_row_an_epoch_and_progress_hears_of_each():
    X, y = _images(24)
    rows = []
    model = _classifier(max_epochs=3).fit(X, y, progress=rows.append)
    assert [list(row) for row in model.history_] == [
        ["epoch", "train_loss", "train_acc", "valid_loss", "valid_acc", "dur"]
    ] * 3
    assert [row["epoch"] for row in model.history_] == [1, 2, 3]
    losses = [row["valid_loss"] for row in model.history_]
    assert model.best_epoch_ == 1 + losses.index(min(losses))
    assert [(row["epoch"], row["max_epochs"], row["valid_loss"]) for row in rows] == [
        (epoch, 3, loss) for epoch, loss in zip((1, 2, 3), losses, strict=True)
    ]


def test_three_classes_by_name_are_told_apart():
    X, y = _images(60, labels=("cat", "dog", "fox"))
    model = _classifier(max_epochs=30, batch_size=8, augment="none").fit(X, y)
    assert model.classes_.tolist() == ["cat", "dog", "fox"]
    assert model.score(X, y) == 1


def test_fit_neither_warns_nor_prints_nor_moves_the_global_random_state(recwarn, capfd):
    X, y = _images(24)
    X.flags.writeable = False  # as joblib hands arrays to its workers
    before = torch.get_rng_state()
    model = _classifier(balance="weights").fit(X, y)
    model.predict(X)
    assert not recwarn.list
    assert capfd.readouterr() == ("", "")
    assert torch.equal(torch.get_rng_state(), before)


def test_a_net_on_too_few_images_to_validate_trains_without():
    X, y = _images(4)
    model = _classifier().fit(X, y)
    assert model.best_epoch_ == 2
    assert model.history_[-1]["valid_acc"] is None


@pytest.mark.parametrize(("balance", "said"), [("none", "real"), ("weights", None), ("oversample", None)])
def test_a_large_class_wins_unless_classes_are_balanced(balance, said):
    X, y = _images(40)
    X[:] = 128  # nothing to tell them apart by
    y = np.array(["ai"] * 8 + ["real"] * 32)
    model = _classifier(balance=balance, max_epochs=12, batch_size=8, augment="none").fit(X, y, groups=y)
    share = model.predict_proba(X)[:, 1].mean()
    assert share > 0.7 if said else 0.35 < share < 0.65


def test_a_frozen_part_is_run_once_an_image_and_changes_no_prediction(monkeypatch):
    X, y = _images(32, size=32)
    options = {"image_size": 32, "weights": "random", "train": "head", "augment": "none", "max_epochs": 3}
    pixels = Pixels(X)
    model = _classifier("resnet18", **options).fit(pixels[np.arange(20)], y[:20], groups=y[:20])
    kept = model.predict_proba(pixels[np.arange(20, 32)])
    (memo,) = pixels.memo.values()
    assert memo["done"].all()
    whole = NetClassifier.from_arrays(model.params_as_json(), model.classes_, model.to_arrays())
    np.testing.assert_allclose(kept, whole.predict_proba(X[20:]), atol=1e-5)
    monkeypatch.setattr("classify.nets.classifier.cut", lambda module: None)
    plain = clone(model).fit(X[:20], y[:20], groups=y[:20])
    np.testing.assert_allclose(plain.predict_proba(X[20:]), kept, atol=1e-4)


@pytest.mark.parametrize("choice", [{"augment": "flips"}, {"balance": "oversample"}])
def test_what_varies_images_runs_the_whole_net(choice):
    X, y = _images(16, size=32)
    pixels = Pixels(X)
    options = {"image_size": 32, "weights": "random", "train": "head", "augment": "none", "max_epochs": 1, **choice}
    _classifier("resnet18", **options).fit(pixels, y)
    assert pixels.memo == {}


def test_images_that_are_streamed_train_the_same_net(tmp_path):
    X, y = _images(24)
    paths = [tmp_path / f"{i}.png" for i in range(24)]
    for path, image in zip(paths, X, strict=True):
        Image.fromarray(image.transpose(1, 2, 0)).save(path)
    held = _classifier().fit(X, y).predict_proba(X)
    streamed = Pixels(ImageFiles(paths, PixelView(16)))
    assert (_classifier().fit(streamed, y).predict_proba(streamed) == held).all()


def test_a_fit_that_was_finished_is_read_from_its_checkpoint(tmp_path):
    X, y = _images(24)
    rows = []
    first = _classifier().fit(X, y, checkpoint=tmp_path / "a.pt")
    again = _classifier().fit(X, y, checkpoint=tmp_path / "a.pt", progress=rows.append)
    assert rows == []
    assert again.history_ == first.history_
    assert (again.predict_proba(X) == first.predict_proba(X)).all()


def test_pretrained_weights_are_where_training_starts(weights_file):
    X, y = _images(16, size=32)
    model = _classifier("resnet18", image_size=32, weights=weights_file, train="head", max_epochs=1).fit(X, y)
    body = {name: array for name, array in model.to_arrays().items() if name.startswith("body.")}
    expected = safetensors.numpy.load_file(weights_file)
    assert set(body) == {f"body.{name}" for name in expected}
    assert all((array == expected[name.removeprefix("body.")]).all() for name, array in body.items())


def test_weights_for_a_net_from_scratch_are_refused():
    with pytest.raises(ModelError, match="lenet5 is always trained from scratch; leave weights out"):
        _classifier(weights="random").fit(*_images(24))


def test_a_size_that_does_not_go_through_is_refused_with_the_one_that_does():
    X, y = _images(16, size=40)
    with pytest.raises(ModelError, match=r"image size 40 does not fit inception_v3 .*; it was made for 299"):
        _classifier("inception_v3", image_size=40, weights="random").fit(X, y)


def test_groups_reach_the_inner_split():
    X, y = _images(24)
    model = _classifier().fit(X, y, groups=y)  # a group a class: nothing can be set aside
    assert model.history_[-1]["valid_loss"] is None


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (NetClassifier("lenet"), "did you mean 'lenet5'"),
        (NetClassifier("lenet5", NetRecipe(16, max_epochs=1, batch_size=8, lr=0)), "lr is 0; take more than 0"),
        (_classifier(device="tpu"), "unknown device 'tpu'"),
    ],
)
def test_what_cannot_be_is_stored_and_refused_at_fit(model, sentence):
    with pytest.raises((InputError, ModelError), match=sentence):
        model.fit(*_images(24))


def test_pixels_of_another_size_are_refused_with_both_sizes():
    X, y = _images(24, size=24)
    with pytest.raises(DataError, match="24 x 24 but lenet5 is set to image_size 16"):
        _classifier().fit(X, y)


def test_one_class_alone_is_refused():
    X, _ = _images(4)
    with pytest.raises(DataError, match="all 4 images are of class ai"):
        _classifier().fit(X, ["ai"] * 4)


def test_weights_of_another_net_are_refused():
    X, y = _images(24)
    model = _classifier(max_epochs=1).fit(X, y)
    with pytest.raises(ModelError, match="not those of lenet5 at image size 16 with 3 classes"):
        NetClassifier.from_arrays(model.params_as_json(), ["a", "b", "c"], model.to_arrays())
