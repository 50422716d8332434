"""Vignetting: a lens that darkens the corners."""

from collections.abc import Sequence

import numpy as np

from iqbench.degradations.bands import by_bands
from iqbench.degradations.ladder import Degradation, Ladder
from iqbench.degradations.levels import checked, levels
from iqbench.degradations.light import encoded, linear
from iqbench.interfaces import Photo


def vignette(photo: Photo, stops: float) -> Photo:
    """Return ``photo`` with the light of each pixel times cos^4 of its angle from the optical axis.

    The axis is the centre of the frame. Light is linear.

    Args:
        photo: An sRGB photo.
        stops: Loss of light in the corners, in EV; it fixes the angle of view.

    Example:
        >>> grey = np.full((301, 401, 3), 188, dtype=np.uint8)
        >>> vignette(grey, stops=1.0)[[0, 150], [0, 200], 0].tolist()
        [137, 188]
    """
    height, width = photo.shape[:2]
    y, x = (np.linspace(-1, 1, side, dtype=np.float32) * side for side in (height, width))
    # cos^4 of an angle is (1 + tan^2)^-2, and the tangent grows evenly with the distance from the centre.
    scale = np.float32((2 ** (stops / 2) - 1) / (height**2 + width**2))

    def darken(band: Photo, rows: slice) -> Photo:
        square_of_tangent = scale * (y[rows, None] ** 2 + x**2)
        return encoded(linear(band) * ((1 + square_of_tangent) ** -2)[..., None])

    return by_bands(photo, darken)


def vignette_ladder(stops: Sequence[float]) -> Degradation:
    """Return a ladder of vignettes, one level per loss in the corners; more is worse.

    Raises:
        ValueError: If a number of stops is not positive.
    """
    amounts = checked("stops", stops, lambda ev: ev > 0, "above 0, in EV")
    return Degradation("technical", [Ladder("", levels(vignette, "stops", amounts), "EV in the corners")])
