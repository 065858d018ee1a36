import json
import struct
import time
from io import BytesIO
from zlib import compress

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from featex.errors import ImageError
from featex.images.facts import FACTS, file_facts


def photograph(mode="RGB", size=(40, 24)):
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def saved(form="JPEG", mode="RGB", **options):
    file = BytesIO()
    photograph(mode).save(file, form, **options)
    return file.getvalue()


def chunk(kind, body):
    from zlib import crc32

    return len(body).to_bytes(4) + kind + body + crc32(kind + body).to_bytes(4)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF"])
def test_every_format_has_all_facts_and_its_own_name(form):
    facts = file_facts(saved(form))
    assert list(facts) == list(FACTS)
    assert (facts["format"], facts["width"], facts["height"]) == (form, 40, 24)
    assert np.isnan(facts["jpeg_quality"]) == (form != "JPEG")
    assert (facts["jpeg_tables"] == "") == (facts["jpeg_sampling"] == "") == (form != "JPEG")


@pytest.mark.parametrize("quality", [1, 10, 49, 50, 51, 75, 80, 81, 95, 99, 100])
def test_the_quality_is_the_one_the_file_was_saved_at(quality):
    assert file_facts(saved(quality=quality))["jpeg_quality"] == quality


def test_equal_tables_have_equal_digests_and_others_do_not():
    one, same, other = (file_facts(saved(quality=q))["jpeg_tables"] for q in (80, 80, 81))
    assert one == same != other


@pytest.mark.parametrize(("sampling", "name"), [(0, "4:4:4"), (1, "4:2:2"), (2, "4:2:0")])
def test_subsampling_is_told_as_the_field_writes_it(sampling, name):
    assert file_facts(saved(subsampling=sampling))["jpeg_sampling"] == name


def test_grey_and_cmyk_and_palettes_are_told():
    assert file_facts(saved(mode="L"))["jpeg_sampling"] == "grey"
    assert file_facts(saved(mode="CMYK"))["mode"] == "CMYK"
    assert file_facts(saved("PNG", mode="P"))["mode"] == "P"


def test_a_progressive_jpeg_is_told_from_a_baseline_one():
    assert file_facts(saved(progressive=True))["progressive"]
    assert not file_facts(saved())["progressive"]


def test_comments_profiles_and_exif_tags_are_named():
    exif = Image.Exif()
    exif[0x010F], exif[0x0131] = "Maker", "Program"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    facts = file_facts(saved(comment="hello", exif=exif, icc_profile=profile, dpi=(300, 300)))
    assert facts["exif"] == "Make,Software"
    assert facts["metadata"] == "comment,dpi,jfif"
    assert "sRGB" in facts["profile"]
    assert file_facts(saved(icc_profile=b"no profile"))["profile"] == "broken"
    assert file_facts(saved())["profile"] == ""


def test_text_behind_the_pixels_of_a_png_is_seen():
    data = saved("PNG")
    late = data[:-12] + chunk(b"tEXt", b"date:create\x002026") + data[-12:]
    assert file_facts(late)["metadata"] == "date:create"
    assert file_facts(data)["metadata"] == ""


def test_a_chunk_that_lies_about_its_length_ends_the_search():
    data = saved("PNG")
    assert file_facts(data[:-12] + b"\xff\xff\xff\xfftEXtkey\0" + data[-12:])["metadata"] == "key"


def test_prompts_are_read_as_generators_write_them():
    def png(**texts):
        info = PngInfo()
        for key, text in texts.items():
            info.add_text(key, text)
        return file_facts(saved("PNG", pnginfo=info))["prompt"]

    assert png(parameters="a red  fox\nNegative prompt: blurry\nSteps: 20, Sampler: Euler") == "a red fox"
    assert png(parameters="a red fox\nSteps: 20") == "a red fox"
    nodes = {"3": {"inputs": {"seed": 5}}, "6": {"inputs": {"text": "a red fox"}}}
    assert png(prompt=json.dumps(nodes)) == "a red fox"
    assert png(prompt='{"half": ') == '{"half":'
    assert png(other="a red fox") == ""
    assert len(png(parameters="x" * 1000)) == 300


def test_a_prompt_in_an_exif_user_comment_is_read():
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + "a red fox\nSteps: 20".encode("utf-16-be")
    assert file_facts(saved(exif=exif))["prompt"] == "a red fox"


def packed_text(key, text):
    """A PNG that is small on disk and holds a long text."""
    whole = saved("PNG")
    return whole[:33] + chunk(b"zTXt", key + b"\0\0" + compress(text, 9)) + whole[33:]


def with_comment(text):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + text
    return saved(exif=exif.tobytes())


HOSTILE = {
    "blanks": lambda: packed_text(b"parameters", b" " * 1_000_000),
    "steps": lambda: packed_text(b"parameters", b" Steps:" * 140_000),
    "open brackets": lambda: packed_text(b"prompt", b"[" * 900_000),
    "deep JSON": lambda: packed_text(b"prompt", b'{"a":' * 900 + b'{"text":"x"}' + b"}" * 900),
    "long number": lambda: packed_text(b"prompt", b"[" + b"1" * 900_000 + b"]"),
    "comment of blanks": lambda: with_comment(b"a" + b" \n" * 30_000 + b"b"),
    "many texts": lambda: (
        saved("PNG")[:33] + b"".join(chunk(b"tEXt", b"%d\0v" % i) for i in range(20_000)) + saved("PNG")[33:]
    ),
    "many tags": lambda: saved(exif=b"Exif\0\0" + many_tags(5_000)),
}


def many_tags(n):
    tags = b"".join(struct.pack("<HHII", 1000 + i, 4, 1, 1) for i in range(n))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", n) + tags + bytes(4)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_takes_no_time_and_little_room(name):
    data = HOSTILE[name]()
    started = time.perf_counter()
    facts = file_facts(data)
    assert time.perf_counter() - started < 2
    assert all(len(value) < 10_000 for value in facts.values() if isinstance(value, str))


@pytest.mark.parametrize(("values", "bits"), [(12, 12), (10, 10), (14, 14), (16, 0), (8, 8), (0, 0)])
@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_values_in_the_low_bits_of_sixteen_are_told(values, bits, form):
    grey = (np.arange(64).reshape(8, 8) * (2**values - 1) // 63).astype(np.uint16)
    file = BytesIO()
    Image.fromarray(grey).save(file, form)
    assert file_facts(file.getvalue())["low_bits"] == bits
    assert file_facts(saved(form))["low_bits"] == 0


def test_low_bits_of_colours_are_told_whether_interleaved_or_in_planes():
    pixels = np.full((3, 8, 8), 4000, np.uint16)
    for shape, order in (("separate", pixels), ("contig", np.moveaxis(pixels, 0, -1).copy())):
        file = BytesIO()
        tifffile.imwrite(file, order, photometric="rgb", planarconfig=shape)
        assert file_facts(file.getvalue())["low_bits"] == 12


def test_a_broken_exif_block_costs_nothing():
    facts = file_facts(saved(exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"))
    assert facts["width"] == 40


@pytest.mark.parametrize("data", [b"", b"no image", saved()[:30]])
def test_what_is_no_image_is_refused(data):
    with pytest.raises(ImageError):
        file_facts(data)


def test_pixels_are_not_decoded(monkeypatch):
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("decoded"))
    assert file_facts(saved())["format"] == "JPEG"
    assert file_facts(saved("PNG"))["format"] == "PNG"
