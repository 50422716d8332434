"""Lots that decide what is held out: drawn by a hash, the same on every machine and in every order of the files."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Int


def drawn(keys: Sequence[object], seed: int) -> Int[np.ndarray, "n"]:
    """Return the places of the keys in the order in which their lots are drawn.

    Example:
        >>> drawn(["a", "b", "c"], seed=0).tolist(), drawn(["c", "b", "a"], seed=0).tolist()
        ([0, 2, 1], [2, 0, 1])
    """
    lots = [hashlib.sha256(f"{seed}:{key}".encode()).digest() for key in keys]
    return np.array(sorted(range(len(lots)), key=lots.__getitem__), dtype=int)


def held_out(keys: Sequence[object], share: float, seed: int) -> Bool[np.ndarray, "n"]:
    """Tell which keys are held out: the share that is drawn first, and at least one where another is left.

    Example:
        >>> held_out(range(8), 0.25, seed=0).sum(), held_out(range(3), 0.01, seed=0).sum(), held_out([1], 0.5, seed=0)
        (np.int64(2), np.int64(1), array([False]))
    """
    count = min(max(1, round(share * len(keys))), len(keys) - 1)
    held: np.ndarray[Any, Any] = np.zeros(len(keys), dtype=bool)
    held[drawn(keys, seed)[: max(0, count)]] = True
    return held
