"""Work on a photo in bands of rows, so that a large one needs little memory beside itself."""

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import UInt8

from iqbench.interfaces import Photo

PIXELS = 2**17
"""Pixels of a band. Noise is drawn band by band, so another number gives other noise."""


def bands(photo: Photo) -> Iterator[slice]:
    """Yield the rows of each band, from the top down."""
    height, width = photo.shape[:2]
    step = max(1, PIXELS // width)
    for top in range(0, height, step):
        yield slice(top, min(top + step, height))


def by_bands(photo: Photo, change: Callable[[Photo, slice], Photo]) -> Photo:
    """Return a photo of which each band of rows is changed on its own.

    Args:
        photo: A photo of any size.
        change: Takes a band and its rows, from the top down, and returns the new band.

    Example:
        >>> photo = np.zeros((40, 50, 3), dtype=np.uint8)
        >>> by_bands(photo, lambda band, rows: band + 1).mean()
        np.float64(1.0)
    """
    result = np.empty(photo.shape, dtype=np.uint8)
    for rows in bands(photo):
        result[rows] = change(photo[rows], rows)
    return result


def eight_bit(values: np.ndarray) -> UInt8[np.ndarray, "*shape"]:
    """Return numbers as 8-bit values: rounded half to even, and clipped."""
    return np.asarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)
