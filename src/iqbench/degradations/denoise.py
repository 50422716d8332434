"""Denoising smear: a noisy photo from which a phone removed the noise, and the texture with it."""

from collections.abc import Sequence
from functools import partial

import cv2
import numpy as np

from iqbench.degradations.ladder import Degradation, Ladder
from iqbench.degradations.levels import checked, levels
from iqbench.degradations.noise import noise
from iqbench.interfaces import Photo


def denoise(photo: Photo, sigma: float, strength: float, window: int) -> Photo:
    """Return ``photo`` with noise that a bilateral filter has removed: edges stay, fine texture becomes patches.

    Args:
        photo: An sRGB photo.
        sigma: Standard deviation of the noise, in grey levels.
        strength: Range of the filter, in sigma.
        window: Side of the filter's window, in pixels.
    """
    noisy = noise(photo, sigma, "denoise")
    return np.asarray(cv2.bilateralFilter(noisy, window, strength * sigma, window))


def denoise_ladder(sigma: Sequence[float], strength: float, window: int) -> Degradation:
    """Return a ladder of denoised photos, one level per noise before it in grey levels; more is worse.

    Raises:
        ValueError: If a sigma or ``strength`` is not positive, or ``window`` not an odd whole number above 1.
    """
    checked("strength", [strength], lambda times: times > 0, "above 0")
    checked(
        "window", [window], lambda px: isinstance(px, int) and px > 1 and px % 2, "an odd whole number above 1, in px"
    )
    amounts = checked("sigma", sigma, lambda s: s > 0, "above 0, in grey levels")
    smeared = partial(denoise, strength=strength, window=window)
    return Degradation("technical", [Ladder("", levels(smeared, "sigma", amounts), "grey levels")])
