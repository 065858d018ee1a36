from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_image

from featex.errors import InputError
from featex.extraction import extractor as module
from featex.extraction.extractor import Extractor, choose_device
from featex.extraction.joined import extractor_of
from featex.images.decode import decode
from featex.network.views import View


@pytest.fixture(scope="module")
def extractor(weights_file):
    return Extractor("resnet18", weights_file, "cpu")


@pytest.fixture(scope="module")
def batch(extractor):
    rng = np.random.default_rng(0)
    return [extractor.preprocess(rng.integers(0, 256, (300, 400, 3), dtype=np.uint8)) for _ in range(3)]


def test_vectors_are_those_of_plain_torchvision(extractor, weights_file):
    import torchvision
    from PIL import Image
    from safetensors.torch import load_file
    from torchvision import transforms

    model = torchvision.models.resnet18()
    model.fc = torch.nn.Identity()
    model.load_state_dict(load_file(weights_file))
    plain = transforms.Compose(
        [
            transforms.Resize(256),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    image = np.random.default_rng(1).integers(0, 256, (310, 420, 3), dtype=np.uint8)
    with torch.inference_mode():
        expected = model.eval()(plain(Image.fromarray(image))[None])[0].numpy()
    vector = extractor([extractor.preprocess(image)])[0]
    assert vector @ expected / np.linalg.norm(vector) / np.linalg.norm(expected) > 0.9999


def test_an_image_has_the_same_vector_whatever_its_neighbours(extractor, batch):
    together = extractor(batch)
    alone = np.concatenate([extractor([image]) for image in batch])
    turned = extractor(batch[::-1])[::-1]
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(together, turned)


def test_an_image_has_nearly_the_same_vector_in_any_batch_size(extractor, batch, weights_file):
    small = Extractor("resnet18", weights_file, "cpu", batch_size=1)
    np.testing.assert_allclose(small(batch[:1]), extractor(batch[:1]), rtol=1e-3, atol=1e-4)
    assert small.fingerprint == extractor.fingerprint


def test_the_passport_names_all_that_the_vectors_depend_on(extractor):
    passport = extractor.passport
    assert passport["fingerprint"].startswith(extractor.name.removeprefix("resnet18-"))
    assert passport["n_features"] == 512
    assert passport["preprocessing"]["resize"] == 256
    assert len(passport["weights_sha256"]) == 64


def test_random_and_trained_weights_have_other_names(extractor):
    random = Extractor("resnet18", "random", "cpu")
    assert not random.passport["trained"]
    assert random.name != extractor.name


def test_a_device_that_is_not_there_is_refused_and_auto_is_not():
    assert choose_device("auto").type in ("cpu", "cuda", "mps")
    with pytest.raises(InputError, match="unknown device 'gpu'"):
        choose_device("gpu")
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="'cuda' was requested, but this machine has none"):
            choose_device("cuda")


def test_fast_has_a_name_of_its_own_and_asks_for_less_of_a_large_image(extractor, weights_file):
    fast = Extractor("resnet18", weights_file, "cpu", view=View(fast=True))
    assert fast.name != extractor.name
    assert (fast.least_side, extractor.least_side) == (512, None)
    assert extractor_of(fast.passport, weights_file, "cpu").fingerprint == fast.fingerprint


def test_fast_vectors_of_a_large_photograph_are_nearly_the_exact_ones(extractor, weights_file):
    photograph = Image.fromarray(load_sample_image("china.jpg")).resize((1600, 1100), Image.Resampling.LANCZOS)
    file = BytesIO()
    photograph.save(file, "JPEG", quality=92)
    fast = Extractor("resnet18", weights_file, "cpu", view=View(fast=True))
    assert decode(file.getvalue(), fast.least_side).shape == (550, 800, 3)
    given = fast([fast.preprocess(decode(file.getvalue(), fast.least_side))])[0]
    exact = extractor([extractor.preprocess(decode(file.getvalue()))])[0]
    assert given @ exact / np.linalg.norm(given) / np.linalg.norm(exact) > 0.999


def test_a_gpu_is_given_files_undecoded_where_it_may_be_inexact(extractor, weights_file):
    data = jpeg()
    fast = Extractor("resnet18", weights_file, "cpu", view=View(fast=True))
    assert fast.undecoded(data) is None
    for one in (fast, exact := Extractor("resnet18", weights_file, "cpu")):
        one.device = torch.device("cuda")
    assert fast.undecoded(data).numpy().tobytes() == data
    assert fast.undecoded(data[:-9]) is None
    assert exact.undecoded(data) is None


def test_batches_of_squares_and_undecoded_files_come_back_in_order_and_damaged_ones_as_nan(weights_file):
    """What a GPU is sent, on the CPU: all but the copies there and back."""
    fast = Extractor("resnet18", weights_file, "cpu", batch_size=4, view=View(fast=True))
    files = [jpeg(), jpeg("china.jpg"), b"\xff\xd8 no more \xff\xd9", jpeg(quality=20)]
    seen = [torch.frombuffer(bytearray(file), dtype=torch.uint8) for file in files]
    seen[1] = fast.preprocess(decode(files[1]))
    vectors = fast.on_device(seen).numpy()
    assert np.isnan(vectors[2]).all()
    good = [0, 1, 3]
    expected = fast([fast.preprocess(decode(files[i])) for i in good])
    np.testing.assert_allclose(vectors[good], expected, atol=0.02 * expected.std())


def jpeg(name: str = "flower.jpg", quality: int = 90) -> bytes:
    file = BytesIO()
    Image.fromarray(load_sample_image(name)).save(file, "JPEG", quality=quality)
    return file.getvalue()


def test_threads_that_come_at_once_build_one_model(weights_file, batch, monkeypatch):
    built = []
    original = module.Forward
    monkeypatch.setattr(module, "Forward", lambda *arguments: built.append(1) or original(*arguments))
    extractor = Extractor("resnet18", weights_file, "cpu")
    with ThreadPoolExecutor(4) as pool:
        vectors = list(pool.map(extractor, [batch] * 4))
    assert built == [1]
    for other in vectors[1:]:
        np.testing.assert_array_equal(vectors[0], other)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
def test_a_gpu_gives_the_vectors_of_the_cpu(extractor, batch, weights_file):
    np.testing.assert_allclose(Extractor("resnet18", weights_file, "cuda")(batch), extractor(batch), atol=1e-3)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
def test_a_gpu_that_decodes_and_computes_by_halves_gives_nearly_the_vectors_of_the_cpu(extractor, weights_file):
    fast = Extractor("resnet18", weights_file, "cuda", view=View(fast=True))
    files = [jpeg(), jpeg("china.jpg"), b"\xff\xd8 no more \xff\xd9"]
    given = fast([torch.frombuffer(bytearray(file), dtype=torch.uint8) for file in files])
    exact = extractor([extractor.preprocess(decode(file)) for file in files[:2]])
    assert np.isnan(given[2]).all()
    assert np.corrcoef(given[0], exact[0])[0, 1] > 0.998
    assert np.corrcoef(given[1], exact[1])[0, 1] > 0.998
