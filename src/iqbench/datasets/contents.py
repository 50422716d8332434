"""The contents of a data set: its photos by their bytes, and its labels, whatever the files are called."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from iqbench.interfaces import SHA_DIGITS
from iqbench.labels import PairTable, TrainingLabels


@dataclass(frozen=True)
class SplitContents:
    """The contents of a split.

    Args:
        photos: The sha256 of its photos, `SHA_DIGITS` hex digits of each.
        examples: The number of its examples.
        labels: A digest of the labels, and of the photos that each belongs to.
    """

    photos: frozenset[str]
    examples: int
    labels: str

    def card(self) -> dict[str, Any]:
        """Return the contents as JSON for a checkpoint, with a digest in place of the photos."""
        digest = digest_of(self.photos)
        return {"photos": len(self.photos), "photos_digest": digest, "examples": self.examples, "labels": self.labels}


def contents_of(table: TrainingLabels, sha256: Mapping[str, str]) -> SplitContents:
    """Return the contents of a label table. The order of its rows, and of the photos in a pair, does not count.

    Args:
        table: The labels of a split.
        sha256: The sha256 of each photo by its name.
    """
    shas = [sha256[photo.name][:SHA_DIGITS] for photo in table.photos]
    if isinstance(table, PairTable):
        columns = (table.first, table.second, table.preference, table.weight)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        labels = [_pair(shas[first], shas[second], *numbers) for first, second, *numbers in rows]
    else:
        labels = [f"{sha} {counts}" for sha, counts in zip(shas, table.counts.tolist(), strict=True)]
    return SplitContents(frozenset(shas), len(table), digest_of(labels))


def digest_of(texts: Iterable[str]) -> str:
    """Return a digest of texts in any order: 16 hex digits.

    Example:
        >>> digest_of(["a", "b"]) == digest_of(["b", "a"]) != digest_of(["ab"])
        True
    """
    return hashlib.sha256("\n".join(sorted(texts)).encode()).hexdigest()[:16]


def _pair(first: str, second: str, preference: float, weight: float) -> str:
    if first > second:
        first, second, preference = second, first, 1 - preference
    return f"{first} {second} {preference:.6f} {weight:.6f}"
