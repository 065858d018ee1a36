from contextlib import contextmanager

import numpy as np
import pytest
import safetensors.numpy
import torch
from PIL import Image
from sklearn.base import clone

from classify.cnn import NetClassifier, load_pixels
from classify.errors import DataError, ModelError
from classify.nets import NETS
from featex.errors import InputError
from featex.progress import Progress


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


def _classifier(net="lenet5", **params):
    return NetClassifier(net, **{"image_size": 16, "max_epochs": 2, "device": "cpu", **params})


@pytest.fixture(scope="module", params=NETS)
def fitted(request):
    X, y = _images(24)
    return _classifier(request.param).fit(X, y), X, y


def test_probabilities_are_rows_that_sum_to_one(fitted):
    model, X, _ = fitted
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (24, 2)
    assert probabilities.dtype == np.float64
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-12)
    assert (model.predict(X) == model.classes_[probabilities.argmax(axis=1)]).all()


def test_an_image_is_judged_alike_whatever_its_neighbours(fitted):
    model, X, _ = fitted
    alone = np.concatenate([model.predict_proba(X[i : i + 1]) for i in range(5)])
    np.testing.assert_allclose(alone, model.predict_proba(X)[:5], atol=1e-5)


def test_same_seed_gives_the_same_net(fitted):
    model, X, y = fitted
    torch.rand(1)  # whatever the global state
    again = clone(model).fit(X, y)
    assert (again.predict_proba(X) == model.predict_proba(X)).all()
    other = clone(model).set_params(random_state=1).fit(X, y)
    assert (other.predict_proba(X) != model.predict_proba(X)).any()


def test_a_net_stored_as_safetensors_predicts_as_before(fitted):
    model, X, _ = fitted
    arrays = safetensors.numpy.load(safetensors.numpy.save(model.to_arrays()))
    again = NetClassifier.from_arrays(model.get_params(), model.classes_.tolist(), arrays)
    assert (again.predict_proba(X) == model.predict_proba(X)).all()
    assert again.predict(X).tolist() == model.predict(X).tolist()


def test_clone_is_exact_and_forgets_what_was_learned(fitted):
    model = fitted[0]
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert not hasattr(copy, "module_")


def test_history_has_a_row_an_epoch_and_progress_hears_of_each():
    X, y = _images(24)
    heard = []
    model = _classifier(max_epochs=3).fit(X, y, progress=heard.append)
    assert [list(row) for row in model.history_] == [["epoch", "train_loss", "valid_loss", "valid_acc", "dur"]] * 3
    assert [row["epoch"] for row in model.history_] == [1, 2, 3]
    assert model.n_epochs_ == 3
    losses = [row["valid_loss"] for row in model.history_]
    assert model.best_epoch_ == 1 + losses.index(min(losses))
    assert [(row["epoch"], row["max_epochs"], row["valid_loss"]) for row in heard] == [
        (epoch, 3, loss) for epoch, loss in zip((1, 2, 3), losses, strict=True)
    ]


def test_three_classes_by_name_are_told_apart():
    X, y = _images(60, labels=("cat", "dog", "fox"))
    model = _classifier(max_epochs=30, batch_size=8, augment=False).fit(X, y)
    assert model.classes_.tolist() == ["cat", "dog", "fox"]
    assert model.score(X, y) == 1


def test_fit_neither_warns_nor_prints_nor_moves_the_global_random_state(recwarn, capfd):
    X, y = _images(24)
    X.flags.writeable = False  # as joblib hands arrays to its workers
    before = torch.get_rng_state()
    model = _classifier(class_weight="balanced").fit(X, y)
    model.predict(X)
    assert not recwarn.list
    assert capfd.readouterr() == ("", "")
    assert torch.equal(torch.get_rng_state(), before)


def test_a_net_on_too_few_images_to_validate_trains_without():
    X, y = _images(4)
    model = _classifier().fit(X, y)
    assert model.best_epoch_ == 2
    assert model.history_[-1]["valid_acc"] is None


def test_class_weight_is_given_by_class_name():
    X, y = _images(24)
    X[:] = 0
    model = _classifier(class_weight={"ai": 20, "real": 1}, max_epochs=10, batch_size=4).fit(X, y)
    assert (model.predict(X) == "ai").all()
    assert model.predict_proba(X)[:, 0].min() > 0.8


def test_groups_reach_the_inner_split():
    X, y = _images(24)
    model = _classifier().fit(X, y, groups=y)  # a group a class: nothing can be set aside
    assert model.history_[-1]["valid_loss"] is None


@pytest.mark.parametrize(
    ("params", "error", "sentence"),
    [
        ({"net": "lenet"}, InputError, "did you mean 'lenet5'"),
        ({"image_size": 15}, ModelError, "take 16 or more"),
        ({"max_epochs": 0}, ModelError, "max_epochs is 0; take 1 or more"),
        ({"lr": 0}, ModelError, "lr is 0; take more than 0, such as 0.001"),
        ({"validation_fraction": 0.9}, ModelError, "at most 0.5"),
        ({"device": "tpu"}, InputError, "unknown device 'tpu'"),
    ],
)
def test_settings_out_of_range_are_refused_at_fit(params, error, sentence):
    X, y = _images(24, size=params.get("image_size", 16))
    with pytest.raises(error, match=sentence):
        _classifier(**params).fit(X, y)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_without_cuda_is_an_error():
    with pytest.raises(InputError, match="cuda"):
        _classifier(device="cuda").fit(*_images(24))


def test_pixels_of_another_size_are_refused_with_both_sizes():
    X, y = _images(24, size=24)
    with pytest.raises(DataError, match="24 x 24 but lenet5 is set to image_size 16"):
        _classifier().fit(X, y)


@pytest.mark.parametrize("X", [np.zeros((4, 3, 16, 16)), np.zeros((4, 16, 16, 3), np.uint8), [[1]]])
def test_what_is_no_uint8_image_array_is_refused(X):
    with pytest.raises(DataError, match="lenet5 reads a uint8 array"):
        _classifier().fit(X, [0, 1, 0, 1])


def test_one_class_alone_is_refused():
    X, _ = _images(4)
    with pytest.raises(DataError, match="all 4 images are of class ai"):
        _classifier().fit(X, ["ai"] * 4)


def test_weights_of_another_net_are_refused():
    X, y = _images(24)
    model = _classifier(max_epochs=1).fit(X, y)
    with pytest.raises(ModelError, match="not those of lenet5 at image size 16 with 3 classes"):
        NetClassifier.from_arrays(model.get_params(), ["a", "b", "c"], model.to_arrays())


def _write(path, array):
    Image.fromarray(array).save(path)
    return path


def test_pixels_come_in_the_order_of_the_paths_whatever_the_size(tmp_path):
    paths = [_write(tmp_path / f"{i}.png", np.full((20 + i, 40, 3), (i, 2 * i, 3 * i), np.uint8)) for i in range(30)]
    pixels = load_pixels(paths, 16, workers=4)
    assert pixels.shape == (30, 3, 16, 16)
    assert pixels.dtype == np.uint8
    assert (pixels == np.outer(np.arange(30), (1, 2, 3))[:, :, None, None]).all()


def test_pixels_keep_the_upper_side_up_and_are_antialiased(tmp_path):
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:32, ::2] = 255
    pixels = load_pixels([_write(tmp_path / "a.png", stripes)], 16)[0]
    assert abs(pixels[:, 2:6, 1:-1].astype(int) - 127).max() < 8
    assert pixels[:, -6:].max() == 0


@pytest.mark.parametrize("content", [None, b"no image"])
def test_an_unreadable_file_is_named_with_the_way_out(tmp_path, content):
    good = _write(tmp_path / "good.png", np.zeros((8, 8, 3), np.uint8))
    bad = tmp_path / "bad.png"
    if content is not None:
        bad.write_bytes(content)
    with pytest.raises(InputError, match=r"cannot read .*bad\.png \(.+\); run `featex extract` again"):
        load_pixels([good, bad], 16)


def test_progress_hears_of_every_image(tmp_path):
    heard = []

    class Listener(Progress):
        @contextmanager
        def task(self, label, total, unit):
            heard.append(total)
            yield heard.append

    load_pixels([_write(tmp_path / "a.png", np.zeros((8, 8, 3), np.uint8))] * 3, 16, progress=Listener())
    assert heard == [3, 1, 1, 1]
