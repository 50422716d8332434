"""The photos to rank: folders, files and patterns, with the raw file and the JPEG of a shot as one photo."""

import logging
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from iqbench.culling.reading import is_heic, is_raw, missing_extra
from iqbench.datasets.folder_walk import FolderWalk
from iqbench.datasets.passed_over import passed_over_text
from iqbench.datasets.patterns import Patterns
from iqbench.datasets.photo_names import display_name
from iqbench.errors import UsageError, did_you_mean
from iqbench.interfaces import Limits, PhotoFile
from iqbench.paths import absolute

log = logging.getLogger(__name__)

_WILDCARD = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class ListedShot:
    """A photo, and the other files of the same shot, such as its raw file."""

    file: PhotoFile
    companions: tuple[Path, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """All files of the shot."""
        return (self.file.path, *self.companions)


def listed_shots(
    photos: Sequence[str], include: str | Sequence[str] | None, exclude: str | Sequence[str] | None, limits: Limits
) -> list[ListedShot]:
    """Return the photos, sorted by name. A raw file beside a JPEG of the same name is no photo of its own.

    Args:
        photos: Folders, photos, and patterns such as ``2024/*.jpg``.
        include: Patterns of the photos to take from folders, relative to them; None for all.
        exclude: Patterns of the photos to leave out of these.
        limits: The permitted sizes.

    Raises:
        UsageError: If there are none, or a folder or file is not there.
    """
    if not photos:
        raise UsageError("photos: there are none; give a folder: python -m iqbench.rank DIR")
    paths: dict[Path, None] = {}
    for each in photos:
        for path in _paths(str(each), include, exclude):
            paths[path] = None
    paths = _readable(paths)
    if not paths:
        raise UsageError(f"{', '.join(map(str, photos))}: no photos in it that can be read")
    name_of = _names(list(paths), [str(each) for each in photos])
    shots = list(_shots(list(paths)))
    named = [ListedShot(PhotoFile(name_of[shot[0]], shot[0], limits), tuple(sorted(shot[1:]))) for shot in shots]
    return sorted(named, key=lambda shot: shot.file.name)


def _paths(given: str, include: str | Sequence[str] | None, exclude: str | Sequence[str] | None) -> Iterator[Path]:
    """Yield the photos that a folder, a file or a pattern stands for."""
    path = absolute(given, "photos")
    if path.is_dir():
        yield from _below(path, Patterns(include, "include"), Patterns(exclude, "exclude"), given)
    elif os.path.lexists(path):
        yield path
    elif _WILDCARD.search(given):
        fixed = 1 + next(at for at, part in enumerate(path.parts[1:]) if _WILDCARD.search(part))
        root, pattern = Path(*path.parts[:fixed]), "/".join(path.parts[fixed:])
        if not root.is_dir():
            raise UsageError(f"{given}: no such folder as {root}")
        yield from _below(root, Patterns(pattern, "photos"), Patterns(exclude, "exclude"), given)
    else:
        near = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
        raise UsageError(f"{given}: no such folder or photo.{did_you_mean(path.name, near)}")


def _below(root: Path, include: Patterns, exclude: Patterns, given: str) -> list[Path]:
    try:
        os.scandir(root).close()
    except OSError as error:
        raise UsageError(f"{given}: cannot be read ({error.strerror})") from error
    walk = FolderWalk(root, include, exclude, any_format=True)
    if text := passed_over_text(walk.passed_over.counts, walk.passed_over.examples):
        log.info("%s: passed over %s", given, text)
    return [file.path for file in walk.files]


def _readable(paths: dict[Path, None]) -> dict[Path, None]:
    """Leave out the photos that need an extra which is not installed, and say so; a raw file may be a companion."""
    pictures = {_shot_key(path) for path in paths if not is_raw(path)}
    missing = {path: extra for path in paths if (extra := missing_extra(path))}
    alone = {path: extra for path, extra in missing.items() if extra != "raw" or _shot_key(path) not in pictures}
    for extra, count in sorted(Counter(alone.values()).items()):
        example = next(path.name for path in alone if alone[path] == extra)
        log.warning(
            "%d %s photos are left out (such as %s); pip install 'iqbench[%s]' reads them",
            count,
            extra.upper(),
            example,
            extra,
        )
    return {path: None for path in paths if path not in alone}


def _shots(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Yield the files of each shot, the one that is judged first: a raw file joins a picture of the same name."""
    by_key: dict[tuple[Path, str], list[Path]] = {}
    for path in paths:
        by_key.setdefault(_shot_key(path), []).append(path)
    for files in by_key.values():
        raws = [path for path in files if is_raw(path)]
        pictures = sorted((path for path in files if not is_raw(path)), key=_preference)
        yield from ([path] for path in pictures[1:])
        if pictures:
            yield [pictures[0], *raws]
        else:
            yield from ([path] for path in raws)


def _shot_key(path: Path) -> tuple[Path, str]:
    return path.parent, path.stem.casefold()


def _preference(path: Path) -> tuple[bool, bool, str]:
    return path.suffix.lower() not in (".jpg", ".jpeg"), not is_heic(path), path.name


def _names(paths: Sequence[Path], given: Sequence[str]) -> dict[Path, str]:
    """Return the names of photos in the results: relative to the one folder that was given, or to all."""
    roots = [absolute(each, "photos") for each in given]
    if len(roots) == 1 and roots[0].is_dir():
        root = roots[0]
    else:
        try:
            root = Path(os.path.commonpath([path.parent for path in paths]))
        except ValueError:  # on several drives
            return {path: display_name(path.as_posix()) for path in paths}
    return {path: display_name(Path(os.path.relpath(path, root)).as_posix()) for path in paths}
