"""Join several feature sets of the same images into one."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from featex.errors import InputError, UsageError
from featex.store.features import Features


def join(sets: Sequence[Features]) -> Features:
    """Return one set with the columns of all sets and the rows of the first.

    Raises
    ------
    InputError
        If the images of the sets differ, or two sets are from the same extractor.
    """
    first, *others = sets
    if not others:
        return first
    images = pd.MultiIndex.from_frame(first.rows[["path", "key"]])
    orders = [np.arange(len(images))]
    for other in others:
        order = pd.MultiIndex.from_frame(other.rows[["path", "key"]]).get_indexer(images)
        if (order < 0).any() or len(other.rows) != len(images):
            lacking = [path for path, row in zip(first.rows["path"], order, strict=True) if row < 0]
            what = f"{lacking[0]} is absent or has changed" if lacking else "the second has others"
            raise InputError(
                f"{first.name!r} and {other.name!r} cannot be joined: they are not of the same images ({what}); "
                "extract both from the same folder"
            )
        orders.append(order)
    n_copies = {features.copies.shape[1] if features.copies is not None else 0 for features in sets}
    copies = None
    if len(n_copies) == 1 and n_copies != {0}:
        copies = np.concatenate([features.copies[o] for features, o in zip(sets, orders, strict=True)], axis=2)
    X = np.concatenate([features.X[order] for features, order in zip(sets, orders, strict=True)], axis=1)
    return replace(first, X=X, extractor=joined_passport([features.extractor for features in sets]), copies=copies)


def joined_passport(passports: Sequence[dict]) -> dict:
    """Return one passport for several extractors; it repeats the entries that they share."""
    fingerprints = [passport["fingerprint"] for passport in passports]
    if len(set(fingerprints)) < len(fingerprints):
        names = ", ".join(passport["name"] for passport in passports)
        raise UsageError(f"the same features are named twice ({names}); name each once")
    fingerprint = hashlib.sha256(" ".join(fingerprints).encode()).hexdigest()[:16]
    blocks = [[f"{passport['name']}: {name}", width] for passport in passports for name, width in passport["blocks"]]
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
