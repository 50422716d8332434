"""Image statistics: numbers about a picture that need no model. Baselines are built on them."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import UInt8

from iqbench.interfaces import Photo

Grey = UInt8[np.ndarray, "height width"]

CROP = 1024
"""Side of the central crop, in pixels, from which all statistics of a larger picture but ``pixels`` are computed."""

ENCODING = (cv2.IMWRITE_JPEG_QUALITY, 95)
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
    crop = picture
    if max(height, width) > CROP:
        top, left = (max(0, side - CROP) // 2 for side in (height, width))
        crop = picture[top : top + CROP, left : left + CROP]
    grey, sharpness = luma(crop)
    sample = _every_third_band(crop)
    encoded = cv2.imencode(".jpg", cv2.cvtColor(sample, cv2.COLOR_RGB2BGR), ENCODING)[1]
    share = sample.shape[0] * sample.shape[1] / (height * width)
    return ImageStatistics(
        pixels=height * width,
        brightness=sum(cv2.sumElems(crop)[:3]) / (3 * grey.size),
        sharpness=sharpness,
        encoded_bytes=HEADER + round((len(encoded) - HEADER) / share),
    )


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
    edges = cv2.Laplacian(grey, cv2.CV_16S)
    return variance(edges.size, round(cv2.sumElems(edges)[0]), round(cv2.norm(edges, cv2.NORM_L2SQR))) / 1000


def variance(count: int, total: int, squares: int) -> float:
    """Return the variance of ``count`` whole numbers from their sum and their sum of squares, rounded once.

    Example:
        >>> variance(4, 1 + 2 + 3 + 4, 1 + 4 + 9 + 16)
        1.25
    """
    return (count * squares - total * total) / (count * count)


def _every_third_band(picture: Photo) -> Photo:
    bands, width = picture.shape[0] // BAND, picture.shape[1]
    if bands < STRIDE:
        return picture
    return picture[: bands * BAND].reshape(bands, BAND, width, 3)[STRIDE // 2 :: STRIDE].reshape(-1, width, 3)
