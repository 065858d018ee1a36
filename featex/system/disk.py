"""Files and folders that appear whole: written under another name, flushed, then renamed.

A reader sees the old file or the new one, never a part of one.
"""

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

from featex.errors import StoreError, UsageError, WriteError

LONGEST = 200
"""Most bytes of a name: file systems take 255, and prefixes and suffixes are added to it."""

ASIDE = ".aside"


@contextmanager
def born_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, and rename it to `path` when the block ends without an error.

    The parent folder is made if it does not exist. If the block raises, `path` stays as it was and no other file is
    left. If `path` is a link, its target is replaced; a device or a pipe is written to.

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
    """Return whether a path is a device, a pipe or a stream of this process, which must not be replaced by a file."""
    streams = ("/dev/", "/proc/")
    links = (str(path.absolute()), os.readlink(path) if path.is_symlink() else "")
    return any(link.startswith(streams) for link in links) or (path.exists() and not (path.is_file() or path.is_dir()))


def _stream(path: Path) -> IO[bytes]:
    """Open a device or pipe for writing; a stream of this process continues at its current position."""
    name = os.readlink(path) if path.is_symlink() and not str(path.absolute()).startswith("/dev/") else str(path)
    number = {"/dev/stdout": "1", "/dev/stderr": "2"}.get(name) or re.sub(r"^/(dev|proc/self)/fd/", "", name)
    if not number.isdecimal():
        return path.open("ab")
    sys.stdout.flush()
    return os.fdopen(os.dup(int(number)), "wb")


@contextmanager
def folder_beside(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside `target`, which the block moves to `target`; else it is deleted."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            dir=target.parent, prefix=f".{target.name}.", ignore_cleanup_errors=True
        ) as holder:
            folder = Path(holder) / "new"  # with the usual permissions, unlike its holder
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
        A folder that must not contain `target`, because `target` is made from it.

    Raises
    ------
    InputError
        If `target` is a file or holds something, or lies in `source`; nothing has been done then.
    StoreError
        If the folder cannot be made or renamed.
    """
    place = Path(target).resolve()
    if source is not None and place.is_relative_to(Path(source).resolve()):
        if place == Path(source).resolve():
            raise UsageError(f"{str(target)!r} is the folder to read, which must not change; choose a place outside")
        raise UsageError(f"{str(target)!r} lies inside {str(source)!r}, which must not change; choose a place outside")
    try:
        taken = place.exists() and (not place.is_dir() or any(place.iterdir()))
    except OSError as error:
        raise cannot_write(place, error) from error
    if taken:
        raise UsageError(f"{str(target)!r} exists and is not empty; choose a new name or move it away")
    with folder_beside(place) as folder:
        yield folder
        os.sync()  # once for all files, so that a power cut leaves the whole folder or none
        folder.replace(place)


def swap_in(new: Path, target: Path) -> None:
    """Replace the folder `target` by the folder `new` on the same disk.

    The old folder is renamed first and removed last. If the process is killed in between, `restored` puts the old
    folder back.

    Raises
    ------
    OSError
        If a folder cannot be moved; the old folder is then in its place.
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
    """Put back the folder that a killed `swap_in` had renamed; return whether there was one."""
    aside = _aside(Path(target))
    if Path(target).exists() or not aside.is_dir():
        return False
    aside.rename(target)
    return True


def set_aside(directory: Path) -> list[Path]:
    """Return the original paths of the folders in `directory` that a killed `swap_in` had renamed."""
    return [path.with_name(path.name[1 : -len(ASIDE)]) for path in Path(directory).glob(f".*{ASIDE}")]


def _aside(target: Path) -> Path:
    return target.parent / f".{target.name}{ASIDE}"


def _remove(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)


def _flush(path: Path) -> None:
    """Flush a file, or the list of files in a folder, to the disk; do nothing if it cannot be opened."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:  # a file system without fsync
        pass
    finally:
        os.close(handle)


def checked_name(name: str, what: str, most: int = LONGEST) -> str:
    """Return `name` if a set or a model can be called so.

    Raises
    ------
    UsageError
        If it cannot be a file name: it begins with a dot, contains a slash or a forbidden character, or has more than
        `most` bytes.
    """
    try:
        n_bytes = len(name.encode())
    except UnicodeEncodeError:
        raise UsageError(
            f"{what} cannot be called {name!r}, which is not UTF-8; choose a plain word with --name"
        ) from None
    if not name.strip() or name.startswith(".") or any(mark in name for mark in "/\\\0\n\r"):
        raise UsageError(f"{what} cannot be called {name!r}; choose a plain word with --name")
    if n_bytes > most:
        raise UsageError(
            f"{what} cannot be called {name[:20]!r}...: the name has {n_bytes:,} bytes of at most {most}; choose a "
            "shorter one with --name"
        )
    return name


def write_json(path: Path, value: object) -> None:
    """Write `value` as indented JSON; the file appears whole or not at all."""
    with born_whole(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict:
    """Return the JSON object in `path`.

    Raises
    ------
    StoreError
        If the file is missing or holds no JSON object.
    """
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(f"cannot read {path}: {error}; delete it and make it again") from error
    if not isinstance(value, dict):
        raise StoreError(f"{path} holds no JSON object; delete it and make it again")
    return value


def cannot_write(path: Path, error: OSError) -> WriteError:
    """Return the error for a path that cannot be written."""
    return WriteError(f"cannot write {path}: {error.strerror or error}", path)
