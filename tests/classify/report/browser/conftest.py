import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="session")
def rows_of():
    """Return a function to rows of a model: every second image is wrong, and confidence rises with the number."""

    def rows(model="svm", n=40, name="test", *, right=()):
        sure = np.linspace(0.5, 0.99, n)
        label = np.where(np.arange(n) % 4 < 2, "ai", "real")
        is_right = (np.arange(n) % 2 == 0) | np.isin(np.arange(n), list(right))
        predicted = np.where(is_right, label, np.where(label == "ai", "real", "ai"))
        table = pd.DataFrame({"path": [f"{name}/{i}.jpg" for i in range(n)], "label": label, "predicted": predicted})
        table["prob_ai"] = np.where(predicted == "ai", sure, 1 - sure)
        fold = 0 if name == "validation" else -1
        facts = {"model": model, "set": name, "split": name, "source": "", "group": "", "fold": fold}
        return table.assign(prob_real=1 - table["prob_ai"], **facts)

    return rows
