"""Traces planted in one class of 120 files, which the audit must call by name, all the way from bytes to findings."""

import os
from io import BytesIO
from zlib import crc32

import numpy as np
import pytest
from PIL import Image
from skimage import data as photographs

from featex.extraction.extract import extract
from featex.extraction.recipes import FeatureRecipe
from featex.layout import Artifacts
from featex.network.views import View
from pipelines.auditing import properties, shortcuts
from pipelines.auditing.audit import audit

N, SIDE, MARGIN = 120, 160, 8
SMALL = 96  # pixels a side of images whose pixels hold no trace
PLANTED = np.arange(N) % 2 == 1
YEAR = 365 * 24 * 3600
QUICK = {"trees": 4, "folds": 3}  # enough for what parts the classes wholly
SIGNALS = View("crop", inputs=("spectrum",))  # features that need no network


@pytest.fixture(scope="module")
def pieces():
    """120 pieces of four photographs, a little larger than the images are, for traces that move what is cut."""
    rng = np.random.default_rng(0)
    sources = [photographs.astronaut(), photographs.coffee(), photographs.chelsea(), photographs.rocket()]
    places = [[int(rng.integers(side - SIDE - MARGIN)) for side in sources[i // 2 % 4].shape[:2]] for i in range(N)]
    return [cut(sources[i // 2 % 4], top, left, SIDE + MARGIN) for i, (top, left) in enumerate(places)]


@pytest.fixture(scope="module")
def photos(pieces):
    return [saved(small(piece)) for piece in pieces]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Where features and looks are kept, by content: a file that several sets share is looked at once."""
    return tmp_path_factory.mktemp("project")


@pytest.fixture
def findings(tmp_path, project, monkeypatch):
    """A function: files -> findings on their shortcuts, by the way of the commands, with fewer trees."""
    monkeypatch.setattr(properties, "N_PERMUTATIONS", 199)

    def findings(files, suffix="jpg", name=lambda number, planted: f"{number:04}", later=0, trees=12, folds=5):
        monkeypatch.setattr(shortcuts, "N_TREES", trees)
        monkeypatch.setattr(shortcuts, "N_FOLDS", folds)
        for number, (file, planted) in enumerate(zip(files, PLANTED.tolist(), strict=True)):
            folder = tmp_path / "images/train" / ("ai" if planted else "real")
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{name(number, planted)}.{suffix}"
            path.write_bytes(file)
            os.utime(path, (1.6e9 + later * planted,) * 2)
        made = extract(
            tmp_path / "images",
            project / "artifacts/features",
            recipe=FeatureRecipe("signals", (SIGNALS,)),
            name=tmp_path.name,
        )
        return audit(made.stored, only=["shortcuts"], artifacts=Artifacts(project / "artifacts")).findings

    return findings


def cut(image, top=0, left=0, height=SIDE, width=None):
    return np.ascontiguousarray(image[top : top + height, left : left + (width or height)])


def small(image):
    return cut(image, height=SMALL)


def saved(image, form="JPEG", **options):
    file = BytesIO()
    Image.fromarray(image).save(file, form, **{"quality": 92, **options})
    return file.getvalue()


def planted_in(images, plant, otherwise=lambda image: image):
    return [(plant if planted else otherwise)(image) for image, planted in zip(images, PLANTED, strict=True)]


FILES, PICTURES, NAMES = "FX101", "FX102", "FX103"


def about(findings, name):
    (found,) = [one for one in findings if one.id == name]
    return found


# Traces in pixels


def was_a_jpeg(image):
    return np.array(Image.open(BytesIO(saved(image, quality=80))))


def bordered(image):
    image[[0, -1]] = image[:, [0, -1]] = 0
    return image


def upscaled(image):
    return np.array(Image.fromarray(cut(image, 8, 8, SIDE * 4 // 5)).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


# Of the other families test_measures holds that they see their trace, and test_shortcuts that they are named
PIXELS = {
    "grid offset": ("the grid of JPEG blocks", lambda piece: cut(was_a_jpeg(piece), 3, 5)),
    "border": ("the border", lambda piece: bordered(cut(piece))),
    "upscaling": ("traces of resampling", lambda piece: upscaled(cut(piece))),
}


@pytest.mark.parametrize("trace", PIXELS)
def test_a_trace_in_pixels_is_called_by_its_family(findings, pieces, trace):
    family, plant = PIXELS[trace]
    otherwise = (lambda piece: cut(was_a_jpeg(piece))) if trace == "grid offset" else cut
    found = about(findings(map(saved, planted_in(pieces, plant, otherwise))), PICTURES)
    assert found.level == "warning"
    assert family in found.sentence


# Traces in files


def with_segment(kind, body):
    return lambda file: file[:2] + b"\xff" + bytes([kind]) + (len(body) + 2).to_bytes(2) + body + file[2:]


def with_comment(text):
    return with_segment(0xFE, text)


def with_maker(text):
    tags = Image.Exif()
    tags[0x010F] = text
    return with_segment(0xE1, tags.tobytes())


def with_thumbnail(there):
    """EXIF of two directories; the second, at byte 14, holds a thumbnail's offset and length, or is empty."""
    entries = b"\1\2\4\0\1\0\0\0\x2c\0\0\0" + b"\2\2\4\0\1\0\0\0\4\0\0\0" if there else bytes(24)
    second = (b"\2\0" if there else b"\0\0") + entries + bytes(4) + b"\xff\xd8\xff\xd9"
    return with_segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0" + b"\0\0" + b"\x0e\0\0\0" + second)


def with_resolution(dpi):
    """Written into the JFIF segment, which libjpeg puts first."""
    return lambda file: file[:13] + b"\1" + dpi.to_bytes(2) * 2 + file[18:]


def with_chunk(kind, body):
    chunk = len(body).to_bytes(4) + kind + body + crc32(kind + body).to_bytes(4)
    return lambda file: file[:-12] + chunk + file[-12:]


def as_it_is(file):
    return file


BYTES = {
    "comment": ("values “comment=", with_comment(b"made by one"), with_comment(b"made by two")),
    "EXIF": ("values “Make=", with_maker("Canon"), with_maker("Nikon")),
    "dpi": ("values “dpi=", with_resolution(300), with_resolution(72)),
    "C2PA": ("segments “C2PA”", with_segment(0xEB, b"JP\0\1\0\0\0\1....jumbc2pa"), as_it_is),
    "XMP": ("metadata “xmp”", with_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>"), as_it_is),
    "trailing bytes": ("median trailing bytes 17 in ai, 0 in real", lambda file: file + b"x" * 17, as_it_is),
    "EXIF thumbnail": ("segments “EXIF thumbnail”", with_thumbnail(True), with_thumbnail(False)),
}


@pytest.mark.parametrize("trace", BYTES)
def test_a_trace_in_bytes_is_called_by_its_property(findings, photos, trace):
    named, plant, otherwise = BYTES[trace]
    found = about(findings(planted_in(photos, plant, otherwise), **QUICK), FILES)
    assert found.level == "critical"
    assert named in found.sentence


@pytest.mark.xfail(reason="the audit does not read them, and its page says so", raises=AssertionError, strict=True)
def test_a_number_in_a_comment_and_a_value_in_xmp_are_named(findings, photos):
    def with_both(file, version):
        xmp = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta><tool>" + version + b"</tool></x:xmpmeta>"
        return with_comment(b"version " + version)(with_segment(0xE1, xmp)(file))

    files = planted_in(photos, lambda file: with_both(file, b"1"), lambda file: with_both(file, b"2"))
    found = about(findings(files, **QUICK), FILES)
    assert found.level != "ok"


def odd(piece):
    return cut(piece, 0, 0, SMALL - 1 + 2 * (piece[0, 0, 0] % 4), SMALL - 1 + 2 * (piece[0, 1, 1] % 4))


def even(piece):
    return cut(piece, 0, 0, SMALL - 2 + 2 * (piece[0, 0, 0] % 4), SMALL - 2 + 2 * (piece[0, 1, 1] % 4))


ENCODED = {
    "restart markers": ("segments “restart markers”", lambda piece: saved(small(piece), restart_marker_blocks=4)),
    "Huffman optimisation": ("segments “Huffman optimised”", lambda piece: saved(small(piece), optimize=True)),
}


@pytest.mark.parametrize("trace", ENCODED)
def test_a_trace_in_the_encoding_is_called_by_its_property(findings, pieces, trace):
    named, plant = ENCODED[trace]
    found = about(findings(planted_in(pieces, plant, lambda piece: saved(small(piece))), **QUICK), FILES)
    assert found.level == "critical"
    assert named in found.sentence


def test_odd_sizes_are_called_so_though_widths_and_heights_vary(findings, pieces):
    sizes = planted_in(pieces, odd, even)
    assert len({image.shape for image in sizes}) > 20
    found = about(findings(map(saved, sizes), **QUICK), FILES)
    assert found.level == "critical"
    assert "divisible by 1 in ai" in found.sentence


def test_a_chunk_of_a_png_is_called_by_its_name(findings, pieces):
    files = [saved(small(piece), "PNG", compress_level=1) for piece in pieces]
    found = about(findings(planted_in(files, with_chunk(b"tIME", b"\x07\xe8\1\1\1\1\1")), "png", **QUICK), FILES)
    assert found.level == "critical"
    assert "segments “tIME” in 100.0 % of ai, 0.0 % of real" in found.sentence


# Traces beside files, and none


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"name": lambda number, planted: f"{'sd' if planted else 'coco'}_{number}"}, "file name “"),
        ({"later": YEAR}, "changed in “20"),
    ],
)
def test_names_and_dates_are_called_so(findings, photos, options, named):
    found = about(findings(photos, **QUICK, **options), NAMES)
    assert found.level == "warning"
    assert named in found.sentence


def test_of_files_without_a_trace_the_audit_is_quiet(findings, pieces):
    quiet = findings([saved(cut(piece)) for piece in pieces])
    assert {one.level for one in quiet} == {"ok"}
    assert [one.id for one in quiet] == [FILES, PICTURES, *["FX104"] * (len(quiet) - 2)]
