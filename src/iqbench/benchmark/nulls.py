"""Judges that look at no picture: what a model must beat before its accuracy means anything."""

import hashlib

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Margins = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Per row: the margin with the original first, and the margin with the degraded photo first."""


def null_margins(rows: pd.DataFrame, seed: int) -> dict[str, Margins]:
    """Return what the null models answer in both orders, row by row.

    ``always-first`` says "the first" whatever it is shown: (1 - 1) / 2 = 0, a tie, so exactly 50 % where
    both orders are asked, and 100 % where only original-first is. ``random`` tosses a coin for every
    variant of every photo, the same coin in every run. ``more pixels`` prefers the picture with more of
    them, which tells what a crop gives away by its size alone.

    Args:
        rows: One model's verdict rows; the photos and variants are the same for every model.
        seed: Seed of the coin.

    Example:
        >>> row = {"original": ["./a.png"], "degradation_type": ["crop_edge"], "ladder": ["crop_edge/right"]}
        >>> row |= {"degradation_level": ["right_20pct"], "original_pixels": [100], "variant_pixels": [80]}
        >>> margins = null_margins(pd.DataFrame(row), seed=0)
        >>> {name: (forward.tolist(), backward.tolist()) for name, (forward, backward) in margins.items()}
        {'always-first': ([1.0], [1.0]), 'random': ([1.0], [-1.0]), 'more pixels': ([1.0], [-1.0])}
    """
    first = np.ones(len(rows))
    coin = _coins(rows, seed)
    lost = rows["original_pixels"].astype("Float64") - rows["variant_pixels"].astype("Float64")
    larger = np.sign(lost.to_numpy(dtype=np.float64, na_value=np.nan))
    return {"always-first": (first, first.copy()), "random": (coin, -coin), "more pixels": (larger, 0.0 - larger)}


def _coins(rows: pd.DataFrame, seed: int) -> NDArray[np.float64]:
    """Return +1 or -1 per row, from a hash: a coin does not change with the order or number of rows."""
    cells = rows[["original", "degradation_type", "ladder", "degradation_level"]].astype(str).to_numpy().tolist()
    digests = (hashlib.sha256(repr([seed, *cell]).encode("utf-8", "surrogatepass")).digest() for cell in cells)
    return np.array([1.0 if digest[0] & 1 else -1.0 for digest in digests], dtype=np.float64)
