"""Checkpoint: the state of a training on disk, so that a killed training can go on from there."""

import time
from pathlib import Path
from typing import Any

import torch

from featex.errors import StoreError
from featex.system.disk import born_whole

SHARE = 0.1  # at most this share of the training time goes into writing


class Checkpoint:
    """A file that holds the state of one training after one of its epochs.

    Parameters
    ----------
    path : Path or None
        None writes and reads nothing.
    """

    def __init__(self, path: Path | None):
        self.path = path
        self._written = time.monotonic()
        self._cost = 0.0

    def read(self) -> dict[str, Any] | None:
        """Return the state, or None where there is none. No code in the file is run.

        Raises
        ------
        StoreError
            The file is damaged.
        """
        if self.path is None or not self.path.exists():
            return None
        try:
            return torch.load(self.path, map_location="cpu", weights_only=True)
        except Exception as error:  # the unpickler raises anything on bytes that are no pickle
            raise StoreError(f"{self.path} is damaged; delete it to start the training again") from error

    def due(self) -> bool:
        """Return whether writing now keeps to its share of the time."""
        return self.path is not None and time.monotonic() - self._written >= self._cost / SHARE

    def write(self, state: dict[str, Any]) -> None:
        """Replace the file by `state`: numbers, text, tensors, and lists and dicts of them."""
        if self.path is None:
            return
        started = time.monotonic()
        with born_whole(self.path) as temporary:
            torch.save(state, temporary)
        self._written = time.monotonic()
        self._cost = self._written - started
