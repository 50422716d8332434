"""Sensor noise: shot and read noise in the mosaic of a raw file, before it is developed."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float32, UInt16

from iqbench.degradations.bands import bands, by_bands
from iqbench.degradations.ladder import Degradation, Ladder
from iqbench.degradations.levels import checked, levels
from iqbench.degradations.light import encoded, linear
from iqbench.degradations.randomness import normal, random_bits
from iqbench.interfaces import Photo

ZERO, UNIT = 2**15, 2**16
"""How noise is stored in 16 bits: the value of no noise, and the steps of the light of white."""


def sensor_noise(photo: Photo, shot: float) -> Photo:
    """Return ``photo`` with the noise that a sensor adds when it has few photons.

    Each cell of an RGGB mosaic gets normal noise of variance ``shot * light + read`` in linear light. The noise is
    demosaiced (bilinearly) and added to the photo, which keeps the detail that its own camera left. So noise is coarse
    and coloured, and dark areas show the most of it. White balance, colour matrix and tone curve are not simulated.

    Args:
        photo: An sRGB photo.
        shot: Variance of shot noise for a white pixel; 1 / shot is its number of photons. Read noise follows from it,
            see `read_noise`.

    Reference:
        Brooks et al., *Unprocessing Images for Learned Raw Denoising*, CVPR 2019.
    """
    grain = demosaiced(mosaic_noise(photo, shot))

    def expose(band: Photo, rows: slice) -> Photo:
        return encoded(linear(band) + (grain[rows].astype(np.float32) - ZERO) / UNIT)

    return by_bands(photo, expose)


def read_noise(shot: float) -> float:
    """Return the variance of read noise that goes with a variance of shot noise: ln read = 2.18 ln shot + 1.20.

    The line was fitted to the cameras of the Darmstadt Noise Dataset.

    Example:
        >>> f"{read_noise(0.012):.2e}"
        '2.16e-04'
    """
    return math.exp(2.18 * math.log(shot) + 1.20)


def mosaic_noise(photo: Photo, shot: float) -> UInt16[np.ndarray, "height width"]:
    """Return the noise of each cell of the mosaic, as `ZERO` plus `UNIT` times light."""
    bits, read = random_bits(photo, "sensor_noise"), read_noise(shot)
    noise = np.empty(photo.shape[:2], dtype=np.uint16)
    for rows in bands(photo):
        light = mosaic(linear(photo[rows]), rows.start)
        grain = normal(bits, light.shape) * np.sqrt(shot * light + read)
        noise[rows] = np.clip(ZERO + UNIT * grain + 0.5, 0, 2 * ZERO - 1).astype(np.uint16)
    return noise


def mosaic(light: Float32[np.ndarray, "height width 3"], top: int) -> Float32[np.ndarray, "height width"]:
    """Return what passes each pixel's colour filter.

    Args:
        light: Some rows of a photo.
        top: The place of the first one in the photo: even rows are red and green, odd ones green and blue.
    """
    cells = light[..., 1].copy()
    red, blue = top % 2, 1 - top % 2
    cells[red::2, ::2] = light[red::2, ::2, 0]
    cells[blue::2, 1::2] = light[blue::2, 1::2, 2]
    return cells


def demosaiced(cells: UInt16[np.ndarray, "height width"]) -> UInt16[np.ndarray, "height width 3"]:
    """Return the RGB picture of an RGGB mosaic, interpolated linearly."""
    return np.asarray(cv2.cvtColor(cells, cv2.COLOR_BayerRGGB2RGB))


def sensor_noise_ladder(shot: Sequence[float]) -> Degradation:
    """Return a ladder of sensor noise, one level per variance of shot noise; more is worse.

    Raises:
        ValueError: If a variance is not from 0 to 0.1, without 0.
    """
    amounts = checked("shot", shot, lambda s: 0 < s <= 0.1, "above 0 and at most 0.1")
    return Degradation("technical", [Ladder("", levels(sensor_noise, "shot", amounts), "shot noise")])
