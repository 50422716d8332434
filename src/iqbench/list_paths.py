"""The paths of photos in a user's list: relative to a root, or absolute and in it. The photos need not be there."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from iqbench.errors import UsageError
from iqbench.parsing import is_absolute
from iqbench.paths import absolute, on_disk


class ListedPath(NamedTuple):
    """A photo of a list: its path relative to the root, with ``/``, and its absolute path."""

    relative: str
    path: Path


def listed_paths(file: str, names: Sequence[str], root: str | None) -> list[ListedPath]:
    """Return the paths of the photos of a list, in its order.

    Args:
        file: The list.
        names: The paths as the list has them, accepted by `iqbench.parsing.path_error`.
        root: The folder of the photos. None is the folder of the list, or, where all paths are absolute, the deepest
            folder that holds them.

    Raises:
        UsageError: If the root is a file, or a path does not lie in it.
    """
    folder = _root(file, names, root)
    return [_listed(file, Path(name), folder) for name in names]


def _listed(file: str, path: Path, root: Path) -> ListedPath:
    if path.is_absolute():
        if not path.is_relative_to(root):
            raise UsageError(f"{file}: {path} does not lie in {root}; data.root=DIR names the folder of the photos")
        path = path.relative_to(root)
    return ListedPath(path.as_posix(), on_disk(root / path))


def _root(file: str, names: Sequence[str], root: str | None) -> Path:
    if root is not None:
        folder = absolute(root, "data.root")
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"data.root={root}: is a file; give its folder")
        return folder
    absolutes = [name for name in names if is_absolute(name)]
    if len(absolutes) < len(names):
        return absolute(file, "data.file").parent
    try:
        return Path(os.path.commonpath([Path(name).parent for name in absolutes]))
    except ValueError as error:
        raise UsageError(f"{file}: its photos lie on several drives; use paths below one data.root") from error
