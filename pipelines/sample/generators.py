"""The two small generative models of the sample."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

BATCH = 16
PATCH = 64  # training on patches takes a quarter of the time of whole 128 px images, and the nets see no further
MARGIN = 8  # generated beyond each edge and cut off: zero padding would leave a frame that gives the class away


class Block(nn.Module):
    """Residual block, normalised before each convolution (arXiv 1603.05027, group normalisation 1803.08494)."""

    def __init__(self, width: int):
        super().__init__()
        self.body = nn.Sequential(
            *(nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1)),
            *(nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class Autoencoder(nn.Module):
    """Variational autoencoder (Kingma & Welling 2014, arXiv 1312.6114) with a latent half of the image a side.

    The weak KL term, the shallow compression and L1 follow the first stage of latent diffusion (Rombach et al. 2022,
    arXiv 2112.10752); its perceptual and adversarial losses are left out. A spectral loss in their place keeps images
    from being soft (Durall et al. 2020, arXiv 2003.01826). The transposed convolution leaves the grid that detectors of
    generated images look for (Odena et al. 2016).
    """

    kl_weight, spectral_weight = 1e-4, 0.03

    def __init__(self, width: int = 32, channels: int = 6):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(2),
            nn.Conv2d(12, width, 3, padding=1),
            Block(width),
            nn.Conv2d(width, 2 * channels, 1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1),
            Block(width),
            *(nn.ConvTranspose2d(width, width // 2, 4, stride=2, padding=1), nn.SiLU()),
            nn.Conv2d(width // 2, 3, 3, padding=1),
        )

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of the latent, each (n, channels, height / 2, width / 2)."""
        mean, log_var = self.encoder(x).chunk(2, dim=1)
        return mean, log_var.clamp(-12, 4)

    def loss(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Return L1 between images and their reconstruction, plus the weighted spectral loss and KL divergence."""
        mean, log_var = self.encode(x)
        z = mean + (log_var / 2).exp() * torch.randn(mean.shape, generator=generator)
        kl = (mean.square() + log_var.exp() - 1 - log_var).mean() / 2
        y = self.decoder(z)
        return functional.l1_loss(y, x) + self.spectral_weight * _spectral(y, x) + self.kl_weight * kl

    def generate(self, a: Tensor, b: Tensor, generator: torch.Generator) -> Tensor:
        """Return images decoded from a sample of the latents of `a`, blended with those of `b`."""
        (mean_a, log_var), (mean_b, _) = self.encode(a), self.encode(b)
        z = torch.lerp(mean_b, mean_a, _mask(mean_a, generator))
        return self.decoder(z + (log_var / 2).exp() * torch.randn(z.shape, generator=generator))


class Denoiser(nn.Module):
    """Diffusion model (Ho et al. 2020, arXiv 2006.11239) used as SDEdit does (Meng et al. 2022, arXiv 2108.01073).

    A blend of two crops is drowned in noise of standard deviation `start` (images span -1 to 1), then denoised by
    DDIM steps (Song et al. 2021, arXiv 2010.02502). A U-Net of two scales; noise levels are drawn log-uniformly.
    """

    sigma_min, sigma_max = 0.03, 0.2
    start, steps = 0.06, 3

    def __init__(self, width: int = 32):
        super().__init__()
        self.embed = nn.Linear(1, width)
        self.stem = nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(12, width, 3, padding=1))
        self.fine = Block(width)
        self.coarse = nn.Sequential(
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
            Block(2 * width),
            nn.Conv2d(2 * width, width, 3, padding=1),
            nn.Upsample(scale_factor=2),
        )
        self.head = nn.Sequential(Block(width), nn.SiLU(), nn.Conv2d(width, 12, 3, padding=1), nn.PixelShuffle(2))

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Return the noise in `x`, of variance 1, where that of `x` has standard deviation `sigma` (n, 1)."""
        h = self.fine(self.stem(x) + self.embed(sigma.log())[:, :, None, None])
        return self.head(h + self.coarse(h))

    def loss(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Return the mean squared error of the predicted noise."""
        sigma = self.sigma_min * (self.sigma_max / self.sigma_min) ** torch.rand((len(x), 1), generator=generator)
        noise = torch.randn(x.shape, generator=generator)
        return functional.mse_loss(self(x + sigma[:, :, None, None] * noise, sigma), noise)

    def generate(self, a: Tensor, b: Tensor, generator: torch.Generator) -> Tensor:
        """Return images denoised from the noisy blend of `a` and `b`."""
        x = torch.lerp(b, a, _mask(a, generator))
        x = x + self.start * torch.randn(x.shape, generator=generator)
        sigmas = [*np.geomspace(self.start, self.sigma_min, self.steps).tolist(), 0.0]
        for sigma, smaller in pairwise(sigmas):
            x = x + (smaller - sigma) * self(x, torch.full((len(x), 1), sigma))
        return x


def _spectral(x: Tensor, y: Tensor) -> Tensor:
    """Return the mean distance between the mean log power spectra of two batches."""
    window = torch.hann_window(x.shape[-1])
    window = torch.outer(window, window)
    power = [torch.fft.rfft2((t - t.mean((2, 3), keepdim=True)) * window).abs().square() for t in (x, y)]
    return ((power[0] + 1e-2).log() - (power[1] + 1e-2).log()).mean(0).abs().mean()


def _mask(like: Tensor, generator: torch.Generator) -> Tensor:
    """Return a smooth random mask (n, 1, height, width), 0 to 1, a few patches across."""
    cells = torch.randn((len(like), 1, 4, 4), generator=generator)
    return torch.sigmoid(6 * functional.interpolate(cells, size=like.shape[2:], mode="bicubic"))


GENERATORS = {"autoencoder": Autoencoder, "diffusion": Denoiser}


def to_tensor(images: list[np.ndarray]) -> Tensor:
    """Return uint8 images as a float tensor (n, 3, height, width), -1 to 1."""
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 127.5 - 1


def train(name: str, images: Tensor, steps: int, generator: torch.Generator, say: Callable[[str], None]) -> nn.Module:
    """Return a generator trained on patches of `images`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator.initial_seed())
        net = GENERATORS[name]()
    optimizer = torch.optim.Adam(net.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=2e-3, total_steps=steps)
    patch = min(PATCH, images.shape[-1])
    for step in range(1, steps + 1):
        x = images[torch.randint(len(images), (BATCH,), generator=generator)]
        top, left = torch.randint(images.shape[-1] - patch + 1, (2,), generator=generator).tolist()
        loss = net.loss(x[:, :, top : top + patch, left : left + patch], generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 100 == 0 or step == steps:
            say(f"training the {name}: step {step} of {steps}, loss {loss.item():.3f}")
    return net


@torch.inference_mode()
def generate(net: nn.Module, a: Tensor, b: Tensor, generator: torch.Generator) -> list[np.ndarray]:
    """Return one uint8 image (height, width, 3) for each pair of crops (n, 3, height, width)."""
    images = []
    for pair in zip(a.split(BATCH), b.split(BATCH), strict=True):
        x = net.generate(*(functional.pad(t, [MARGIN] * 4, mode="reflect") for t in pair), generator)
        x = x[:, :, MARGIN:-MARGIN, MARGIN:-MARGIN].clamp(-1, 1)
        images.extend(((x + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy())
    return images
