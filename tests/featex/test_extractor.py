import numpy as np
import pytest
import torch

from featex.errors import InputError
from featex.extractor import Extractor, choose_device


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
        with pytest.raises(InputError, match="'cuda' was asked for and this machine has none"):
            choose_device("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
def test_a_gpu_gives_the_vectors_of_the_cpu(extractor, batch, weights_file):
    np.testing.assert_allclose(Extractor("resnet18", weights_file, "cuda")(batch), extractor(batch), atol=1e-3)
