"""Colour cast: a photo whose white balance was set for another light."""

from collections.abc import Sequence
from functools import partial
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Float

from iqbench.degradations.bands import eight_bit
from iqbench.degradations.ladder import Degradation
from iqbench.degradations.levels import checked, ladders, levels
from iqbench.degradations.light import to_linear, to_srgb
from iqbench.interfaces import Photo

Tone = Literal["warm", "cool"]

WHITE = 6504
"""Colour temperature of sRGB's white, in kelvin."""

FROM_XYZ = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


def color_cast(photo: Photo, tone: Tone, mired: float) -> Photo:
    """Return ``photo`` with a white balance that is wrong by ``mired``.

    The linear light of each channel is multiplied, as a camera does. The luminance of grey stays.

    Args:
        photo: An sRGB photo.
        tone: ``warm`` (orange) or ``cool`` (blue).
        mired: The error in millionths of a reciprocal kelvin, in which equal steps look about equal: daylight for
            light bulbs is an error of about 160.

    Example:
        >>> grey = np.full((1, 1, 3), 128, dtype=np.uint8)
        >>> color_cast(grey, "warm", 60)[0, 0].tolist(), color_cast(grey, "cool", 60)[0, 0].tolist()
        ([140, 126, 106], [116, 129, 152])
    """
    light = to_linear(np.arange(256)[:, None] / 255) * gains(tone, mired)
    curves = eight_bit(255 * to_srgb(np.minimum(light, 1)))
    return np.asarray(cv2.LUT(photo, curves.reshape(1, 256, 3)))


def gains(tone: Tone, mired: float) -> Float[np.ndarray, "3"]:
    """Return the factors of linear red, green and blue: a black body against sRGB's white, or the reverse."""
    ratio = _black_body(1e6 / (1e6 / WHITE + mired)) / _black_body(WHITE)
    factors = ratio if tone == "warm" else 1 / ratio
    return np.asarray(factors / (factors @ LUMINANCE))


def _black_body(kelvin: float) -> Float[np.ndarray, "3"]:
    """Return the linear sRGB colour of a black body from 1000 to 15000 K.

    Reference:
        Krystek, *An algorithm to calculate correlated colour temperature*, Color Research & Application 10, 1985.
    """
    t = kelvin
    u = (0.860117757 + 1.54118254e-4 * t + 1.28641212e-7 * t**2) / (1 + 8.42420235e-4 * t + 7.08145163e-7 * t**2)
    v = (0.317398726 + 4.22806245e-5 * t + 4.20481691e-8 * t**2) / (1 - 2.89741816e-5 * t + 1.61456053e-7 * t**2)
    x, y = 3 * u / (2 * u - 8 * v + 4), 2 * v / (2 * u - 8 * v + 4)
    color: Float[np.ndarray, 3] = FROM_XYZ @ np.array([x / y, 1, (1 - x - y) / y])
    return color


def color_cast_ladders(tone: Sequence[Tone], mired: Sequence[float]) -> Degradation:
    """Return a ladder for each tone; a larger error is worse.

    Raises:
        ValueError: If a tone is unknown, or an error not from 0 to 350 mired, without 0.
    """
    amounts = checked("mired", mired, lambda error: 0 < error <= 350, "above 0 and at most 350")
    steps = partial(levels, parameter="mired", amounts=amounts)
    return Degradation("technical", ladders(color_cast, "tone", tone, ("warm", "cool"), steps, "mired"))
