"""Join several feature sets of the same images into one."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from featex.errors import InputError
from featex.store.features import Features


def join(sets: Sequence[Features]) -> Features:
    """Return one set with the columns of all sets and the rows of the first.

    Raises
    ------
    InputError
        If the images of the sets differ, or two sets are from the same extractor.
    """
    first = sets[0]
    if len(sets) == 1:
        return first
    order = []
    for other in sets[1:]:
        at = {image: row for row, image in enumerate(_images(other))}
        places = [at.get(image) for image in _images(first)]
        lacking = [path for path, place in zip(first.rows["path"], places, strict=True) if place is None]
        if lacking or len(at) != len(first.rows):
            what = f"{lacking[0]} is absent or has changed" if lacking else "the second has others"
            raise InputError(
                f"{first.name!r} and {other.name!r} cannot be joined: they are not of the same images ({what}); "
                "extract both from the same folder"
            )
        order.append(np.array(places))
    copies = None
    if all(one.copies is not None for one in sets) and len({one.copies.shape[1] for one in sets}) == 1:
        copies = np.concatenate(
            [first.copies, *(one.copies[at] for one, at in zip(sets[1:], order, strict=True))], axis=2
        )
    X = np.concatenate([first.X, *(one.X[at] for one, at in zip(sets[1:], order, strict=True))], axis=1)
    return replace(first, X=X, extractor=joined_passport([one.extractor for one in sets]), copies=copies)


def _images(features: Features) -> list[tuple[str, str]]:
    return list(features.rows[["path", "key"]].itertuples(index=False, name=None))


def joined_passport(passports: Sequence[dict]) -> dict:
    """Return one passport for several extractors; it repeats the entries that they share.

    Raises
    ------
    InputError
        If two extractors are the same.
    """
    fingerprints = [passport["fingerprint"] for passport in passports]
    if len(set(fingerprints)) < len(fingerprints):
        names = ", ".join(passport["name"] for passport in passports)
        raise InputError(f"the same features are named twice ({names}); name each once")
    fingerprint = hashlib.sha256(" ".join(fingerprints).encode()).hexdigest()[:16]
    blocks = [
        [f"{passport['name']}: {name}", width]
        for passport in passports
        for name, width in passport.get("blocks") or [("features", passport["n_features"])]
    ]
    same = [key for key in passports[0] if all(key in p and p[key] == passports[0][key] for p in passports)]
    return {
        **{key: passports[0][key] for key in same},
        "name": f"joined-{fingerprint[:8]}",
        "fingerprint": fingerprint,
        "backbone": " + ".join(dict.fromkeys(passport["backbone"] for passport in passports)),
        "weights": " + ".join(dict.fromkeys(passport["weights"] for passport in passports)),
        "n_features": sum(passport["n_features"] for passport in passports),
        "trained": all(passport["trained"] for passport in passports),
        "blocks": blocks,
        "parts": list(passports),
    }
