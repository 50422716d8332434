"""Files that are on the disk whole or not at all, and folders that one process at a time writes into."""

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from iqbench.errors import DiskError, LockedError

WINDOWS_RETRIES = 10
"""Attempts, 0.1 seconds apart, to replace a file that a virus scanner or viewer keeps open on Windows."""

STALE_SECONDS = 24 * 3600
"""Age after which the temporary file of a shared file is taken for a killed program's."""


@contextmanager
def atomic_write(path: Path, shared: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; when the block ends, sync the file and move it into place.

    After a kill at any moment ``path`` holds the old content or the new one, never a part. If the block
    raises, the temporary file is removed and ``path`` is left as it was. The temporary file that a killed
    program left is overwritten by the next one.

    Args:
        path: The file. Its folder exists; a folder that somebody removed during a run is not created again.
        shared: Whether several programs may write it at once, such as a cache outside the locked folder of a run.

    Raises:
        OSError: If the file cannot be written.

    Example:
        >>> folder = Path(tempfile.mkdtemp())
        >>> with atomic_write(folder / "note.txt") as temporary:
        ...     _ = temporary.write_text("whole")
        >>> [file.name for file in folder.iterdir()], (folder / "note.txt").read_text()
        (['note.txt'], 'whole')
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp" if shared else f".{path.name}.tmp")
    if shared:
        _remove_stale(path)
    try:
        yield temporary
        sync(temporary)
        replace(temporary, path)
        sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file with `atomic_write`."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


@contextmanager
def atomic_batch(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder; when the block ends, move its files into ``folder`` after all of them are synced.

    A reader never sees half a file, and a full disk leaves the old files untouched. What an earlier,
    killed batch left behind is removed first.

    Args:
        folder: The target, which exists.

    Raises:
        OSError: If a file cannot be written.
    """
    prefix = ".exports-"
    for leftover in folder.glob(f"{prefix}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=folder, ignore_cleanup_errors=True) as place:
        yield Path(place)
        files = sorted(Path(place).iterdir())
        for file in files:
            sync(file)
        for file in files:
            replace(file, folder / file.name)
        sync(folder)


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Lock ``folder`` for this process. The kernel unlocks it when the process ends, however it ends.

    Where the file system has no such locks, the lock is a file with the number of the process.

    Raises:
        LockedError: If another run holds it.
        DiskError: If the file system refuses to lock.
    """
    holder = FileLock(folder / ".lock", timeout=0, thread_local=False)
    try:
        holder.acquire()
    except Timeout as error:
        raise LockedError(f"{folder}: another run is writing here; wait for it or choose another out=") from error
    except OSError as error:
        raise DiskError(f"{folder}: cannot be locked ({error.strerror}); choose an out= on a local disk") from error
    try:
        yield
    finally:
        holder.release()


def replace(source: Path, target: Path) -> None:
    """Move a file over another one, which nobody ever sees half. On Windows, wait for readers to close it.

    Raises:
        OSError: If it cannot be moved.
    """
    for left in reversed(range(WINDOWS_RETRIES)):
        try:
            source.replace(target)
            return
        except PermissionError:
            if os.name != "nt" or not left:
                raise
            time.sleep(0.1)


def sync(path: Path) -> None:
    """Flush a file or a folder's entries to the disk. Windows cannot open folders, so they are skipped there."""
    is_folder = path.is_dir()
    if is_folder and not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY if is_folder else os.O_RDWR)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if is_folder and error.errno in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS):  # network file systems refuse them
            return
        raise OSError(error.errno, error.strerror, str(path)) from error  # the system call knows only a number
    finally:
        os.close(descriptor)


def _remove_stale(path: Path) -> None:
    for leftover in path.parent.glob(f".{path.name}.*.tmp"):
        with suppress(OSError):  # another program removes it at this moment
            if time.time() - leftover.stat().st_mtime > STALE_SECONDS:
                leftover.unlink()


def natural_order(path: Path) -> list[tuple[int, str]]:
    """Return a sort key that puts job folder ``2_ava`` before ``10_ava``.

    Example:
        >>> [path.name for path in sorted(map(Path, ["10_ava", "2_ava", "x"]), key=natural_order)]
        ['x', '2_ava', '10_ava']
    """
    numbers = [(part.split("_")[0], part) for part in path.parts]
    return [(int(number) if number.isdigit() else -1, part) for number, part in numbers]
