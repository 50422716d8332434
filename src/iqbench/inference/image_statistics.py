"""Image statistics: numbers about a picture that need no model. Baselines are built on them."""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Int64, UInt8

from iqbench.interfaces import Photo

Grey = UInt8[np.ndarray, "height width"]

CROP = 1024
"""Side of the central crop, in pixels, from which all statistics of a larger picture but ``pixels`` are computed."""

QUALITY = 95
ENCODING = (cv2.IMWRITE_JPEG_QUALITY, QUALITY)
"""JPEG settings for ``encoded_bytes``: the same for an original and for its copies."""

BAND = 16
"""Rows that JPEG encodes together, with chroma subsampling."""

STRIDE = 3
"""Encode every third band of rows and extrapolate."""

HEADER = 623
"""Bytes of such a JPEG before its first band, whatever the size of the picture."""


@dataclass(frozen=True)
class ImageStatistics:
    """Numbers about one picture.

    A field added here becomes a column of the store, of the verdict table (``original_*``, ``variant_*``)
    and of an evaluation's photos. A line in `iqbench.baselines` makes a baseline of it.

    Args:
        pixels: Width times height.
        brightness: Mean sRGB value, 0 to 255.
        sharpness: Variance of the Laplacian over 1000; see `laplacian_variance`.
        encoded_bytes: Estimated size as a JPEG of quality 95, usually within 1 to 2 % for 0.15 megapixels.
    """

    pixels: int
    brightness: float
    sharpness: float
    encoded_bytes: int


def image_statistics(picture: Photo) -> ImageStatistics:
    """Return the statistics of a picture.

    Example:
        >>> statistics = image_statistics(np.full((40, 50, 3), 100, dtype=np.uint8))
        >>> statistics.pixels, statistics.brightness, statistics.sharpness
        (2000, 100.0, 0.0)
    """
    height, width = picture.shape[:2]
    crop = picture[central(height, width)]
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    sample = crop[sampled_rows(len(crop))]
    encoded = cv2.imencode(".jpg", cv2.cvtColor(sample, cv2.COLOR_RGB2BGR), ENCODING)[1]
    sums = Sums(round(sum(cv2.sumElems(crop)[:3])), *_sums_of_edges(grey), len(encoded))
    return statistics_of(height, width, sums)


class Sums(NamedTuple):
    """Whole numbers about a picture, from which its statistics are computed.

    Args:
        values: The sum of all values of its central crop.
        edges: The sum of the Laplacian of that in grey.
        squares: The sum of the squares of the Laplacian.
        encoded: The bytes of the sampled rows as a JPEG.
    """

    values: int
    edges: int
    squares: int
    encoded: int


def statistics_of(height: int, width: int, sums: Sums) -> ImageStatistics:
    """Return the statistics of a picture of that size."""
    rows, columns = min(height, CROP), min(width, CROP)
    share = len(sampled_rows(rows)) * columns / (height * width)
    return ImageStatistics(
        pixels=height * width,
        brightness=sums.values / (3 * rows * columns),
        sharpness=variance(rows * columns, sums.edges, sums.squares) / 1000,
        encoded_bytes=HEADER + round((sums.encoded - HEADER) / share),
    )


def central(height: int, width: int) -> tuple[slice, slice]:
    """Return the rows and columns of the central crop, which are all of a smaller picture."""
    top, left = (max(0, side - CROP) // 2 for side in (height, width))
    return slice(top, top + CROP), slice(left, left + CROP)


@cache
def sampled_rows(rows: int) -> Int64[np.ndarray, "n"]:
    """Return the rows that are encoded for the size of a JPEG: every third band of them, all if they are few.

    Example:
        >>> sampled_rows(100)[[0, -1]].tolist(), len(sampled_rows(40))
        ([16, 79], 40)
    """
    bands = rows // BAND
    if bands < STRIDE:
        return np.arange(rows)
    return np.arange(bands * BAND).reshape(bands, BAND)[STRIDE // 2 :: STRIDE].ravel()


def luma(photo: Photo) -> tuple[Grey, float]:
    """Return a photo in grey, and the `laplacian_variance` of that."""
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    return grey, laplacian_variance(grey)


def laplacian_variance(grey: Grey) -> float:
    """Return the variance of the 3x3 Laplacian, over 1000: the usual measure of sharpness.

    Sums are whole numbers, so the result is rounded only once.

    Reference:
        Pech-Pacheco et al., *Diatom autofocusing in brightfield microscopy*, ICPR 2000.
    """
    return variance(grey.size, *_sums_of_edges(grey)) / 1000


def _sums_of_edges(grey: Grey) -> tuple[int, int]:
    """Return the sum of the Laplacian and of its square."""
    edges = cv2.Laplacian(grey, cv2.CV_16S)
    return round(cv2.sumElems(edges)[0]), round(cv2.norm(edges, cv2.NORM_L2SQR))


def variance(count: int, total: int, squares: int) -> float:
    """Return the variance of ``count`` whole numbers from their sum and their sum of squares, rounded once.

    Example:
        >>> variance(4, 1 + 2 + 3 + 4, 1 + 4 + 9 + 16)
        1.25
    """
    return (count * squares - total * total) / (count * count)
