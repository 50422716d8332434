"""Photos below a folder, found by name or by their first bytes, without decoding them."""

import logging
import os
import re
import sys
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from iqbench.config import MARK
from iqbench.datasets.cluster_choice import cluster_choice
from iqbench.errors import UsageError
from iqbench.hash_sampling import hash_order
from iqbench.interfaces import STANDARD_LIMITS, ClusterChoice, Limits, PhotoFile, PhotoListing
from iqbench.photos import RAW_NAME, starts_like_a_photo

OUTPUT = {MARK, "results.sqlite"}
"""Files that mark a folder as iqbench's output, which is not searched for photos."""

_PHOTO_NAME = re.compile(r"(?is).+\.(jpe?g|jpe|jfif|png|webp|gif|bmp|dib|tiff?|avif|hei[cf]|jxl)")
_SYSTEM_FILES = ("thumbs.db", "desktop.ini")

log = logging.getLogger(__name__)


MAX_MEGAPIXELS = 178
"""Largest photo that Pillow, the decoder, accepts."""


class Folder:
    """All photos below ``root``, including sub-folders, or a sample of them.

    A file with a photo's name is listed even if it is a pipe or a broken link; its row in the results
    then has the reason. Other files are listed if their first bytes are a photo's, and counted as
    ignored if not.

    Args:
        root: The folder. Links below it are followed, and each real folder is visited once.
        limit: Maximum number of photos; null for all.
        seed: Seed of the sample, if there are more photos than ``limit``.
        max_megapixels: Larger photos are refused from their header, as ``too_many_pixels``.
        min_side: Photos with a shorter side, in pixels, are refused as ``too_small``.
        cluster: What makes photos one cluster; ``series`` does not apply.

    Raises:
        UsageError: If ``max_megapixels`` or ``min_side`` is out of range, or ``cluster`` is no choice.
    """

    def __init__(
        self,
        root: str,
        limit: int | None,
        seed: int,
        max_megapixels: float = STANDARD_LIMITS.max_pixels / 1e6,
        min_side: int = STANDARD_LIMITS.min_side,
        cluster: ClusterChoice = "look",
    ) -> None:
        if not 0 < max_megapixels <= MAX_MEGAPIXELS:
            raise UsageError(f"data.max_megapixels={max_megapixels}: must be above 0, and at most {MAX_MEGAPIXELS}")
        if min_side < 1:
            raise UsageError(f"data.min_side={min_side}: must be 1 pixel or more")
        self.root = root
        self.limit = limit
        self.seed = seed
        self.limits = Limits(round(max_megapixels * 1e6), min_side)
        self.cluster = cluster_choice(cluster)

    def photos(self) -> PhotoListing:
        """Return the photos sorted by name, in the same order on every machine and in every locale.

        Raises:
            UsageError: If the folder is missing or unreadable, or contains no photos.
        """
        root = Path(self.root).expanduser()
        if not root.exists():
            raise UsageError(f"data.root={self.root}: no such folder")
        if not root.is_dir():
            raise UsageError(f"data.root={self.root}: is a file; give its folder")
        try:
            os.scandir(root).close()
        except OSError as error:
            raise UsageError(f"data.root={self.root}: cannot be read ({error.strerror})") from error
        walk = _Walk(root)
        if not walk.files:
            ignored = ", ".join(f"{count} {reason}" for reason, count in sorted(walk.ignored.items()))
            raise UsageError(f"data.root={self.root}: no photos in it (ignored: {ignored or 'nothing'})")
        files = [replace(file, limits=self.limits) for file in sample(walk.files, self.limit, self.seed)]
        return PhotoListing(files, dict(sorted(walk.ignored.items())), self.cluster)


def sample(files: Sequence[PhotoFile], limit: int | None, seed: int) -> list[PhotoFile]:
    """Return at most ``limit`` of the files, sorted by name.

    The sample is a hash sample, so it does not depend on the order or number of the files, and a larger
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
    return sorted((files[position] for position in chosen), key=lambda file: file.name)


def display_name(path: str) -> str:
    r"""Return the name of a relative path in the results.

    Bytes that are not UTF-8 become ``\xNN``, and a backslash becomes two, so that no two paths share a name.

    Example:
        >>> print(display_name("été/1.jpg"), display_name(r"caf\xe9.jpg"))
        ./été/1.jpg ./caf\\xe9.jpg
    """
    doubled = path.replace("\\", "\\\\")
    return "./" + doubled.encode("utf-8", sys.getfilesystemencodeerrors()).decode("utf-8", "backslashreplace")


def path_of(name: str) -> str:
    r"""Return the path of a name in the results, the inverse of `display_name`.

    Example:
        >>> print(path_of("./été/1.jpg"), path_of(r"./caf\\xe9.jpg"))
        été/1.jpg caf\xe9.jpg
    """
    escaped = name.removeprefix("./").encode()
    raw = re.sub(rb"\\(\\|x[0-9a-f]{2})", lambda match: _byte(match[1]), escaped)
    return raw.decode("utf-8", sys.getfilesystemencodeerrors())


def _byte(escape: bytes) -> bytes:
    return escape if escape == b"\\" else bytes.fromhex(escape[1:].decode())


class _Walk:
    """One pass over a folder: real folders first, then linked ones, so that a folder keeps its real name."""

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
            status = (self._root / folder).stat()
            if (status.st_dev, status.st_ino) in self._seen:
                return
            self._seen.add((status.st_dev, status.st_ino))
            with os.scandir(self._root / folder) as iterator:
                entries = sorted(iterator, key=lambda entry: entry.name)
        except OSError as error:
            self.ignored["unreadable folder"] += 1
            log.warning("%s: folder left out, cannot be read (%s)", display_name(folder), error.strerror)
            return
        if folder and any(entry.name in OUTPUT for entry in entries):
            self.ignored["iqbench results"] += 1
            return
        for entry in entries:
            # with / on every system, because names in the results do not depend on the system
            self._classify(entry, f"{folder}/{entry.name}" if folder else entry.name)

    def _classify(self, entry: os.DirEntry[str], path: str) -> None:
        if entry.name.startswith(".") or entry.name.lower() in _SYSTEM_FILES:
            self.ignored["hidden"] += 1
            return
        is_folder = _is_folder(entry)
        if is_folder:
            (self._linked if entry.is_symlink() else self._folders).append(path)
        if _PHOTO_NAME.fullmatch(entry.name) or RAW_NAME.fullmatch(entry.name):
            self.files.append(PhotoFile(display_name(path), self._root / path))
        elif not is_folder:
            self._classify_by_content(entry, path)

    def _classify_by_content(self, entry: os.DirEntry[str], path: str) -> None:
        head = b""
        try:
            if Path(entry.path).is_file():  # opening a pipe blocks until there is a writer
                with Path(entry.path).open("rb") as file:
                    head = file.read(16)
        except OSError as error:
            self.ignored["unreadable file"] += 1
            log.warning("%s: left out, cannot be read (%s)", display_name(path), error.strerror)
            return
        if starts_like_a_photo(head):
            self.files.append(PhotoFile(display_name(path), self._root / path))
        else:
            self.ignored["not a photo"] += 1


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False
