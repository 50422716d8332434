"""JPEG compression, in memory."""

from collections.abc import Sequence
from functools import partial

import cv2
import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from iqbench.degradations.ladder import Degradation, Ladder, Level
from iqbench.exact.forms import has_tensor_form
from iqbench.exact.jpeg import Transformed
from iqbench.interfaces import NotApplicable, Photo

LONGEST_SIDE = 65_500
"""The longest side that libjpeg can encode, in pixels."""


def _check_sides(height: int, width: int) -> None:
    if max(height, width) > LONGEST_SIDE:
        raise NotApplicable(f"JPEG has no side longer than {LONGEST_SIDE:,} px")


def _transformed(photos: UInt8[Tensor, "n 3 height width"]) -> Transformed:
    _check_sides(*photos.shape[-2:])
    return Transformed.of(photos)


@has_tensor_form(Transformed.decoded, start=_transformed)
def jpeg(photo: Photo, quality: int) -> Photo:
    """Return ``photo`` after encoding and decoding by libjpeg with 4:2:0 chroma.

    Args:
        photo: An sRGB photo.
        quality: libjpeg's scale, 1 to 100.

    Raises:
        NotApplicable: If a side is longer than libjpeg can encode.

    Example:
        >>> grey = np.full((16, 16, 3), 100, dtype=np.uint8)
        >>> jpeg(grey, quality=95)[0, 0].tolist()
        [100, 100, 100]
    """
    _check_sides(*photo.shape[:2])
    settings = [
        cv2.IMWRITE_JPEG_QUALITY,
        quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    ]
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(photo, cv2.COLOR_RGB2BGR), settings)
    return cv2.cvtColor(np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR)), cv2.COLOR_BGR2RGB)


def jpeg_ladder(quality: Sequence[int]) -> Degradation:
    """Return a ladder of compressions, one level per ``quality``; less is worse.

    Raises:
        ValueError: If a quality is not a whole number from 1 to 100.
    """
    if not all(isinstance(q, int) and 1 <= q <= 100 for q in quality):
        raise ValueError(f"quality must be whole numbers from 1 to 100, not {list(quality)}")
    levels = [Level(str(q), partial(jpeg, quality=q), q) for q in sorted(quality, reverse=True)]
    return Degradation("technical", [Ladder("", levels, "quality")])
