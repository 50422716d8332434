"""Files that are on the disk whole or not at all, and folders that one process at a time writes into."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; when the block ends, sync the file and move it into place.

    After a kill at any moment ``path`` holds the old content or the new one, never a part. If the block
    raises, the temporary file is removed and ``path`` is left as it was.

    Args:
        path: The file. Its folder is created if it is missing.

    Raises:
        OSError: If the file cannot be written.

    Example:
        >>> folder = Path(tempfile.mkdtemp())
        >>> with atomic_write(folder / "note.txt") as temporary:
        ...     _ = temporary.write_text("whole")
        >>> [file.name for file in folder.iterdir()], (folder / "note.txt").read_text()
        (['note.txt'], 'whole')
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        sync(temporary)
        temporary.replace(path)
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
            file.replace(folder / file.name)
        sync(folder)


def sync(path: Path) -> None:
    """Flush a file or a folder entry to the disk. Windows cannot open folders, so they are skipped there."""
    if path.is_dir():
        if not hasattr(os, "O_DIRECTORY"):
            return
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    else:
        descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def natural_order(path: Path) -> list[tuple[int, str]]:
    """Return a sort key that puts job folder ``2_ava`` before ``10_ava``.

    Example:
        >>> [path.name for path in sorted(map(Path, ["10_ava", "2_ava", "x"]), key=natural_order)]
        ['x', '2_ava', '10_ava']
    """
    numbers = [(part.split("_")[0], part) for part in path.parts]
    return [(int(number) if number.isdigit() else -1, part) for number, part in numbers]
