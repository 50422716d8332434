"""Flicker banding: the stripes of a lamp that flickers while a rolling shutter reads row after row."""

import math
from collections.abc import Sequence
from functools import partial

import numpy as np

from iqbench.degradations.bands import by_bands
from iqbench.degradations.ladder import Degradation, Ladder
from iqbench.degradations.levels import checked, levels
from iqbench.degradations.light import encoded, linear
from iqbench.degradations.randomness import random_bits, uniform
from iqbench.interfaces import Photo


def banding(photo: Photo, depth: float, periods: float) -> Photo:
    """Return ``photo`` with the light of each row times a sine of mean 1, whose phase is drawn by the photo.

    Args:
        photo: An sRGB photo.
        depth: Amplitude, from 0 to 1: the share of its light that the darkest row loses, and the brightest gains.
        periods: Stripes in the frame: the lamp flickers so often while the frame is read.

    Reference:
        Sheinin et al., *Computational Imaging on the Electric Grid*, CVPR 2017, on flicker in rolling shutters.
    """
    height, phase = photo.shape[0], uniform(random_bits(photo, "banding"))
    turns = periods * np.arange(height) / height + phase
    gain = (1 + depth * np.sin(2 * math.pi * turns)).astype(np.float32)[:, None, None]
    return by_bands(photo, lambda band, rows: encoded(linear(band) * gain[rows]))


def banding_ladder(depth: Sequence[float], periods: float) -> Degradation:
    """Return a ladder of flicker, one level per ``depth``; more is worse.

    Raises:
        ValueError: If a depth is not from 0 to 1, without 0, or ``periods`` not a positive number.
    """
    checked("periods", [periods], lambda number: number > 0, "above 0")
    depths = checked("depth", depth, lambda share: 0 < share <= 1, "above 0 and at most 1")
    steps = levels(partial(banding, periods=periods), "depth", depths, percent=True)
    return Degradation("technical", [Ladder("", steps, "% of the light")])
