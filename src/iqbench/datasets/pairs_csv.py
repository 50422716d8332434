"""Parser of a CSV of comparisons, with a better and a worse photo per row. Paths must stay in one folder."""

import re
from pathlib import Path
from typing import NamedTuple

from iqbench.errors import UsageError
from iqbench.parsing import LineErrors, csv_rows, is_absolute, path_error, quoted
from iqbench.paths import on_disk

_HEADER = ["better", "worse"]
_NUMBER = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")

_MIN_WEIGHT, _MAX_WEIGHT = 1e-6, 1e6
"""Range of weights in which sums and single precision stay accurate."""


class Comparison(NamedTuple):
    """A row of the list. The paths are relative to the root, with links resolved, so each file has one name."""

    better: str
    worse: str
    weight: float


def read_comparisons(file: Path, root: Path | None = None) -> list[Comparison]:
    """Return the comparisons in a CSV with the header ``better,worse`` and an optional ``weight``.

    Two rows may contradict each other, as people do.

    Args:
        file: The list.
        root: The folder of the photos, None for that of the list. Paths are relative to it, or absolute and in it.

    Raises:
        UsageError: If the file or its header cannot be read, or a row is wrong: a wrong number of
            cells, a path that leaves the folder, a photo that is missing or compared with itself, a
            weight out of range, or a repeated row.
    """
    errors = LineErrors(file)
    rows = csv_rows(file, errors)
    header = next(rows, (1, []))[1]
    if header not in (_HEADER, [*_HEADER, "weight"]):
        errors.raise_if_any()
        raise UsageError(f"{file}: line 1: {_header_error(header)}")
    paths = _PathResolver(file.parent if root is None else root, is_given=root is not None)
    first: dict[tuple[str, str], int] = {}
    comparisons = []
    for line, row in rows:
        comparison = _comparison(row, header, paths, line, errors)
        if comparison is None:
            continue
        if (earlier := first.setdefault(comparison[:2], line)) != line:
            errors.add(line, f"the same pair is in line {earlier}")
        comparisons.append(comparison)
    errors.raise_if_any()
    if not comparisons:
        raise UsageError(f"{file}: no pairs below the header")
    return comparisons


def _header_error(header: list[str]) -> str:
    expected = "the header must be better,worse or better,worse,weight"
    if len(header) == 1 and re.search("[;\t]", header[0]):
        return f"{expected}, and cells must be separated by commas"
    if [name.strip().lower() for name in header[:2]] in (["winner", "loser"], _HEADER, ["worse", "better"]):
        return f"{expected}, with this spelling and order, not {quoted(','.join(header))}"
    if any(re.search(r"[./]", name) for name in header):
        return f"{expected}; there is no header, the first line is {quoted(','.join(header))}"
    return f"{expected}, not {quoted(','.join(header))}"


def _comparison(
    row: list[str], header: list[str], paths: "_PathResolver", line: int, errors: LineErrors
) -> Comparison | None:
    """Return the comparison in a row, or None after adding the row's errors."""
    if len(row) != len(header):
        errors.add(line, f"{len(row)} cell{'s' if len(row) > 1 else ''} instead of {len(header)}")
        return None
    cells = dict(zip(header, row, strict=True))
    photos = [paths.resolve(cells[name]) for name in _HEADER]
    reasons = [f"{name} {photo.error}" for name, photo in zip(_HEADER, photos, strict=True) if photo.error]
    if not reasons and photos[0].path == photos[1].path:
        reasons = [f"better and worse are one photo, {quoted(photos[0].path)}"]
    weight = cells.get("weight", "1")
    if not weight:
        reasons.append("weight is empty")
    elif not _NUMBER.fullmatch(weight) or not _MIN_WEIGHT <= float(weight) <= _MAX_WEIGHT:
        reasons.append(f"weight is {quoted(weight)}, not a number from {_MIN_WEIGHT:f} to {_MAX_WEIGHT:,.0f}")
    for reason in reasons:
        errors.add(line, reason)
    return None if reasons else Comparison(photos[0].path, photos[1].path, float(weight))


class _ResolvedPath(NamedTuple):
    path: str
    error: str


class _PathResolver:
    """Resolves the paths of photos in one folder, each path once."""

    def __init__(self, root: Path, is_given: bool) -> None:
        self._given, self._root = root.absolute(), root.resolve()
        self._place = "data.root" if is_given else "the list's folder"
        self._resolved: dict[str, _ResolvedPath] = {}

    def resolve(self, cell: str) -> _ResolvedPath:
        """Return the path in a cell with links resolved, or the reason why it is refused."""
        if cell not in self._resolved:
            error = self._path_error(cell)
            self._resolved[cell] = _ResolvedPath("", error) if error else self._on_disk(cell)
        return self._resolved[cell]

    def _on_disk(self, cell: str) -> _ResolvedPath:
        outside = is_absolute(cell) and not Path(cell).is_relative_to(self._given)
        try:
            target = on_disk(self._root / cell).resolve(strict=True)
            is_file = target.is_file()
        except UsageError as error:
            return _ResolvedPath("", f"is {quoted(cell)}: {error}")
        except (OSError, RuntimeError):  # RuntimeError: a link to itself
            return _ResolvedPath("", self._not_in(cell) if outside else f"is {quoted(cell)}: no such photo")
        if not target.is_relative_to(self._root):
            reason = f"is {quoted(cell)}, a link that leads out of {self._place}"
            return _ResolvedPath("", self._not_in(cell) if outside else reason)
        if not is_file:
            return _ResolvedPath("", f"is {quoted(cell)}, which is not a file")
        return _ResolvedPath(target.relative_to(self._root).as_posix(), "")

    def _path_error(self, cell: str) -> str:
        """Return the reason why a path is refused, whatever is on the disk; empty if it is accepted."""
        if is_absolute(cell) and not Path(cell).is_absolute() and "\\" not in cell:  # of another system
            return self._not_in(cell)
        return path_error(cell, self._place)

    def _not_in(self, cell: str) -> str:
        return f"is {quoted(cell)}: must be relative to {self._place} or lie in it; data.root=DIR names the folder"
