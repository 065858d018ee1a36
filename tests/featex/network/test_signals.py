import numpy as np
import pytest
import torch
from scipy.fft import dctn
from scipy.ndimage import gaussian_filter

from featex.network.signals import N_FREQUENCIES, N_STATISTICS, read, residual, statistics


@pytest.fixture
def photo():
    """Smooth noise of two images (2, 3, 96, 96) in 0..255."""
    noise = np.random.default_rng(0).normal(size=(2, 3, 96, 96))
    smooth = gaussian_filter(noise, (0, 0, 2, 2))
    return torch.from_numpy(128 + 40 * smooth / smooth.std() + 4 * noise).float()


def luma(pixels):
    return pixels[:, 0] * 0.299 + pixels[:, 1] * 0.587 + pixels[:, 2] * 0.114


def test_the_residual_is_what_scipys_gaussian_blur_leaves(photo):
    expected = photo.numpy() - gaussian_filter(photo.numpy(), (0, 0, 1, 1), mode="mirror", truncate=3)
    np.testing.assert_allclose(residual(photo).numpy(), expected, atol=1e-3)


def test_the_residual_of_no_square_is_taken_too():
    assert residual(torch.rand(1, 3, 20, 50)).shape == (1, 3, 20, 50)


def test_columns_are_as_many_as_promised_and_finite(photo):
    for images in (photo, torch.zeros(2, 3, 96, 96), 255 * (photo > 128).float()):
        for columns, n in zip(read(images, ["spectrum", "statistics"]), (N_FREQUENCIES, N_STATISTICS), strict=True):
            assert columns.shape == (2, n)
            assert torch.isfinite(columns).all()


def test_what_is_read_comes_in_the_order_asked_for(photo):
    one, other = read(photo, ["statistics", "spectrum"])
    assert torch.equal(one, read(photo, ["statistics"])[0])
    assert torch.equal(other, read(photo, ["spectrum"])[0])


def test_a_wave_stands_at_its_own_frequency():
    wave = 128 + 100 * torch.cos(2 * np.pi * torch.arange(96) * 10 / 32)
    across = wave.expand(1, 3, 96, 96)
    assert read(across, ["spectrum"])[0].argmax() == 10  # 10 of 32 across, none down
    assert read(across.transpose(2, 3), ["spectrum"])[0].argmax() == 10 * 17


def test_a_spectrum_knows_no_left_and_right_and_no_up_and_down(photo):
    expected = read(photo, ["spectrum"])[0]
    for turned in (photo.flip(-1), photo.flip(-2)):
        torch.testing.assert_close(read(turned, ["spectrum"])[0], expected, atol=1e-3, rtol=0)


def test_contrast_moves_neither_spectrum_nor_coefficients(photo):
    weak = 128 + (photo - 128) * 0.5
    for kind, columns in (("spectrum", slice(None)), ("statistics", slice(126))):  # not the histogram's rare ends
        one, other = read(photo, [kind])[0][:, columns], read(weak, [kind])[0][:, columns]
        assert (one - other).abs().max() < 0.15
    assert (read(photo, ["spectrum"])[0] - read(photo.roll(1, -1) / 2 + photo / 2, ["spectrum"])[0]).abs().max() > 1


def test_the_magnitudes_of_coefficients_are_those_of_scipys_dct(photo):
    grey = luma(photo)
    blocks = grey.unfold(1, 8, 5).unfold(2, 8, 5).reshape(2, -1, 8, 8).numpy()
    coefficients = np.abs(dctn(blocks, axes=(2, 3), norm="ortho").reshape(2, -1, 64)[:, :, 1:])
    mean = coefficients.mean(1) + 0.05
    level = np.log(mean)
    found = statistics(grey, residual(grey)).numpy()
    np.testing.assert_allclose(found[:, 63:126], level - level.mean(1, keepdims=True), atol=1e-3)
    tails = np.log((np.sqrt((coefficients**2).mean(1)) + 0.05) / mean)
    np.testing.assert_allclose(found[:, :63], tails, atol=1e-3)


def test_the_histogram_is_of_the_residual_over_its_local_contrast(photo):
    grey = luma(photo)
    fine = residual(grey).numpy()
    local = np.sqrt(gaussian_filter(fine**2, (0, 3, 3), mode="mirror", truncate=3)) + 0.5
    counts = [np.histogram(one, 24, (-3, 3))[0] for one in fine / local]
    found = np.exp(statistics(grey, residual(grey)).numpy()[:, 126:]) - 1e-4
    np.testing.assert_allclose(found, np.array(counts) / 96**2, atol=2e-3)


def test_images_do_not_depend_on_their_neighbours(photo):
    both = read(photo, ["spectrum", "statistics"])
    alone = read(photo[1:], ["spectrum", "statistics"])
    for one, other in zip(both, alone, strict=True):
        torch.testing.assert_close(one[1:], other, atol=1e-5, rtol=0)
