"""Random variants of training images, made a batch at a time on the device that the batch is on.

torchvision.transforms.v2 is not used: it draws one set of values for a whole batch, so images would have to go through
it one by one. On one core of an EPYC, batches of 32 images of 32 / 64 / 224 pixels, 7 runs in pairs, that took 8.4 /
3.0 / 1.2 times as long for "study", 11 / 6.3 / 1.9 times for blur, and 19 / 6.2 times for light at 32 / 64 pixels. Only
a flip without other changes is quicker there (12 microseconds an image against 82 at 64 pixels), but it would change
trained nets by the rounding of our interpolation. `v2.MixUp` turns labels into shares, for which torch's weighted
cross-entropy divides by another number. For JPEG see `classify.nets.jpeg_augmentation`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from scipy.special import betaincinv
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, pad

from classify.nets.jpeg_augmentation import jpeg


@dataclass(frozen=True)
class Augmentation:
    """What may happen to a training image, how likely, and how far; nothing does by default.

    Each image draws values of its own, uniformly within the ranges. A `p_...` is the share of images that are changed
    in that way; no image is where the range is empty.

    Parameters
    ----------
    horizontal_flip, vertical_flip : float
        Share of images that are mirrored sideways, and share that are turned upside down.
    p_crop, min_area, max_stretch : float
        Random resized crop of `min_area` to 1 of the area (less where it meets an edge), with an aspect ratio of up to
        `max_stretch` either way.
    shift, zoom : float
        Largest shift along each axis, and largest zoom in or out, as shares of the side. Both may look past the edge.
    p_rotation, degrees : float
        Largest rotation either way.
    p_light, brightness, contrast : float
        Largest relative change: at 0.2, pixels are multiplied by 0.8 to 1.2, then their distance from the image's mean
        is.
    p_blur, blur : float, pair of floats
        Standard deviation of a Gaussian, above 0, in pixels.
    noise : float
        Standard deviation of Gaussian noise on every image, whose pixels go from 0 to 1.
    p_jpeg, jpeg : float, pair of ints
        Quality, 1 to 100, of the JPEG that the image is saved as, after all other changes.
    mixup : float
        The alpha of `mixup`, which the training loop calls, since labels are mixed too; `augment` does not.
    """

    horizontal_flip: float = 0.0
    vertical_flip: float = 0.0
    p_crop: float = 1.0
    min_area: float = 1.0
    max_stretch: float = 1.0
    shift: float = 0.0
    zoom: float = 0.0
    p_rotation: float = 1.0
    degrees: float = 0.0
    p_light: float = 1.0
    brightness: float = 0.0
    contrast: float = 0.0
    p_blur: float = 1.0
    blur: tuple[float, float] | None = None
    noise: float = 0.0
    p_jpeg: float = 1.0
    jpeg: tuple[int, int] | None = None
    mixup: float = 0.0


AUGMENTATIONS = {
    "none": Augmentation(),
    # The study that this project grew from names these four changes, not their ranges. torchvision's crops go down to
    # 8 % of the area, which would discard most of a 32-pixel image. The noise is 5 of 255 levels.
    "study": Augmentation(vertical_flip=0.5, min_area=0.8, max_stretch=4 / 3, degrees=15, noise=0.02),
    # Sideways only: a mirrored photograph is as likely as the original, one that is upside down is rare.
    "flips": Augmentation(horizontal_flip=0.5),
    # A study of six transferred nets names flips, shifts and zoom, but no ranges: those are our choice.
    "shifts": Augmentation(horizontal_flip=0.5, shift=0.1, zoom=0.2),
    # Blur and JPEG are what Wang et al., "CNN-generated images are surprisingly easy to spot... for now", CVPR 2020,
    # found to carry a detector to other generators. They go to sigma 3 and quality 30; 0.8 takes nearly all of the
    # finest detail at any size, and a 32-pixel image can still be read. Mixup's is within the 0.1 to 0.4 that Zhang et
    # al., "mixup", ICLR 2018, found to help on ImageNet. The other ranges are our choice.
    "strong": Augmentation(
        horizontal_flip=0.5,
        p_crop=0.8,
        min_area=0.5,
        max_stretch=4 / 3,
        p_rotation=0.5,
        degrees=15,
        p_light=0.5,
        brightness=0.2,
        contrast=0.2,
        p_blur=0.2,
        blur=(0.1, 0.8),
        p_jpeg=0.5,
        jpeg=(50, 95),
        mixup=0.2,
    ),
}


def augment(images: Tensor, recipe: Augmentation) -> Tensor:
    """Return a variant of each image; "none" returns the images themselves.

    Random numbers come from the global generator of the device that `images` are on.

    Parameters
    ----------
    images : float32 tensor (n, 3, size, size), in 0..1
    recipe : Augmentation

    Returns
    -------
    tensor like `images`, in 0..1

    Notes
    -----
    Flips, crop, shift, zoom and rotation are one affine map, so pixels are interpolated once. Outside the image lies
    its reflection, since only training images would have black corners. Light, blur and JPEG cost time only for the
    images that they change.
    """
    draw = _Draw(len(images), images.device)
    variants = images
    if _moves(recipe):
        grid = affine_grid(_views(recipe, draw), list(images.shape), align_corners=False)
        variants = grid_sample(variants, grid, padding_mode="reflection", align_corners=False)
    if recipe.brightness or recipe.contrast:
        rows = draw.rows(recipe.p_light)
        brightness = 1 + draw.uniform(-recipe.brightness, recipe.brightness)
        contrast = 1 + draw.uniform(-recipe.contrast, recipe.contrast)
        variants = _change(variants, rows, light, brightness, contrast)
    if recipe.blur:
        rows = draw.rows(recipe.p_blur)
        variants = _change(variants, rows, blur, draw.uniform(*recipe.blur))
    if recipe.noise:
        noise = torch.empty_like(variants).normal_(0, recipe.noise)
        variants = (variants + noise).clamp_(0, 1)
    if recipe.jpeg:
        rows = draw.rows(recipe.p_jpeg)
        worst, best = recipe.jpeg
        quality = draw.uniform(worst, best + 1).floor().clamp(max=best)
        variants = _change(variants, rows, jpeg, quality)
    return images if variants is images else variants.clamp_(0, 1)


@dataclass(frozen=True)
class _Draw:
    """Random numbers, one an image."""

    n: int
    device: torch.device

    def uniform(self, low: float, high: float) -> Tensor:
        return torch.rand(self.n, device=self.device) * (high - low) + low

    def chosen(self, p: float) -> Tensor:
        # Certain events draw no number, so that the numbers after them stay the same.
        if p in (0, 1):
            return torch.full((self.n,), bool(p), device=self.device)
        return self.uniform(0, 1) < p

    def rows(self, p: float) -> Tensor:
        return self.chosen(p).nonzero()[:, 0]


def _change(images: Tensor, rows: Tensor, part: Callable[..., Tensor], *values: Tensor) -> Tensor:
    """Return the images with `rows` put through `part`, which takes these rows of the values (n,) as well."""
    if len(rows) == 0:
        return images
    return images.index_copy(0, rows, part(images[rows], *(value[rows] for value in values)))


def _moves(recipe: Augmentation) -> bool:
    """Return whether the recipe moves pixels at all."""
    some = (recipe.horizontal_flip, recipe.vertical_flip, recipe.shift, recipe.zoom, recipe.degrees)
    return any(some) or recipe.min_area < 1 or recipe.max_stretch > 1


def _views(recipe: Augmentation, draw: _Draw) -> Tensor:
    """Return where each output pixel looks, as an affine map (n, 2, 3) of the square from -1 to 1."""
    cropped = draw.chosen(recipe.p_crop)
    area = torch.where(cropped, draw.uniform(recipe.min_area, 1), 1)
    stretch = torch.exp(torch.where(cropped, draw.uniform(-0.5, 0.5), 0) * math.log(recipe.max_stretch))
    width = (area.sqrt() * stretch).clamp(max=1)
    height = (area.sqrt() / stretch).clamp(max=1)
    left, top = (1 - width) * draw.uniform(-1, 1), (1 - height) * draw.uniform(-1, 1)
    if recipe.zoom:
        zoom = 1 + draw.uniform(-recipe.zoom, recipe.zoom)
        width, height = width * zoom, height * zoom
    if recipe.shift:  # the side is 2 long
        left = left + 2 * draw.uniform(-recipe.shift, recipe.shift)
        top = top + 2 * draw.uniform(-recipe.shift, recipe.shift)
    angle = torch.where(draw.chosen(recipe.p_rotation), draw.uniform(-recipe.degrees, recipe.degrees), 0)
    cos, sin = torch.deg2rad(angle).cos(), torch.deg2rad(angle).sin()
    upside_down = torch.where(draw.chosen(recipe.vertical_flip), -1.0, 1.0)
    mirrored = torch.where(draw.chosen(recipe.horizontal_flip), -1.0, 1.0)
    # Into the crop, then turned, then flipped.
    across = torch.stack([cos * width, -sin * height, cos * left - sin * top], dim=1) * mirrored[:, None]
    down = torch.stack([sin * width, cos * height, sin * left + cos * top], dim=1) * upside_down[:, None]
    return torch.stack([across, down], dim=1)


def mixup(images: Tensor, alpha: float) -> tuple[Tensor, Tensor, float]:
    """Return each image mixed with a partner from the batch, the rows of the partners, and the share of the image.

    The loss of a mixed image is ``share * loss(its label) + (1 - share) * loss(label of its partner)``.

    Parameters
    ----------
    images : float32 tensor (n, 3, size, size)
    alpha : float
        More than 0. The share is drawn from Beta(alpha, alpha), once for the batch; 1 mixes evenly.

    Returns
    -------
    mixed : tensor like `images`
    partners : int64 tensor (n,)
        A permutation: every image is the partner of one, possibly of itself.
    share : float
        In 0.5..1: a mix of 0.3 and 0.7 is that of the partner with 0.7 and 0.3, so the image with the larger share
        counts as the first, and accuracy against its label keeps a meaning.

    Notes
    -----
    After Zhang, Cisse, Dauphin & Lopez-Paz, "mixup: Beyond empirical risk minimization", ICLR 2018.
    """
    n, device = len(images), images.device
    partners = torch.randperm(n, device=device)
    share = float(betaincinv(alpha, alpha, torch.rand((), device=device).item()))
    share = max(share, 1 - share)
    return torch.lerp(images[partners], images, share), partners, share


def light(images: Tensor, brightness: Tensor, contrast: Tensor) -> Tensor:
    """Return images times `brightness` (n,), then with `contrast` (n,) times their distance from their mean."""
    brighter = images * brightness[:, None, None, None]
    mean = brighter.mean(dim=(1, 2, 3), keepdim=True)
    return torch.lerp(mean, brighter, contrast[:, None, None, None]).clamp(0, 1)


def blur(images: Tensor, sigma: Tensor) -> Tensor:
    """Return images under a Gaussian of standard deviation `sigma` (n,), in pixels, with edges reflected."""
    n, channels, height, width = images.shape
    radius = min(math.ceil(3 * sigma.max().item()), height - 1, width - 1)
    steps = torch.arange(-radius, radius + 1, device=images.device)
    weights = torch.softmax(-0.5 * (steps / sigma[:, None]) ** 2, dim=1).repeat_interleave(channels, dim=0)
    # Every channel of every image is one group.
    flat = pad(images.reshape(1, n * channels, height, width), [radius] * 4, mode="reflect")
    flat = torch.conv2d(flat, weights[:, None, :, None], groups=n * channels)
    return torch.conv2d(flat, weights[:, None, None, :], groups=n * channels).reshape(images.shape)
