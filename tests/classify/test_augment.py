import torch

from classify.augment import NOISE_STD, augment


def test_the_same_generator_state_gives_the_same_variants():
    images = torch.rand(4, 3, 16, 16)
    first, second = (augment(images, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, augment(images, torch.Generator().manual_seed(4)))


def test_images_of_a_batch_are_changed_apart():
    same = torch.rand(1, 3, 16, 16).expand(8, -1, -1, -1)
    assert len(torch.unique(augment(same, torch.Generator().manual_seed(0)), dim=0)) == 8


def test_values_stay_pixels_and_the_input_is_left_alone():
    images = torch.cat([torch.zeros(4, 3, 16, 16), torch.ones(4, 3, 16, 16)])
    before = images.clone()
    variants = augment(images, torch.Generator().manual_seed(0))
    assert variants.min() == 0
    assert variants.max() == 1
    assert torch.equal(images, before)


def test_a_flat_image_gains_noise_alone_and_no_black_corners():
    flat = torch.full((64, 3, 32, 32), 0.5)
    noise = augment(flat, torch.Generator().manual_seed(0)) - 0.5
    assert abs(noise.std().item() - NOISE_STD) < 0.001
    assert noise.abs().max() < 6 * NOISE_STD


def test_half_of_the_images_are_upside_down_and_none_is_mirrored_sideways():
    size = 32
    ramp = torch.linspace(0.1, 0.9, size)
    downwards = ramp[:, None].expand(400, 3, size, size)
    rightwards = ramp[None, :].expand(400, 3, size, size)
    upside_down = _slope(augment(downwards, torch.Generator().manual_seed(0)), axis=2) < 0
    assert 0.4 < upside_down.float().mean() < 0.6
    assert (_slope(augment(rightwards, torch.Generator().manual_seed(0)), axis=3) > 0).all()


def test_turns_stay_within_15_degrees_and_crops_within_four_fifths():
    size = 64
    ramp = torch.linspace(0.1, 0.9, size)[None, :].expand(400, 3, size, size)
    variants = augment(ramp, torch.Generator().manual_seed(0))
    right, down = _slope(variants, axis=3), _slope(variants, axis=2)
    # Seen through a crop of width w and height h turned by a, a ramp rises by w cos(a) to the right, and by
    # h sin(a) downwards, of what it rose by before.
    unit = 0.8 / (size - 1)
    assert (right / unit).max() < 1.03
    assert (right / unit).min() > 0.72
    assert (right / unit).std() > 0.05
    assert (down / unit).abs().max() < 0.29
    assert (down / unit).abs().max() > 0.2


def _slope(images, axis):
    """Return the mean rise a pixel along an axis, of each image's middle, where nothing is reflected."""
    size = images.shape[-1]
    middle = images[:, :, size // 4 : -size // 4, size // 4 : -size // 4]
    return middle.diff(dim=axis).mean(dim=(1, 2, 3))
