"""Parser of PhotoTriage's pair lists, with checks of single lines and of their consistency."""

import re
from collections import Counter
from itertools import combinations, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from iqbench.errors import UsageError
from iqbench.parsing import LineErrors, numbered_lines, quoted, wrong_columns

_WHOLE, _RATIO = r"[0-9]{1,9}", r"[0-9]\.?[0-9]{0,15}"
_COLUMNS = ("SERIES", "PHOTO1", "PHOTO2", "RATIO", "RANK1", "RANK2")
_LINE = re.compile(" ".join(f"({_RATIO if name == 'RATIO' else _WHOLE})" for name in _COLUMNS))
_RANKS = "the last two columns are ranks inside the series, 1 = best, not photo numbers"


class PairLines(NamedTuple):
    """A pair list, one row per line. ``ratio`` is the probability that photo 1 is preferred; rank 1 is the best."""

    line: Int[np.ndarray, "n"]
    series: Int[np.ndarray, "n"]
    photo1: Int[np.ndarray, "n"]
    photo2: Int[np.ndarray, "n"]
    ratio: Float[np.ndarray, "n"]
    rank1: Int[np.ndarray, "n"]
    rank2: Int[np.ndarray, "n"]


def read_pair_list(file: Path) -> PairLines:
    """Return a pair list with labels: ``SERIES PHOTO1 PHOTO2 RATIO RANK1 RANK2``, one pair per line.

    Raises:
        UsageError: If the file cannot be read, or a line is wrong or contradicts another one.
    """
    errors = LineErrors(file)
    lines = numbered_lines(file, errors)
    if lines and re.fullmatch(rf"{_WHOLE} {_WHOLE} {_WHOLE}", lines[0][1]):
        raise UsageError(f"{file}: has three columns a line: this is a test list, without labels; give a list with six")
    rows, incomplete = [], set()
    for number, line in lines:
        match = _LINE.fullmatch(line)
        values = [float(value) for value in match.groups()] if match else []
        if not match or values[1] == values[2]:
            errors.add(number, "photo 1 is photo 2" if match else _line_error(line))
            incomplete.add(_series_of(line))
        else:
            rows.append([number, *values])
    columns = np.array(rows).reshape(-1, 7).T
    pairs = PairLines(*columns.astype(int))._replace(ratio=columns[PairLines._fields.index("ratio")])
    _check_rows(pairs, errors)
    _check_ranks(pairs, errors, incomplete)
    _check_complete(pairs, errors, incomplete)
    errors.raise_if_any()
    return pairs


def refuse_overlap(train: Path, train_pairs: PairLines, val: Path, val_pairs: PairLines) -> None:
    """Check that no series is in both lists.

    Raises:
        UsageError: If one is, because the best epoch would then be chosen by training photos.
    """
    errors = LineErrors(val)
    series = dict(zip(train_pairs.series.tolist()[::-1], train_pairs.line.tolist()[::-1], strict=True))
    pairs = dict(zip(_pairs(train_pairs), train_pairs.line.tolist(), strict=True))
    for pair, line in zip(_pairs(val_pairs), val_pairs.line.tolist(), strict=True):
        if pair in pairs:
            errors.add(line, f"this pair is line {pairs[pair]} of {train.name} too")
        elif pair[0] in series:
            errors.add(line, f"series {pair[0]} is in {train.name} too (line {series[pair[0]]})")
    errors.raise_if_any()


def _series_of(line: str) -> int | None:
    """Return the series of a malformed line, if it is readable. Without this line the series may be incomplete."""
    match = re.match(rf"({_WHOLE}) ", line)
    return int(match.group(1)) if match else None


def _line_error(line: str) -> str:
    """Return the reason why a line does not match."""
    if reason := wrong_columns(line, len(_COLUMNS)):
        return reason
    for name, text in zip(_COLUMNS, line.split(" "), strict=True):
        if name == "RATIO" and not re.fullmatch(_RATIO, text):
            return f"RATIO is {quoted(text)}, not a number from 0.01 to 0.99"
        if name != "RATIO" and not re.fullmatch(_WHOLE, text):
            return f"{name} is {quoted(text)}, not a whole number"
    raise AssertionError(f"{line!r} has no error")


def _pairs(pairs: PairLines) -> list[tuple[int, int, int]]:
    """Return each row's series and its two photos, with the lower number first."""
    low, high = np.minimum(pairs.photo1, pairs.photo2), np.maximum(pairs.photo1, pairs.photo2)
    return list(zip(pairs.series.tolist(), low.tolist(), high.tolist(), strict=True))


def _check_rows(pairs: PairLines, errors: LineErrors) -> None:
    """Check each row by itself, and that no pair is repeated."""
    first: dict[tuple[int, int, int], int] = {}
    rows = zip(*(column.tolist() for column in pairs), strict=True)
    for pair, (line, _, photo1, photo2, ratio, rank1, rank2) in zip(_pairs(pairs), rows, strict=True):
        if not 0.01 <= ratio <= 0.99:
            errors.add(line, f"RATIO is {ratio:g}, not from 0.01 to 0.99")
        if photo1 > photo2:
            errors.add(line, f"PHOTO1 is {photo1} and PHOTO2 is {photo2}: the lower number must be first")
        if min(photo1, photo2) < 1:
            errors.add(line, "photo 0 does not exist: photos are counted from 1")
        if (earlier := first.setdefault(pair, line)) != line:
            errors.add(line, f"this pair is line {earlier} too")
        if rank1 == rank2 and ratio != 0.5:
            errors.add(line, f"both photos have rank {rank1}, but RATIO is {ratio:g}")
        if (ratio - 0.5) * (rank2 - rank1) < 0:
            by_ratio, by_rank = (1, 2) if ratio > 0.5 else (2, 1)
            errors.add(
                line, f"RATIO {ratio:g} prefers photo {by_ratio}, ranks {rank1} and {rank2} photo {by_rank}; {_RANKS}"
            )


def _check_ranks(pairs: PairLines, errors: LineErrors, incomplete: set[int | None]) -> None:
    """Check that a photo has the same rank in all of its rows, and that no rank exceeds the number of photos."""
    counts = {series: len(photos) for series, photos in _photos(pairs).items()}
    ranks: dict[tuple[int, int], tuple[int, int]] = {}
    for line, series, photo1, photo2, _, rank1, rank2 in zip(*(column.tolist() for column in pairs), strict=True):
        for photo, rank in ((photo1, rank1), (photo2, rank2)):
            if series not in incomplete and not 1 <= rank <= counts[series]:
                errors.add(line, f"rank {rank} in a series of {counts[series]} photos")
            first_rank, first_line = ranks.setdefault((series, photo), (rank, line))
            if first_rank != rank:
                errors.add(line, f"photo {photo} has rank {rank} here and {first_rank} in line {first_line}; {_RANKS}")


def _check_complete(pairs: PairLines, errors: LineErrors, incomplete: set[int | None]) -> None:
    """Check that each photo of a series is compared with every other one."""
    present = set(_pairs(pairs))
    counts = Counter(series for series, _, _ in present)
    first_line = dict(zip(pairs.series.tolist()[::-1], pairs.line.tolist()[::-1], strict=True))
    for series, photos in _photos(pairs).items():
        missing = len(photos) * (len(photos) - 1) // 2 - counts[series]
        if missing and series not in incomplete:
            absent = (pair for pair in combinations(sorted(photos), 2) if (series, *pair) not in present)
            examples = ", ".join(f"{low}-{high}" for low, high in islice(absent, 5))
            more = f" and {missing - 5:,} more" if missing > 5 else ""
            errors.add(first_line[series], f"series {series} is incomplete; missing pairs: {examples}{more}")


def _photos(pairs: PairLines) -> dict[int, set[int]]:
    photos: dict[int, set[int]] = {}
    for series, photo1, photo2 in _pairs(pairs):
        photos.setdefault(series, set()).update((photo1, photo2))
    return photos
