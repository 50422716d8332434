"""The labels of an evaluation: a split of a set or all of it, perhaps limited to some of its photos."""

import hashlib

import numpy as np

from iqbench.datasets.labelled import SPLITS, LabelledPhotos
from iqbench.errors import UsageError
from iqbench.hash_sampling import hash_order
from iqbench.labels import LabelTable, PairTable, VoteTable

ALL = "all"


def labels_of(data: LabelledPhotos, split: str | None) -> tuple[str, LabelTable]:
    """Return the name and the labels of a split, those of unreadable photos included.

    Args:
        data: The set. Its ``limit`` applies: the largest number of photos, in whole series.
        split: ``train``, ``val``, ``test``, ``all``, or None for the set's own choice.

    Raises:
        UsageError: If there is no such split, or it is empty.
    """
    name = data.evaluated_on if split is None else split
    if name not in (*SPLITS, ALL):
        raise UsageError(f"split={name}: must be one of {', '.join(SPLITS)}, {ALL}, or null ({data.evaluated_on} here)")
    table = data.all_labels if name == ALL else next(data.labels[known] for known in SPLITS if known == name)
    if not len(table):
        raise UsageError(f"{data.title}: no labels in its {name} split; choose another with split=")
    return name, table if data.limit is None else limited(table, data.limit, data.seed)


def limited(table: LabelTable, limit: int, seed: int) -> LabelTable:
    """Return the labels of at most ``limit`` photos, chosen by hash sampling: single photos, or whole series.

    Raises:
        UsageError: If the limit is no whole number from 1 on, or no series fits.
    """
    if not (isinstance(limit, int) and limit >= 1):
        raise UsageError(f"data.limit={limit}: must be a whole number, at least 1, or null for all photos")
    if not isinstance(table, PairTable):
        chosen = hash_order([photo.name for photo in table.photos], seed)[:limit]
        return table.where(np.isin(np.arange(len(table)), chosen))
    series, rows = np.unique(table.series, return_inverse=True)
    members = np.unique(np.stack([np.tile(rows, 2), np.concatenate([table.first, table.second])]), axis=1)
    sizes, left, kept = np.bincount(members[0], minlength=len(series)), limit, []
    for number in hash_order(series.tolist(), seed).tolist():
        if sizes[number] <= left:
            kept.append(number)
            left -= int(sizes[number])
    if not kept:
        raise UsageError(f"data.limit={limit}: the smallest series has {sizes.min()} photos, and none is divided")
    return table.where(np.isin(rows, kept))


def fingerprint(table: LabelTable) -> str:
    """Return an identifier of the labels: 12 hex digits of all pairs, votes or scores."""
    names = np.array([photo.name for photo in table.photos], dtype=object)
    if isinstance(table, PairTable):
        columns = [names[table.first], names[table.second], table.preference, table.weight, table.series]
        rows = sorted(zip(*(column.tolist() for column in columns), strict=True))
    else:
        values = table.counts.tolist() if isinstance(table, VoteTable) else table.means[:, None].tolist()
        rows = sorted(zip(names.tolist(), map(tuple, values), strict=True))
    return hashlib.sha256(repr(rows).encode("utf-8", "surrogatepass")).hexdigest()[:12]
