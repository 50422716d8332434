"""Sensor noise: shot and read noise in the mosaic of a raw file, before it is developed."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float, UInt8, UInt16

from iqbench.degradations.bands import bands
from iqbench.degradations.ladder import Degradation, Ladder
from iqbench.degradations.levels import checked, levels
from iqbench.degradations.light import linear, to_srgb
from iqbench.degradations.randomness import normal, random_bits
from iqbench.interfaces import Photo

BLACK, WHITE = 4096, 65_535
"""Raw values of no light and of a saturated sensor. Read noise goes below black, as in a camera."""


def sensor_noise(photo: Photo, shot: float) -> Photo:
    """Return ``photo`` as a sensor would have recorded it with few photons.

    The photo is turned into linear light and into an RGGB mosaic; each cell gets normal noise of variance
    ``shot * light + read``; then it is demosaiced and encoded in sRGB. So bright areas are noisier in light and dark ones
    in the picture, and the noise of neighbours is correlated. The camera's white balance, colour matrix and tone curve
    are not simulated.

    Args:
        photo: An sRGB photo.
        shot: Variance of shot noise for a white pixel; 1 / shot is the number of photons. ``read`` follows from it,
            as in the cameras of the Darmstadt Noise Dataset: see `read_noise`.

    Reference:
        Brooks et al., *Unprocessing Images for Learned Raw Denoising*, CVPR 2019.
    """
    bits = random_bits(photo, "sensor_noise")
    read = read_noise(shot)
    mosaic = np.empty(photo.shape[:2], dtype=np.uint16)

    for rows in bands(photo):
        light = _mosaic(linear(photo[rows]), rows.start)
        noisy = light + normal(bits, light.shape) * np.sqrt(shot * light + read)
        mosaic[rows] = np.clip(BLACK + (WHITE - BLACK) * noisy + 0.5, 0, WHITE).astype(np.uint16)
    return np.take(_development(), demosaiced(mosaic))


def read_noise(shot: float) -> float:
    """Return the variance of read noise that goes with a variance of shot noise: ln read = 2.18 ln shot + 1.20.

    Example:
        >>> f"{read_noise(0.012):.2e}"
        '2.16e-04'
    """
    return math.exp(2.18 * math.log(shot) + 1.20)


def demosaiced(mosaic: UInt16[np.ndarray, "height width"]) -> UInt16[np.ndarray, "height width 3"]:
    """Return the RGB picture of an RGGB mosaic, interpolated along edges."""
    return np.asarray(cv2.cvtColor(mosaic, cv2.COLOR_BayerRGGB2RGB_EA))


def _mosaic(light: Float[np.ndarray, "height width 3"], top: int) -> Float[np.ndarray, "height width"]:
    """Return the value of each pixel's colour filter; ``top`` is the first row's place in the photo."""
    cells = light[..., 1].copy()
    cells[top % 2 :: 2, ::2] = light[top % 2 :: 2, ::2, 0]
    cells[1 - top % 2 :: 2, 1::2] = light[1 - top % 2 :: 2, 1::2, 2]
    return cells


def _development() -> UInt8[np.ndarray, "65536"]:
    """Return the sRGB value of each raw value."""
    light = np.clip((np.arange(WHITE + 1) - BLACK) / (WHITE - BLACK), 0, 1)
    return np.rint(255 * to_srgb(light)).astype(np.uint8)


def sensor_noise_ladder(shot: Sequence[float]) -> Degradation:
    """Return a ladder of sensor noise, one level per variance of shot noise; more is worse.

    Raises:
        ValueError: If a variance is not from 0 to 0.1, without 0.
    """
    amounts = checked("shot", shot, lambda s: 0 < s <= 0.1, "above 0 and at most 0.1")
    return Degradation("technical", [Ladder("", levels(sensor_noise, "shot", amounts), "shot noise")])
