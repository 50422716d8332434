"""The photos below a folder, found by name or by first bytes, and listed without being opened."""

import logging
import os
import re
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from iqbench.config import MARK
from iqbench.errors import UsageError
from iqbench.hash_sampling import hash_order
from iqbench.interfaces import STANDARD_LIMITS, Limits, PhotoFile, PhotoListing
from iqbench.photos import RAW_NAME, starts_like_a_photo

OUTPUT = {MARK, "results.sqlite"}
"""A folder with one of these files in it is what iqbench wrote, not a source of photos."""

_PHOTO_NAME = re.compile(r"(?is).+\.(jpe?g|jpe|jfif|png|webp|gif|bmp|dib|tiff?|avif|hei[cf]|jxl)")
_SYSTEM_FILES = ("thumbs.db", "desktop.ini")

log = logging.getLogger(__name__)


PILLOWS_LIMIT = 178
"""Megapixels; Pillow, the decoder, refuses more."""


class Folder:
    """Every photo below ``root``, sub-folders included, or a sample of them.

    What is named like a photo is listed even if it turns out to be a pipe or a broken link, for then its row says so.
    Other files are listed if they start like a photo, and counted if they do not.

    Args:
        root: The folder. A link below it is followed, and each real folder is visited once.
        limit: At most so many photos; null for all.
        seed: Which photos, if there are more than ``limit``.
        max_megapixels: A photo of more is refused by its header, as ``too_many_pixels``.
        min_side: A photo with a shorter side, in pixels, is ``too_small``.

    Raises:
        UsageError: If one of the last two is out of its range.
    """

    def __init__(
        self,
        root: str,
        limit: int | None,
        seed: int,
        max_megapixels: float = STANDARD_LIMITS.max_pixels / 1e6,
        min_side: int = STANDARD_LIMITS.min_side,
    ) -> None:
        if not 0 < max_megapixels <= PILLOWS_LIMIT:
            raise UsageError(f"data.max_megapixels={max_megapixels}: must be above 0, and at most {PILLOWS_LIMIT}")
        if min_side < 1:
            raise UsageError(f"data.min_side={min_side}: must be 1 pixel or more")
        self.root = root
        self.limit = limit
        self.seed = seed
        self.limits = Limits(round(max_megapixels * 1e6), min_side)

    def photos(self) -> PhotoListing:
        """Return the photos sorted by name, the same on every machine and for every locale.

        Raises:
            UsageError: If the folder is missing, cannot be read, or has no photos in it.
        """
        root = Path(self.root).expanduser()
        if not root.exists():
            raise UsageError(f"data.root={self.root}: no such folder")
        if not root.is_dir():
            raise UsageError(f"data.root={self.root}: this is a file; give the folder that it is in")
        try:
            os.scandir(root).close()
        except OSError as error:
            raise UsageError(f"data.root={self.root}: cannot be read ({error.strerror})") from error
        walk = _Walk(root)
        if not walk.files:
            ignored = ", ".join(f"{count} {reason}" for reason, count in sorted(walk.ignored.items()))
            raise UsageError(f"data.root={self.root}: no photos in it (ignored: {ignored or 'nothing'})")
        files = [replace(file, limits=self.limits) for file in sample(walk.files, self.limit, self.seed)]
        return PhotoListing(files, dict(sorted(walk.ignored.items())))


def sample(files: Sequence[PhotoFile], limit: int | None, seed: int) -> list[PhotoFile]:
    """Return at most ``limit`` of the files, sorted by name.

    Each name draws its own lot, so the choice does not depend on the order or number of the other files: a larger
    limit adds photos to those of a smaller one.

    Raises:
        UsageError: If ``limit`` is not a whole number, or less than 1.

    Example:
        >>> files = [PhotoFile(f"./{stem}.jpg", Path(f"{stem}.jpg")) for stem in "dcba"]
        >>> [file.name for file in sample(files, limit=2, seed=0)]
        ['./b.jpg', './c.jpg']
        >>> [file.name for file in sample(files, limit=3, seed=0)]
        ['./b.jpg', './c.jpg', './d.jpg']
    """
    if limit is not None and not (isinstance(limit, int) and limit >= 1):
        raise UsageError(f"data.limit={limit}: must be a whole number, at least 1, or null for all photos")
    chosen = hash_order([file.name for file in files], seed)[:limit]
    return sorted((files[at] for at in chosen), key=lambda file: file.name)


def shown(path: str) -> str:
    r"""Return a relative path as the name that results call it by.

    Bytes that are not UTF-8 become ``\xNN``, and a backslash becomes two, so that no two paths share a name.

    Example:
        >>> print(shown("été/1.jpg"), shown(os.fsdecode(b"caf\xe9.jpg")), shown(r"caf\xe9.jpg"))
        ./été/1.jpg ./caf\xe9.jpg ./caf\\xe9.jpg
    """
    doubled = path.replace("\\", "\\\\")
    return "./" + doubled.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def path_of(name: str) -> str:
    r"""Return the path that a name shows: the other way round than `shown`.

    Example:
        >>> print(path_of("./été/1.jpg"), ascii(path_of(r"./caf\xe9.jpg")), path_of(r"./caf\\xe9.jpg"))
        été/1.jpg 'caf\udce9.jpg' caf\xe9.jpg
    """
    escaped = name.removeprefix("./").encode()
    return os.fsdecode(re.sub(rb"\\(\\|x[0-9a-f]{2})", lambda found: _byte(found[1]), escaped))


def _byte(escape: bytes) -> bytes:
    return escape if escape == b"\\" else bytes.fromhex(escape[1:].decode())


class _Walk:
    """One pass over a folder: real folders first, then those that links lead to."""

    def __init__(self, root: Path) -> None:
        self.files: list[PhotoFile] = []
        self.ignored: Counter[str] = Counter()
        self._root = root
        self._seen: set[tuple[int, int]] = set()
        self._folders = deque([""])
        self._linked: deque[str] = deque()
        while self._folders or self._linked:
            self._visit((self._folders or self._linked).popleft())

    def _visit(self, folder: str) -> None:
        try:
            found = (self._root / folder).stat()
            if (found.st_dev, found.st_ino) in self._seen:
                return
            self._seen.add((found.st_dev, found.st_ino))
            with os.scandir(self._root / folder) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            self.ignored["unreadable folder"] += 1
            log.warning("%s: folder left out, cannot be read (%s)", shown(folder), error.strerror)
            return
        if folder and any(entry.name in OUTPUT for entry in inside):
            self.ignored["iqbench results"] += 1
            return
        for entry in inside:
            self._sort(entry, os.path.join(folder, entry.name))  # noqa: PTH118 - keeps undecodable names as they are

    def _sort(self, entry: os.DirEntry[str], path: str) -> None:
        if entry.name.startswith(".") or entry.name.lower() in _SYSTEM_FILES:
            self.ignored["hidden"] += 1
            return
        is_folder = _is_folder(entry)
        if is_folder:
            (self._linked if entry.is_symlink() else self._folders).append(path)
        if _PHOTO_NAME.fullmatch(entry.name) or RAW_NAME.fullmatch(entry.name):
            self.files.append(PhotoFile(shown(path), self._root / path))
        elif not is_folder:
            self._sort_by_content(entry, path)

    def _sort_by_content(self, entry: os.DirEntry[str], path: str) -> None:
        head = b""
        try:
            if Path(entry.path).is_file():  # a pipe would wait for a writer
                with Path(entry.path).open("rb") as file:
                    head = file.read(16)
        except OSError as error:
            self.ignored["unreadable file"] += 1
            log.warning("%s: left out, cannot be read (%s)", shown(path), error.strerror)
            return
        if starts_like_a_photo(head):
            self.files.append(PhotoFile(shown(path), self._root / path))
        else:
            self.ignored["not a photo"] += 1


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False
