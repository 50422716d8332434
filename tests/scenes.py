"""Photos whose quality can be seen: parts of real ones, the worse the more blurred and faded."""

from functools import cache

import cv2
import numpy as np

from iqbench import photos
from iqbench.datasets.samples import Samples
from iqbench.interfaces import Photo

SIDES = (240, 320)


def scene(quality: float, number: int) -> Photo:
    """Return a part of a sample photo; photos whose numbers share all but the last two digits show the same part.

    Colour and light vary as well, but say nothing about the quality.
    """
    place = np.random.default_rng(number // 100)
    whole = _samples()[int(place.integers(len(_samples())))]
    top, left = (int(place.integers(max(1, side - wanted))) for side, wanted in zip(whole.shape, SIDES, strict=False))
    part = whole[top : top + SIDES[0], left : left + SIDES[1]].astype(np.float32)
    chance = np.random.default_rng(number)
    blurred = cv2.GaussianBlur(part, (0, 0), 0.3 + 4 * (1 - quality))
    faded = blurred.mean() + (blurred - blurred.mean()) * (0.4 + 0.6 * quality)
    tinted = faded * chance.uniform(0.9, 1.1, 3) + chance.uniform(-12, 12)
    return np.clip(tinted, 0, 255).astype(np.uint8)


def anything(quality: float, number: int) -> Photo:
    """Return a photo like `scene`'s whose quality has nothing to do with what is asked for: labels out of the air."""
    return scene(float(np.random.default_rng([number, 1]).random()), number)


@cache
def _samples() -> list[Photo]:
    return [photos.read(file.path).pixels for file in Samples(limit=None, seed=0).photos().files]
