from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from featex.errors import ImageError, InputError
from pipelines.robustness.conditions import CONDITIONS, FULL, QUICK, STRIP, Condition, conditions

KEY = "0123456789abcdef" * 4
KEEP_SIZE = ("jpeg", "webp", "downscale", "blur", "noise")


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """Smooth shapes with fine grain, (96, 120, 3)."""
    y, x = np.mgrid[:96, :120]
    rng = np.random.default_rng(0)
    base = np.stack([128 + 90 * np.sin(x / 9), 128 + 90 * np.cos(y / 7), 128 + 60 * np.sin((x + y) / 5)], axis=-1)
    return (base + rng.normal(0, 8, base.shape)).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("condition", conditions(), ids=lambda condition: condition.name)
def test_every_condition_gives_an_image_the_same_each_time_and_leaves_its_own_alone(condition, photo):
    before = photo.copy()
    changed = condition(photo, KEY)
    assert changed.dtype == np.uint8
    assert changed.ndim == 3
    assert changed.shape[2] == 3
    assert changed.flags.c_contiguous
    assert (changed == condition(photo, KEY)).all()
    assert (photo == before).all()
    assert not np.shares_memory(changed, photo)
    assert condition.transform in condition.name
    assert CONDITIONS[condition.transform].grade(condition.grade) in condition.phrase


@pytest.mark.parametrize("condition", conditions(), ids=lambda condition: condition.name)
def test_every_condition_takes_the_smallest_image(condition):
    assert condition(np.full((1, 1, 3), 200, np.uint8), KEY).shape == (1, 1, 3)


@pytest.mark.parametrize("name", CONDITIONS)
def test_grades_go_from_mild_to_harsh(name, photo):
    seen = [Condition(name, grade)(photo, KEY) for grade in CONDITIONS[name].grades]
    if name in KEEP_SIZE:
        assert {image.shape for image in seen} == {photo.shape}
        harm = [np.abs(image.astype(int) - photo).mean() for image in seen]
    else:
        harm = [-image.size for image in seen]
        assert harm[0] > -photo.size
    assert harm == sorted(set(harm))
    assert 4 <= len(seen) <= 5


def test_a_quick_look_takes_fewer_of_the_same_grades():
    assert [one.transform for one in conditions()] == [n for n in CONDITIONS for _ in CONDITIONS[n].grades]
    assert set(conditions(grades=QUICK)) < set(conditions(grades=FULL))
    assert {one.transform for one in conditions(grades=QUICK)} == set(CONDITIONS)
    assert conditions(["blur", "jpeg", "blur"], QUICK) == [
        *(Condition("blur", grade) for grade in CONDITIONS["blur"].quick),
        *(Condition("jpeg", grade) for grade in CONDITIONS["jpeg"].quick),
    ]


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(InputError, match="'jpg'; did you mean 'jpeg'"):
        conditions(["jpg"])
    with pytest.raises(InputError, match="'ful'; did you mean 'full'"):
        conditions(grades="ful")


def test_names_and_sentences_say_the_unit():
    names = ["jpeg 50", "resize 60 %", "blur 2 px", "noise 8 levels", "crop 55 %"]
    grades = [("jpeg", 50), ("resize", 0.6), ("blur", 2), ("noise", 8.0), ("crop", 0.55)]
    assert [Condition(*one).name for one in grades] == names
    assert Condition("jpeg", 50).phrase == "JPEG at quality 50"
    assert Condition("downscale", 0.5).phrase == "resizing to 50 % of each side and back"


def test_keys_tell_images_transforms_and_grades_apart_and_survive_a_table():
    keys = [one.key(key) for one in conditions() for key in (KEY, KEY[::-1])]
    assert len({KEY, *keys}) == 1 + 2 * len(conditions())
    assert all(len(bytes.fromhex(key)) == 32 for key in keys)
    assert Condition("blur", 2).key(KEY) == Condition("blur", 2.0).key(KEY) == Condition("blur", np.float64(2)).key(KEY)
    # what is on disk is found under this very key: change it together with VERSION alone
    assert Condition("jpeg", 50).key(KEY) == "d5a117fc986059d62e4824c50aafb3c4debc37794d888d6d7a5864f8a751a463"


@pytest.mark.parametrize(("name", "kind", "options"), [("jpeg", "JPEG", {"subsampling": 2}), ("webp", "WEBP", {})])
def test_re_encoding_is_that_of_the_library_at_this_quality(name, kind, options, photo):
    file = BytesIO()
    Image.fromarray(photo).save(file, kind, quality=50, **options)
    assert (Condition(name, 50)(photo, KEY) == np.array(Image.open(file).convert("RGB"))).all()


def test_too_long_a_side_is_refused_with_the_reason():
    with pytest.raises(ImageError, match=r"1 x 65,600 pixels cannot be stored as JPEG"):
        Condition("jpeg", 95)(np.zeros((65_600, 1, 3), np.uint8), KEY)


def test_resizing_averages_what_it_takes_together(photo):
    stripes = np.zeros((40, 40, 3), np.uint8)
    stripes[::2] = 255  # without antialiasing all would be black, or all white
    half = Condition("resize", 0.5)(stripes, KEY)
    assert half.shape == (20, 20, 3)
    assert np.abs(half[2:-2].astype(int) - 127).max() < 30
    assert Condition("resize", 0.35)(photo, KEY).shape == (34, 42, 3)


def test_a_blur_spreads_a_line_by_its_sigma():
    line = np.zeros((61, 61, 3), np.uint8)
    line[:, 30] = 255  # a line, since a point would drown in rounding
    spread = Condition("blur", 4)(line, KEY)[30, :, 0].astype(float)
    x = np.arange(61) - 30
    assert np.sqrt((spread * x**2).sum() / spread.sum()) == pytest.approx(4, rel=0.1)


def test_a_crop_is_the_middle():
    image = np.zeros((100, 200, 3), np.uint8)
    image[20:80, 40:160] = np.arange(60 * 120 * 3).reshape(60, 120, 3) % 251
    cut = Condition("crop", 0.6)(image, KEY)
    assert (cut == image[20:80, 40:160]).all()


def test_noise_has_the_sigma_that_is_said_and_is_an_images_own():
    grey = np.full((400, 400, 3), 128, np.uint8)
    noise = Condition("noise", 8)(grey, KEY).astype(int) - 128
    assert noise.std() == pytest.approx(8, rel=0.02)
    assert noise.mean() == pytest.approx(0, abs=0.1)
    stronger = Condition("noise", 16)(grey, KEY).astype(int) - 128
    assert np.corrcoef(noise.ravel(), stronger.ravel())[0, 1] > 0.99
    other = Condition("noise", 8)(grey, "f" * 64).astype(int) - 128
    assert abs(np.corrcoef(noise.ravel(), other.ravel())[0, 1]) < 0.02


def test_noise_is_clipped_and_made_in_strips_that_differ(monkeypatch):
    white = np.full((300, 100, 3), 250, np.uint8)
    assert Condition("noise", 32)(white, KEY).max() == 255
    assert STRIP >= 1 << 20
    whole = Condition("noise", 8)(white, KEY)
    monkeypatch.setattr("pipelines.robustness.conditions.STRIP", 100 * 3 * 7)
    strips = Condition("noise", 8)(white, KEY)
    assert (strips == whole).all()
