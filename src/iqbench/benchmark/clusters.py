"""Clusters: photos that are not independent, such as near-copies, and that the statistics count as one."""

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from iqbench.benchmark.near_hashes import near_pairs
from iqbench.inference.perceptual_hash import MAX_DISTANCE
from iqbench.interfaces import ClusterChoice
from iqbench.results.summary import Clusters

MAX_EXAMPLES = 3

Links = Int[np.ndarray, "links 2"]


def clusters(photos: pd.DataFrame, by: ClusterChoice) -> "pd.Series[str]":
    """Return the cluster of each photo, named after its first photo in sorted order.

    A photo without the property that a choice is about, such as an unreadable one without a hash, is its own cluster.

    Args:
        photos: A row per photo with the columns name, sha256, series and look.
        by: What makes photos one cluster.

    Example:
        >>> photos = pd.DataFrame(
        ...     {"name": ["./b/1.jpg", "./a/1.jpg", "./a/2.jpg"], "sha256": ["x", "x", "y"], "series": "", "look": None}
        ... )
        >>> clusters(photos, "sha256").tolist(), clusters(photos, "folder").tolist()
        (['./a/1.jpg', './a/1.jpg', './a/2.jpg'], ['./b/1.jpg', './a/1.jpg', './a/1.jpg'])
    """
    links = _links(photos, by)
    graph = coo_array((np.ones(len(links), dtype=bool), (links[:, 0], links[:, 1])), shape=(len(photos),) * 2)
    components: np.ndarray[Any, Any] = connected_components(graph, directed=False)[1]
    first: pd.Series[str] = photos["name"].groupby(components).transform("min")
    return first


def _links(photos: pd.DataFrame, by: ClusterChoice) -> Links:
    """Return enough pairs of rows to connect each cluster."""
    if by == "photo":
        return np.empty((0, 2), dtype=np.int64)
    if by == "folder":
        return _equal(photos["name"].str.rpartition("/")[0])
    if by == "look":
        return np.concatenate([_equal(photos["sha256"]), _equal(photos["look"]), _near(photos["look"])])
    return _equal(photos[by])


def _equal(keys: "pd.Series[Any]") -> Links:
    """Return a link from each row to the first row of its key. Rows without a key have none."""
    rows = np.flatnonzero(keys.notna() & (keys != ""))
    if not len(rows):
        return np.empty((0, 2), dtype=np.int64)
    codes = pd.factorize(keys.iloc[rows])[0]
    first = np.unique(codes, return_index=True)[1]
    return np.stack([rows, rows[first[codes]]], axis=1)


def _near(looks: "pd.Series[Any]") -> Links:
    """Return the links between near hashes, each between the first photos of its hash."""
    rows = np.flatnonzero(looks.notna())
    if not len(rows):
        return np.empty((0, 2), dtype=np.int64)
    distinct, first = np.unique(looks.iloc[rows].to_numpy(dtype="U32"), return_index=True)
    hashes = np.frombuffer(bytes.fromhex("".join(distinct)), dtype=np.uint8).reshape(len(distinct), -1)
    links: np.ndarray[Any, Any] = rows[first][near_pairs(hashes, MAX_DISTANCE)]
    return links


def cluster_summary(judged: pd.DataFrame, by: ClusterChoice) -> Clusters:
    """Return the clusters of the judged photos.

    Args:
        judged: Rows of the verdict table.
        by: What made photos one cluster.
    """
    photos = judged[["original", "cluster"]].drop_duplicates().sort_values(["cluster", "original"])
    sizes = photos.groupby("cluster")["original"].transform("size")
    shared = photos[sizes > 1].groupby("cluster")["original"]
    examples = [tuple(names.iloc[:2]) for _, names in shared][:MAX_EXAMPLES]
    return Clusters(
        by=by,
        clusters=int(photos["cluster"].nunique()),
        photos=len(photos),
        near_copies=int((sizes > 1).sum()),
        examples=examples,
    )
