"""A perceptual hash: 128 bits that differ little between near-copies of a photo, and much between two photos."""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from iqbench.interfaces import Photo

CELLS = 8
"""Differences per row and per column."""

SIDE = CELLS * (CELLS + 1)
"""Side of the reduced picture: it divides into 8 and into 9 cells, so that each cell is a mean of whole pixels."""

MAX_DISTANCE = 12
"""Number of bits in which the hashes of near-copies may differ.

Measured on 688 photos (BSDS500, CID22, six wallpapers): two photos differ in at least 20 bits, 99.98 % of the pairs in
more than 34. All copies as JPEG of quality 60 to 95, at 0.5 to 2 times the size, or 10 % brighter or darker differ in
at most 11. Of the crops by 1 % on each side 99.7 % differ in at most 12, of those by 2 % 89 %, of those by 5 % 8 %.
"""

MIN_CHANGE = 1.0
"""Grey levels from which a difference is not noise or rounding."""

MIN_CHANGES = 64
"""Differences of at least `MIN_CHANGE` that a hash needs. Flat pictures have none; the photos above have 90 or more."""

MIN_TURNS = 24
"""Changes of sign along rows and columns that a hash needs: 0 in a linear gradient, 16 in a radial one. Four of the
photos above have fewer, of a sky or of mist."""


def perceptual_hash(picture: Photo) -> str | None:
    """Return the difference hash of a picture in both directions as 32 hex digits, or None if it has little structure.

    The luma is averaged over cells. A bit is set where a cell is brighter than its neighbour on the left (the first
    64 bits) or above (the last 64). Pictures of little structure would share a hash without being alike.

    Reference:
        Krawetz, *Kind of like that*, The Hacker Factor Blog, 2013.

    Example:
        >>> stripes = np.zeros((72, 72, 3), dtype=np.uint8)
        >>> stripes[:, 8:16] = stripes[:, 24:32] = stripes[:, 40:48] = stripes[:, 56:64] = 200
        >>> perceptual_hash(stripes)
        'aaaaaaaaaaaaaaaa0000000000000000'
        >>> perceptual_hash(np.full((72, 72, 3), 200, dtype=np.uint8)) is None
        True
    """
    differences = _differences(picture)
    if (np.abs(differences) >= MIN_CHANGE).sum() < MIN_CHANGES:
        return None
    bits = differences > 0
    across, down = bits
    turns = (across[:, 1:] != across[:, :-1]).sum() + (down[1:] != down[:-1]).sum()
    return None if turns < MIN_TURNS else np.packbits(bits).tobytes().hex()


def _differences(picture: Photo) -> Float[np.ndarray, "direction cells cells"]:
    """Return the differences of neighbouring cells, across and down."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return cell_differences(cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA))


def cell_differences(small: UInt8[np.ndarray, "72 72"]) -> Float[np.ndarray, "direction cells cells"]:
    """Return the differences of neighbouring cells of a grey picture of `SIDE` pixels, across and down."""
    values = small.astype(np.float32)
    columns = values.reshape(CELLS, CELLS + 1, CELLS + 1, CELLS).mean(axis=(1, 3))
    rows = values.reshape(CELLS + 1, CELLS, CELLS, CELLS + 1).mean(axis=(1, 3))
    return np.stack([np.diff(columns, axis=1), np.diff(rows, axis=0)])
