"""What can be said of a picture without any judge: the judges that look at no more than this are the null models."""

from dataclasses import dataclass

import cv2

from iqbench.interfaces import Photo
from iqbench.models.rules import luma

CENTRE = 1024
"""Of a larger picture, the facts but its pixels are those of its centre, so many pixels wide and high."""

ENCODING = (cv2.IMWRITE_JPEG_QUALITY, 95)
"""How a picture is encoded to say how large its file would be: the same way for an original and for its copies."""

BAND = 16
"""Rows that a JPEG encodes together."""

OF = 3
"""One band of so many is encoded, and its neighbours are taken to be like it."""

TABLES = 623
"""Bytes of such a file before its first band, however large the picture is."""


@dataclass(frozen=True)
class Facts:
    """A picture's plain facts.

    ``brightness`` is the mean of its sRGB values, 0 to 255; ``sharpness`` the variance of its
    Laplacian, over 1000; ``encoded_bytes`` the size of its file, if it were saved as JPEG of quality 95:
    an estimate from a third of its rows, usually 1 to 2 % off for a photo of 0.15 megapixels.
    """

    pixels: int
    brightness: float
    sharpness: float
    encoded_bytes: int


def facts(picture: Photo) -> Facts:
    """Return the facts of a picture.

    Example:
        >>> import numpy as np
        >>> found = facts(np.full((40, 50, 3), 100, dtype=np.uint8))
        >>> found.pixels, found.brightness, found.sharpness
        (2000, 100.0, 0.0)
    """
    height, width = picture.shape[:2]
    centre = picture
    if max(height, width) > CENTRE:
        top, left = (max(0, side - CENTRE) // 2 for side in (height, width))
        centre = picture[top : top + CENTRE, left : left + CENTRE]
    grey, sharp = luma(centre)
    sample = _middle_bands(centre)
    encoded = cv2.imencode(".jpg", cv2.cvtColor(sample, cv2.COLOR_RGB2BGR), ENCODING)[1]
    share = sample.shape[0] * sample.shape[1] / (height * width)
    brightness = sum(cv2.sumElems(centre)[:3]) / (3 * grey.size)
    return Facts(height * width, brightness, sharp, TABLES + round((len(encoded) - TABLES) / share))


def _middle_bands(picture: Photo) -> Photo:
    bands, width = picture.shape[0] // BAND, picture.shape[1]
    if bands < OF:
        return picture
    return picture[: bands * BAND].reshape(bands, BAND, width, 3)[OF // 2 :: OF].reshape(-1, width, 3)
