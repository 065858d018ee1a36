"""A feature set that needs no images: three well and badly separated classes, with sets, groups and copies."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from featex.features import Features


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
