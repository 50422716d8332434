"""Haze: light that the air scatters on its way to the camera."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from iqbench.degradations.bands import by_bands
from iqbench.degradations.ladder import Degradation, Ladder
from iqbench.degradations.levels import checked, levels
from iqbench.degradations.light import encoded, linear
from iqbench.interfaces import Photo


def haze(photo: Photo, density: float, near: float, airlight: float) -> Photo:
    """Return ``photo`` seen through haze: of its light, exp(-density * depth) arrives, and airlight fills the rest.

    A photo does not tell its depth. It is assumed to grow evenly from ``near`` at the bottom to 1 at the top, as in a
    landscape; indoors this looks like stray light.

    Args:
        photo: An sRGB photo.
        density: Optical depth at the top of the frame.
        near: Depth at the bottom, from 0 to 1; with 1 the haze is even.
        airlight: Linear light of the haze itself, 1 is white.

    Example:
        >>> black = np.zeros((64, 32, 3), dtype=np.uint8)
        >>> haze(black, density=1.0, near=0.5, airlight=0.8)[[0, -1], 0, 0].tolist()
        [188, 152]

    Reference:
        Narasimhan and Nayar, *Vision and the Atmosphere*, IJCV 2002.
    """
    depth = np.linspace(1, near, photo.shape[0], dtype=np.float32)[:, None, None]
    arriving = np.exp(-np.float32(density) * depth)
    scattered = np.float32(airlight) * (1 - arriving)
    return by_bands(photo, lambda band, rows: encoded(linear(band) * arriving[rows] + scattered[rows]))


def haze_ladder(density: Sequence[float], near: float, airlight: float) -> Degradation:
    """Return a ladder of haze, one level per ``density``; more is worse.

    Raises:
        ValueError: If a density is not a positive number, or ``near`` or ``airlight`` not from 0 to 1.
    """
    for key, share in (("near", near), ("airlight", airlight)):
        checked(key, [share], lambda number: 0 <= number <= 1, "from 0 to 1")
    amounts = checked("density", density, lambda depth: depth > 0, "above 0")
    hazy = partial(haze, near=near, airlight=airlight)
    return Degradation("technical", [Ladder("", levels(hazy, "density", amounts), "optical depth")])
