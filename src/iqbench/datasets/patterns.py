"""Patterns that choose photos by their paths, such as ``*.jpg`` or ``2024/**``."""

import re
import unicodedata
from collections.abc import Sequence
from fnmatch import translate
from functools import lru_cache

from iqbench.errors import UsageError


class Patterns:
    """One or several patterns for paths relative to a folder.

    ``*``, ``?`` and ``[abc]`` match within a name, ``**`` any number of folders. A pattern without a slash matches
    names at any depth, and one that matches a folder matches all in it. Case and Unicode form do not count.

    Args:
        given: The patterns, or one.
        key: The setting, for messages.

    Raises:
        UsageError: If a pattern is empty, absolute, leaves the folder, or is no text.

    Example:
        >>> patterns = Patterns(["*.HEIC", "raw/**/*.tif"], "data.exclude")
        >>> [patterns.match(path) for path in ("a/b.heic", "raw/a.tif", "raw/x/y/a.tif", "a.tif")]
        [True, True, True, False]
        >>> Patterns("2024", "data.include").match("2024/may/a.jpg")
        True
    """

    def __init__(self, given: str | Sequence[str] | None, key: str) -> None:
        patterns = [given] if isinstance(given, str) else list(given or [])
        self._parts = {str(pattern): _parts(pattern, key) for pattern in patterns}
        self._unused = set(self._parts)
        self._key = key

    def __bool__(self) -> bool:
        return bool(self._parts)

    def match(self, path: str) -> bool:
        """Return whether any pattern matches a path, which has slashes between its names."""
        names = tuple(_normal(path).split("/"))
        matching = {pattern for pattern, parts in self._parts.items() if _matches(names, parts)}
        self._unused -= matching
        return bool(matching)

    @property
    def unused(self) -> list[str]:
        """The patterns that have matched nothing so far, as settings."""
        return [f"{self._key}={pattern}" for pattern in self._parts if pattern in self._unused]


def _parts(pattern: object, key: str) -> tuple[str, ...]:
    if not isinstance(pattern, str) or not pattern.strip("/. "):
        raise UsageError(f"{key}={pattern!r}: give a pattern such as '*.heic', or a list of them")
    parts = tuple(part for part in _normal(pattern).split("/") if part not in ("", "."))
    if pattern.startswith("/") or ".." in parts:
        raise UsageError(f"{key}={pattern}: must be relative to data.root, such as raw/*.tif")
    return parts if len(parts) > 1 else ("**", *parts)


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _matches(names: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    """Return whether the parts match the names, or the first of them: those of a folder above."""
    if not parts:
        return True
    if parts[0] == "**":
        return any(_matches(names[start:], parts[1:]) for start in range(len(names)))
    return bool(names) and _regex(parts[0]).match(names[0]) is not None and _matches(names[1:], parts[1:])


@lru_cache
def _regex(part: str) -> "re.Pattern[str]":
    return re.compile(translate(part))
