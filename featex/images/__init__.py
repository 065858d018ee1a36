"""One image file: its pixels, its metadata, and copies of it.

decode      bytes of a JPEG, PNG, ... -> RGB pixels -> the square that a network sees
formats     image formats by suffix and first bytes
tiff        what Pillow does not read correctly in TIFF files
facts       format, size, compression and metadata of a file
segments    segments and chunks of a file that hold no pixels
variants    randomly resized, blurred and re-encoded copies
duplicates  finding near-duplicates
"""
