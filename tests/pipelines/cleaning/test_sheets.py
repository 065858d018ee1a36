from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut, chelsea, coffee, rocket

from featex.images.decode import decode
from pipelines.cleaning.sheets import find_sheet

PHOTOGRAPHS = [astronaut(), chelsea(), coffee(), rocket()]


def sized(image, width, height):
    return np.asarray(Image.fromarray(image).convert("RGB").resize((width, height), Image.Resampling.BICUBIC))


def sheet(parts, width=256, height=256):
    a, b, c, d = (sized(part, width, height) for part in parts)
    return np.vstack([np.hstack([a, b]), np.hstack([c, d])])


def through_jpeg(image, quality=75):
    file = BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return decode(file.getvalue())


@pytest.mark.parametrize(("width", "height"), [(512, 512), (256, 256), (300, 300), (320, 200)])
@pytest.mark.parametrize("save", [lambda image: image, through_jpeg], ids=["lossless", "q75"])
def test_a_sheet_is_split_into_exactly_its_parts(width, height, save):
    found = find_sheet(save(sheet(PHOTOGRAPHS, width, height)))
    assert (found.action, found.sure) == ("split", True)
    assert found.boxes == (
        (0, 0, width, height),
        (width, 0, 2 * width, height),
        (0, height, width, 2 * height),
        (width, height, 2 * width, 2 * height),
    )


@pytest.mark.parametrize("image", PHOTOGRAPHS, ids=["astronaut", "chelsea", "coffee", "rocket"])
def test_a_single_picture_stays_whole(image):
    for size in (256, 512, 600):
        assert find_sheet(sized(image, size, size)) is None
        assert find_sheet(through_jpeg(sized(image, size, size), 30)) is None


def test_two_or_three_pictures_are_no_sheet_of_four():
    a, b = (sized(image, 256, 256) for image in PHOTOGRAPHS[:2])
    wide, other = (sized(image, 512, 256) for image in PHOTOGRAPHS[2:])
    three = find_sheet(np.vstack([np.hstack([a, b]), wide]))
    assert three is None or not three.sure
    assert find_sheet(np.hstack([sized(image, 256, 512) for image in PHOTOGRAPHS[:2]])) is None
    assert find_sheet(np.vstack([wide, other])) is None


def test_a_cross_off_the_half_or_drawn_into_a_picture_is_no_sheet():
    image = sheet(PHOTOGRAPHS)
    assert find_sheet(image[:, 8:]) is None
    assert find_sheet(image[6:]) is None
    crossed = sized(PHOTOGRAPHS[0], 512, 512).copy()
    crossed[253:259] = crossed[:, 253:259] = 0
    assert find_sheet(crossed) is None


def test_the_same_picture_four_times_is_a_pattern():
    assert find_sheet(sheet([PHOTOGRAPHS[0]] * 4)) is None
    assert find_sheet(sheet(PHOTOGRAPHS[:3] + PHOTOGRAPHS[:1])) is None


def test_four_flat_colours_and_tiny_or_odd_images_are_no_sheet():
    image = sheet(PHOTOGRAPHS)
    assert find_sheet(image[:-1]) is None
    assert find_sheet(image[:, :-1]) is None
    assert find_sheet(sheet(PHOTOGRAPHS, 32, 32)) is None
    assert find_sheet(np.zeros((512, 512, 3), dtype=np.uint8)) is None
    for shape in ((1, 1), (2, 2), (1, 600), (600, 1)):
        assert find_sheet(np.zeros((*shape, 3), dtype=np.uint8)) is None


def test_pictures_that_share_a_ground_are_for_review_at_least():
    # the upper two end in the same white: there is no seam between them to be seen
    parts = [sized(image, 256, 256).copy() for image in PHOTOGRAPHS]
    parts[0][:, 200:] = parts[1][:, :56] = 255
    found = find_sheet(sheet(parts))
    assert found is not None
    assert not found.sure


def test_no_real_picture_is_split_and_sheets_of_them_are(real_data):
    paths = sorted((real_data / "ai-vs-real").glob("*/*/*"))
    images = [decode(path.read_bytes()) for path in paths[::3]]
    images += [decode(path.read_bytes()) for path in (real_data / "cleaning").glob("*/*")]
    assert [find_sheet(image) for image in images if find_sheet(image)] == []
    rng, sure = np.random.default_rng(0), 0
    for _ in range(60):
        made = sheet([images[i] for i in rng.choice(len(images) - 20, 4, replace=False)])
        found = [find_sheet(save(made)) for save in (np.asarray, through_jpeg)]
        assert all(one is None or one.boxes[3] == (256, 256, 512, 512) for one in found)
        sure += sum(one is not None and one.sure for one in found)
    assert sure >= 0.9 * 120
