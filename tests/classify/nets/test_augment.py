import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from scipy.stats import beta, kstest

from classify.nets.augment import AUGMENTATIONS, Augmentation, augment, blur, light, mixup
from classify.nets.jpeg_augmentation import jpeg

STUDY = AUGMENTATIONS["study"]
CHANGING = [recipe for name, recipe in AUGMENTATIONS.items() if name != "none"]
every_recipe = pytest.mark.parametrize("recipe", AUGMENTATIONS.values(), ids=AUGMENTATIONS)
every_change = pytest.mark.parametrize("recipe", CHANGING, ids=[name for name in AUGMENTATIONS if name != "none"])


@pytest.fixture(autouse=True)
def _seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def seeded(seed, function, *args):
    """Return what a function of random numbers gives from a seed."""
    torch.manual_seed(seed)
    return function(*args)


def test_a_recipe_does_nothing_by_default_and_strong_alone_mixes():
    images = torch.rand(4, 3, 16, 16)
    assert augment(images, AUGMENTATIONS["none"]) is images
    assert [name for name, recipe in AUGMENTATIONS.items() if recipe.mixup] == ["strong"]


@every_recipe
@pytest.mark.parametrize("size", [16, 33, 75, 224, 299])
def test_variants_are_pixels_of_the_same_shape_and_the_input_is_left_alone(recipe, size):
    # Black, white and checked images, whose edges overshoot most.
    checks = (torch.arange(size)[:, None] // 3 + torch.arange(size) // 3) % 2
    images = torch.stack([torch.zeros(size, size), torch.ones(size, size), checks.float()])
    images = images[:, None].expand(3, 3, size, size).repeat(4, 1, 1, 1)
    before = images.clone()
    variants = augment(images, recipe)
    assert torch.equal(images, before)
    assert variants.shape == images.shape
    assert variants.dtype == images.dtype
    assert variants.isfinite().all()
    assert variants.min() >= 0
    assert variants.max() <= 1


@every_recipe
def test_the_same_seed_gives_the_same_variants_and_another_seed_others(recipe):
    images = torch.rand(16, 3, 40, 40)
    first, second, other = (seeded(seed, augment, images, recipe) for seed in (3, 3, 4))
    assert torch.equal(first, second)
    assert torch.equal(first, other) == (recipe == AUGMENTATIONS["none"])


@every_change
def test_images_of_a_batch_are_changed_apart(recipe):
    same = torch.rand(1, 3, 40, 40).expand(32, -1, -1, -1)
    n_variants = len(torch.unique(augment(same, recipe), dim=0))
    assert n_variants == 2 if recipe == AUGMENTATIONS["flips"] else n_variants > 28


@pytest.mark.parametrize("name", ["study", "flips", "shifts"])
def test_a_flat_image_gains_noise_alone_and_no_black_corners(name):
    recipe = AUGMENTATIONS[name]
    noise = augment(torch.full((64, 3, 32, 32), 0.5), recipe) - 0.5
    assert abs(noise.std().item() - recipe.noise) < 0.001
    assert noise.abs().max() <= 6 * recipe.noise + 1e-6


def test_the_study_draws_six_numbers_an_image_and_then_the_noise():
    # In no other number, or earlier trainings could not be made again.
    flat = torch.full((8, 3, 16, 16), 0.5)
    variants = seeded(5, augment, flat, STUDY)
    torch.manual_seed(5)
    for _ in range(6):
        torch.rand(8)
    noise = torch.empty_like(flat).normal_(0, STUDY.noise)
    assert torch.allclose(variants, flat + noise, atol=1e-6)


@pytest.mark.parametrize(("name", "axis"), [("study", 2), ("flips", 3), ("shifts", 3), ("strong", 3)])
def test_half_of_the_images_are_mirrored_along_one_axis_and_none_along_the_other(name, axis):
    recipe = AUGMENTATIONS[name]
    mirrored = _slope(augment(_ramp(400, 32, axis), recipe), axis) < 0
    assert 0.4 < mirrored.float().mean() < 0.6
    assert (_slope(augment(_ramp(400, 32, 5 - axis), recipe), 5 - axis) > 0).all()


def test_a_flip_is_the_mirror_image_of_every_pixel():
    images = torch.rand(4, 3, 33, 33)
    sideways = augment(images, Augmentation(horizontal_flip=1))
    assert torch.allclose(sideways, images.flip(3), atol=1e-4)
    assert torch.allclose(augment(images, Augmentation(vertical_flip=1)), images.flip(2), atol=1e-4)


def test_crops_lie_anywhere_in_the_image_and_keep_their_area_and_aspect_ratio():
    recipe = Augmentation(min_area=0.25, max_stretch=4 / 3)
    downwards, rightwards = (seeded(0, augment, _ramp(400, 64, axis), recipe) for axis in (2, 3))
    height, width = _slope(downwards, axis=2) * 63 / 0.8, _slope(rightwards, axis=3) * 63 / 0.8
    assert 0.245 < (width * height).min() < 0.27
    assert 0.92 < (width * height).max() < 1.001
    assert 0.745 < (width / height).min() < 0.77
    assert 1.3 < (width / height).max() < 1.34
    for variants, length in ((downwards, height), (rightwards, width)):
        aside = (variants.mean(dim=(1, 2, 3)) - 0.5) / 0.8
        assert aside.max() > 0.2
        assert aside.min() < -0.2
        assert (aside.abs() <= (1 - length) / 2 + 0.01).all()


def test_a_turn_keeps_lengths_and_right_angles_and_goes_no_further_than_its_degrees():
    rightwards, downwards = (seeded(0, augment, _ramp(50, 64, axis), Augmentation(degrees=15)) for axis in (3, 2))
    cos, sin = _slope(rightwards, axis=3) * 63 / 0.8, _slope(rightwards, axis=2) * 63 / 0.8
    assert torch.allclose(cos**2 + sin**2, torch.ones(50), atol=1e-3)
    assert 0.2 < sin.abs().max() < 0.26  # sin 15 degrees is 0.259
    assert torch.allclose(_slope(downwards, axis=2) * 63 / 0.8, cos, atol=1e-3)
    assert torch.allclose(_slope(downwards, axis=3) * 63 / 0.8, -sin, atol=1e-3)


def test_shifts_go_to_a_tenth_of_the_side_along_both_axes():
    # A ramp of slope 1 a side tells by its middle's mean how far it was moved.
    for axis in (2, 3):
        moved = augment(_ramp(400, 64, axis), Augmentation(shift=0.1))[:, :, 16:-16, 16:-16]
        sides = (moved.mean(dim=(1, 2, 3)) - 0.5) / 0.8 * 63 / 64
        assert 0.09 < sides.max() < 0.101
        assert -0.101 < sides.min() < -0.09


def test_zooms_go_a_fifth_in_and_out_and_keep_the_aspect_ratio():
    right, down = (
        _slope(seeded(0, augment, _ramp(400, 64, axis), Augmentation(zoom=0.2)), axis) * 63 / 0.8 for axis in (3, 2)
    )
    assert 0.799 < right.min() < 0.82
    assert 1.18 < right.max() < 1.201
    assert torch.allclose(right, down, atol=1e-3)


def test_parts_happen_to_their_share_of_the_images():
    images = torch.rand(400, 3, 16, 16)
    for recipe in (
        Augmentation(p_crop=0.3, min_area=0.5),
        Augmentation(p_rotation=0.3, degrees=15),
        Augmentation(p_light=0.3, brightness=0.2),
        Augmentation(p_light=0.3, contrast=0.2),
        Augmentation(p_blur=0.3, blur=(0.5, 1)),
        Augmentation(p_jpeg=0.3, jpeg=(50, 90)),
    ):
        changed = (augment(images, recipe) - images).abs().amax(dim=(1, 2, 3)) > 1e-3
        assert 0.22 < changed.float().mean() < 0.38


def test_a_part_that_happens_to_no_image_of_the_batch_is_no_error():
    images = torch.rand(1, 3, 16, 16).expand(4, -1, -1, -1)
    recipe = Augmentation(p_light=0, brightness=0.2, p_blur=0, blur=(0.5, 1), p_jpeg=0, jpeg=(50, 90))
    assert torch.equal(augment(images, recipe), images)


def test_brightness_moves_the_mean_within_its_range():
    images = torch.rand(1, 3, 16, 16).expand(400, -1, -1, -1) * 0.8
    means = augment(images, Augmentation(brightness=0.2)).mean(dim=(1, 2, 3)) / images[0].mean()
    assert 0.8 <= means.min() < 0.82
    assert 1.18 < means.max() <= 1.2001


def test_contrast_moves_the_spread_and_not_the_mean():
    images = 0.3 + 0.4 * torch.rand(1, 3, 16, 16).expand(400, -1, -1, -1)
    variants = augment(images, Augmentation(contrast=0.2))
    spread = variants.std(dim=(1, 2, 3)) / images[0].std()
    assert torch.allclose(variants.mean(dim=(1, 2, 3)), images.mean(dim=(1, 2, 3)), atol=1e-5)
    assert 0.799 < spread.min() < 0.82
    assert 1.18 < spread.max() < 1.201


def test_each_image_has_its_own_light():
    images = torch.tensor([0.2, 0.6]).reshape(2, 1, 1, 1).repeat(1, 3, 1, 2)
    images[:, :, :, 1] += 0.2
    lit = light(images, torch.tensor([1.0, 0.5]), torch.tensor([0.5, 1.5]))
    assert torch.allclose(lit[0, 0, 0], torch.tensor([0.25, 0.35]))
    assert torch.allclose(lit[1, 0, 0], torch.tensor([0.275, 0.425]))
    assert light(images, torch.full((2,), 2.0), torch.ones(2)).max() == 1


def test_each_image_is_blurred_by_its_own_sigma_as_scipy_does():
    images, sigma = torch.rand(3, 3, 20, 31), torch.tensor([0.1, 0.7, 1.6])
    blurred = blur(images, sigma)
    for image, ours, width in zip(images, blurred, sigma.tolist(), strict=True):
        theirs = gaussian_filter(image.numpy(), width, mode="mirror", radius=5, axes=(1, 2))
        assert np.allclose(ours, theirs, atol=1e-5)


def test_the_blur_of_a_recipe_stays_within_its_range():
    point = torch.zeros(400, 3, 17, 17)
    point[:, :, 8, 8] = 1
    steps = torch.arange(-8, 9) ** 2
    variances = (augment(point, Augmentation(blur=(0.6, 1.2)))[:, 0].sum(dim=1) * steps).sum(dim=1)
    assert 0.58 < variances.sqrt().min() < 0.63
    assert 1.15 < variances.sqrt().max() < 1.2


def test_a_blur_wider_than_the_image_is_no_error():
    assert blur(torch.rand(2, 3, 4, 6), torch.tensor([3.0, 9.0])).isfinite().all()


def test_a_noisy_image_is_saved_as_it_is_seen():
    white = torch.ones(2, 3, 16, 16)
    noisy = seeded(1, augment, white, Augmentation(noise=0.3))
    saved = seeded(1, augment, white, Augmentation(noise=0.3, jpeg=(90, 90)))
    assert torch.equal(saved, jpeg(noisy, torch.tensor([90.0, 90])))


def test_the_qualities_of_a_recipe_are_drawn_evenly_with_both_ends():
    small = torch.rand(1, 3, 16, 16)
    by_quality = jpeg(small.expand(3, -1, -1, -1), torch.tensor([30.0, 31, 32]))
    variants = augment(small.expand(600, -1, -1, -1), Augmentation(jpeg=(30, 32)))
    near = (variants[:, None] - by_quality).abs().mean(dim=(2, 3, 4))
    counts = near.argmin(dim=1).bincount(minlength=3)
    assert near.amin(dim=1).max() < 1e-3
    assert counts.min() > 160


def test_mixup_is_a_mean_of_each_image_and_its_partner():
    images = torch.rand(32, 3, 16, 16)
    before = images.clone()
    mixed, partners, share = mixup(images, 0.4)
    assert torch.equal(images, before)
    assert 0.5 <= share < 1
    assert torch.equal(partners.sort().values, torch.arange(32))
    assert not torch.equal(partners, torch.arange(32))
    assert torch.allclose(mixed, share * images + (1 - share) * images[partners], atol=1e-6)


def test_shares_of_mixup_follow_the_beta_distribution_folded_at_a_half():
    images = torch.rand(2, 3, 2, 2)
    for alpha in (0.2, 1, 4):
        shares = [mixup(images, alpha)[2] for _ in range(500)]
        assert kstest(shares, lambda share, a=alpha: 1 - 2 * beta.sf(share, a, a)).pvalue > 0.01


def _ramp(n, size, axis):
    """Return images that rise from 0.1 to 0.9 downwards (axis 2) or to the right (axis 3)."""
    ramp = torch.linspace(0.1, 0.9, size)
    return (ramp[:, None] if axis == 2 else ramp[None, :]).expand(n, 3, size, size)


def _slope(images, axis):
    """Return the mean rise a pixel along an axis, of each image's middle, where nothing is reflected."""
    size = images.shape[-1]
    middle = images[:, :, size // 4 : -size // 4, size // 4 : -size // 4]
    return middle.diff(dim=axis).mean(dim=(1, 2, 3))
