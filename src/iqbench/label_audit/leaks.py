"""Leaks: photos that are in two splits, and photos that are in one split under two names."""

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from iqbench.labels import LabelTable, PairTable


class Shared(NamedTuple):
    """The photos and series that two splits share."""

    photos: list[str]
    """Names that are in both splits."""
    copies: list[tuple[str, str]]
    """A name in each split, with the same bytes in both files."""
    near_copies: list[tuple[str, str]]
    """A name in each split, with nearly the same picture in both files."""
    series: list[int]


def shared(first: LabelTable, second: LabelTable, sha256: Mapping[str, str], look: Mapping[str, int]) -> Shared:
    """Return the photos and series that two splits share.

    Args:
        first: The labels of a split.
        second: The labels of another split.
        sha256: The hashes of the photos by name, as far as they are known.
        look: The numbers of `iqbench.datasets.clusters.near_groups` by name, as far as they are known.
    """
    names = [photo.name for photo in first.photos]
    names_of_second = {photo.name for photo in second.photos}
    common = [name for name in names if name in names_of_second]
    only_second = sorted(names_of_second.difference(common))
    same = _with_equal_keys(names, only_second, sha256)
    copied = {name for _, name in same}
    near = _with_equal_keys(names, [name for name in only_second if name not in copied], look)
    return Shared(common, same, near, _common_series(first, second))


def _with_equal_keys(
    first: Sequence[str], second: Sequence[str], keys: Mapping[str, Hashable]
) -> list[tuple[str, str]]:
    """Return each name of ``second`` whose key a name of ``first`` has, after the first such name."""
    names = {keys[name]: name for name in reversed(first) if name in keys}
    return [(names[keys[name]], name) for name in second if name in keys and keys[name] in names]


def copies(table: LabelTable, sha256: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return each photo that has the content of an earlier one of the same labels, after that earlier one.

    Example:
        >>> from pathlib import Path
        >>> from iqbench.interfaces import PhotoFile
        >>> from iqbench.labels import VoteTable
        >>> votes = VoteTable(tuple(PhotoFile(name, Path(name)) for name in "abc"), np.ones((3, 10), int))
        >>> copies(votes, {"a": "1f", "b": "2e", "c": "1f"})
        [('a', 'c')]
    """
    first: dict[str, str] = {}
    names = [photo.name for photo in table.photos if photo.name in sha256]
    pairs = [(first.setdefault(sha256[name], name), name) for name in names]
    return [(earlier, name) for earlier, name in pairs if earlier != name]


def pairs_of_copies(table: PairTable, sha256: Mapping[str, str]) -> int:
    """Return the number of pairs whose two photos have the same content."""
    number: dict[str, int] = {}
    contents = [
        number.setdefault(sha256[photo.name], len(number)) if photo.name in sha256 else -1 - place
        for place, photo in enumerate(table.photos)
    ]
    content = np.array(contents, dtype=int)
    return int((content[table.first] == content[table.second]).sum())


def divided(first: PairTable, second: PairTable) -> bool:
    """Return whether two splits are parts of one series that holds half of the pairs or more.

    A list of connected pairs is divided by photos instead of series; see `iqbench.datasets.pairs.PairList`.
    """
    common = _common_series(first, second)
    tables = first, second
    sizes = [np.unique(table.series[np.isin(table.series, common)], return_counts=True)[1] for table in tables]
    return any(2 * size.max(initial=0) >= len(table) > 0 for size, table in zip(sizes, tables, strict=True))


def _common_series(first: LabelTable, second: LabelTable) -> list[int]:
    if not isinstance(first, PairTable) or not isinstance(second, PairTable):
        return []
    common: list[int] = np.intersect1d(first.series, second.series).tolist()
    return common
