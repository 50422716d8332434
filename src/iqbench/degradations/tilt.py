"""Tilt: a camera that was not held level."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Literal

import cv2
import numpy as np

from iqbench.degradations.ladder import Degradation
from iqbench.degradations.levels import checked, ladders, levels
from iqbench.interfaces import NotApplicable, Photo

LONGEST_SIDE = 32_766
"""The longest side that OpenCV's warpAffine and remap take, in pixels: they store places in 16 bits."""

Direction = Literal["clockwise", "counterclockwise"]


def tilt(photo: Photo, direction: Direction, degrees: float) -> Photo:
    """Return ``photo`` turned, and cropped to the largest centred rectangle of its aspect without empty corners.

    Args:
        photo: An sRGB photo.
        direction: To which the picture, and so its horizon, turns.
        degrees: Angle, from 0 to 90.

    Raises:
        NotApplicable: If a side is too long for OpenCV.

    Example:
        >>> tilt(np.zeros((300, 400, 3), dtype=np.uint8), "clockwise", 5).shape
        (269, 359, 3)
    """
    height, width = photo.shape[:2]
    if max(height, width) > LONGEST_SIDE:
        raise NotApplicable(f"a photo with a side longer than {LONGEST_SIDE:,} px cannot be turned")
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    share = min(width / (width * cos + height * sin), height / (width * sin + height * cos))
    kept_width, kept_height = max(1, int(width * share)), max(1, int(height * share))
    turn = sin if direction == "clockwise" else -sin
    # From a pixel of the result to its place in the photo; both centres coincide.
    place = np.array([[cos, turn, 0], [-turn, cos, 0]])
    place[:, 2] = [(width - 1) / 2, (height - 1) / 2] - place[:, :2] @ [(kept_width - 1) / 2, (kept_height - 1) / 2]
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(photo, place, (kept_width, kept_height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    )


def tilt_ladders(direction: Sequence[Direction], degrees: Sequence[float]) -> Degradation:
    """Return a ladder for each direction; a larger angle is worse.

    Raises:
        ValueError: If a direction is unknown, or an angle not from 0 to 45, without 0.
    """
    amounts = checked("degrees", degrees, lambda angle: 0 < angle <= 45, "above 0 and at most 45")
    steps, known = partial(levels, parameter="degrees", amounts=amounts), ("clockwise", "counterclockwise")
    return Degradation("compositional", ladders(tilt, "direction", direction, known, steps, "degrees"))
