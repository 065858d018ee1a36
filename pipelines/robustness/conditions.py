"""Conditions: what happens to images on their way to a detector, such as JPEG or resizing, from mild to harsh."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image, ImageFilter

from featex.errors import ImageError, unknown

VERSION = "conditions-1"
"""A part of every key that vectors are cached under; raise it when any of these changes pixels in another way."""

STRIP = 1 << 22  # values of noise made at once: 16 MB
FULL, QUICK = "full", "quick"


@dataclass(frozen=True)
class Transform:
    """One kind of change to images.

    Parameters
    ----------
    title : str
        Its name in figures.
    phrase : str
        Its name in sentences, with ``{}`` for the grade.
    scale : str
        What its grades measure, with the unit.
    grades : tuple of float
        From mild to harsh.
    quick : tuple of float
        The grades that a first look takes.
    apply : callable
        ``apply(image, grade, seed)`` with `image` (height, width, 3) uint8 gives an image of the same kind.
    unit : str
        Printed after a grade; "%" if a grade is a share.
    """

    title: str
    phrase: str
    scale: str
    grades: tuple[float, ...]
    quick: tuple[float, ...]
    apply: Callable[[np.ndarray, float, int], np.ndarray]
    unit: str = ""

    def grade(self, grade: float) -> str:
        """Return a grade with its unit: "50", "2 px", "75 %"."""
        return f"{100 * grade:g} %" if self.unit == "%" else f"{grade:g} {self.unit}".rstrip()


@dataclass(frozen=True)
class Condition:
    """A transform at a grade.

    Parameters
    ----------
    transform : str
        A name in `CONDITIONS`.
    grade : float
    """

    transform: str
    grade: float

    @property
    def name(self) -> str:
        """Such as "jpeg 50" or "blur 2 px"."""
        return f"{self.transform} {CONDITIONS[self.transform].grade(self.grade)}"

    @property
    def phrase(self) -> str:
        """Such as "JPEG at quality 50", for a sentence."""
        transform = CONDITIONS[self.transform]
        return transform.phrase.format(transform.grade(self.grade))

    def key(self, key: str) -> str:
        """Return the key of an image under this condition, 64 hexadecimal digits, from that of its file."""
        return hashlib.sha256(f"{VERSION} {key} {self.transform} {self.grade:g}".encode()).hexdigest()

    def __call__(self, image: np.ndarray, key: str) -> np.ndarray:
        """Return an image under this condition; the image that comes in stays as it is.

        Parameters
        ----------
        image : ndarray of shape (height, width, 3), uint8
        key : str
            The content key of its file. It seeds the noise, so that an image has the same noise in every run, and the
            same but stronger at a harsher grade.

        Raises
        ------
        ImageError
            If the image is too large: a side of a JPEG holds at most 65,500 pixels, of a WebP 16,383.
        """
        return CONDITIONS[self.transform].apply(image, self.grade, int(key[:16], 16))


def conditions(transforms: Sequence[str] = (), grades: str = FULL) -> list[Condition]:
    """Return each of the transforms (all by default) at each grade, from mild to harsh.

    Parameters
    ----------
    transforms : sequence of str
        Names in `CONDITIONS`.
    grades : {"full", "quick"}

    Raises
    ------
    InputError
        If a name is unknown.
    """
    if grades not in (FULL, QUICK):
        raise unknown("choice of grades", grades, (FULL, QUICK))
    for name in transforms:
        if name not in CONDITIONS:
            raise unknown("transform", name, CONDITIONS)
    names = list(dict.fromkeys(transforms)) or list(CONDITIONS)
    return [
        Condition(name, grade)
        for name in names
        for grade in (CONDITIONS[name].grades if grades == FULL else CONDITIONS[name].quick)
    ]


def _jpeg(image: np.ndarray, quality: float, seed: int) -> np.ndarray:
    return _encoded(image, "JPEG", quality=int(quality), subsampling="4:2:0")


def _webp(image: np.ndarray, quality: float, seed: int) -> np.ndarray:
    return _encoded(image, "WEBP", quality=int(quality), method=4)


def _encoded(image: np.ndarray, kind: str, **options) -> np.ndarray:
    file = BytesIO()
    try:
        Image.fromarray(image).save(file, kind, **options)
    except (OSError, ValueError) as error:
        height, width, _ = image.shape
        raise ImageError(f"{width:,} x {height:,} pixels cannot be stored as {kind} ({error})") from error
    with Image.open(file, formats=[kind]) as stored:
        return np.array(stored.convert("RGB"))


def _smaller(image: np.ndarray, share: float, seed: int) -> np.ndarray:
    return _resized(image, *_sides(image, share))


def _smaller_and_back(image: np.ndarray, share: float, seed: int) -> np.ndarray:
    return _resized(_resized(image, *_sides(image, share)), *image.shape[:2])


def _resized(image: np.ndarray, height: int, width: int) -> np.ndarray:
    return np.array(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))  # with antialiasing


def _cropped(image: np.ndarray, share: float, seed: int) -> np.ndarray:
    height, width = _sides(image, share)
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return np.ascontiguousarray(image[top : top + height, left : left + width])


def _sides(image: np.ndarray, share: float) -> tuple[int, int]:
    height, width, _ = image.shape
    return max(1, round(share * height)), max(1, round(share * width))


def _blurred(image: np.ndarray, sigma: float, seed: int) -> np.ndarray:
    return np.array(Image.fromarray(image).filter(ImageFilter.GaussianBlur(sigma)))


def _noisy(image: np.ndarray, sigma: float, seed: int) -> np.ndarray:
    rng, noisy = np.random.default_rng(seed), np.empty_like(image)
    step = max(1, STRIP // (image.shape[1] * 3))  # rows at once: a large photograph would take gigabytes
    for top in range(0, len(image), step):
        part = image[top : top + step]
        noise = rng.standard_normal(part.shape, dtype=np.float32)
        noisy[top : top + step] = np.rint(part + np.float32(sigma) * noise).clip(0, 255)
    return noisy


CONDITIONS: dict[str, Transform] = {
    "jpeg": Transform(
        "JPEG",
        "JPEG at quality {}",
        "quality (4:2:0)",
        grades=(95, 85, 70, 50, 20),
        quick=(85, 50),
        apply=_jpeg,
    ),
    "webp": Transform(
        "WebP",
        "WebP at quality {}",
        "quality",
        grades=(95, 85, 70, 50, 20),
        quick=(85, 50),
        apply=_webp,
    ),
    "resize": Transform(
        "resizing",
        "resizing to {} of each side",
        "share of each side (bicubic)",
        grades=(0.75, 0.6, 0.5, 0.35, 0.25),
        quick=(0.75, 0.35),
        apply=_smaller,
        unit="%",
    ),
    "downscale": Transform(
        "resizing and back",
        "resizing to {} of each side and back",
        "share of each side, and back (bicubic)",
        grades=(0.75, 0.6, 0.5, 0.35, 0.25),
        quick=(0.75, 0.35),
        apply=_smaller_and_back,
        unit="%",
    ),
    "blur": Transform(
        "Gaussian blur",
        "Gaussian blur of {}",
        "standard deviation (px of the file)",
        grades=(0.5, 1, 2, 3, 4),
        quick=(1, 3),
        apply=_blurred,
        unit="px",
    ),
    "crop": Transform(
        "centre crop",
        "a crop to the middle {} of each side",
        "share of each side that is kept",
        grades=(0.9, 0.8, 0.7, 0.55, 0.4),
        quick=(0.8, 0.55),
        apply=_cropped,
        unit="%",
    ),
    "noise": Transform(
        "Gaussian noise",
        "noise of {}",
        "standard deviation (levels of 255)",
        grades=(2, 4, 8, 16, 32),
        quick=(4, 16),
        apply=_noisy,
        unit="levels",
    ),
}
