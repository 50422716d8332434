"""Photos that are in two splits, or in one under two names."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from iqbench.labels import LabelTable, PairTable


class Shared(NamedTuple):
    """What two splits have in common."""

    photos: list[str]
    """Names that are in both."""
    copies: list[tuple[str, str]]
    """A name in the one and another in the other of which the files have the same bytes."""
    series: list[int]


def shared(one: LabelTable, other: LabelTable, sha256: Mapping[str, str]) -> Shared:
    """Return what two splits have in common.

    Args:
        one: Labels of a split.
        other: Those of another.
        sha256: Of photos by name, as far as they are known.
    """
    own = [photo.name for photo in one.photos]
    theirs = {photo.name for photo in other.photos}
    content = {sha256[name]: name for name in reversed(own) if name in sha256}
    names = [name for name in own if name in theirs]
    strangers = sorted(theirs.difference(names))
    copies = [(content[sha256[name]], name) for name in strangers if sha256.get(name) in content]
    return Shared(names, copies, _series(one, other))


def copies(table: LabelTable, sha256: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return each photo whose content an earlier one of the same labels has, after that earlier one.

    Example:
        >>> from pathlib import Path
        >>> from iqbench.interfaces import PhotoFile
        >>> from iqbench.labels import VoteTable
        >>> votes = VoteTable(tuple(PhotoFile(name, Path(name)) for name in "abc"), np.ones((3, 10), int))
        >>> copies(votes, {"a": "1f", "b": "2e", "c": "1f"})
        [('a', 'c')]
    """
    first: dict[str, str] = {}
    known = [photo.name for photo in table.photos if photo.name in sha256]
    pairs = [(first.setdefault(sha256[name], name), name) for name in known]
    return [(earlier, name) for earlier, name in pairs if earlier != name]


def of_copies(table: PairTable, sha256: Mapping[str, str]) -> int:
    """Return how many pairs compare a photo with another of the very same content."""
    number: dict[str, int] = {}
    contents = [
        number.setdefault(sha256[photo.name], len(number)) if photo.name in sha256 else -1 - place
        for place, photo in enumerate(table.photos)
    ]
    content = np.array(contents, dtype=int)
    return int((content[table.first] == content[table.second]).sum())


def divided(one: PairTable, other: PairTable) -> bool:
    """Tell whether two splits are parts of one series that was too large to be kept whole: half of the pairs and more.

    Lists of pairs that hang together are divided by photos instead, see `iqbench.datasets.pairs.PairList`.
    """
    common = _series(one, other)
    sizes = [np.unique(table.series[np.isin(table.series, common)], return_counts=True)[1] for table in (one, other)]
    return any(2 * size.max(initial=0) >= len(table) > 0 for size, table in zip(sizes, (one, other), strict=True))


def _series(one: LabelTable, other: LabelTable) -> list[int]:
    if not isinstance(one, PairTable) or not isinstance(other, PairTable):
        return []
    common: list[int] = np.intersect1d(one.series, other.series).tolist()
    return common
