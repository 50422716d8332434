"""Motion blur and defocus: light spread along a line or over a disc, before it is encoded."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float32

from iqbench.degradations.ladder import Degradation, Ladder
from iqbench.degradations.levels import checked, levels
from iqbench.degradations.light import encoded, linear
from iqbench.degradations.randomness import random_bits, uniform
from iqbench.interfaces import Photo

Kernel = Float32[np.ndarray, "side side"]

SUBPIXELS = 16
"""Points of a pixel, along a side, that are counted to find its share in a disc."""


def motion_blur(photo: Photo, length: float) -> Photo:
    """Return ``photo`` as if the camera had moved evenly along a straight line, whose angle is drawn by the photo.

    Args:
        photo: An sRGB photo.
        length: Length of the line, in pixels; 1 is no blur.
    """
    return spread(photo, line(length, 180 * uniform(random_bits(photo, "motion_blur"))))


def defocus(photo: Photo, radius: float) -> Photo:
    """Return ``photo`` out of focus: a point becomes a disc (a wide-open lens; `blur` is a Gaussian).

    Args:
        photo: An sRGB photo.
        radius: Radius of the disc, in pixels.
    """
    return spread(photo, disc(radius))


def spread(photo: Photo, kernel: Kernel) -> Photo:
    """Return ``photo`` with the linear light of each pixel spread by a kernel; the photo is mirrored at its borders."""
    channels = [encoded(cv2.filter2D(linear(photo[..., channel].copy()), -1, kernel)) for channel in range(3)]
    return np.asarray(cv2.merge(channels))


def line(length: float, angle: float) -> Kernel:
    """Return the kernel of a line through the centre; the weight falls from 1 on it to 0 at a distance of a pixel.

    Args:
        length: In pixels.
        angle: In degrees, counterclockwise from the horizontal.

    Example:
        >>> line(4, angle=0)[2]
        array([0.125, 0.25 , 0.25 , 0.25 , 0.125], dtype=float32)
    """
    half = (length - 1) / 2
    y, x = _grid(math.ceil(half))
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    beyond = np.maximum(np.abs(x * cos - y * sin) - half, 0)
    return _normalised(np.clip(1 - np.hypot(beyond, x * sin + y * cos), 0, 1))


def disc(radius: float) -> Kernel:
    """Return the kernel of a disc; a pixel's weight is its share in the disc.

    Example:
        >>> disc(1).round(2)
        array([[0.03, 0.15, 0.03],
               [0.15, 0.32, 0.15],
               [0.03, 0.15, 0.03]], dtype=float32)
    """
    reach = math.ceil(radius - 0.5)
    places = (np.arange(SUBPIXELS * (2 * reach + 1)) + 0.5) / SUBPIXELS - reach - 0.5
    inside = places[:, None] ** 2 + places**2 <= radius**2
    return _normalised(inside.reshape(2 * reach + 1, SUBPIXELS, 2 * reach + 1, SUBPIXELS).mean(axis=(1, 3)))


def _grid(reach: int) -> np.ndarray:
    return np.mgrid[-reach : reach + 1, -reach : reach + 1]


def _normalised(weights: np.ndarray) -> Kernel:
    kernel: Kernel = (weights / weights.sum()).astype(np.float32)
    return kernel


def motion_blur_ladder(length: Sequence[float]) -> Degradation:
    """Return a ladder of motion blurs, one level per ``length`` in pixels; more is worse.

    Raises:
        ValueError: If a length is not above 1.
    """
    amounts = checked("length", length, lambda px: px > 1, "above 1, in px")
    return Degradation("technical", [Ladder("", levels(motion_blur, "length", amounts), "px")])


def defocus_ladder(radius: Sequence[float]) -> Degradation:
    """Return a ladder of defocus, one level per ``radius`` in pixels; more is worse.

    Raises:
        ValueError: If a radius is not above 0.5, the radius of a pixel.
    """
    amounts = checked("radius", radius, lambda px: px > 0.5, "above 0.5, in px")
    return Degradation("technical", [Ladder("", levels(defocus, "radius", amounts), "px")])
