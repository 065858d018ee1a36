"""Pictures of a data set's images, and what is known of each: made once, and stored for later pages."""

import hashlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pandas as pd
from PIL import Image

from featex.errors import FeatexError
from featex.images.decode import decode
from featex.system.disk import born_whole

SMALL, LARGE = 144, 512  # pixels of a picture's longer side
NEIGHBOURS = {"path": str, "rank": int, "neighbour": str, "label": str, "distance": float}
FACTS = {"path": str, "format": str, "width": int, "height": int, "jpeg_quality": float, "size": int}


@dataclass(frozen=True)
class Gallery:
    """Pictures of a data set's images. Each is made once and stored in `folder`, so later pages need no images.

    Parameters
    ----------
    folder : Path
        One folder for each data set, because a picture is named after its image's path alone.
    root : Path
        The folder that paths start from.
    """

    folder: Path
    root: Path

    def picture(self, path: str, side: int = SMALL) -> bytes | None:
        """Return a JPEG of an image, `side` pixels at most; None if none is stored and the image cannot be read."""
        name = hashlib.sha256(path.encode()).hexdigest()[:24]
        kept = self.folder / (f"{name}.jpg" if side == SMALL else f"{name}-{side}.jpg")
        try:
            return kept.read_bytes()
        except OSError:
            pass
        try:
            image = Image.fromarray(decode((self.root / path).read_bytes()))
        except (FeatexError, OSError):
            return None
        image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
        file = BytesIO()
        image.save(file, "JPEG", quality=80, optimize=True)
        with born_whole(kept) as temporary:
            temporary.write_bytes(file.getvalue())
        return file.getvalue()

    def keep_neighbours(self, table: pd.DataFrame) -> None:
        """Store nearest training images: ``path, rank, neighbour, label, distance``."""
        self._keep("neighbours.csv", table, self.neighbours())

    def neighbours(self) -> pd.DataFrame:
        """Return the nearest training images that `keep_neighbours` stored."""
        return self._kept("neighbours.csv", NEIGHBOURS)

    def keep_facts(self, rows: pd.DataFrame) -> None:
        """Store facts of image files: ``path, format, width, height, jpeg_quality, size`` of `Features.rows`."""
        self._keep("facts.csv", rows[list(FACTS)], self.facts())

    def facts(self) -> pd.DataFrame:
        """Return the facts that `keep_facts` stored."""
        return self._kept("facts.csv", FACTS)

    def _keep(self, name: str, table: pd.DataFrame, known: pd.DataFrame) -> None:
        parts = [part for part in (known[~known["path"].isin(table["path"])], table) if len(part)]
        with born_whole(self.folder / name) as temporary:
            (pd.concat(parts) if parts else table).to_csv(temporary, index=False)

    def _kept(self, name: str, columns: dict[str, type]) -> pd.DataFrame:
        texts = {column: kind for column, kind in columns.items() if kind is str}  # a class may be called NA or 00001
        blanks = {column: [""] for column in columns if column not in texts}
        try:
            return pd.read_csv(self.folder / name, dtype=texts, keep_default_na=False, na_values=blanks)
        except (OSError, ValueError):
            return pd.DataFrame(columns=list(columns))
