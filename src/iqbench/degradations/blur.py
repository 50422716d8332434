"""Gaussian blur: a photo out of focus."""

import math
from collections.abc import Sequence
from functools import partial

import cv2

from iqbench.degradations.ladder import Degradation, Ladder, Level
from iqbench.exact.blur import gaussian_blur
from iqbench.exact.forms import has_tensor_form
from iqbench.interfaces import Photo


@has_tensor_form(gaussian_blur)
def blur(photo: Photo, sigma: float) -> Photo:
    """Return ``photo`` blurred by a Gaussian of ``sigma`` pixels, truncated at three sigma.

    Example:
        >>> import numpy as np
        >>> grey = np.full((8, 8, 3), 100, dtype=np.uint8)
        >>> blur(grey, sigma=2.0)[4, 4].tolist()
        [100, 100, 100]
    """
    side = 2 * math.ceil(3 * sigma) + 1
    return cv2.GaussianBlur(photo, (side, side), sigma)


def blur_ladder(sigma: Sequence[float]) -> Degradation:
    """Return a ladder of blurs, one level per ``sigma`` in pixels; more is worse.

    Raises:
        ValueError: If a sigma is not a positive number.
    """
    if not all(0 < s < math.inf for s in sigma):
        raise ValueError(f"sigma must be positive, in pixels, not {list(sigma)}")
    levels = [Level(str(float(s)), partial(blur, sigma=float(s)), float(s)) for s in sorted(sigma)]
    return Degradation("technical", [Ladder("", levels, "px")])
