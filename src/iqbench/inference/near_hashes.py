"""Near hashes: all pairs of perceptual hashes that differ in few bits, without comparing every two."""

from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Int, UInt8

_POPCOUNT = np.array([word.bit_count() for word in range(1 << 16)], dtype=np.uint8)
"""The number of bits that are set in each word of 16 bits."""


def near_pairs(hashes: UInt8[np.ndarray, "n 16"], max_distance: int) -> Int[np.ndarray, "pairs 2"]:
    """Return the pairs of different hashes that differ in at most ``max_distance`` bits, each with the lower row first.

    The bits are divided into ``max_distance + 2`` bands. Two near hashes agree in at least two bands, so only hashes
    that do are compared: 255,000 photos take seconds.

    Args:
        hashes: Distinct hashes of 128 bits.
        max_distance: From 1 to 126.

    Example:
        >>> hashes = np.zeros((3, 16), dtype=np.uint8)
        >>> hashes[1, 0], hashes[2] = 0b111, 255
        >>> near_pairs(hashes, 3).tolist(), near_pairs(hashes, 2).tolist()
        ([[0, 1]], [])
    """
    bits = np.unpackbits(hashes, axis=1)
    bands = max_distance + 2
    # every bands-th bit, since neighbouring bits are correlated and would fill few buckets
    codes = [_codes(bits[:, band::bands]) for band in range(bands)]
    words = np.ascontiguousarray(hashes).view(np.uint16)
    found = [np.empty((0, 2), dtype=np.int64)]
    for first, second in combinations(codes, 2):
        found.append(_near_in_buckets(first * (second.max(initial=0) + 1) + second, words, max_distance))
    return np.unique(np.sort(np.concatenate(found), axis=1), axis=0)


def _codes(band: UInt8[np.ndarray, "n bits"]) -> Int[np.ndarray, "n"]:
    """Return a small number per row, the same for equal rows of at most 63 bits."""
    values = band @ (1 << np.arange(band.shape[1], dtype=np.int64))
    codes: np.ndarray[Any, Any] = np.unique(values, return_inverse=True)[1]
    return codes


def _near_in_buckets(
    keys: Int[np.ndarray, "n"], words: Int[np.ndarray, "n 8"], max_distance: int
) -> Int[np.ndarray, "pairs 2"]:
    """Return the near pairs among rows of equal keys: in the order of the keys, each row is compared to the next ones.

    Rows whose bucket ends are left out from then on, so the work is the number of pairs in buckets.
    """
    order = np.argsort(keys, kind="stable")
    keys, words = keys[order], words[order]
    pairs, step = [np.empty((0, 2), dtype=np.int64)], 1
    rows = np.flatnonzero(keys[1:] == keys[:-1])
    while len(rows):
        distances = _POPCOUNT[words[rows] ^ words[rows + step]].sum(axis=1)
        near = rows[distances <= max_distance]
        pairs.append(np.stack([order[near], order[near + step]], axis=1))
        step += 1
        rows = rows[rows + step < len(keys)]
        rows = rows[keys[rows] == keys[rows + step]]
    return np.concatenate(pairs)
