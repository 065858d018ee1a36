"""Image formats by suffix and by first bytes, and the reasons why some cannot be read."""

import os
from functools import cache
from importlib.util import find_spec

from featex.system.words import each_word

_READ = each_word(
    """
    .jpg .jpeg .jpe .jfif .jif .jfi .mpo .png .apng .webp .bmp .dib .gif .tif .tiff .avif .avifs .ppm .pgm .pbm .pnm
    .jp2 .j2k .j2c .jpc .jpf .jpx .heic .heics .heif .heifs .hif
    """
)
_CAMERA_RAW = each_word(
    """
    .3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .fff .iiq .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf .raw .rw2 .rwl
    .sr2 .srf .srw .x3f
    """
)
_UNREAD = each_word(
    """
    .jxl .jxr .wdp .hdp .psd .psb .xcf .svg .svgz .ico .icns .tga .exr .hdr .dds .pcx .sgi .ras .xbm .xpm .dcm .fits
    .fit .pfm .wmf .emf .bpg .flif
    """
)
SUFFIXES = _READ | _CAMERA_RAW | _UNREAD
"""Suffixes, in lower case, of all image files, whether they can be read or not."""

_NO_IMAGES = each_word(
    """
    .txt .csv .tsv .json .jsonl .ndjson .xml .yaml .yml .toml .md .rst .html .htm .log .py .pyc .ipynb .m .r .sh
    .bat .ini .cfg .db .sqlite .lock .zip .tar .gz .tgz .bz2 .xz .7z .rar .npy .npz .pkl .parquet .arrow .mp4 .mov
    .avi .mkv .webm .m4v .mp3 .wav .pdf .eps .ps .ai .doc .docx .xls .xlsx .ppt .pptx .pt .pth .ckpt .safetensors
    .onnx .h5 .hdf5 .mat .lnk .url .aae .xmp .exe .dll .so .lst .names .data .sha256 .md5
    """
)
"""Suffixes of files that are never opened to see if they are images: tables, archives, films, programs."""

START = 32
"""How many of a file's first bytes `kind_of` needs."""

CONVERT = "save it as PNG or JPEG"
NEEDS_HEIF = f"a HEIC image, which the heif extra reads: pip install '.[heif]', or {CONVERT}"
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF8", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"8BPS", "Photoshop"),
    (b"gimp xcf", "GIMP"),
    (b"\0\0\x01\0", "icon"),
    (b"FUJIFILMCCD-RAW", "camera raw"),
    (b"IIU\0", "camera raw"),
    (b"IIRO", "camera raw"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"DDS ", "DDS"),
    (b"version https://git-lfs", "Git LFS pointer"),
)


def suffix_of(name: str) -> str:
    """Return ".jpg" for "a.b.JPG", and "" for a name whose only dot, if any, is its first character."""
    return name[at:].lower() if (at := name.rfind(".")) > 0 else ""


def kind_of(start: bytes) -> str:
    """Return the kind of a file by its first `START` bytes, such as "JPEG" or "HEIF"; "" if it is not an image."""
    for signature, kind in _SIGNATURES:
        if start.startswith(signature):
            return kind
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WebP"
    if start[:2] == b"BM" and start[6:10] == bytes(4):
        return "BMP"
    if start[:1] == b"P" and start[1:2] in b"123456" and start[2:3].isspace():
        return "PPM"
    if start[4:8] == b"ftyp":
        brands = {start[at : at + 4] for at in (8, *range(16, len(start) - 3, 4))}
        if brands & {b"avif", b"avis"}:
            return "AVIF"
        return "HEIF" if brands & _HEIF_BRANDS else "camera raw" if b"crx " in brands else ""
    return ""


def is_image(name: str, file: str) -> bool:
    """Return whether a file counts as an image, by its suffix or, for an unknown suffix, by its first bytes."""
    suffix = suffix_of(name)
    if suffix in SUFFIXES:
        return True
    if suffix in _NO_IMAGES or not os.path.isfile(file):  # opening a link to a pipe would wait forever
        return False
    try:
        with open(file, "rb") as opened:
            return kind_of(opened.read(START)) not in ("", "Git LFS pointer")
    except OSError:
        return False


@cache
def reads_heif() -> bool:
    """Return whether the library that reads HEIC images is installed."""
    return find_spec("pillow_heif") is not None


def unread(suffix: str) -> str:
    """Return why files with this suffix are never opened; "" if they are.

    A camera's raw file looks like a TIFF, and Pillow would decode only the thumbnail inside it.
    """
    if suffix in _CAMERA_RAW:
        return f"a camera's raw file ({suffix}); develop it and {CONVERT}"
    return f"a {suffix} file, which is not read; {CONVERT}" if suffix in _UNREAD and suffix != ".jxl" else ""


def cannot_read(suffix: str) -> bool:
    """Return whether images with this suffix cannot be read, which is known before any is opened."""
    return bool(unread(suffix)) or suffix == ".jxl" or (suffix.startswith((".hei", ".hif")) and not reads_heif())


def in_words(start: bytes) -> str:
    """Return why no decoder can open a file, by its first bytes."""
    kind = kind_of(start)
    if kind == "HEIF":
        return NEEDS_HEIF
    if kind == "Git LFS pointer":
        return "a Git LFS pointer instead of the image; fetch the image with: git lfs pull"
    if kind:
        return f"a file of kind {kind}, which is not read; {CONVERT}"
    return f"not an image that can be read (starts with {start[:16]!r})"
