"""Over-sharpening: an unsharp mask so strong that edges get halos."""

from collections.abc import Sequence
from functools import partial

import cv2
import numpy as np

from iqbench.degradations.bands import by_bands, eight_bit
from iqbench.degradations.ladder import Degradation, Ladder
from iqbench.degradations.levels import checked, levels
from iqbench.interfaces import Photo


def oversharpen(photo: Photo, amount: float, sigma: float) -> Photo:
    """Return ``photo`` with its detail added once more, ``amount`` times.

    Detail is the difference of the luma and a Gaussian blur of it. It is added to all three channels, so edges get no
    coloured fringes.

    Args:
        photo: An sRGB photo.
        amount: Times that the detail is added.
        sigma: Standard deviation of the blur, in pixels; the halos are about twice as wide.

    Example:
        >>> edge = np.repeat(np.array([100, 150], dtype=np.uint8), 20).reshape(1, 40, 1).repeat(3, axis=2)
        >>> oversharpen(edge, amount=1, sigma=2)[0, 18:22, 0].tolist()
        [89, 80, 170, 161]
    """
    luma = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32)
    detail = amount * (luma - cv2.GaussianBlur(luma, (0, 0), sigma))
    return by_bands(photo, lambda band, rows: eight_bit(detail[rows, :, None] + band))


def oversharpen_ladder(amount: Sequence[float], sigma: float) -> Degradation:
    """Return a ladder of over-sharpening, one level per ``amount``; more is worse.

    Raises:
        ValueError: If an amount or ``sigma`` is not a positive number.
    """
    checked("sigma", [sigma], lambda px: px > 0, "above 0, in px")
    amounts = checked("amount", amount, lambda times: times > 0, "above 0")
    return Degradation(
        "technical", [Ladder("", levels(partial(oversharpen, sigma=sigma), "amount", amounts), "strength")]
    )
