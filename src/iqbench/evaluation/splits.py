"""The labels that a model is held against: a split of a set, or all of it, or some of that."""

import hashlib

import numpy as np

from iqbench.datasets.labelled import SPLITS, LabelledPhotos
from iqbench.errors import UsageError
from iqbench.hash_sampling import hash_order
from iqbench.labels import LabelTable, PairTable

ALL = "all"


def labels_of(data: LabelledPhotos, split: str | None) -> tuple[str, LabelTable]:
    """Return the name and the labels of a split, of photos that cannot be read as well.

    Args:
        data: The set. Its ``limit`` holds: at most so many photos, of series that are whole.
        split: ``train``, ``val``, ``test``, ``all``, or None for the set's own choice.

    Raises:
        UsageError: If there is no such split, or nothing in it.
    """
    name = data.evaluated_on if split is None else split
    if name not in (*SPLITS, ALL):
        raise UsageError(f"split={name}: must be one of {', '.join(SPLITS)}, {ALL}, or null ({data.evaluated_on} here)")
    table = data.all_labels if name == ALL else next(data.labels[known] for known in SPLITS if known == name)
    if not len(table):
        raise UsageError(f"{data.title}: no labels in its {name} split; choose another with split=")
    return name, table if data.limit is None else limited(table, data.limit, data.seed)


def limited(table: LabelTable, limit: int, seed: int) -> LabelTable:
    """Return the labels of at most so many photos, drawn by lot: single photos, or whole series of them.

    Raises:
        UsageError: If not even one of them fits.
    """
    if not (isinstance(limit, int) and limit >= 1):
        raise UsageError(f"data.limit={limit}: must be a whole number, at least 1, or null for all photos")
    if not isinstance(table, PairTable):
        chosen = hash_order([photo.name for photo in table.photos], seed)[:limit]
        return table.where(np.isin(np.arange(len(table)), chosen))
    series, rows = np.unique(table.series, return_inverse=True)
    both = np.unique(np.stack([np.tile(rows, 2), np.concatenate([table.first, table.second])]), axis=1)
    sizes, left, kept = np.bincount(both[0], minlength=len(series)), limit, []
    for number in hash_order(series.tolist(), seed).tolist():
        if sizes[number] <= left:
            kept.append(number)
            left -= int(sizes[number])
    if not kept:
        raise UsageError(f"data.limit={limit}: the smallest series has {sizes.min()} photos, and none is divided")
    return table.where(np.isin(rows, kept))


def fingerprint(table: LabelTable) -> str:
    """Return a name for the labels: 12 hex digits of who was compared with whom, or voted for how."""
    names = np.array([photo.name for photo in table.photos], dtype=object)
    if isinstance(table, PairTable):
        columns = [names[table.first], names[table.second], table.preference, table.weight, table.series]
        rows = sorted(zip(*(column.tolist() for column in columns), strict=True))
    else:
        rows = sorted(zip(names.tolist(), map(tuple, table.counts.tolist()), strict=True))
    return hashlib.sha256(repr(rows).encode("utf-8", "surrogatepass")).hexdigest()[:12]
