"""A small two-class image set made on the spot, with no download, for demos and tests.

``real`` are crops of the ten colour photographs that scikit-image and scikit-learn carry in their wheels. ``ai`` are
images decoded or denoised from blends of two such crops of one photograph by a small network trained here: an
autoencoder for train and test, a diffusion model for custom. So the classes share their content and their file
format, and what sets them apart is the trace of the generator, which custom changes. No photograph stands in two
splits.
"""

import json
import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import torch
from PIL import Image, ImageOps
from skimage import data
from sklearn.datasets import load_sample_image
from torch import Tensor, nn
from torch.nn import functional

from featex.errors import InputError

RECIPE = 1  # raised whenever the same settings would give other images
JPEG_QUALITY = 90
BATCH = 16
PATCH = 64  # training on patches costs a quarter of whole 128 px images, and the nets look no further
MARGIN = 8  # generated beyond each edge and cut off: zero padding would leave a frame that gives the class away

# Six for train, so that five folds by photograph exist. With two for test a score depends much on which two, and on the
# seed: an untuned RBF SVM on ImageNet ResNet-18 features scored 0.86, 0.89, 0.73 on these (seeds 0, 1, 2).
PHOTOGRAPHS: dict[str, dict[str, Callable[[], np.ndarray]]] = {
    "train": {
        "astronaut": data.astronaut,
        "cat": data.chelsea,
        "china": lambda: load_sample_image("china.jpg"),
        "hubble": data.hubble_deep_field,
        "motorcycle": lambda: data.stereo_motorcycle()[0],
        "tissue": data.immunohistochemistry,
    },
    "test": {"coffee": data.coffee, "rocket": data.rocket},
    "custom": {"flower": lambda: load_sample_image("flower.jpg"), "retina": data.retina},
}


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
    """Variational autoencoder (Kingma & Welling 2014, arXiv 1312.6114) with a latent a quarter of the image a side.

    The weak KL term, the shallow compression and L1 follow the first stage of latent diffusion (Rombach et al. 2022,
    arXiv 2112.10752); its perceptual and adversarial losses are left out, so the images are a little soft. The
    transposed convolutions leave the grid that detectors of generated images look for (Odena et al. 2016).
    """

    kl_weight = 1e-4

    def __init__(self, width: int = 48, channels: int = 6):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(4),
            nn.Conv2d(48, width, 3, padding=1),
            Block(width),
            nn.Conv2d(width, 2 * channels, 1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1),
            Block(width),
            *(nn.ConvTranspose2d(width, width // 2, 4, stride=2, padding=1), nn.SiLU()),
            *(nn.ConvTranspose2d(width // 2, width // 2, 4, stride=2, padding=1), nn.SiLU()),
            nn.Conv2d(width // 2, 3, 3, padding=1),
        )

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of the latent, each (n, channels, height / 4, width / 4)."""
        mean, log_var = self.encoder(x).chunk(2, dim=1)
        return mean, log_var.clamp(-12, 4)

    def loss(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Return L1 between images and their reconstruction, plus the weighted KL divergence from N(0, 1)."""
        mean, log_var = self.encode(x)
        z = mean + (log_var / 2).exp() * torch.randn(mean.shape, generator=generator)
        kl = (mean.square() + log_var.exp() - 1 - log_var).mean() / 2
        return functional.l1_loss(self.decoder(z), x) + self.kl_weight * kl

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

    sigma_min, sigma_max = 0.08, 0.5
    start, steps = 0.2, 5

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


def _mask(like: Tensor, generator: torch.Generator) -> Tensor:
    """Return a smooth random mask (n, 1, height, width), 0 to 1, a few patches across."""
    cells = torch.randn((len(like), 1, 4, 4), generator=generator)
    return torch.sigmoid(6 * functional.interpolate(cells, size=like.shape[2:], mode="bicubic"))


GENERATORS = {"autoencoder": Autoencoder, "diffusion": Denoiser}
GENERATOR_OF = {"train": "autoencoder", "test": "autoencoder", "custom": "diffusion"}


def make_sample(
    out: Path,
    *,
    n_train: int = 200,
    n_test: int = 60,
    n_custom: int = 60,
    image_size: int = 128,
    steps: int = 500,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """Write a small two-class image set and return its table.

    Writes ``out/{train,test,custom}/{real,ai}/*.jpg``, ``out/metadata.csv`` (the convention of Hugging Face's
    imagefolder) and ``out/sample.json`` (the settings). `out` appears whole or not at all. A sample made with the
    same settings is kept as it is. On one machine the same settings give the same files.

    Parameters
    ----------
    out : path of a folder that is absent, empty, or holds such a sample
    n_train, n_test, n_custom : images per class, at least 1, spread evenly over the photographs of the split
    image_size : pixels a side, a multiple of 8, 32 to 512
    steps : training steps of each generator; with 500 the whole takes 75 to 81 s on one core of an EPYC (Zen 3; n = 3)
    seed : of crops, training and generation
    progress : called with a line of text now and then

    Returns
    -------
    DataFrame
        A row an image, all text: file_name (relative to `out`), label (real, ai), split (train, test, custom), source
        (photograph, autoencoder, diffusion) and group (the photograph; none stands in two splits).

    Raises
    ------
    InputError
        A setting out of range, or an `out` that holds anything else or cannot be written.
    """
    out, say = Path(out), progress or (lambda message: None)
    counts = {"train": n_train, "test": n_test, "custom": n_custom}
    settings = {f"n_{split}": n for split, n in counts.items()}
    settings |= {"image_size": image_size, "steps": steps, "seed": seed}
    _check(settings)
    if (kept := _existing(out, settings)) is not None:
        say(f"{out} holds this sample already: {len(kept)} images")
        return kept
    try:
        target = out.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as beside:
            made = Path(beside) / "sample"
            table = _write(made, counts, image_size, steps, seed, say)
            table.to_csv(made / "metadata.csv", index=False, lineterminator="\n")
            (made / "sample.json").write_text(json.dumps({"recipe": RECIPE, **settings}))
            os.replace(made, target)
    except OSError as error:
        raise InputError(f"cannot write {out}: {error.strerror}; choose another folder") from error
    say(f"{len(table)} images in {out}")
    return table


def _check(settings: dict[str, int]) -> None:
    for name, value in settings.items():
        least = 0 if name == "seed" else 1
        if value < least:
            raise InputError(f"{name} is {value}; it must be at least {least}")
    if (size := settings["image_size"]) % 8 or not 32 <= size <= 512:
        raise InputError(f"image_size is {size}; it must be a multiple of 8 from 32 to 512")


def _existing(out: Path, settings: dict[str, int]) -> pd.DataFrame | None:
    """Return the table of the sample in `out`, or None where `out` is absent or empty."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    try:
        passport = json.loads((out / "sample.json").read_text())
        table = pd.read_csv(out / "metadata.csv", dtype=str)
        whole = all((out / name).is_file() for name in table["file_name"])
    except (OSError, ValueError, KeyError):
        raise InputError(f"{out} holds something other than a sample; delete it or choose another folder") from None
    if passport != {"recipe": RECIPE, **settings}:
        raise InputError(f"{out} holds a sample made with other settings; delete it or choose another folder")
    if not whole:
        raise InputError(f"{out} holds a sample with images missing; delete it to make it again")
    return table


def _write(
    out: Path, counts: dict[str, int], image_size: int, steps: int, seed: int, say: Callable[[str], None]
) -> pd.DataFrame:
    """Write the images of all splits below `out`; return their table."""
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    photographs = {
        split: {name: Image.fromarray(load()) for name, load in loaders.items()}
        for split, loaders in PHOTOGRAPHS.items()
    }
    # Unseen photographs are generated too, as a published generator would be asked to
    lessons = _tensor([_crop(p, image_size, rng) for p in photographs["train"].values() for _ in range(64)])
    nets = {name: _train(name, lessons, steps, generator, say) for name in GENERATORS}
    rows = []
    for split, n in counts.items():
        names = [list(photographs[split])[i % len(photographs[split])] for i in range(n)]
        real, a, b = ([_crop(photographs[split][name], image_size, rng) for name in names] for _ in range(3))
        say(f"generating {split}: {n} images")
        fake = _generate(nets[GENERATOR_OF[split]], _tensor(a), _tensor(b), generator)
        for label, source, images in (("real", "photograph", real), ("ai", GENERATOR_OF[split], fake)):
            (out / split / label).mkdir(parents=True)
            for i, (name, image) in enumerate(zip(names, images, strict=True)):
                file_name = f"{split}/{label}/{name}_{i:04d}.jpg"
                Image.fromarray(image).save(out / file_name, quality=JPEG_QUALITY)
                rows.append((file_name, label, split, source, name))
    return pd.DataFrame(rows, columns=["file_name", "label", "split", "source", "group"])


def _crop(photograph: Image.Image, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return a random crop (size, size, 3), uint8, scaled from 3/4 to twice its size and maybe mirrored."""
    while True:
        side = min(int(size * 0.75 * (2 / 0.75) ** rng.random()), *photograph.size)
        x, y = rng.integers(photograph.width - side + 1), rng.integers(photograph.height - side + 1)
        image = photograph.resize((size, size), Image.Resampling.LANCZOS, box=(x, y, x + side, y + side))
        if rng.random() < 0.5:
            image = ImageOps.mirror(image)
        if np.asarray(image.convert("L")).std() > 12:  # plain sky or black says nothing of any class
            return np.asarray(image)


def _tensor(images: list[np.ndarray]) -> Tensor:
    """Return uint8 images as a float tensor (n, 3, height, width), -1 to 1."""
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 127.5 - 1


def _train(name: str, images: Tensor, steps: int, generator: torch.Generator, say: Callable[[str], None]) -> nn.Module:
    """Return a generator trained on patches of `images`, in random channel orders so that it can draw any hue."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator.initial_seed())
        net = GENERATORS[name]()
    optimizer = torch.optim.Adam(net.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=2e-3, total_steps=steps)
    patch = min(PATCH, images.shape[-1])
    for step in range(1, steps + 1):
        x = images[torch.randint(len(images), (BATCH,), generator=generator)]
        x = x[:, torch.randperm(3, generator=generator)]
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
def _generate(net: nn.Module, a: Tensor, b: Tensor, generator: torch.Generator) -> list[np.ndarray]:
    """Return one uint8 image (height, width, 3) for each pair of crops (n, 3, height, width)."""
    images = []
    for pair in zip(a.split(BATCH), b.split(BATCH), strict=True):
        x = net.generate(*(functional.pad(t, [MARGIN] * 4, mode="reflect") for t in pair), generator)
        x = x[:, :, MARGIN:-MARGIN, MARGIN:-MARGIN].clamp(-1, 1)
        images.extend(((x + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy())
    return images
