"""Paths that people give: `~` is expanded, and a relative path is made absolute, by one rule for every setting.

A name matches the file of the same name on the disk whatever its Unicode form: macOS decomposes ``é``, lists of photos
mostly do not.
"""

import argparse
import errno
import os
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from iqbench.errors import UsageError

PATH_KEYS = ("data.root", "data.file", "data.cache", "model.file", "model.manifest", "examples.features")
"""The settings of data sets, models and examples that are paths."""

VARIABLES = ("IQBENCH_RESULTS", "IQBENCH_PHOTOTRIAGE", "IQBENCH_AVA", "IQBENCH_CACHE", "IQBENCH_ENSEMBLE")
"""The environment variables that are paths."""


def absolute(path: str | os.PathLike[str], key: str = "") -> Path:
    """Return a path that does not depend on the current folder: with the home folder for ``~``, and absolute.

    Args:
        path: The path as somebody wrote it.
        key: The setting, for the message.

    Raises:
        UsageError: If there is no home folder, the path is too long, or it holds a NUL character.

    Example:
        >>> absolute("a/b") == Path.cwd() / "a" / "b", absolute("~").is_absolute()
        (True, True)
    """
    return _found(Path.cwd() / expanded(path, key), key)


def expanded(path: str | os.PathLike[str], key: str = "") -> Path:
    """Return a path with the home folder for ``~``. An unknown user's ``~name`` stays as it is, as in a shell.

    Raises:
        UsageError: If it is no text, or there is no home folder, as for a user whom the system does not know.
    """
    if not isinstance(path, str | os.PathLike):  # a setting may be a number, or null
        raise UsageError(f"{_setting(key, 'null' if path is None else str(path))}: must be a path")
    text = os.fspath(path)
    full = os.path.expanduser(text)  # noqa: PTH111 - Path.expanduser raises for an unknown user
    if is_below_home(text) and full == text:
        raise UsageError(f"{_setting(key, text)}: there is no home folder here (set HOME); write the path in full")
    return Path(full)


def is_below_home(text: str) -> bool:
    """Return whether a path is the home folder, or begins with it.

    Example:
        >>> is_below_home("~/photos"), is_below_home("~"), is_below_home("~backup"), is_below_home("a~/b")
        (True, True, False, False)
    """
    return text[:1] == "~" and (len(text) == 1 or text[1] in (os.sep, os.altsep or os.sep))


def argument(text: str) -> Path:
    """Return a path on a command line of argparse, which prints the reason if it cannot be used."""
    try:
        Path.cwd()
        return _found(expanded(text), "")
    except FileNotFoundError as error:
        raise argparse.ArgumentTypeError("the current folder no longer exists; change into another one") from error
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def in_settings(settings: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return the settings of an object with paths made absolute.

    These are the `PATH_KEYS`, a ``checkpoint``, and any text that begins with ``~/``. The decode cache of a user
    without a home folder becomes None: nothing is remembered.

    Args:
        settings: The settings.
        key: Their place in the config, such as ``data``.

    Raises:
        UsageError: See `absolute`.
    """
    return {name: _in_setting(f"{key}.{name}", value) for name, value in settings.items()}


def _in_setting(key: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return in_settings(value, key)
    if isinstance(value, list | tuple):
        return [_in_setting(key, part) for part in value]
    if not isinstance(value, str) or not value:
        return value
    if key == "data.cache" and is_below_home(value) and not has_home():
        return None
    if key.endswith(".checkpoint"):
        return checkpoint(value, key)
    is_path = is_below_home(value) or (key in PATH_KEYS and "://" not in value)
    return str(absolute(value, key)) if is_path else value


def checkpoint(name: str, key: str = "checkpoint") -> str:
    """Return the absolute path of a checkpoint. One that is no file stays as it is: ``untrained``, a hub's name, a URL.

    Raises:
        UsageError: See `absolute`.
    """
    if is_below_home(name):
        return str(absolute(name, key))
    return str(Path.cwd() / name) if _is_file(name) else name


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False


def has_home() -> bool:
    """Return whether the user has a home folder: a container's random user has none."""
    return os.path.expanduser("~") != "~"  # noqa: PTH111 - Path.home raises


def prepare_environment() -> None:
    """Make paths in environment variables absolute, and remove empty ones, which would mean the root of the disk.

    Without ``IQBENCH_CACHE`` the decode cache is in ``XDG_CACHE_HOME``, if that is set.

    Raises:
        UsageError: If a path cannot be used.
    """
    if (folder := os.environ.get("XDG_CACHE_HOME", "").strip()) and not os.environ.get("IQBENCH_CACHE", "").strip():
        os.environ["IQBENCH_CACHE"] = str(Path(folder, "iqbench"))
    for name in VARIABLES:
        if value := os.environ.pop(name, "").strip():
            os.environ[name] = str(absolute(value, name))


def _found(path: Path, key: str) -> Path:
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return on_disk(path)
    except ValueError as error:
        raise UsageError(f"{_setting(key, ascii(str(path)))}: not a path ({error})") from error
    except OSError as error:
        if error.errno not in (errno.ENAMETOOLONG, errno.ELOOP):
            raise
        raise UsageError(f"{_setting(key, str(path)[:80])}...: cannot be a path ({error.strerror})") from error
    return path


def on_disk(path: Path) -> Path:
    """Return the path of an existing file or folder with the same names, whatever their Unicode form.

    A path that exists is returned as it is, and so is one of which no such file exists.

    Raises:
        UsageError: If several files have the same name but for its Unicode form, and none exactly this one.
    """
    if os.path.lexists(path):
        return path
    found = Path(path.anchor)
    for part in path.parts[len(found.parts) :]:
        if not os.path.lexists(found / part):
            names = _names_by_form(found, _changed(found)).get(unicodedata.normalize("NFC", part), [])
            if len(names) > 1:
                raise UsageError(f"{path}: {len(names)} files have this name but for its Unicode form; rename one")
            if not names:
                return path
            part = names[0]
        found /= part
    return found


@lru_cache(maxsize=64)
def _names_by_form(folder: Path, _: int) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    try:
        entries = sorted(os.listdir(folder))  # noqa: PTH208 - names are enough
    except (OSError, ValueError):
        return {}
    for name in entries:
        names.setdefault(unicodedata.normalize("NFC", name), []).append(name)
    return names


def _changed(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except (OSError, ValueError):
        return 0


def _setting(key: str, value: object) -> str:
    return f"{key}={value}" if key else str(value)


OmegaConf.register_new_resolver("iqbench.path", lambda path: str(absolute(str(path), "out")), replace=True)
