"""PhotoTriage's reviews: single votes whose photo numbers do not match the file names. They are never labels."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from iqbench.datasets.phototriage_list import PairLines

_PHOTO = re.compile(r"(?i)([0-9]{1,9})-([0-9]{1,9})\.jpe?g")


class Reviews(NamedTuple):
    """Counts of single votes, joined to the pair list by file name."""

    votes: int
    """Votes for pairs of the list that have a winner."""
    agreements: int
    unreadable: int
    """Malformed files and votes."""


def review_agreement(home: Path, pairs: PairLines) -> Reviews | None:
    """Count the agreements of the reviews with a pair list; None if there are no reviews.

    They agree at chance, because the reviews' photo numbers are shuffled within each series. Labels
    taken from reviews are therefore noise, and this count shows it.

    Args:
        home: The folder ``train_val``.
        pairs: Its pair list.
    """
    folder = home / "reviews_trainval"
    folder = folder / folder.name if (folder / folder.name).is_dir() else folder
    rows = zip(pairs.series.tolist(), pairs.photo1.tolist(), pairs.photo2.tolist(), pairs.ratio.tolist(), strict=True)
    ratios = {(series, photo1, photo2): ratio for series, photo1, photo2, ratio in rows}
    votes = agreements = unreadable = 0
    files = [file for series in sorted(set(pairs.series.tolist())) if (file := folder / f"{series:06d}.json").is_file()]
    for vote in (vote for file in files for vote in _votes(file)):
        if vote is None:
            unreadable += 1
            continue
        series, chosen, other = vote
        ratio = ratios.get((series, chosen, other), 1 - ratios.get((series, other, chosen), 0.5))
        votes += ratio != 0.5
        agreements += ratio > 0.5
    return Reviews(votes, agreements, unreadable) if files else None


def _votes(file: Path) -> Iterator[tuple[int, int, int] | None]:
    """Yield the series, the chosen photo and the other photo of each review; None for a malformed one."""
    try:
        reviews = json.loads(file.read_bytes())["reviews"]
        yield from [_vote(review) for review in reviews]
    except (OSError, ValueError, TypeError, LookupError, RecursionError):
        yield None


def _vote(review: Any) -> tuple[int, int, int] | None:
    try:
        left, right = (_PHOTO.fullmatch(review[key]) for key in ("compareFile1", "compareFile2"))
        choice = review["userChoice"]
    except (TypeError, LookupError):
        return None
    if left is None or right is None or choice not in ("LEFT", "RIGHT") or left.group(1) != right.group(1):
        return None
    chosen, other = (left, right) if choice == "LEFT" else (right, left)
    return int(left.group(1)), int(chosen.group(2)), int(other.group(2))
