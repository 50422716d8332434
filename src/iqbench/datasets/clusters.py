"""Clusters: photos that are not independent, such as near-copies, and that the statistics count as one."""

from typing import Any

import numpy as np
import pandas as pd

from iqbench.inference.near_hashes import near_pairs
from iqbench.inference.perceptual_hash import MAX_DISTANCE
from iqbench.interfaces import ClusterChoice
from iqbench.statistics.joined import joined


def clusters(photos: pd.DataFrame, by: ClusterChoice) -> "pd.Series[str]":
    """Return the cluster of each photo, named after its first photo in sorted order.

    A photo without the property that a choice is about, such as an unreadable one without a hash, is its own cluster.

    Args:
        photos: A row per photo with the columns name, sha256, look, and series if ``by`` is ``series``.
        by: What makes photos one cluster; see `iqbench.interfaces.ClusterChoice`.

    Example:
        >>> photos = pd.DataFrame(
        ...     {"name": ["./b/1.jpg", "./a/1.jpg", "./a/2.jpg"], "sha256": ["x", "x", "y"], "series": "", "look": None}
        ... )
        >>> clusters(photos, "sha256").tolist(), clusters(photos, "folder").tolist()
        (['./a/1.jpg', './a/1.jpg', './a/2.jpg'], ['./a/1.jpg', './a/1.jpg', './a/1.jpg'])
    """
    number = joined(*_keys(photos, by))
    first: pd.Series[str] = photos["name"].groupby(number).transform("min")
    return first


def _keys(photos: pd.DataFrame, by: ClusterChoice) -> list[Any]:
    """Return the columns of keys that join photos."""
    if by == "photo":
        return [photos["name"]]
    keys: list[Any] = [photos["sha256"]]
    if by != "sha256":
        keys.append(near_groups(photos["look"]))
    if by == "series":
        keys.append(photos["series"].where(photos["series"] != ""))
    if by == "folder":
        keys.append(photos["name"].str.rpartition("/")[0])
    return keys


def near_groups(looks: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return a number per photo, the same for photos whose perceptual hashes are near, directly or through others.

    Args:
        looks: The hashes; None for a photo without one, whose number is missing.

    Example:
        >>> near_groups(pd.Series(["0" * 32, "f" * 32, None, "0" * 31 + "3"])).tolist()
        [0, 1, <NA>, 0]
    """
    known = looks.notna().to_numpy(bool)
    distinct, place = np.unique(looks[known].to_numpy(dtype="U32"), return_inverse=True)
    hashes = np.frombuffer(bytes.fromhex("".join(distinct)), dtype=np.uint8).reshape(len(distinct), 16)
    links = near_pairs(hashes, MAX_DISTANCE)
    numbers = pd.Series(pd.NA, index=looks.index, dtype="Int64")
    # each hash is joined with itself, then with its near ones
    alone = np.arange(len(distinct))
    ends = np.concatenate([alone, links[:, 0]]), np.concatenate([alone, links[:, 1]])
    numbers[known] = joined(*ends)[: len(distinct)][place]
    return numbers
