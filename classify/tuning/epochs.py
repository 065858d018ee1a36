"""Lines about a net that is training: its state for one live line, and an epoch in full for --verbose."""

from collections.abc import Mapping


def state(row: Mapping, n_fits_after: int) -> str:
    """Return the state after an epoch, with the time left for the fit and the ones after it.

    Parameters
    ----------
    row : mapping
        Of an epoch, as `classify.nets.classifier.NetClassifier.fit` reports it.
    n_fits_after : int
        Fits of the same net that follow: folds, and the one on all training images.
    """
    seconds = row["left"] + n_fits_after * row["max_epochs"] * row["dur"]
    return f"epoch {row['epoch']} of at most {row['max_epochs']}, at most {seconds:,.0f} s left for this net"


def in_full(row: Mapping) -> str:
    """Return the losses, accuracies and speed of an epoch."""
    sides = [("train", row["train_loss"], row["train_acc"]), ("validation", row["valid_loss"], row["valid_acc"])]
    scores = [f"{side} loss {loss:.3f}, accuracy {right:.3f}" for side, loss, right in sides if loss is not None]
    return (
        f"epoch {row['epoch']} of at most {row['max_epochs']}: {'; '.join(scores)}; {row['rate']:,.0f} images/s, "
        f"at most {row['left']:,.0f} s left"
    )
