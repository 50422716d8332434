"""Posterization: too few tones."""

from collections.abc import Sequence

import cv2
import numpy as np

from iqbench.degradations.bands import eight_bit
from iqbench.degradations.ladder import Degradation, Ladder
from iqbench.degradations.levels import checked, levels
from iqbench.interfaces import Photo


def posterize(photo: Photo, tones: int) -> Photo:
    """Return ``photo`` with only so many evenly spaced tones in each channel, black and white among them.

    Example:
        >>> ramp = np.arange(256, dtype=np.uint8).reshape(1, 256, 1).repeat(3, axis=2)
        >>> np.unique(posterize(ramp, tones=4)).tolist()
        [0, 85, 170, 255]
    """
    step = 255 / (tones - 1)
    return np.asarray(cv2.LUT(photo, eight_bit(np.rint(np.arange(256) / step) * step)))


def posterize_ladder(tones: Sequence[int]) -> Degradation:
    """Return a ladder of posterization, one level per number of ``tones``; less is worse.

    Raises:
        ValueError: If a number is not a whole number from 2 to 255.
    """
    amounts = checked("tones", tones, lambda n: isinstance(n, int) and 2 <= n < 256, "whole numbers from 2 to 255")
    return Degradation("technical", [Ladder("", levels(posterize, "tones", amounts, less_is_worse=True), "tones")])
