"""The page of an explanation: for each image its maps, how far they agree, and the nearest training images."""

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from classify.explain.explain import Explained, Explanation
from classify.explain.overlay import legend, side_by_side
from classify.pages.attached import attached
from classify.pages.codes import Notice, explained
from classify.pages.html import figure, own_files, page_folder, render, uri
from classify.pages.sections import FileNames
from classify.pages.words import percent
from featex.errors import ImageError
from featex.images.decode import decode
from featex.system.shown import shown_table
from featex.system.words import count

MARK = '<meta name="generator" content="classify explain">'  # in explain.html; lists the page's own files
TABLE = "explained.csv"
FAILED = "failed.csv"
OPEN = 4  # images that are shown without a click
MOST_SHOWN = 60  # images on the page; the folder has the pictures of all
NEAR_SIDE = 96  # pixels
# A map and the occlusion of another image agree by 0 ± 0.3, since neighbouring positions are alike. Two of these
# standard deviations are beyond chance, one is not.
AGREE, AGREE_IN_PART = 0.6, 0.3


def in_words(agreement: float) -> str:
    """Return in words how far map and occlusion agree."""
    if np.isnan(agreement):
        return "unknown"
    agreement = round(agreement, 2)  # as it is shown
    if agreement < AGREE_IN_PART:
        return "no better than chance: do not trust the map"
    return "map and occlusion agree" if agreement >= AGREE else "map and occlusion agree in part"


def line(one: Explained) -> str:
    """Return the line for an image on the terminal."""
    decision = f"{one.path}: {one.predicted} {percent(one.probability)}"
    if np.isnan(one.agreement):
        return decision
    return f"{decision}; agreement {one.agreement:.2f}, {in_words(one.agreement)}"


def summary(explanation: Explanation) -> str:
    """Return in a sentence how far map and occlusion agree over all images; "" without maps or occlusion."""
    agreements = explanation.table["agreement"].dropna()
    if agreements.empty:
        return ""
    mean = (
        f"The mean rank correlation of map and occlusion is {agreements.mean():.2f} ({count(len(agreements), 'image')})"
    )
    others = explanation.unrelated
    if not len(others):
        return f"{mean}."
    return f"{mean}; between a map and the occlusion of another image it is {others.mean():.2f} ± {others.std():.2f}."


def write_explanation(explanation: Explanation, out: Path, *, command: str = "") -> Path:
    """Write the folder `out`: a self-contained ``index.html``, a PNG an image, ``explained.csv`` and, where images
    could not be used, ``failed.csv``.

    The folder appears whole or not at all, and replaces an older explanation.

    Parameters
    ----------
    explanation : Explanation
    out : Path
    command : str
        The command that makes this page again.

    Returns
    -------
    pathlib.Path
        The page.

    Raises
    ------
    classify.errors.DataError
        `out` holds files that are not those of an explanation.
    featex.errors.StoreError
        `out` cannot be written.
    """
    out, names = Path(out), FileNames(TABLE, FAILED)
    files = [names.new(Path(one.path).stem, ".png") for one in explanation.images]
    with page_folder(out, own_files(out / "index.html", MARK)) as folder:
        shown = []
        for number, (one, file) in enumerate(zip(explanation.images, files, strict=True)):
            picture = _picture(one)
            (folder / file).write_bytes(picture)
            if number < MOST_SHOWN:
                shown.append(
                    _card(
                        one,
                        {
                            **figure(file, _caption(one, explanation), _light(picture)),
                            "files": [attached(folder, file)],
                        },
                    )
                )
        shown_table(explanation.table.assign(picture=files)).to_csv(folder / TABLE, index=False)
        if len(explanation.failed):
            shown_table(explanation.failed).to_csv(folder / FAILED, index=False)
        tables = [TABLE, *([FAILED] if len(explanation.failed) else [])]
        page = _page(explanation, shown, command) | {
            "more": [attached(folder, file) for file in files[len(shown) :]],
            "files": [attached(folder, file) for file in tables],
            "folder": out.name,
        }
        text = render(Path(__file__).with_name("explain.html"), page)
        (folder / "index.html").write_text(text, encoding="utf-8")
    return out / "index.html"


def _page(explanation: Explanation, shown: list[dict], command: str) -> dict:
    passport = explanation.passport
    notices = [Notice("FX707", text) for text in explanation.notes]
    notices += [Notice("FX609", text) for text in passport.notes]
    return {
        "title": f"What moved the score of {passport.name}",
        "notices": notices,
        "findings": (findings := _trust(explanation)),
        "codes": explained([one.id for one in (*notices, *findings)]),
        "headline": summary(explanation) or f"{count(len(explanation.images), 'image')}, without a check of maps.",
        "about_map": explanation.about_map if any(one.values is not None for one in explanation.images) else "",
        "occluded": any(one.drops is not None for one in explanation.images),
        "score_name": explanation.score_name,
        "legend": uri(legend(), "image/png"),
        "pairs": list(dict.fromkeys((one.towards, one.against) for one in explanation.images)),
        "images": shown,
        "open": OPEN,
        "failed": explanation.failed.to_dict("records"),
        "command": command,
    }


def _trust(explanation: Explanation) -> list[Notice]:
    """Return the finding on the maps that occlusion contradicts; none without maps or occlusion."""
    agreements = explanation.table["agreement"].dropna().round(2)  # as they are shown
    if agreements.empty:
        return []
    wrong, n = int((agreements < AGREE_IN_PART).sum()), count(len(agreements), "map")
    text = f"{wrong:,} of {n} {'agrees' if wrong == 1 else 'agree'} with the occlusion no better than chance."
    return [Notice("FX706", text, "warning" if wrong else "ok")]


def _picture(one: Explained) -> bytes:
    maps = [("map", one.values), ("occlusion", one.drops)]
    return side_by_side(one.image, [(title, values) for title, values in maps if values is not None])


def _light(picture: bytes) -> bytes:
    """Return a picture as JPEG, with a sixth of the PNG's bytes, so that the page is small enough to send."""
    file = BytesIO()
    Image.open(BytesIO(picture)).save(file, "JPEG", quality=85, subsampling=0)
    return file.getvalue()


def _caption(one: Explained, explanation: Explanation) -> str:
    """Return the caption of the picture of an image."""
    parts = [f"Orange is evidence for {one.towards}, blue for {one.against}."]
    if not np.isnan(one.start):
        parts.append(f"The map adds up to the change of the {explanation.score_name} from {one.start:.2f} (the mean "
                     f"training image) to {one.score:.2f}.")  # fmt: skip
    if one.drops is not None:
        largest = one.drops.flat[np.abs(one.drops).argmax()]
        change = "lowers" if largest > 0 else "raises"
        parts.append(f"Covering a single patch {change} the score by up to {abs(largest):.2f}.")
    return " ".join(parts)


def _card(one: Explained, picture: dict) -> dict:
    wrong = bool(one.label) and one.label != one.predicted
    facts = [("predicted", f"{one.predicted}, {percent(one.probability)}")]
    if one.label:
        facts.append(("label", f"{one.label}{', so the prediction is wrong' if wrong else ''}"))
    if one.set:
        facts.append(("set", "train: the model was trained on this image" if one.set == "train" else one.set))
    if not np.isnan(one.agreement):
        facts.append(("agreement", f"{one.agreement:.2f}, {in_words(one.agreement)}"))
    return {
        "path": one.path,
        "summary": "; ".join(f"{term} {text}" for term, text in facts if term in ("predicted", "agreement")),
        "wrong": wrong,
        "facts": facts,
        "figure": picture,
        "near": [*map(_near, one.near.to_dict("records"))],
    }


def _near(row: dict) -> dict:
    """Return the row of a training image with its picture as a `uri`, "" if the file is missing."""
    try:
        picture = Image.fromarray(decode(Path(row["path"]).read_bytes()))
    except (OSError, ImageError):
        return row | {"uri": ""}
    picture.thumbnail((NEAR_SIDE, NEAR_SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
    file = BytesIO()
    picture.save(file, "JPEG", quality=80)
    return row | {"uri": uri(file.getvalue(), "image/jpeg")}
