from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.data import astronaut, chelsea

from classify.nets.jpeg_augmentation import jpeg


@pytest.fixture(scope="module")
def photographs():
    """Six photographs of 299 pixels (6, 3, 299, 299), uint8."""
    whole = [Image.fromarray(image()) for image in (astronaut, chelsea)]
    crops = [image.crop((x, 0, x + 299, 299)) for image in whole for x in (0, 70, 140)]
    return torch.from_numpy(np.stack([np.asarray(crop) for crop in crops])).permute(0, 3, 1, 2)


@pytest.mark.parametrize("size", [32, 75, 299])
def test_jpeg_is_what_pillow_makes_of_the_image(photographs, size):
    corner = photographs[:, :, -size:, :size]
    for quality in (20, 50, 75, 90):
        saved = torch.stack([_through_pillow(image, quality) for image in corner])
        ours = jpeg(corner / 255, torch.full((len(corner),), float(quality))) * 255
        # Pillow's own rounding is to whole numbers throughout; about 0.4 of a level is left.
        difference = (ours - saved).abs().mean()
        assert difference < 0.8
        assert difference < (corner - saved).abs().mean() / 3
        assert (ours - ours.round()).abs().max() < 1e-3


def test_each_image_is_saved_at_its_own_quality(photographs):
    quality = torch.tensor([10.0, 40, 60, 80, 95, 100])
    together = jpeg(photographs / 255, quality)
    for row in range(len(quality)):
        alone = jpeg(photographs[row : row + 1] / 255, quality[row : row + 1])
        assert ((together[row] - alone[0]).abs() > 0.5 / 255).float().mean() < 1e-3


def _through_pillow(image, quality):
    file = BytesIO()
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1).float()
