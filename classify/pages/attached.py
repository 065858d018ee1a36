"""Files of a page: small ones are stored in the page too, so that a page that is sent on has no dead link."""

import gzip
from pathlib import Path

from classify.pages.html import uri

KINDS = {".csv": "text/csv", ".md": "text/markdown"}
MOST_BYTES = 32_000  # of a file that is stored in the page as it is
MOST_PACKED = 300_000  # of a larger one that is stored compressed


def attached(folder: Path, name: str) -> dict[str, str]:
    """Return the variables of ``file.html`` for a file in a page's folder: ``name, download, href``.

    A small table or text is stored in the page, if need be compressed as ``download``, and a link to ``href`` saves it.
    For any other file, `href` is "": a script makes a link of its name where the page lies in its folder.
    """
    data, kind = (folder / name).read_bytes(), KINDS.get(Path(name).suffix)
    if kind and len(data) <= MOST_BYTES:
        return {"name": name, "download": name, "href": uri(data, kind)}
    packed = gzip.compress(data, mtime=0) if kind else b""
    if packed and len(packed) <= MOST_PACKED:
        return {"name": name, "download": f"{name}.gz", "href": uri(packed, "application/gzip")}
    return {"name": name, "download": name, "href": ""}
