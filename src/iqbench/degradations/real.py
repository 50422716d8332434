"""Real damage: each level is another photo of the same scene, from a list of pairs."""

import hashlib
import logging
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from iqbench import photos
from iqbench.degradations.ladder import Degradation, Ladder, Level
from iqbench.errors import MissingResource, UsageError
from iqbench.interfaces import Group, NotApplicable, Photo, PhotoContext
from iqbench.list_paths import ListedPath, listed_paths
from iqbench.parsing import LineErrors, csv_rows, path_error, quoted
from iqbench.paths import absolute
from iqbench.progress import track

log = logging.getLogger(__name__)

HEADER = ("original", "degraded", "type", "level")
NO_PARTNER = "the list has no photo with this damage of it"
MANY = 100
"""Number of files from which on hashing shows its progress."""

_NAME = re.compile(r"[\w.+-]+( [\w.+-]+)*")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")


class RealPair(NamedTuple):
    """A row of the list: a photo, a damaged photo of the same scene, and the type and level of the damage."""

    original: ListedPath
    degraded: ListedPath
    type: str
    level: str


def read_real_pairs(file: str, root: str | None) -> list[RealPair]:
    """Return the pairs in a CSV with the header ``original,degraded,type`` and an optional ``level``, a number.

    Args:
        file: The list.
        root: The folder of the photos; see `iqbench.list_paths.listed_paths`.

    Raises:
        UsageError: If the file or its header cannot be read, or a row is wrong: a wrong number of cells, a path with
            ``..``, a level that is no number, a damaged photo that is an original or has two rows, or a second photo
            of one original, type and level.
    """
    path = absolute(file, "data.file")
    errors = LineErrors(path)
    rows = csv_rows(path, errors)
    header = next(rows, (1, []))[1]
    if header not in (list(HEADER), list(HEADER[:3])):
        errors.raise_if_any()
        raise UsageError(
            f"{path}: line 1: the header must be original,degraded,type or original,degraded,type,level, "
            f"not {quoted(','.join(header))}"
        )
    lines: list[int] = []
    cells: list[tuple[str, str, str, str]] = []
    for line, row in rows:
        if len(row) != len(header):
            errors.add(line, f"{len(row)} cell{'s' * (len(row) > 1)} instead of {len(header)}")
            continue
        original, degraded, kind, level = (*row, "")[:4]
        for reason in _reasons(original, degraded, kind, level):
            errors.add(line, reason)
        lines.append(line)
        cells.append((original, degraded, kind, level))
    errors.raise_if_any()
    if not cells:
        raise UsageError(f"{path}: no pairs below the header")
    paths = listed_paths(str(path), [name for row in cells for name in row[:2]], root)
    pairs = [
        RealPair(original, degraded, row[2], row[3])
        for original, degraded, row in zip(paths[::2], paths[1::2], cells, strict=True)
    ]
    _check_unique(pairs, lines, errors)
    errors.raise_if_any()
    return pairs


def _reasons(original: str, degraded: str, kind: str, level: str) -> list[str]:
    cells = {"original": original, "degraded": degraded}
    reasons = [f"{name} {reason}" for name, cell in cells.items() if (reason := path_error(cell, "data.root"))]
    if not _NAME.fullmatch(kind):
        reasons.append(f"type is {quoted(kind)}, not a word")
    if level and not _NUMBER.fullmatch(level):
        reasons.append(f"level is {quoted(level)}, not a number")
    return reasons


def _check_unique(pairs: Sequence[RealPair], lines: Sequence[int], errors: LineErrors) -> None:
    originals = {pair.original.relative: line for pair, line in reversed(list(zip(pairs, lines, strict=True)))}
    degraded: dict[str, int] = {}
    cells: dict[tuple[str, str, float], int] = {}
    for pair, line in zip(pairs, lines, strict=True):
        name = pair.degraded.relative
        if name in originals:
            errors.add(line, f"{quoted(name)} is damaged here, and the original in line {originals[name]}")
        if (earlier := degraded.setdefault(name, line)) != line:
            errors.add(line, f"{quoted(name)} is in line {earlier} too")
        cell = (pair.original.relative, pair.type, float(pair.level or 0))
        if (earlier := cells.setdefault(cell, line)) != line:
            errors.add(line, f"line {earlier} has the same original, type and level; tell them apart by the level")
    for kind in {pair.type for pair in pairs}:
        with_level = {bool(pair.level) for pair in pairs if pair.type == kind}
        if len(with_level) > 1:
            first = next(line for pair, line in zip(pairs, lines, strict=True) if pair.type == kind and not pair.level)
            errors.add(first, f"level is empty, but other rows of type {kind} have one")


def real_ladders(file: str | None, root: str | None, group: Group) -> Degradation:
    """Return real damage: a ladder for each type of the list, its levels in the order of their numbers.

    Of a photo that the list does not have, or not with this type and level, nothing is made.

    Args:
        file: The list; see `read_real_pairs`. None is refused.
        root: The folder of the photos.
        group: What is damaged, the picture or the framing.

    Raises:
        MissingResource: If there is no list.
        UsageError: If the list or the group is wrong.
    """
    if not file:
        raise MissingResource(
            "degradation=real: needs a list of pairs of photos (original,degraded,type and optionally level); "
            "give it as data=real_pairs data.file=pairs.csv"
        )
    if group not in ("technical", "compositional"):
        raise UsageError(f"degradation.real.group={group}: must be technical or compositional")
    levels: dict[str, dict[float, list[RealPair]]] = {}
    for pair in read_real_pairs(file, root):
        levels.setdefault(pair.type, {}).setdefault(float(pair.level or 0), []).append(pair)
    return Degradation(group, [Ladder(kind, _levels(kind, by_level)) for kind, by_level in sorted(levels.items())])


def _levels(kind: str, by_level: Mapping[float, Sequence[RealPair]]) -> list[Level]:
    levels = []
    for amount in sorted(by_level):
        pairs = by_level[amount]
        has_level = bool(pairs[0].level)
        name = f"{kind}_{amount:g}" if has_level else kind
        partners = {_key(pair.original.path): pair.degraded for pair in pairs}
        levels.append(Level(name, Partners(partners), amount if has_level else None, needs_context=True))
    return levels


def _key(path: Path) -> str:
    """Return what two paths of one file have in common."""
    return os.path.normcase(os.path.normpath(path))


@dataclass(frozen=True)
class Partners:
    """The damaged photos of one type and level by their originals, read like any photo.

    Args:
        degraded: The damaged photo of each original's path.
    """

    degraded: Mapping[str, ListedPath]
    _known: dict[str, str] = field(default_factory=dict)

    def __call__(self, photo: Photo, context: PhotoContext | None) -> Photo:
        """Return the damaged photo of the same scene.

        Raises:
            NotApplicable: If the list has none; without a context, with a digest of all of them.
            iqbench.photos.PhotoError: If it cannot be read, or is not the one that the run began with.
        """
        if context is None:
            raise NotApplicable(f"needs a photo of the list; contents {self.contents}")
        listed = self.degraded.get(_key(context.file.path))
        if listed is None:
            raise NotApplicable(NO_PARTNER)
        try:
            decoded = photos.read(listed.path, context.file.limits)
        except photos.PhotoError as error:
            raise photos.PhotoError(error.code, f"{listed.relative}: {error}") from error
        if self._known.get(listed.relative, decoded.sha256) != decoded.sha256:
            raise photos.PhotoError("changed", f"{listed.relative}: is another file than when the run began")
        return decoded.pixels

    @cached_property
    def contents(self) -> str:
        """A digest of the damaged photos by their originals: another file is other damage.

        A file that cannot be read counts as such.
        """
        digest = hashlib.sha256()
        rows = sorted(self.degraded.items(), key=lambda row: row[1].relative)
        for _, listed in track(rows, "files of real damage", len(rows)) if len(rows) >= MANY else rows:
            try:
                self._known[listed.relative] = photos.sha256_of(listed.path)
            except photos.PhotoError:
                self._known.pop(listed.relative, None)
            digest.update(f"{listed.relative}\0{self._known.get(listed.relative)}\n".encode("utf-8", "surrogatepass"))
        return digest.hexdigest()[:16]
