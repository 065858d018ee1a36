"""Maps of networks: those that a backbone averages to features, and HiResCAM of nets."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from classify.errors import ModelError
from classify.nets.classifier import NetClassifier
from featex.errors import InputError
from featex.extraction.extractor import Extractor

# For float32 sums over positions. The maps of another layer differ by far more.
TOLERANCE = 1e-4


def vectors(extractor: Extractor, images: np.ndarray) -> np.ndarray:
    """Return the features (n_samples, n_features) float32 of preprocessed images (n_samples, 3, size, size) uint8."""
    return np.concatenate([extractor(batch) for batch in _batches(extractor, images)])


def pooled_maps(extractor: Extractor, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the maps whose means over positions are the features, and the features.

    All tensors that enter or leave a module of the network are candidates; those whose means equal the features are
    returned. So a returned map is averaged to the features, whatever the architecture.

    Parameters
    ----------
    extractor : Extractor
    images : ndarray of shape (n_samples, 3, crop, crop), uint8
        As `Extractor.preprocess` gives them.

    Returns
    -------
    maps : ndarray of shape (n_samples, n_features, height, width), float32
    features : ndarray of shape (n_samples, n_features), float32

    Raises
    ------
    ModelError
        If the features are no mean over positions: dense layers, a normalisation or a class token come between.
    """
    parts = [_pooled(extractor, batch) for batch in _batches(extractor, images)]
    return np.concatenate([maps for maps, _ in parts]), np.concatenate([features for _, features in parts])


def _batches(extractor: Extractor, images: np.ndarray) -> Iterator[list[Tensor]]:
    for start in range(0, len(images), extractor.batch_size):
        yield list(torch.from_numpy(images[start : start + extractor.batch_size]))


def _pooled(extractor: Extractor, batch: list[Tensor]) -> tuple[np.ndarray, np.ndarray]:
    n = extractor.backbone.n_features
    with _passing() as seen:
        features = extractor(batch)
    for maps in reversed(seen):
        for layout in (maps, maps.permute(0, 3, 1, 2)):  # some transformers keep channels last
            if layout.shape[1] == n and layout[0, 0].numel() > 1:
                maps = layout[: len(batch)].float()
                means = maps.mean(dim=(2, 3)).cpu().numpy()
                if np.allclose(means, features, rtol=TOLERANCE, atol=TOLERANCE * np.abs(features).max()):
                    return maps.cpu().numpy(), features
    raise ModelError(
        f"the features of {extractor.backbone.name} are no mean over the positions of a map (dense layers, a "
        "normalisation or a class token come between), so no map adds up to a score; use occlusion"
    )


@contextmanager
def _passing() -> Iterator[list[Tensor]]:
    """Collect all tensors (n, ..., ..., ...) that enter or leave any module, in order."""
    seen = []

    def look(module: nn.Module, inputs, output) -> None:
        # Inputs too: a function such as a concatenation is no module, but the pooling after it is.
        seen.extend(t for t in (*inputs, output) if isinstance(t, Tensor) and t.ndim == 4)

    handle = nn.modules.module.register_module_forward_hook(look)
    try:
        yield seen
    finally:
        handle.remove()


def logits(classifier: NetClassifier, images: np.ndarray, batch_size: int = 32) -> np.ndarray:
    """Return the logits (n_samples, n_classes) float64 of a net for images (n_samples, 3, size, size) uint8."""
    with torch.inference_mode():
        parts = [
            classifier.module_(_pixels(classifier, images[start : start + batch_size])).cpu()
            for start in range(0, len(images), batch_size)
        ]
    return torch.cat(parts).double().numpy()


def net_maps(classifier: NetClassifier, images: np.ndarray, towards: Sequence[int], against: Sequence[int]):
    """Return the signed HiResCAM of each image on the last maps of a net, (n_samples, height, width).

    Draelos & Carin 2020, arXiv 2011.08891, with two departures: it explains the difference of two logits, and has no
    rectifier at its end, so that evidence for the other class is shown too. Where maps are averaged to features it is
    Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391). Where dense layers have a weight for each position, Grad-CAM
    ignores the position: on 22 test images of two sources its rank correlation with occlusion was 0.14 for `cnn3`
    and 0.20 for `lenet5`, that of HiResCAM 0.48 and 0.26; for a fine-tuned ResNet-18 both had 0.38.

    Parameters
    ----------
    classifier : fitted NetClassifier
    images : ndarray of shape (n_samples, 3, size, size), uint8
    towards, against : sequence of int, one an image
        Columns of the two classes.

    Raises
    ------
    InputError
        If grad-cam is not installed.
    """
    try:
        from pytorch_grad_cam import HiResCAM
    except ImportError as error:
        raise InputError(
            "maps of nets need the explain extra (grad-cam); install it: pip install '.[explain]'"
        ) from error
    layer, reshape = _last_maps(classifier, images[:1])
    cam = HiResCAM(classifier.module_, [layer], reshape)
    maps = []
    try:
        for image, one, other in zip(images, towards, against, strict=True):
            pixels = _pixels(classifier, image[None]).requires_grad_()  # without it, a frozen net has no gradients
            targets = [lambda logits, one=one, other=other: logits[one] - logits[other]]
            cam(pixels, targets)  # what it returns is rectified and stretched to 0..1
            store = cam.activations_and_grads
            activations, gradients = store.activations[0].numpy(), store.gradients[0].numpy()
            maps.append(cam.get_cam_image(pixels, layer, targets, activations, gradients, False)[0])
    finally:
        cam.activations_and_grads.release()
    return np.stack(maps)


def _pixels(classifier: NetClassifier, images: np.ndarray) -> Tensor:
    return torch.from_numpy(images).to(classifier.device_).float().div_(255)


def _last_maps(classifier: NetClassifier, image: np.ndarray):
    """Return the last module whose output has more than one position, and a function that brings this output to
    (n, channels, height, width), or None."""
    body = getattr(classifier.module_, "body", None)
    if hasattr(body, "class_token"):
        # The head reads the class token only, so other tokens have no gradient after the last attention.
        return body.encoder.layers[-1].ln_1, _without_class_token
    last = []

    def look(module: nn.Module, inputs, output) -> None:
        if isinstance(output, Tensor) and output.ndim == 4 and output.shape[2] * output.shape[3] > 1:
            last[:] = [module]

    handles = [module.register_forward_hook(look) for module in classifier.module_.modules()]
    try:
        logits(classifier, image)
    finally:
        for handle in handles:
            handle.remove()
    if not last:
        raise ModelError(
            f"{classifier.net} has no maps of more than one position at this image size; take a larger one"
        )
    return last[0], None


def _without_class_token(tokens: Tensor) -> Tensor:
    side = round((tokens.shape[1] - 1) ** 0.5)
    return tokens[:, 1:].unflatten(1, (side, side)).permute(0, 3, 1, 2)
