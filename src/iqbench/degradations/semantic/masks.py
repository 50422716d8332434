"""Masks: regions of a photo, drawn in a copy of a million pixels at most and enlarged tile by tile where they are used.

Their edges are wider than a pixel of that copy, so a mask of the full size would look the same and cost more.
"""

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float32

from iqbench.interfaces import Photo

MAX_PIXELS = 2**20
"""Largest size of the copy in which masks are drawn, in pixels."""

TILE = 128
"""Side of the tiles in which a large photo is edited, in pixels."""

FEATHER = 0.004
"""Standard deviation of the soft edge of a mask, as a share of its shorter side."""

INVISIBLE = 0.001
"""Weight that changes no grey level once it is rounded."""

Mask = Bool[np.ndarray, "height width"]
SoftMask = Float32[np.ndarray, "height width"]
Tile = tuple[slice, slice]


def copy_for_masks(photo: Photo) -> Photo:
    """Return the copy of a photo in which its masks are drawn; the photo itself if it is small."""
    height, width = photo.shape[:2]
    scale = (MAX_PIXELS / (height * width)) ** 0.5
    if scale >= 1:
        return photo
    size = max(1, int(width * scale)), max(1, int(height * scale))
    return np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA))


def tiles_over(mask: Mask | SoftMask, height: int, width: int) -> Iterator[tuple[Tile, SoftMask]]:
    """Yield the tiles of a photo in which a mask of it is not 0, each with the mask there.

    Args:
        mask: The mask, of the photo's size or smaller. It is enlarged by linear interpolation.
        height: Height of the photo, in pixels.
        width: Width of the photo, in pixels.
    """
    rows, columns = (list(_lines(length, size)) for length, size in zip(mask.shape, (height, width), strict=True))
    for down, place in rows:
        for right, across in columns:
            window = mask[place[0][0] : place[1][-1] + 1, across[0][0] : across[1][-1] + 1]
            if window.any():
                yield (down, right), _interpolated(window, place, across)


_Between = tuple[Any, Any, Any]
"""For each line of a tile: the lines of the mask before and after it, and how far it is between them, 0 to 1."""


def _lines(length: int, size: int) -> Iterator[tuple[slice, _Between]]:
    places = np.clip((np.arange(size) + 0.5) * (length / size) - 0.5, 0, length - 1)
    before = places.astype(np.intp)
    after, part = np.minimum(before + 1, length - 1), (places - before).astype(np.float32)
    for start in range(0, size, TILE):
        tile = slice(start, min(start + TILE, size))
        yield tile, (before[tile], np.where(part[tile] > 0, after[tile], before[tile]), part[tile])


def _interpolated(window: Mask | SoftMask, rows: _Between, columns: _Between) -> SoftMask:
    (before, after, part), (left, right, share) = rows, columns
    values, top, start = window.astype(np.float32), before[0], left[0]
    lines = values[before - top] * (1 - part)[:, None] + values[after - top] * part[:, None]
    return np.asarray(lines[:, left - start] * (1 - share) + lines[:, right - start] * share)


def dilated(mask: Mask, pixels: int) -> Mask:
    """Return a mask grown by a disc of so many pixels; by distance, which is fast for a wide margin."""
    distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    return mask if not mask.any() else distance <= pixels


def feathered(mask: Mask) -> SoftMask:
    """Return a mask with a soft edge, from 0 to 1."""
    sigma = max(0.6, FEATHER * min(mask.shape))
    return cv2.GaussianBlur(mask.astype(np.float32), (0, 0), sigma)


def composite(above: Photo, below: Photo, alpha: SoftMask) -> Photo:
    """Return one photo over another.

    Args:
        above: Shown where ``alpha`` is 1.
        below: Shown where it is 0.
        alpha: A mask of the photos' size or smaller.
    """
    result = below.copy()
    for tile, weight in tiles_over(alpha, *below.shape[:2]):
        if weight.min() > 1 - INVISIBLE:
            result[tile] = above[tile]
        elif weight.max() > INVISIBLE:
            mixed = above[tile] * weight[..., None] + below[tile] * (1 - weight[..., None])
            result[tile] = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
    return result
