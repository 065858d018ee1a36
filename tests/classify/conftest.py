"""A feature set that needs no images: three well and badly separated classes, with sets, groups and copies."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from classify.predictions import Predictions
from featex.store.features import Features


@pytest.fixture
def make_features(tmp_path, jpeg_facts):
    """Return a function that makes Features of n images a class, `shift` apart, in train, test and wild."""

    def make(n: int = 40, classes=("ai", "real"), shift: float = 1.5, name: str = "toy", seed: int = 0) -> Features:
        rng = np.random.default_rng(seed)
        labels = np.repeat(classes, n)
        X = rng.normal(size=(len(labels), 8)).astype(np.float32)
        X[:, 0] += shift * np.repeat(np.arange(len(classes)), n)
        split = np.tile(np.array(["train"] * (n * 5 // 8) + ["test"] * (n // 4) + ["wild"] * n)[:n], len(classes))
        rows = pd.DataFrame(
            {
                "path": [f"{s}/{label}/{i}.jpg" for i, (s, label) in enumerate(zip(split, labels, strict=True))],
                "label": labels,
                "split": split,
                "source": labels,
                "group": "",
                "size": 1,
                "mtime_ns": 1,
                "key": [f"{i:064x}" for i in range(len(labels))],
                "near": "",
                "anchor": [f"{i:064x}" for i in range(len(labels))],
                **jpeg_facts,
            }
        )
        extractor = {
            "name": "toy-1",
            "fingerprint": "1",
            "n_features": 8,
            "backbone": "toy",
            "weights": "none",
            "weights_sha256": "0",
            "trained": True,
        }
        return Features(X, rows, name, Path(tmp_path), extractor)

    return make


@pytest.fixture(scope="session")
def predicted():
    """Return a function from {model: {set: (images, share that is right)}} to Predictions.

    `only` names a set whose images are all of the first class.
    """

    def make(right: dict, classes=("ai", "real"), only: str | None = None) -> Predictions:
        parts = []
        for model, sets in right.items():
            for name, (n, share) in sets.items():
                order = np.random.default_rng(n).permutation(n)
                truth = np.zeros(n, int) if name == only else np.arange(n) % len(classes)
                decided = np.where(order < round(share * n), truth, (truth + 1) % len(classes))
                p = np.full((n, len(classes)), 0.2 / (len(classes) - 1))
                p[np.arange(n), decided] = 0.8
                part = pd.DataFrame({f"prob_{label}": p[:, i] for i, label in enumerate(classes)})
                part = part.assign(label=np.array(classes)[truth], predicted=np.array(classes)[decided])
                part = part.assign(model=model, set=name, path=[f"{i}.jpg" for i in range(n)], split=name)
                parts.append(part.assign(fold=order % 5 if name == "validation" else -1, source="", group=""))
        return Predictions(pd.concat(parts, ignore_index=True))

    return make


@pytest.fixture(scope="session")
def three_models(predicted) -> Predictions:
    """Predictions of which svm is the best in validation, and logreg on the held-out set."""
    return predicted(
        {
            "logreg": {"validation": (100, 0.88), "test": (200, 0.95), "custom": (100, 0.55)},
            "svm": {"validation": (100, 0.9), "test": (200, 0.92), "custom": (100, 0.48)},
            "forest": {"validation": (100, 0.8), "test": (200, 0.9), "custom": (100, 0.3)},
        }
    )
