"""A study's journal: its lock ends with the process that holds it, and half a line at its end is cut off."""

import json
import os
import time
from pathlib import Path

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from classify.errors import ModelError
from featex.system.disk import cannot_write
from featex.system.progress import Progress

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

QUIET = 1.0  # seconds that a lock is waited for without a word: two runs of one study take turns in milliseconds


class FileLock:
    """A lock on the journal itself, by flock(2).

    The system releases it when the process that holds it ends, however that ends. Optuna's own lock is a link that
    stays when its process is killed, and that every later run then waits for.

    Parameters
    ----------
    path : Path
        The journal, which exists.
    progress : Progress
        Hears of a wait, and for which file.
    """

    def __init__(self, path: Path, progress: Progress):
        self.path, self.progress = path, progress
        self._file = None

    def acquire(self) -> bool:
        """Return True once the lock is held."""
        file = self.path.open("rb+")  # NFS locks no file exclusively that is open for reading only
        try:
            if not self._taken_soon(file):
                self.progress.say(f"waiting for another run that writes to {self.path}; stop that one, or this one")
                fcntl.flock(file, fcntl.LOCK_EX)
        except BaseException:
            file.close()
            raise
        self._file = file
        return True

    @staticmethod
    def _taken_soon(file) -> bool:
        until = time.monotonic() + QUIET
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                if time.monotonic() > until:
                    return False
                time.sleep(0.01)

    def release(self) -> None:
        """Give the lock up."""
        self._file.close()
        self._file = None


def open_journal(path: Path, progress: Progress) -> JournalStorage:
    """Return the storage of a journal file, which is made if need be.

    What a killed process, a full disk or a lost connection left at the end of the file, half a line or zeros, is cut
    off. The trial that it belonged to is run again.

    Raises
    ------
    ModelError
        If a line in the middle is damaged.
    featex.errors.StoreError
        If the file cannot be read or written.
    """
    path = Path(path).absolute()  # a run may change its folder, and a lock must not go with it
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("ab").close()
        lock = JournalFileOpenLock(str(path)) if fcntl is None else FileLock(path, progress)
        lock.acquire()
        try:
            _cut(path, progress)
        finally:
            lock.release()
        return JournalStorage(JournalFileBackend(str(path), lock_obj=lock))
    except OSError as error:
        raise cannot_write(path, error) from error


def _cut(path: Path, progress: Progress) -> None:
    """Cut the journal at its last whole line."""
    lines = path.read_bytes().splitlines(keepends=True)
    bad = [number for number, line in enumerate(lines) if not _is_whole(line)]
    if not bad:
        return
    if any(_is_whole(line) for line in lines[bad[0] :]):
        raise ModelError(f"line {bad[0] + 1} of {path} is damaged; delete the file, or name another with --storage")
    n_bytes = sum(map(len, lines[bad[0] :]))
    with path.open("rb+") as file:
        file.truncate(sum(map(len, lines[: bad[0]])))
        os.fsync(file.fileno())
    progress.say(f"{path} ended in half a line ({n_bytes:,} bytes), which is cut off; that trial is run again")


def _is_whole(line: bytes) -> bool:
    try:
        return line.endswith(b"\n") and isinstance(json.loads(line), dict)
    except ValueError:
        return False
