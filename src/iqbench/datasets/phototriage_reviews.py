"""PhotoTriage's reviews: single votes, whose photo numbers do not fit the file names. No label comes from them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from iqbench.datasets.phototriage_list import PairLines

_PHOTO = re.compile(r"(?i)([0-9]{1,9})-([0-9]{1,9})\.jpe?g")


class Reviews(NamedTuple):
    """How often single votes, joined by file name, agree with the pair list."""

    votes: int
    """For pairs of the list that have a winner."""
    agreements: int
    unreadable: int
    """Files and votes that are not as expected."""


def review_agreement(home: Path, pairs: PairLines) -> Reviews | None:
    """Return how often the reviews agree with a pair list, or None if there are none.

    They agree at chance: the reviews' photo numbers are shuffled inside each series. Whoever takes
    labels from them trains on noise, and this shows it.

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
    """Yield the series and the photos, the chosen one first, of each review; None for what cannot be read."""
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
