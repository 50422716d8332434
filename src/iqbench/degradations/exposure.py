"""Exposure: a photo too dark or too bright, in stops."""

import math
from collections.abc import Sequence
from functools import cache, partial
from typing import Literal

import cv2
import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from iqbench.degradations.bands import eight_bit
from iqbench.degradations.ladder import Degradation, Ladder, Level
from iqbench.degradations.light import to_linear, to_srgb
from iqbench.exact.forms import has_tensor_form
from iqbench.exact.lookup import looked_up
from iqbench.interfaces import Photo

Light = Literal["encoded", "linear"]


def _exposed(photos: UInt8[Tensor, "n 3 height width"], stops: float, light: Light = "linear") -> Tensor:
    return looked_up(photos, _curve(stops, light))


@has_tensor_form(_exposed)
def expose(photo: Photo, stops: float, light: Light = "linear") -> Photo:
    """Return ``photo`` as if it had been shot ``stops`` EV brighter.

    Light adds up linearly but sRGB values do not, so with ``linear`` light the photo is decoded,
    scaled, clipped and encoded again. ``encoded`` light multiplies the sRGB values themselves, as
    the predecessor did: one stop is then about two real ones. Clipped highlights stay lost, as in a
    camera.

    Args:
        photo: An sRGB photo.
        stops: Exposure change: +1 doubles, -1 halves.
        light: The values that are scaled, see above.

    Raises:
        ValueError: If ``stops`` is not finite.

    Example:
        >>> grey = np.full((1, 1, 3), 100, dtype=np.uint8)
        >>> expose(grey, stops=1.0)[0, 0].tolist()
        [138, 138, 138]
        >>> expose(grey, stops=1.0, light="encoded")[0, 0].tolist()
        [200, 200, 200]
    """
    return cv2.LUT(photo, _curve(stops, light))


@cache
def _curve(stops: float, light: Light) -> UInt8[np.ndarray, "256"]:
    """Return the new value of each of the 256 sRGB values, rounded half to even."""
    if not math.isfinite(stops):
        raise ValueError(f"stops must be a finite number, not {stops}")
    value = np.arange(256, dtype=np.float64)
    if light == "encoded":
        return eight_bit(value * 2.0**stops)
    return eight_bit(255 * to_srgb(np.clip(to_linear(value / 255) * 2.0**stops, 0, 1)))


def exposure_ladders(stops: Sequence[float], light: Light) -> Degradation:
    """Return a ladder of darker and one of brighter photos; further from 0 is worse.

    Raises:
        ValueError: If a number of stops is 0 or not finite, or ``light`` is unknown.
    """
    if light not in ("encoded", "linear"):
        raise ValueError(f"light must be encoded or linear, not {light!r}")
    if not all(math.isfinite(s) and s != 0 for s in stops):
        raise ValueError(f"stops must be finite numbers other than 0, not {list(stops)}")
    sides = {"darker": [s for s in stops if s < 0], "brighter": [s for s in stops if s > 0]}
    ladders = [
        Ladder(
            name,
            [Level(f"{s:g}", partial(expose, stops=float(s), light=light), s) for s in sorted(side, key=abs)],
            "EV",
        )
        for name, side in sides.items()
        if side
    ]
    return Degradation("technical", ladders)
