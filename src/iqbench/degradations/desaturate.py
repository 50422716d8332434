"""Loss of colour."""

from collections.abc import Sequence

import cv2
import numpy as np

from iqbench.degradations.bands import by_bands, eight_bit
from iqbench.degradations.ladder import Degradation, Ladder
from iqbench.degradations.levels import checked, levels
from iqbench.interfaces import Photo


def desaturate(photo: Photo, keep: float) -> Photo:
    """Return ``photo`` with a share of its chroma in CIELAB; lightness and hue stay.

    Args:
        photo: An sRGB photo.
        keep: The share that is kept, from 0 to 1; 0 is black and white.
    """

    def fade(band: Photo, rows: slice) -> Photo:
        lab = cv2.cvtColor(band.astype(np.float32) / 255, cv2.COLOR_RGB2Lab) * np.array([1, keep, keep], np.float32)
        return eight_bit(255 * cv2.cvtColor(lab, cv2.COLOR_Lab2RGB))

    return by_bands(photo, fade)


def desaturate_ladder(keep: Sequence[float]) -> Degradation:
    """Return a ladder of lost colour, one level per share of chroma that is kept; less is worse.

    Raises:
        ValueError: If a share is not from 0 to 1, without 1.
    """
    shares = checked("keep", keep, lambda share: 0 <= share < 1, "from 0 to 1, without 1")
    steps = levels(desaturate, "keep", shares, less_is_worse=True, percent=True)
    return Degradation("technical", [Ladder("", steps, "% of chroma kept")])
