"""A CSV of comparisons: which photo is better than which, by paths that may not lead out of the list's folder."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from iqbench.datasets.parsing import Faults, quoted, read_text
from iqbench.errors import UsageError

_HEADER = ["better", "worse"]
_NUMBER = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")

_LEAST, _MOST = 1e-6, 1e6
"""Of weights: sums of them, and single precision, hold what is between."""


class Comparison(NamedTuple):
    """A row of the list. Each photo is a path relative to the list's folder, links followed: one name a file."""

    better: str
    worse: str
    weight: float


def read_comparisons(file: Path) -> list[Comparison]:
    """Return a list's comparisons: CSV with the header ``better,worse`` and, if wanted, ``weight``.

    Two rows may contradict each other: people do.

    Raises:
        UsageError: If the file or its header cannot be read, or any row is wrong: other cells than
            the header, a path that leaves the folder, a photo that is not there or is compared with
            itself, a weight that is too small or too large, or a row that was there before.
    """
    faults = Faults(file)
    rows = _rows(file, faults)
    header = next(rows, (1, []))[1]
    if header not in (_HEADER, [*_HEADER, "weight"]):
        faults.raise_if_any()
        raise UsageError(f"{file}: line 1: {_header_mistake(header)}")
    places = _Places(file)
    first: dict[tuple[str, str], int] = {}
    comparisons = []
    for line, row in rows:
        comparison = _comparison(row, header, places, line, faults)
        if comparison is None:
            continue
        if (earlier := first.setdefault(comparison[:2], line)) != line:
            faults.add(line, f"the same pair is in line {earlier}")
        comparisons.append(comparison)
    faults.raise_if_any()
    if not comparisons:
        raise UsageError(f"{file}: no pairs below the header")
    return comparisons


def _rows(file: Path, faults: Faults) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows with the number of the line that each begins in; names may hold line breaks, in quotes."""
    text = read_text(file).rstrip("\r\n")
    reader = csv.reader(io.StringIO(text), strict=True)
    line = 1
    try:
        for row in reader:
            if row:
                yield line, row
            else:
                faults.add(line, "blank")
            line = reader.line_num + 1
    except csv.Error as error:
        faults.add(line, f"not CSV from here on ({error})")


def _header_mistake(header: list[str]) -> str:
    wanted = "the header must be better,worse or better,worse,weight"
    if len(header) == 1 and re.search("[;\t]", header[0]):
        return f"{wanted}, and cells be separated by commas"
    if [name.strip().lower() for name in header[:2]] in (["winner", "loser"], _HEADER, ["worse", "better"]):
        return f"{wanted}, spelled so and in this order, not {quoted(','.join(header))}"
    if any(re.search(r"[./]", name) for name in header):
        return f"{wanted}; there is none, the first line is {quoted(','.join(header))}"
    return f"{wanted}, not {quoted(','.join(header))}"


def _comparison(row: list[str], header: list[str], places: "_Places", line: int, faults: Faults) -> Comparison | None:
    """Return what a row says, or None with its faults noted."""
    if len(row) != len(header):
        faults.add(line, f"{len(row)} cell{'s' if len(row) > 1 else ''} instead of {len(header)}")
        return None
    cells = dict(zip(header, row, strict=True))
    photos = [places.find(cells[name]) for name in _HEADER]
    mistakes = [f"{name} {photo.mistake}" for name, photo in zip(_HEADER, photos, strict=True) if photo.mistake]
    if not mistakes and photos[0].path == photos[1].path:
        mistakes = [f"better and worse are one photo, {quoted(photos[0].path)}"]
    weight = cells.get("weight", "1")
    if not _NUMBER.fullmatch(weight) or not _LEAST <= float(weight) <= _MOST:
        mistakes.append(
            "weight is empty"
            if not weight
            else f"weight is {quoted(weight)}, not a number from {_LEAST:f} to {_MOST:,.0f}"
        )
    for mistake in mistakes:
        faults.add(line, mistake)
    return None if mistakes else Comparison(photos[0].path, photos[1].path, float(weight))


class _Place(NamedTuple):
    path: str
    mistake: str


class _Places:
    """The photos that a list may speak of: files in its folder, each looked up once."""

    def __init__(self, file: Path) -> None:
        self._root = file.parent.resolve()
        self._known: dict[str, _Place] = {}

    def find(self, cell: str) -> _Place:
        """Return where a cell leads to, or why that is no photo of this list."""
        if cell not in self._known:
            mistake = _path_mistake(cell)
            self._known[cell] = _Place("", mistake) if mistake else self._on_disk(cell)
        return self._known[cell]

    def _on_disk(self, cell: str) -> _Place:
        try:
            found = (self._root / cell).resolve(strict=True)
            is_file = found.is_file()
        except (OSError, RuntimeError):  # RuntimeError: a link to itself
            return _Place("", f"is {quoted(cell)}: no such photo")
        if not found.is_relative_to(self._root):
            return _Place("", f"is {quoted(cell)}, a link that leads out of the list's folder")
        if not is_file:
            return _Place("", f"is {quoted(cell)}, which is not a file")
        return _Place(found.relative_to(self._root).as_posix(), "")


def _path_mistake(cell: str) -> str:
    """Return why a path is refused wherever it leads, on any system; nothing if it may be one."""
    if not cell:
        return "is empty"
    if "\\" in cell:
        return f"is {quoted(cell)}: write folders with /"
    if cell.startswith("/") or re.match("[A-Za-z]:", cell):
        return f"is {quoted(cell)}: must be relative to the list's folder"
    if ".." in PurePosixPath(cell).parts:
        return f"is {quoted(cell)}: must not leave the list's folder"
    return ""
