"""Join rows that share a key: rows that are not independent become one cluster."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Integers = NDArray[np.integer[Any]]


def joined(*keys: Any) -> Integers:
    """Return the number of the cluster of each row: rows that share a key are joined, directly or through others.

    Args:
        keys: Columns of keys of equal length; a row without a key (None or NaN) shares none. Keys of two columns
            are never the same.

    Returns:
        Numbers from 0 on, in the order of each cluster's first row.

    Example:
        >>> joined(["a", "a", "b", None, None], [1, 2, 2, 3, None]).tolist()
        [0, 0, 0, 1, 2]
    """
    rows, nodes, number = [np.arange(0)], [np.arange(0)], len(keys[0])
    for column in keys:
        codes, distinct = pd.factorize(pd.Series(column, dtype=object))
        known = np.flatnonzero(codes >= 0)
        rows.append(known)
        nodes.append(number + codes[known])
        number += len(distinct)
    edges = np.concatenate(rows), np.concatenate(nodes)
    graph = coo_array((np.ones(len(edges[0]), dtype=bool), edges), shape=(number, number))
    components = connected_components(graph, directed=False)[1][: len(keys[0])]
    return np.asarray(pd.factorize(components)[0], dtype=np.int64)
