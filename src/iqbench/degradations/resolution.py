"""Lost resolution: a photo made smaller and enlarged again, smoothly (rescale) or in blocks (pixelate)."""

from collections.abc import Sequence

import cv2
import numpy as np

from iqbench.degradations.ladder import Degradation, Ladder
from iqbench.degradations.levels import checked, levels
from iqbench.interfaces import Photo


def rescale(photo: Photo, factor: float) -> Photo:
    """Return ``photo`` made ``factor`` times smaller, by area, and enlarged again, bicubically.

    Example:
        >>> rescale(np.full((35, 50, 3), 9, dtype=np.uint8), factor=4).shape
        (35, 50, 3)
    """
    height, width = photo.shape[:2]
    small = cv2.resize(photo, (_part(width, factor), _part(height, factor)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC))


def _part(side: int, factor: float) -> int:
    return max(1, round(side / factor))


def pixelate(photo: Photo, block: int) -> Photo:
    """Return ``photo`` in squares of their mean colour; the last ones of a row or column are cut off by the frame.

    Args:
        photo: An sRGB photo.
        block: Side of a square, in pixels.

    Example:
        >>> pixelate(np.arange(64, dtype=np.uint8).reshape(1, 64, 1).repeat(32, 0).repeat(3, 2), block=4)[0, :5, 0]
        array([2, 2, 2, 2, 6], dtype=uint8)
    """
    height, width = photo.shape[:2]
    whole = cv2.copyMakeBorder(photo, 0, -height % block, 0, -width % block, cv2.BORDER_REPLICATE)
    rows, columns = whole.shape[0] // block, whole.shape[1] // block
    means = np.asarray(cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA))
    return np.ascontiguousarray(means.repeat(block, axis=0).repeat(block, axis=1)[:height, :width])


def rescale_ladder(factor: Sequence[float]) -> Degradation:
    """Return a ladder of lost resolution, one level per ``factor``; more is worse.

    Raises:
        ValueError: If a factor is not above 1.
    """
    amounts = checked("factor", factor, lambda times: times > 1, "above 1")
    return Degradation("technical", [Ladder("", levels(rescale, "factor", amounts), "times smaller")])


def pixelate_ladder(block: Sequence[int]) -> Degradation:
    """Return a ladder of pixelation, one level per side of a ``block`` in pixels; more is worse.

    Raises:
        ValueError: If a side is not a whole number above 1.
    """
    amounts = checked("block", block, lambda px: isinstance(px, int) and px > 1, "whole numbers above 1, in px")
    return Degradation("technical", [Ladder("", levels(pixelate, "block", amounts), "px")])
