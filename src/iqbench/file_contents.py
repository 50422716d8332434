"""The content of files and folders that settings name, by which a moved file is the same and an edited one is not."""

import hashlib
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from iqbench.outputs import MARK

log = logging.getLogger(__name__)

MAX_FILES = 1000
"""Files of a folder that are read; a folder of more counts by its path alone."""

DIGITS = 16
"""Hex digits of the digests that stand in settings."""


def with_contents(settings: Any) -> Any:
    """Return settings with the digest of its content in place of each text that names a file or folder, at any depth.

    Names of Python objects (``_target_``) stay as they are.

    Example:
        >>> with_contents({"weights": __file__, "sizes": [1, "large"]})["sizes"]
        [1, 'large']
        >>> with_contents({"weights": __file__})["weights"].startswith("sha256 ")
        True
    """
    if isinstance(settings, Mapping):
        return {key: value if key == "_target_" else with_contents(value) for key, value in settings.items()}
    if isinstance(settings, list | tuple):
        return [with_contents(value) for value in settings]
    if isinstance(settings, str) and (digest := content_digest(settings)):
        return f"sha256 {digest}"
    return settings


def content_digest(text: str) -> str | None:
    """Return a digest of the file or folder that a text names: 16 hex digits; None if it names none that can be read.

    ``~`` and environment variables are resolved. Of a folder the names and contents of all files count, without hidden
    files, ``__pycache__``, and folders that iqbench wrote into.
    """
    if not text.strip("./\\"):  # a text such as "." or "/" means something else more often than a folder
        return None
    try:
        place = Path(os.path.expandvars(text)).expanduser()
        if place.is_file():
            return _file_digest(place)[:DIGITS]
        return _folder_digest(place) if place.is_dir() else None
    except (OSError, ValueError, RuntimeError):  # too long for a name, with a NUL, or there is no home
        return None


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _folder_digest(folder: Path) -> str | None:
    files = list[Path]()
    for place, folders, names in os.walk(folder):
        at = Path(place)
        folders[:] = sorted(name for name in folders if not (_is_hidden(name) or (at / name / MARK).exists()))
        files += [at / name for name in sorted(names) if not _is_hidden(name) and (at / name).is_file()]
        if len(files) > MAX_FILES:
            log.warning("%s: more than %d files, so changes in them go unnoticed", folder, MAX_FILES)
            return None
    digest = hashlib.sha256()
    for file in files:
        name = file.relative_to(folder).as_posix().encode("utf-8", "surrogatepass")
        digest.update(name + b"\0" + _file_digest(file).encode())
    return digest.hexdigest()[:DIGITS]


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__pycache__"
