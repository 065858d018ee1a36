import io
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from skimage import data as photographs

from featex.images.decode import decode
from featex.images.formats import SUFFIXES
from pipelines.cleaning.screens import find_blank, find_screenshot
from pipelines.sample.make import INNER, OUTER

LIGHT = {"ground": (255, 255, 255), "panel": (240, 240, 240), "border": (200, 200, 200), "ink": (30, 30, 30)}
DARK = {"ground": (32, 33, 36), "panel": (50, 52, 58), "border": (80, 82, 90), "ink": (225, 225, 230)}
SENTENCE = "Nothing was found that matches these words, please look elsewhere"
PHOTOS = {name: cache(load) for name, load in (INNER | OUTER).items()}


def photo(name: str = "cat", size: tuple[int, int] = (480, 320)) -> Image.Image:
    return Image.fromarray(PHOTOS[name]()).resize(size, Image.Resampling.LANCZOS)


def write(draw: ImageDraw.ImageDraw, at, text: str, fill, size: int = 14) -> None:
    draw.text(at, text, fill=fill, font=ImageFont.load_default(size))


def dialog(colours: dict, width: int = 480, height: int = 320) -> Image.Image:
    image = Image.new("RGB", (width, height), colours["panel"])
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width, 30), fill=colours["ground"])
    write(draw, (10, 7), "Settings of the program", colours["ink"])
    for i, y in enumerate(range(50, height - 90, 36)):
        write(draw, (20, y), f"Option number {i}", colours["ink"])
        draw.rectangle((width // 2, y - 4, width - 30, y + 22), colours["ground"], colours["border"])
    for x, word in ((width - 220, "Cancel"), (width - 110, "Apply")):
        draw.rectangle((x, height - 50, x + 90, height - 20), colours["ground"], colours["border"])
        write(draw, (x + 18, height - 44), word, colours["ink"])
    return image


def explorer(colours: dict, width: int = 480, height: int = 320) -> Image.Image:
    image = Image.new("RGB", (width, height), colours["ground"])
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width, 34), colours["panel"], colours["border"])
    write(draw, (10, 9), "File  Edit  View  Pictures", colours["ink"])
    for i in range((height - 50) // 130 * (width // 120)):
        x, y = 15 + i % (width // 120) * 120, 50 + i // (width // 120) * 130
        image.paste(photo(list(PHOTOS)[i % len(PHOTOS)], (90, 90)), (x, y))
        write(draw, (x, y + 97), f"picture_{i:03}", colours["ink"])
    return image


def chat(colours: dict, width: int = 480, height: int = 320) -> Image.Image:
    image = Image.new("RGB", (width, height), colours["ground"])
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 120, height), fill=colours["panel"])
    for i, y in enumerate(range(12, height - 40, 50)):
        write(draw, (12, y), f"# channel {i}", colours["ink"])
        draw.ellipse((135, y, 167, y + 32), fill=(200, 60 + 20 * i % 190, 90))
        write(draw, (178, y), f"somebody {i}", colours["ink"])
        write(draw, (178, y + 17), SENTENCE[: (width - 190) // 8], colours["ink"])
    return image


def spreadsheet(colours: dict, width: int = 480, height: int = 320) -> Image.Image:
    image = Image.new("RGB", (width, height), colours["ground"])
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width, 22), fill=colours["panel"])
    for y in range(0, height, 22):
        draw.line((0, y, width, y), colours["border"])
        for x in range(0, width, 80):
            draw.line((x, y, x, y + 22), colours["border"])
            write(draw, (x + 4, y + 3), str(7919 * (x + 3) * (y + 5) % 1_000_000), colours["ink"])
    return image


SCREENS = {f.__name__: f for f in (dialog, explorer, chat, spreadsheet)}


def captioned(image: Image.Image) -> Image.Image:
    card = Image.new("RGB", (image.width, image.height + 60), "white")
    card.paste(image, (0, 60))
    write(ImageDraw.Draw(card), (8, 8), SENTENCE[:38] + "\n" + SENTENCE[38:], "black", 20)
    return card


def framed(image: Image.Image) -> Image.Image:
    card = Image.new("RGB", (image.width + 60, image.height + 120), (248, 246, 240))
    card.paste(image, (30, 30))
    write(ImageDraw.Draw(card), (90, image.height + 55), "Summer holidays, 1987", (60, 60, 60), 28)
    return card


def subtitled(image: Image.Image) -> Image.Image:
    film = Image.new("RGB", (image.width, image.height + 120))
    film.paste(image, (0, 60))
    write(ImageDraw.Draw(film), (60, image.height + 70), SENTENCE[:40], "white", 18)
    return film


def collage(image: Image.Image) -> Image.Image:
    sheet = Image.new("RGB", (image.width * 2 + 30, image.height * 2 + 30), "white")
    for i in range(4):
        sheet.paste(image.rotate(90 * i), (10 + i % 2 * (image.width + 10), 10 + i // 2 * (image.height + 10)))
    return sheet


def jpeg(image: Image.Image, quality: int) -> np.ndarray:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return decode(file.getvalue())


def blurred(image: Image.Image, share: float) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(min(image.size) * share))


def sure(judgement) -> bool:
    return judgement is not None and judgement.action == "drop" and judgement.sure


# Screens


@pytest.mark.parametrize("size", [(360, 320), (640, 480), (1280, 800)], ids=str)
@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
def test_interfaces_are_found_surely(screen, colours, size):
    assert sure(find_screenshot(np.asarray(SCREENS[screen](colours, *size))))


@pytest.mark.parametrize("quality", [95, 85])
@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
def test_interfaces_are_found_in_a_jpeg(screen, colours, quality):
    assert sure(find_screenshot(jpeg(SCREENS[screen](colours, 640, 480), quality)))


@pytest.mark.parametrize(("size", "scale"), [((800, 500), 2), ((800, 500), 7), ((1300, 860), 4)], ids=str)
def test_large_screens_of_many_pixels_a_point_are_found(size, scale):
    image = dialog(LIGHT, *size)
    assert sure(find_screenshot(np.asarray(image.resize((size[0] * scale, size[1] * scale), Image.Resampling.NEAREST))))


def test_a_window_that_holds_a_large_photograph_is_found():
    image = explorer(LIGHT, 640, 480)
    image.paste(photo(size=(640, 300)), (0, 180))
    assert sure(find_screenshot(np.asarray(image)))


@pytest.mark.parametrize("name", PHOTOS)
def test_photographs_are_no_screens(name):
    image = Image.fromarray(PHOTOS[name]())
    assert find_screenshot(np.asarray(image)) is None
    assert find_screenshot(jpeg(image, 75)) is None


@pytest.mark.parametrize("name", ["horse", "camera", "coins", "page", "colorwheel", "binary_blobs", "logo"])
def test_drawings_scans_and_line_art_are_no_screens(name):
    picture = np.asarray(getattr(photographs, name)())
    if picture.dtype == bool:
        picture = picture * np.uint8(255)
    picture = picture[..., :3] if picture.ndim == 3 else np.dstack([picture] * 3)
    assert find_screenshot(np.ascontiguousarray(picture)) is None


@pytest.mark.parametrize("name", ["cat", "coffee", "astronaut", "rocket", "china"])
@pytest.mark.parametrize("edit", [captioned, framed, subtitled, collage])
def test_a_photograph_with_a_caption_a_frame_or_bars_is_not_dropped_surely(name, edit):
    assert not sure(find_screenshot(np.asarray(edit(photo(name)))))


def test_words_on_a_flat_ground_are_for_review():
    card = Image.new("RGB", (400, 300), (225, 225, 225))
    write(ImageDraw.Draw(card), (60, 130), "No image is available", (120, 120, 120), 28)
    judgement = find_screenshot(np.asarray(card))
    assert judgement is not None
    assert not judgement.sure


def test_panels_without_words_are_no_screen():
    image = Image.new("RGB", (480, 320), (230, 220, 60))
    draw = ImageDraw.Draw(image)
    for i in range(8):
        draw.rectangle((i * 60, i * 20, i * 60 + 44, 300), (30 * i, 40, 200 - 20 * i), "black", 4)
    assert find_screenshot(np.asarray(image)) is None


def test_bars_are_no_words():
    image = Image.new("RGB", (480, 320), LIGHT["ground"])
    draw = ImageDraw.Draw(image)
    for x, y in product(range(20, 460, 110), range(20, 300, 28)):
        draw.rounded_rectangle((x, y, x + 85, y + 20), 9, (40, 90, 160))
    assert find_screenshot(np.asarray(image)) is None


@pytest.mark.parametrize(("level", "roughness"), [(220, 14), (120, 4)], ids=["rough", "no ground"])
def test_words_on_anything_but_a_flat_ground_do_not_count(level, roughness):
    noise = np.random.default_rng(0).integers(-roughness, roughness + 1, (320, 480, 1))
    pixels = np.full((320, 480, 3), level) + noise
    pixels[160:] = 220
    pixels[170:180], pixels[200:210], pixels[240:250] = 90, 60, 180
    image = Image.fromarray(pixels.astype(np.uint8))
    assert find_screenshot(np.asarray(image)) is None
    for y in (10, 60, 110):
        write(ImageDraw.Draw(image), (20, y), SENTENCE, (0, 0, 0), 14)
    assert find_screenshot(np.asarray(image)) is None


def over_text(top: np.ndarray) -> np.ndarray:
    """Words on white below rows of grey levels, 480 pixels wide, and a rough strip between, which is no line."""
    page = Image.new("RGB", (480, 160), "white")
    for i in range(6):
        write(ImageDraw.Draw(page), (10, 10 + 24 * i), SENTENCE, "black", 14)
    strip = np.random.default_rng(1).integers(0, 256, (4, 480))
    top = np.vstack([np.broadcast_to(top, (len(top), 480)), strip]).astype(np.uint8)
    return np.vstack([np.dstack([top] * 3), np.asarray(page)])


def test_steps_between_bands_that_are_no_ground_are_no_lines():
    stairs = np.repeat(np.arange(20, 230, 12), 5)[:, None]
    assert not sure(find_screenshot(over_text(stairs)))


def test_a_photograph_of_a_screen_is_not_dropped_surely():
    noise = np.random.default_rng(0).normal(0, 4, (480, 640, 1))
    taken = np.asarray(dialog(LIGHT, 640, 480)) + noise
    assert not sure(find_screenshot(taken.clip(0, 255).astype(np.uint8)))


def test_black_alone_is_hardly_a_ground_because_dark_pictures_clip_to_it():
    def night(black: int) -> np.ndarray:
        image = photo("astronaut", (480, 320))
        image.paste((black,) * 3, (0, 0, 480, 130))
        draw = ImageDraw.Draw(image)
        for x in range(20, 400, 130):
            for y in (30, 60, 90):
                write(draw, (x, y), "mmiillwwnn", "white", 14)
        return np.asarray(image)

    assert find_screenshot(night(40)).confidence > getattr(find_screenshot(night(0)), "confidence", 0) + 0.05


def test_the_reason_tells_what_was_found():
    why = find_screenshot(np.asarray(dialog(LIGHT))).why
    assert "flat grey levels" in why
    assert "pieces of text" in why
    assert "pixels of straight edges" in why


# Blank and blurred


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (18, 160, 77)], ids=str)
def test_one_colour_is_blank(colour):
    image = Image.new("RGB", (300, 200), colour)
    assert sure(find_blank(np.asarray(image)))
    assert sure(find_blank(jpeg(image, 75)))
    assert str(colour) in find_blank(np.asarray(image)).why


def test_next_to_nothing_is_for_review():
    image = Image.new("RGB", (400, 400), "white")
    write(ImageDraw.Draw(image), (180, 190), "n/a", "grey", 14)
    judgement = find_blank(np.asarray(image))
    assert judgement is not None
    assert not judgement.sure


@pytest.mark.parametrize("quality", [None, 75])
@pytest.mark.parametrize("share", [1 / 20, 1 / 10, 1 / 5])
@pytest.mark.parametrize("name", PHOTOS)
def test_what_is_blurred_out_is_found(name, share, quality):
    image = blurred(photo(name), share)
    judgement = find_blank(jpeg(image, quality) if quality else np.asarray(image))
    assert judgement is not None
    # Of stars a blur leaves less light than the steps of a JPEG, which is for review
    assert judgement.sure or (name, quality) == ("hubble", 75)


@pytest.mark.parametrize("size", [(120, 90), (1600, 1200)], ids=str)
def test_what_is_blurred_out_is_found_at_any_size(size):
    assert sure(find_blank(np.asarray(blurred(photo("coffee", size), 1 / 20))))


@pytest.mark.parametrize("name", PHOTOS)
def test_soft_photographs_are_not_dropped(name):
    assert not sure(find_blank(np.asarray(blurred(photo(name), 1 / 50))))
    assert find_blank(np.asarray(blurred(photo(name), 1 / 150))) is None
    assert find_blank(np.asarray(photo(name))) is None


def test_one_sharp_spot_before_a_blurred_ground_is_a_picture():
    image = blurred(photo("coffee"), 1 / 10)
    image.paste(photo("cat", (100, 70)), (190, 130))
    assert find_blank(np.asarray(image)) is None


def test_stars_and_fog_are_pictures():
    rng = np.random.default_rng(0)
    night = rng.poisson(3, (400, 600, 1)).repeat(3, axis=2).astype(np.uint8)
    stars = rng.integers(0, (397, 597), (300, 2))
    for y, x in stars:
        night[y : y + 3, x : x + 3] = rng.integers(120, 255)
    fog = Image.blend(photo("china", (600, 400)), Image.new("RGB", (600, 400), (200, 200, 200)), 0.85)
    assert find_blank(night) is None
    assert find_blank(np.asarray(fog)) is None


@pytest.mark.parametrize("size", [512, 2400])
def test_fine_texture_is_not_taken_for_blank_or_blurred(size):
    texture = np.random.default_rng(0).integers(0, 256, (size, size, 3)).astype(np.uint8)
    assert find_blank(texture) is None
    assert find_screenshot(texture) is None


def test_a_halftone_of_a_blurred_picture_is_not_taken_for_blurred_out():
    image = np.asarray(blurred(photo("coffee", (1600, 1200)), 1 / 20)) // 2 + 60
    dots = np.indices((1200, 1600)).sum(axis=0) % 2 * 60
    assert sure(find_blank(image.astype(np.uint8)))
    assert find_blank((image + dots[..., None]).astype(np.uint8)) is None


# Any image


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (400, 1), (2, 2), (3, 500), (23, 23), (24, 4000)], ids=str)
def test_tiny_and_narrow_images_are_judged_without_complaint(shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    for picture in (image, np.zeros_like(image)):
        find_screenshot(picture)
        find_blank(picture)
    assert sure(find_blank(np.zeros_like(image)))


# Real images


def pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        pytest.skip(f"no {folder.name} among the real images")
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def test_no_real_picture_is_taken_for_a_screen_or_blank(real_data):
    paths = pictures(real_data / "ai-vs-real")[::6]  # a sixth, for time; the module gives the counts of all
    assert len(paths) == 195
    for path in paths:
        image = decode(path.read_bytes())
        assert find_screenshot(image) is None, path.name
        assert find_blank(image) is None, path.name
