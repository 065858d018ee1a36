"""Maps of what a network sees where: those that a backbone averages to features, and HiResCAM of nets."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from classify.errors import ModelError
from classify.nets.classifier import NetClassifier
from featex.errors import InputError
from featex.extraction.extractor import Extractor

# Of float32 sums over positions; batches of another layer's maps miss by far more.
TOLERANCE = 1e-4


def vectors(extractor: Extractor, images: np.ndarray) -> np.ndarray:
    """Return the features (n_samples, n_features) float32 of preprocessed images (n_samples, 3, size, size) uint8."""
    return np.concatenate([extractor(batch) for batch in _batches(extractor, images)])


def pooled_maps(extractor: Extractor, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the maps whose mean over positions the features are, and the features.

    They are looked for among all that passes through the network's modules, and taken for what they are by their
    means alone: whatever is done to them on the way, a map that is returned is pooled to the features.

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
        If the features are no mean over positions: dense layers, a normalisation or a class token lie between.
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
        "normalisation or a class token lie between), so no map adds up to a score; there is occlusion"
    )


@contextmanager
def _passing() -> Iterator[list[Tensor]]:
    """Collect all maps (n, ..., ..., ...) that pass into or out of any module, in order."""
    seen = []

    def look(module: nn.Module, inputs, output) -> None:
        # What goes in as well: functions such as a concatenation are no modules, and the pooling after them is.
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

    Draelos & Carin 2020, arXiv 2011.08891, of the difference of two logits, and without the rectifier at its end: what
    speaks for the other class is shown too. Where maps are averaged to features it is Grad-CAM (Selvaraju et al. 2017,
    arXiv 1610.02391). Where dense layers read each position by weights of its own, Grad-CAM loses which it was: on 22
    held-out images of two sources its rank correlation with occlusion was 0.14 for `cnn3` and 0.20 for `lenet5`, that
    of HiResCAM 0.48 and 0.26, and for a fine-tuned ResNet-18 both had 0.38.

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
            "maps of nets need grad-cam, of the explain extra: pip install 'featex[explain]'; or leave them out"
        ) from error
    layer, reshape = _last_maps(classifier, images[:1])
    cam = HiResCAM(classifier.module_, [layer], reshape)
    maps = []
    try:
        for image, one, other in zip(images, towards, against, strict=True):
            pixels = _pixels(classifier, image[None]).requires_grad_()  # else a frozen net would keep no gradients
            targets = [lambda said, one=one, other=other: said[one] - said[other]]
            cam(pixels, targets)  # its own answer is rectified and stretched to 0..1
            held = cam.activations_and_grads
            activations, gradients = held.activations[0].numpy(), held.gradients[0].numpy()
            maps.append(cam.get_cam_image(pixels, layer, targets, activations, gradients, False)[0])
    finally:
        cam.activations_and_grads.release()
    return np.stack(maps)


def _pixels(classifier: NetClassifier, images: np.ndarray) -> Tensor:
    return torch.from_numpy(images).to(classifier.device_).float().div_(255)


def _last_maps(classifier: NetClassifier, image: np.ndarray):
    """Return the module that the last maps of more than one position come out of, and how to bring these to
    (n, channels, height, width)."""
    body = getattr(classifier.module_, "body", None)
    if hasattr(body, "class_token"):
        # The class token alone is read at the end, so nothing flows back to other tokens after the last attention.
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
