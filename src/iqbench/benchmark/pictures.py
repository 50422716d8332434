"""Small pictures of two photos for the report: whole, and a detail at 100 %."""

import cv2
import numpy as np
from jaxtyping import UInt8

from iqbench.interfaces import Photo

WHOLE_SIDE, DETAIL_SIDE = 144, 160
"""Longest sides in pixels: of the whole picture made small, and of the detail at 100 %."""

ENCODING = (cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
"""A quality at which the visible damage is that of the variant, not of the gallery."""

REDUCED = 2**18
"""Pixels above which the part that differs most is looked for in a smaller copy."""

Picture = UInt8[np.ndarray, "height width colours"]
PicturePair = tuple[Picture, Picture]


def whole_pair(original: Photo, degraded: Photo) -> PicturePair:
    """Return both pictures at one scale, so that a crop is smaller than its original."""
    scale = WHOLE_SIDE / max(*original.shape[:2], *degraded.shape[:2])
    return shrunk(original, scale), shrunk(degraded, scale)


def each_whole(first: Photo, second: Photo) -> PicturePair:
    """Return two different photos, each at a scale of its own."""
    a, b = (shrunk(picture, WHOLE_SIDE / max(picture.shape[:2])) for picture in (first, second))
    return a, b


def shrunk(picture: Picture, scale: float) -> Picture:
    """Return the picture at a scale below 1, else as it is.

    It is halved first, without a last odd row or column: exact halves are ten times as fast.
    """
    if scale >= 1:
        return picture
    height, width = (max(1, round(side * scale)) for side in picture.shape[:2])
    small: Picture = picture
    while small.shape[0] >= 4 * height and small.shape[1] >= 4 * width:
        rows, columns = small.shape[0] // 2, small.shape[1] // 2
        small = cv2.resize(small[: 2 * rows, : 2 * columns], (columns, rows), interpolation=cv2.INTER_AREA)
    small = cv2.resize(small, (width, height), interpolation=cv2.INTER_AREA)
    return small if small.ndim == 3 else small[..., None]


def detail_pair(original: Photo, degraded: Photo) -> PicturePair:
    """Return the same part of both at 100 %: the part that differs most, or the centres if the sizes differ."""
    if original.shape != degraded.shape:
        return middles(original, degraded)
    height, width = (min(DETAIL_SIDE, side) for side in original.shape[:2])
    top, left = _most_changed(original, degraded, height, width)
    first, second = (picture[top : top + height, left : left + width] for picture in (original, degraded))
    return first, second


def _most_changed(original: Photo, degraded: Photo, height: int, width: int) -> tuple[int, int]:
    """Return the first pixel of the part that differs most; of a large photo, the part of a copy reduced by a whole."""
    step = min(height, width, max(1, int((original.shape[0] * original.shape[1] / REDUCED) ** 0.5)))
    rows, columns = original.shape[0] // step, original.shape[1] // step
    change = cv2.absdiff(original, degraded)[: rows * step, : columns * step]
    if step > 1:
        change = cv2.resize(change, (columns, rows), interpolation=cv2.INTER_AREA)
    summed = cv2.transform(change.astype(np.float32), np.ones((1, 3), np.float32))
    part = width // step, height // step
    means = cv2.boxFilter(summed, -1, part, anchor=(0, 0), borderType=cv2.BORDER_REFLECT)
    inside = means[: rows - part[1] + 1, : columns - part[0] + 1]
    top, left = np.unravel_index(int(inside.argmax()), inside.shape)
    return int(top) * step, int(left) * step


def middles(first: Photo, second: Photo) -> PicturePair:
    """Return the middle of both at 100 %."""
    return _middle(first), _middle(second)


def _middle(picture: Photo) -> Photo:
    height, width = (min(DETAIL_SIDE, side) for side in picture.shape[:2])
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    return picture[top : top + height, left : left + width]


def jpeg(picture: Picture) -> bytes:
    """Return a picture in RGB or grey as JPEG."""
    code = cv2.COLOR_RGB2BGR if picture.shape[2] == 3 else cv2.COLOR_GRAY2BGR
    return bytes(cv2.imencode(".jpg", cv2.cvtColor(np.ascontiguousarray(picture), code), ENCODING)[1])
