"""Files are born whole: written beside, flushed, renamed; a reader sees the old file or the new one, never half."""

import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from featex.errors import InputError, StoreError

LONGEST = 200
"""Bytes of a name: file systems take 255, with what is put before and behind it."""

ASIDE = ".aside"


@contextmanager
def born_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, and rename it to `path` when the block ends without an error.

    The folder is made if need be. A block that raises leaves `path` as it was and nothing beside it. What a link leads
    to is replaced, and not the link; a device or a pipe is written to.

    Raises
    ------
    StoreError
        If the folder or the file cannot be written.
    """
    path = Path(path)
    try:
        written = _is_written_to(path)
        path = path if written else Path(os.path.realpath(path))
        if not written:
            path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=None if written else path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise cannot_write(path, error) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        if written:
            with temporary.open("rb") as file, _stream(path) as target:
                shutil.copyfileobj(file, target)
            return
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o644)  # mkstemp makes files that no one else may read
        temporary.replace(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _is_written_to(path: Path) -> bool:
    """Return whether a path is a device, a pipe or a stream of this process, which no file must take the place of."""
    streams = ("/dev/", "/proc/")
    links = (str(path.absolute()), os.readlink(path) if path.is_symlink() else "")
    return any(link.startswith(streams) for link in links) or (path.exists() and not (path.is_file() or path.is_dir()))


def _stream(path: Path) -> IO[bytes]:
    """Open a device or pipe for writing; a stream of this process where it stands, not anew at its start."""
    name = os.readlink(path) if path.is_symlink() and not str(path.absolute()).startswith("/dev/") else str(path)
    number = {"/dev/stdout": "1", "/dev/stderr": "2"}.get(name) or re.sub(r"^/(dev|proc/self)/fd/", "", name)
    if not number.isdecimal():
        return path.open("ab")
    sys.stdout.flush()
    return os.fdopen(os.dup(int(number)), "wb")


@contextmanager
def folder_beside(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside `target`, for the block to move there; it is deleted where the block leaves it.

    Raises
    ------
    StoreError
        If the block, or this, cannot write.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            dir=target.parent, prefix=f".{target.name}.", ignore_cleanup_errors=True
        ) as holder:
            folder = Path(holder) / "new"  # as open to others as any folder, unlike its holder
            folder.mkdir()
            yield folder
    except OSError as error:
        raise cannot_write(target, error) from error


@contextmanager
def new_folder(target: str | os.PathLike, *, source: str | os.PathLike | None = None) -> Iterator[Path]:
    """Yield an empty folder beside `target`, and rename it to `target` when the block ends without an error.

    A block that raises leaves nothing behind.

    Parameters
    ----------
    target : path
        Absent, or an empty folder.
    source : path, optional
        A folder that `target` must not lie in, for it would become a part of what it is made from.

    Raises
    ------
    InputError
        If `target` is a file or holds something, or lies in `source`; nothing has been done then.
    StoreError
        If the folder cannot be made or renamed.
    """
    place = Path(target).resolve()
    if source is not None and place.is_relative_to(Path(source).resolve()):
        raise InputError(f"{str(target)!r} lies in {str(source)!r}, which is to stay as it is; choose a place outside")
    try:
        taken = place.exists() and (not place.is_dir() or any(place.iterdir()))
    except OSError as error:
        raise cannot_write(place, error) from error
    if taken:
        raise InputError(f"{str(target)!r} is there already and not empty; choose a new name or move it away")
    with folder_beside(place) as folder:
        yield folder
        os.sync()  # once for all files: a power cut leaves the whole folder or none
        folder.replace(place)


def swap_in(new: Path, target: Path) -> None:
    """Put the folder `new` in the place of `target` on the same disk; the old one goes once the new one is there.

    The old folder is set aside under another name first. A process that is killed before the new one is in place leaves
    it there, and `restored` puts it back.

    Raises
    ------
    OSError
        If a folder cannot be moved; the old one is in place then.
    """
    new, target = Path(new), Path(target)
    for path in (*new.rglob("*"), new):
        _flush(path)
    restored(target)
    aside = _aside(target)
    _remove(aside)
    if target.exists():
        target.rename(aside)
    try:
        new.rename(target)
    except OSError:
        restored(target)
        raise
    _flush(target.parent)
    _remove(aside)


def restored(target: Path) -> bool:
    """Return whether the folder that `swap_in` had set aside was put back, for a kill had left `target` absent."""
    aside = _aside(Path(target))
    if Path(target).exists() or not aside.is_dir():
        return False
    aside.rename(target)
    return True


def set_aside(directory: Path) -> list[Path]:
    """Return the folders in `directory` that `swap_in` has set aside, as they were called."""
    return [path.with_name(path.name[1 : -len(ASIDE)]) for path in Path(directory).glob(f".*{ASIDE}")]


def _aside(target: Path) -> Path:
    return target.parent / f".{target.name}{ASIDE}"


def _remove(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)


def _flush(path: Path) -> None:
    """Have the disk hold a file, or which files a folder holds; a folder that cannot be opened is passed over."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:  # a file system that knows no such thing
        pass
    finally:
        os.close(handle)


def checked_name(name: str, what: str, most: int = LONGEST) -> str:
    """Return what a set or a model is to be called.

    Raises
    ------
    InputError
        If it cannot be the name of a file: it begins with a dot, holds a slash or a character that no name can, or is
        longer than `most` bytes.
    """
    try:
        n_bytes = len(name.encode())
    except UnicodeEncodeError:
        raise InputError(
            f"{what} cannot be called {name!r}, which is not UTF-8; choose a plain word with --name"
        ) from None
    if not name.strip() or name.startswith(".") or any(mark in name for mark in "/\\\0\n\r"):
        raise InputError(f"{what} cannot be called {name!r}; choose a plain word with --name")
    if n_bytes > most:
        raise InputError(
            f"{what} cannot be called {name[:20]!r}...: this name has {n_bytes:,} bytes, and a file's has room for "
            f"{most} beside its endings; choose a shorter one with --name"
        )
    return name


def write_json(path: Path, value: object) -> None:
    """Write `value` as indented JSON, whole or not at all."""
    with born_whole(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict:
    """Return the JSON object in `path`.

    Raises
    ------
    StoreError
        If the file is absent or holds no JSON object.
    """
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(f"cannot read {path}: {error}; delete it and make it again") from error
    if not isinstance(value, dict):
        raise StoreError(f"{path} holds no JSON object; delete it and make it again")
    return value


def cannot_write(path: Path, error: OSError) -> StoreError:
    """Return the error for a place that cannot be written."""
    return StoreError(f"cannot write {path}: {error.strerror or error}; choose another place or free this one")
