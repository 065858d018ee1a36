"""Checkpoint: where a training has got to, on disk, so that a killed one goes on from there."""

import time
from pathlib import Path
from typing import Any

import torch

from featex.errors import StoreError
from featex.system.disk import born_whole

SHARE = 0.1  # of the time that training takes, for writing


class Checkpoint:
    """A file that holds the state of one training after one of its epochs.

    Parameters
    ----------
    path : Path or None
        None keeps nothing.
    """

    def __init__(self, path: Path | None):
        self.path = path
        self._written = time.monotonic()
        self._cost = 0.0

    def read(self) -> dict[str, Any] | None:
        """Return the state, None where there is none; runs no code from the file.

        Raises
        ------
        StoreError
            The file is damaged.
        """
        if self.path is None or not self.path.exists():
            return None
        try:
            return torch.load(self.path, map_location="cpu", weights_only=True)
        except Exception as error:  # bytes that are no pickle make the unpickler fail in any way
            raise StoreError(f"{self.path} is damaged; delete it, and training begins anew") from error

    def due(self) -> bool:
        """Return whether writing now would keep to its share of the time."""
        return self.path is not None and time.monotonic() - self._written >= self._cost / SHARE

    def write(self, state: dict[str, Any]) -> None:
        """Put `state` (numbers, text, tensors, lists and dicts of them) in place of what is there."""
        if self.path is None:
            return
        started = time.monotonic()
        with born_whole(self.path) as temporary:
            torch.save(state, temporary)
        self._written = time.monotonic()
        self._cost = self._written - started
