from io import BytesIO

import pytest
from PIL import Image

from featex.images.formats import cannot_read, in_words, is_image, kind_of, suffix_of, unread


@pytest.mark.parametrize(
    ("name", "suffix"), [("a.JPG", ".jpg"), ("a.b.png", ".png"), ("IMG_0001", ""), (".jpg", ""), ("a.", ".")]
)
def test_a_suffix_is_what_stands_behind_the_last_dot(name, suffix):
    assert suffix_of(name) == suffix


KINDS = {"JPEG": "JPEG", "PNG": "PNG", "WEBP": "WebP", "GIF": "GIF", "BMP": "BMP", "TIFF": "TIFF", "AVIF": "AVIF"}
KINDS |= {"PPM": "PPM", "JPEG2000": "JPEG 2000", "ICO": "icon"}


@pytest.mark.parametrize(("form", "kind"), KINDS.items())
def test_first_bytes_tell_the_kind(form, kind):
    file = BytesIO()
    Image.new("RGB", (16, 16)).save(file, form)
    assert kind_of(file.getvalue()[:32]) == kind


@pytest.mark.parametrize("text", [b"", b"P", b"BM", b"a table, of labels", b"PK\x03\x04", b"P4 is a text too"[1:]])
def test_what_is_no_image_has_no_kind(text):
    assert kind_of(text) == ""


def test_a_file_without_a_usual_suffix_is_an_image_if_its_first_bytes_say_so(tmp_path):
    file = BytesIO()
    Image.new("RGB", (4, 4)).save(file, "PNG")
    for name, image in {"IMG_0001": True, "1.jpg_large": True, "photo.jpg!d": True, "notes.txt": False}.items():
        (tmp_path / name).write_bytes(file.getvalue())
        assert is_image(name, str(tmp_path / name)) is image, name
    (tmp_path / "LICENSE").write_text("Free for all")
    assert not is_image("LICENSE", str(tmp_path / "LICENSE"))
    assert not is_image("gone", str(tmp_path / "gone"))


def test_raw_files_of_cameras_are_refused_unopened_and_others_by_what_they_are():
    assert "raw" in unread(".nef")
    assert cannot_read(".dng")
    assert cannot_read(".jxl")
    assert not unread(".jpg")
    assert not cannot_read(".ppm")
    assert "'.[heif]'" in in_words(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    assert "JPEG XL" in in_words(b"\xff\x0a\0\0")
    assert "git lfs pull" in in_words(b"version https://git-lfs.github.com")
