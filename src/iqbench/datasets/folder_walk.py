"""One pass over a folder and its sub-folders: which files are photos, by name or first bytes, without decoding them."""

import logging
import os
import re
from collections import deque
from pathlib import Path

from iqbench.datasets.passed_over import EXCLUDED, HIDDEN, NO_PHOTO, NOT_INCLUDED, RESULTS, UNSUPPORTED, PassedOver
from iqbench.datasets.patterns import Patterns
from iqbench.datasets.photo_names import display_name
from iqbench.interfaces import PhotoFile
from iqbench.outputs import LOGGER_FOLDERS, PICTURES, holds_results
from iqbench.photos import RAW_NAME, is_unsupported, starts_like_a_photo

_PHOTO_NAME = re.compile(r"(?is).+\.(jpe?g|jpe|jfif|png|webp|gif|bmp|dib|tiff?|avif)")
_UNSUPPORTED_NAME = re.compile(r"(?is).+\.(hei[cf]s?|hif|jxl)")
_SYSTEM_FILES = ("thumbs.db", "desktop.ini")

log = logging.getLogger(__name__)


class FolderWalk:
    """The photos of a folder, and what was passed over.

    Real folders come before linked ones, so that a folder keeps its real name, and each is visited once. In a folder of
    results iqbench's own files are passed over, and a photo that somebody put there is a photo.

    Args:
        root: The folder.
        include: Which photos to take; all if there are no patterns.
        exclude: Which photos to leave out of these, and folders that are not visited.
        any_format: Whether photos in formats that `iqbench.photos.read` refuses are listed too: RAW, HEIC, JPEG XL.
    """

    def __init__(self, root: Path, include: Patterns, exclude: Patterns, any_format: bool = False) -> None:
        self.files: list[PhotoFile] = []
        self.passed_over = PassedOver()
        self._root, self._include, self._exclude = root, include, exclude
        self._any_format = any_format
        self._seen: set[tuple[int, int]] = set()
        self._results: set[str] = set()
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
            self.passed_over.add("unreadable folder", display_name(folder))
            log.warning("%s: folder left out, cannot be read (%s)", display_name(folder), error.strerror)
            return
        is_output = holds_results({entry.name for entry in entries})
        if is_output or folder.rpartition("/")[0] in self._results:
            self._results.add(folder)
        for entry in entries:
            # with / on every system, because names in the results do not depend on the system
            self._classify(entry, f"{folder}/{entry.name}" if folder else entry.name, is_output)

    def _classify(self, entry: os.DirEntry[str], path: str, in_output: bool) -> None:
        if entry.name.startswith(".") or entry.name.lower() in _SYSTEM_FILES:
            self.passed_over.add(HIDDEN, display_name(path))
            return
        is_folder = _is_folder(entry)
        if is_folder and in_output and entry.name in LOGGER_FOLDERS:
            self.passed_over.add(RESULTS, f"{display_name(path)}/")
            return
        if is_folder and self._exclude.match(path):
            self.passed_over.add(EXCLUDED, f"{display_name(path)}/")
            return
        if is_folder:
            (self._linked if entry.is_symlink() else self._folders).append(path)
        if in_output and entry.name in PICTURES:
            self.passed_over.add(RESULTS, display_name(path))
        elif _PHOTO_NAME.fullmatch(entry.name):
            self._choose(path)
        elif RAW_NAME.fullmatch(entry.name) and not is_folder:
            self._choose(path, unsupported=True)
        elif not is_folder:
            self._classify_by_content(entry, path)

    def _classify_by_content(self, entry: os.DirEntry[str], path: str) -> None:
        head = b""
        try:
            if Path(entry.path).is_file():  # opening a pipe blocks until there is a writer
                with Path(entry.path).open("rb") as file:
                    head = file.read(16)
        except OSError as error:
            self.passed_over.add("unreadable file", display_name(path))
            log.warning("%s: left out, cannot be read (%s)", display_name(path), error.strerror)
            return
        is_photo = starts_like_a_photo(head)
        if is_photo or _UNSUPPORTED_NAME.fullmatch(entry.name):
            self._choose(path, unsupported=not is_photo or is_unsupported(head))
        else:
            in_results = path.rpartition("/")[0] in self._results
            self.passed_over.add(RESULTS if in_results else NO_PHOTO, display_name(path))

    def _choose(self, path: str, unsupported: bool = False) -> None:
        """List a photo if the patterns choose it and iqbench can read its format."""
        name = display_name(path)
        if self._include and not self._include.match(path):
            self.passed_over.add(NOT_INCLUDED, name)
        elif self._exclude.match(path):
            self.passed_over.add(EXCLUDED, name)
        elif unsupported and not self._any_format:
            self.passed_over.add(f"{UNSUPPORTED}{Path(path).suffix[1:].lower() or 'no suffix'}", name)
        else:
            self.files.append(PhotoFile(name, self._root / path))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False
